//! The server as `kubectl` sees it: what people do, and what they are told.

#![expect(clippy::unwrap_used, reason = "a test")]

mod client;

use std::time::Duration;

use client::{Kubectl, NODE, there, words};
use trainyard_sandbox::kubernetes::{Behaviour, Fault, Harm, Options};

const SETTINGS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {tier: back}}
data: {colour: blue, size: large}";

const POD: &str = "apiVersion: v1
kind: Pod
metadata: {name: lone}
spec: {containers: [{name: main, image: 'app:1'}, {name: side, image: 'side:1'}]}";

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: 'web:1', ports: [{containerPort: 80}]}]";

const WIDGETS: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1, description: How many.}
              colour: {type: string, default: grey}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}";

#[test]
fn objects_are_made_read_changed_and_deleted() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::quiet();
    for (line, input, wanted) in [
        ("create namespace team", "", "namespace/team created"),
        ("config set-context --current --namespace=team", "", "modified"),
        ("apply -f -", SETTINGS, "configmap/settings created"),
        ("apply -f -", SETTINGS, "configmap/settings unchanged"),
        ("get cm settings -o jsonpath={.data.colour}", "", "blue"),
        ("get cm -l tier=back -o name", "", "configmap/settings"),
        ("get cm -l tier!=back -o name", "", "configmap/kube-root-ca.crt"),
        ("get cm --field-selector metadata.name=settings -o name", "", "configmap/settings"),
        ("get cm --chunk-size=1 -o name", "", "configmap/settings"),
        ("patch cm settings --type merge -p '{\"data\":{\"colour\":\"red\"}}'", "", "patched"),
        ("patch cm settings --type json -p '[{\"op\":\"remove\",\"path\":\"/data/size\"}]'", "", "patched"),
        ("get cm settings -o jsonpath={.data}", "", r#"{"colour":"red"}"#),
        ("label cm settings tier=front --overwrite", "", "labeled"),
        ("annotate cm settings note=x", "", "annotated"),
        ("create secret generic keys --from-literal=a=b", "", "created"),
        ("get secret keys -o jsonpath={.data.a}", "", "Yg=="),
        ("create role reader --verb=get --resource=pods", "", "created"),
        ("create rolebinding readers --role=reader --user=ann", "", "created"),
        ("get rolebinding readers", "", "Role/reader"),
        ("create quota few --hard=pods=1", "", "created"),
        ("apply -f -", POD, "pod/lone created"),
        ("get quota few -o jsonpath={.status.used.pods}", "", "1"),
        ("apply --dry-run=server -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ghost}", "(server dry run)"),
        ("delete cm settings --dry-run=server", "", "server dry run"),
        ("get cm settings -o name", "", "configmap/settings"),
        ("delete cm settings", "", "deleted"),
        ("delete namespace team", "", "deleted"),
    ] {
        let found = kubectl.ok_with(line, input);
        assert!(found.contains(wanted), "kubectl {line}: {found}");
    }
    let left = kubectl.ok("get all,cm,secrets,roles -n team -o name");
    assert_eq!(left, "");
}

#[test]
fn what_is_wrong_is_said_as_by_a_real_server() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::quiet();
    kubectl.ok_with("apply -f -", WEB);
    kubectl.ok("create quota few --hard=pods=0");
    for (line, input, wanted) in [
        ("get pod nobody", "", "pods \"nobody\" not found"),
        ("get unicorns", "", "the server doesn't have a resource type"),
        ("create -f -", WEB, "deployments.apps \"web\" already exists"),
        ("create -n nowhere configmap x", "", "namespaces \"nowhere\" not found"),
        ("apply -f -", POD, "exceeded quota: few, requested: pods=1, used: pods=0, limited: pods=0"),
        ("apply -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}", "RFC 1123 subdomain"),
        ("apply -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndate: {}", "unknown field \"date\""),
        ("patch deploy web -p '{\"spec\":{\"replicas\":\"two\"}}'", "", "cannot unmarshal string"),
        ("patch deploy web -p '{\"spec\":{\"replicas\":-1}}'", "", "greater than or equal to 0"),
        ("patch deploy web -p '{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"other\"}}}}'", "", "is invalid"),
        ("scale deploy web --replicas=3 --current-replicas=9", "", "Expected replicas to be 9"),
        ("get pods --field-selector spec.image=x", "", "field label not supported"),
        ("logs nobody", "", "not found"),
    ] {
        let found = kubectl.no(line, input);
        assert!(found.contains(wanted), "kubectl {line}: {found}");
    }
    // A write against an old version.
    let old = kubectl.ok("get deploy web -o json");
    kubectl.ok("label deploy web a=b");
    assert!(kubectl.no("replace -f -", &old).contains("the object has been modified"));
}

#[test]
fn fields_belong_to_who_applied_them() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::quiet();
    let applied = |manager: &str| format!("apply --server-side --field-manager={manager} -f -");
    kubectl.ok_with(&applied("one"), SETTINGS);
    let other = SETTINGS.replace("blue", "green").replace(", size: large", "");
    let refused = kubectl.no(&applied("two"), &other);
    assert!(refused.contains("conflict with \"one\": .data.colour"), "{refused}");
    kubectl.ok_with(&format!("{} --force-conflicts", applied("two")), &other);
    let managers = kubectl.ok("get cm settings -o json --show-managed-fields");
    assert!(managers.contains("\"two\""), "{managers}");
    assert_eq!(kubectl.ok("get cm settings -o jsonpath={.data}"), r#"{"colour":"green","size":"large"}"#);
    // What a manager no longer wants, and nobody else does, goes.
    let fewer = SETTINGS.replace("colour: blue, size: large", "extra: x");
    kubectl.ok_with(&applied("one"), &fewer);
    assert_eq!(kubectl.ok("get cm settings -o jsonpath={.data}"), r#"{"colour":"green","extra":"x"}"#);
}

#[test]
fn lists_of_containers_merge_by_name() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::quiet();
    kubectl.ok_with("apply -f -", WEB);
    let side = r#"{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:1"}]}}}}"#;
    kubectl.ok(&format!("patch deploy web -p '{side}'"));
    let images = "get deploy web -o 'jsonpath={.spec.template.spec.containers[*].image}'";
    let mut found: Vec<String> = words(&kubectl.ok(images));
    found.sort();
    assert_eq!(found, ["side:1", "web:1"]);
    kubectl.ok("set image deploy/web main=web:2");
    assert!(kubectl.ok(images).contains("web:2"));
    let diff = kubectl.run("diff -f -", &WEB.replace("replicas: 2", "replicas: 5"));
    assert_eq!(diff.status.code(), Some(1), "{}", diff.stderr);
    assert!(diff.stdout.contains("+  replicas: 5"), "{}", diff.stdout);
}

#[test]
fn kinds_are_defined_and_explained() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::quiet();
    kubectl.ok_with("apply -f -", WIDGETS);
    kubectl.ok("wait --for=condition=Established crd/widgets.example.com --timeout=30s");
    let good = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 3}";
    kubectl.ok_with("apply -f -", good);
    let rows = kubectl.ok("get wd");
    assert!(rows.contains("SIZE") && rows.contains('3'), "{rows}");
    assert_eq!(kubectl.ok("get widget w -o jsonpath={.spec.colour}"), "grey");
    for (spec, wanted) in [
        ("{size: 0}", "greater than or equal to 1"),
        ("{}", "spec.size: Required value"),
        ("{size: 1, shape: round}", "unknown field \"spec.shape\""),
    ] {
        let bad = good.replace("{size: 3}", spec).replace("name: w", "name: bad");
        let found = kubectl.no("apply -f -", &bad);
        assert!(found.contains(wanted), "{spec}: {found}");
    }
    assert!(kubectl.ok("explain widget.spec.size").contains("How many."));
    assert!(kubectl.ok("explain deployment.spec.strategy.rollingUpdate").contains("maxSurge"));
    assert!(kubectl.ok("api-resources --api-group=example.com").contains("wd"));
    kubectl.ok("delete crd widgets.example.com");
    // Who remembers the kind is told by the server, who asks anew by kubectl.
    let found = kubectl.no("get wd", "");
    assert!(found.contains("the server could not find the requested resource"), "{found}");
    kubectl.forget();
    let found = kubectl.no("get wd", "");
    assert!(found.contains("doesn't have a resource type"), "{found}");
}

#[test]
fn deployments_roll_forward_and_back() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::alive();
    kubectl.ok_with("apply -f -", WEB);
    kubectl.ok("rollout status deploy/web --timeout=60s");
    kubectl.until("get deploy web", "2/2");
    let wide = kubectl.ok("get pods -o wide");
    assert!(wide.contains("Running") && wide.contains("NOMINATED NODE"), "{wide}");
    kubectl.ok("set image deploy/web main=web:2");
    kubectl.ok("rollout status deploy/web --timeout=60s");
    kubectl.ok("rollout restart deploy/web");
    kubectl.ok("rollout status deploy/web --timeout=60s");
    assert!(kubectl.ok("rollout history deploy/web").contains('3'));
    kubectl.ok("rollout undo deploy/web --to-revision=1");
    kubectl.ok("rollout status deploy/web --timeout=60s");
    assert_eq!(kubectl.ok("get deploy web -o 'jsonpath={.spec.template.spec.containers[0].image}'"), "web:1");
    kubectl.ok("scale deploy web --replicas=4");
    kubectl.ok("wait --for=jsonpath={.status.readyReplicas}=4 deploy/web --timeout=60s");
    let described = kubectl.ok("describe deploy web");
    assert!(described.contains("4 desired") && described.contains("ScalingReplicaSet"), "{described}");
    kubectl.ok("delete deploy web --cascade=foreground --timeout=60s");
    kubectl.until("get all -o name", "service/kubernetes");
    kubectl.ok("wait --for=delete pod -l app=web --timeout=60s");
}

#[test]
fn nodes_are_drained_within_budgets() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::alive();
    kubectl.ok_with("apply -f -", WEB);
    kubectl.ok("rollout status deploy/web --timeout=60s");
    kubectl.ok("create pdb web --selector=app=web --min-available=2");
    kubectl.until("get pdb web", "2               N/A               0");
    let refused = kubectl.no("drain one two --force --timeout=3s", "");
    assert!(refused.contains("would violate the pod's disruption budget"), "{refused}");
    kubectl.ok("delete pdb web");
    kubectl.ok("uncordon two");
    kubectl.ok("drain one --force --timeout=60s");
    assert!(kubectl.ok("get node one").contains("Ready,SchedulingDisabled"));
    kubectl.ok("rollout status deploy/web --timeout=60s");
    assert_eq!(kubectl.ok("get pods --field-selector spec.nodeName=one -o name"), "");
    kubectl.ok("uncordon one");
}

#[test]
fn jobs_end_and_pods_that_do_not_fit_wait() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::alive();
    kubectl.server.behave("broken", Behaviour::Exits { code: 3, after: Duration::from_millis(20) });
    kubectl.server.behave("missing", Behaviour::NoImage);
    kubectl.ok("create job good --image=work:1");
    kubectl.ok("wait --for=condition=complete job/good --timeout=60s");
    assert!(kubectl.ok("get job good").contains("1/1"));
    kubectl.ok("run broken --image=broken:1 --restart=Never");
    kubectl.until("get pod broken", "Error");
    kubectl.ok("run missing --image=missing:1");
    kubectl.until("get pod missing", "ImagePullBackOff");
    let greedy = POD.replace("image: 'app:1'", "image: 'app:1', resources: {limits: {nvidia.com/gpu: 9}}");
    kubectl.ok_with("apply -f -", &greedy);
    kubectl.until("describe pod lone", "FailedScheduling");
    assert!(kubectl.ok("get events --field-selector reason=FailedScheduling").contains("Insufficient nvidia.com/gpu"));
}

#[test]
fn logs_are_cut_as_asked() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::quiet();
    kubectl.server.seed(POD).unwrap();
    kubectl.server.log("default", "lone", "main", "2026-01-01T00:00:00Z first\n2026-01-02T00:00:00Z second\nthird");
    kubectl.server.previous_log("default", "lone", "main", "before");
    for (line, wanted) in [
        ("logs lone -c main", "first\nsecond\nthird\n"),
        ("logs lone -c main --tail=1", "third\n"),
        ("logs lone -c main --since=1h", "third\n"),
        ("logs lone -c main --since-time=2026-01-02T00:00:00Z", "second\nthird\n"),
        ("logs lone -c main --limit-bytes=3", "fir"),
        ("logs lone -c main --previous", "before\n"),
        ("logs lone -c side", ""),
        ("logs lone --all-containers --prefix --tail=1", "[pod/lone/main] third\n"),
    ] {
        assert_eq!(kubectl.ok(line), wanted, "{line}");
    }
    assert!(kubectl.ok("logs lone -c main --timestamps --tail=2").starts_with("2026-01-02T00:00:00"));
    assert!(kubectl.no("logs lone -c nobody", "").contains("container nobody is not valid for pod lone"));
}

#[test]
fn roles_decide_where_they_are_asked() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::new(&Options { roles: true, tls: true, ..Options::default() });
    kubectl.ok("create namespace team");
    kubectl.ok("create role reader -n team --verb=get,list --resource=pods");
    kubectl.ok("create rolebinding readers -n team --role=reader --user=ann");
    kubectl.server.user("ann-token", "ann", &["people"]);
    for (line, wanted) in [
        ("auth can-i list pods -n team --as ann", true),
        ("auth can-i delete pods -n team --as ann", false),
        ("auth can-i list pods -n default --as ann", false),
        ("auth can-i '*' '*'", true),
        ("auth can-i get pods --subresource=log -n team --as ann", false),
    ] {
        assert_eq!(kubectl.run(line, "").stdout.trim() == "yes", wanted, "{line}");
    }
    std::fs::write(&kubectl.config, kubectl.server.kubeconfig_for(Some("ann-token"))).unwrap();
    assert!(kubectl.ok("auth whoami").contains("ann"));
    kubectl.ok("get pods -n team");
    let refused = kubectl.no("get pods -n default", "");
    let wanted = "User \"ann\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"";
    assert!(refused.contains(wanted), "{refused}");
    std::fs::write(&kubectl.config, kubectl.server.kubeconfig_for(Some("unknown"))).unwrap();
    assert!(kubectl.no("get pods", "").contains("logged in"));
}

#[test]
fn use_of_nodes_and_pods_is_shown() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::quiet();
    kubectl.server.seed(&format!("{NODE}\nmetadata: {{name: one}}")).unwrap();
    kubectl.server.seed(POD).unwrap();
    kubectl.server.node_usage("one", 2_000, 4 << 30);
    kubectl.server.container_usage("default", "lone", "main", 150, 64 << 20);
    kubectl.server.container_usage("default", "lone", "side", 50, 64 << 20);
    assert!(kubectl.ok("top node").contains("2000m"));
    assert!(kubectl.ok("top pod").contains("200m"));
    assert!(kubectl.ok("top pod --containers").contains("64Mi"));
}

#[test]
fn faults_come_as_ordered_and_requests_are_remembered() {
    if !there() {
        return;
    }
    let kubectl = Kubectl::quiet();
    let harm = Harm::Status {
        code: 503,
        reason: "ServiceUnavailable".into(),
        message: "out of order".into(),
        retry_after: None,
    };
    kubectl.server.fail(Fault::when("/configmaps", harm).times(1));
    assert!(kubectl.no("get cm", "").contains("out of order"));
    kubectl.ok("get cm");
    let requests = kubectl.server.requests();
    let statuses: Vec<u16> =
        requests.iter().filter(|request| request.path.ends_with("/configmaps")).map(|request| request.status).collect();
    assert_eq!(statuses, [503, 200]);
}
