//! The role that `trainyard policy rbac` prints, held against what tools send: it is enough, and nothing in it is unused.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_sandbox::kubernetes::{Options, Recorded, Server};

use crate::{BINARY, gpu};

const CONFIG_MAP: [&str; 2] = ["--hami-config-map", "kube-system/hami-scheduler-device"];
const GPU: [&str; 3] = ["--toolsets", "gpu", "--allow-sensitive-data-access"];

/// Group, resource, verb, name of the object.
pub(crate) type Grant = (String, String, String, Option<String>);

/// The role as the command prints it.
pub(crate) fn printed(flags: &[&str]) -> Value {
    let ended = Trainyard::bare(BINARY).unwrap().run(&[&["policy", "rbac", "--json"], flags].concat()).unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Every combination that rules allow.
pub(crate) fn grants(rules: &Value) -> BTreeSet<Grant> {
    let texts = |rule: &Value, member: &str| -> Vec<String> {
        let texts = rule[member].as_array().into_iter().flatten();
        texts.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut grants = BTreeSet::new();
    for rule in rules.as_array().unwrap() {
        let names: Vec<_> = texts(rule, "resourceNames").into_iter().map(Some).collect();
        let names = if names.is_empty() { vec![None] } else { names };
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                for verb in texts(rule, "verbs") {
                    let grant = |name: &Option<String>| (group.clone(), resource.clone(), verb.clone(), name.clone());
                    grants.extend(names.iter().map(grant));
                }
            }
        }
    }
    grants
}

/// What a request asks for, with the name where rules may name objects. `None` for discovery and reviews, which everybody may do.
fn asked(request: &Recorded) -> Option<(String, String, String, String)> {
    let mut parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let group = match *parts.first()? {
        "api" if parts.len() > 2 => {
            parts.drain(..2);
            String::new()
        }
        "apis" if parts.len() > 3 => {
            let group = parts[1].to_owned();
            parts.drain(..3);
            group
        }
        _ => return None,
    };
    if parts.len() > 2 && parts[0] == "namespaces" {
        parts.drain(..2);
    }
    let name = parts.get(1).copied().unwrap_or_default().to_owned();
    let resource = parts.get(2).map_or(parts[0].to_owned(), |part| format!("{}/{part}", parts[0]));
    let watch = request.query.contains("watch=true") || request.query.contains("watch=1");
    let verb = match request.method.as_str() {
        "GET" if watch => "watch",
        "GET" if name.is_empty() => "list",
        "GET" => "get",
        "POST" => "create",
        "PATCH" => "patch",
        "PUT" => "update",
        _ => "delete",
    };
    (group != "authorization.k8s.io").then(|| (group, resource, verb.to_owned(), name))
}

/// A cluster that judges by roles, and somebody who has this one.
fn with_role(objects: &str, role: &Value) -> (Server, Trainyard) {
    let server = Server::start_with(&Options { roles: true, ..Options::default() }).unwrap();
    server.seed(objects).unwrap();
    server.seed_object(role.clone()).unwrap();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "reader" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"] },
        "subjects": [{ "kind": "User", "name": "reader" }],
    });
    server.seed_object(binding).unwrap();
    server.user("reader", "reader", &[]);
    let at = Trainyard::bare(BINARY).unwrap();
    let file = at.home().join("kubeconfig");
    std::fs::write(&file, server.kubeconfig_for(Some("reader"))).unwrap();
    (server, at.with("KUBECONFIG", &file.display().to_string()))
}

fn session(at: &Trainyard, flags: &[&str]) -> Session {
    let mut session = at.serve(flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    session
}

/// A Prometheus, by the labels of its service. Nothing answers there, which the API server says.
const PROMETHEUS: &str = "\
apiVersion: v1
kind: Service
metadata: { name: prometheus, namespace: monitoring, labels: { app.kubernetes.io/name: prometheus } }
spec: { ports: [ { name: web, port: 9090 } ] }
---
";

#[test]
fn the_printed_role_is_enough_for_every_accelerator_tool_and_nothing_in_it_is_unused() {
    let role = printed(&[&GPU[..], &CONFIG_MAP, &["--outside"]].concat());
    assert_eq!(role["kind"], "ClusterRole");
    let objects = format!("{PROMETHEUS}{}", include_str!("gpu/cluster.yaml"));
    let (server, at) = with_role(&objects, &role);
    let mut session = session(&at, &[&GPU[..], &CONFIG_MAP].concat());
    for (tool, arguments) in gpu::calls() {
        let result = session.call(tool, arguments).unwrap();
        assert_ne!(result["isError"], true, "{tool}: {result:#}");
        assert!(!result.to_string().contains("not readable"), "{tool} does without something: {result:#}");
    }
    for (tool, arguments) in gpu::questions() {
        let result = session.call(tool, arguments).unwrap();
        assert_ne!(result["structuredContent"]["error"]["category"], "access_denied", "{tool}: {result:#}");
    }
    // The lock on this node is of a pod that is bound nowhere; it is looked at by name.
    session.call("describe_node", json!({ "node": "gpu-b" })).unwrap();

    let requests = server.requests();
    let refused: Vec<_> = requests.iter().filter(|request| [401, 403].contains(&request.status)).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let seen: Vec<_> = requests.iter().filter_map(asked).collect();
    let unused: Vec<_> = grants(&role["rules"])
        .into_iter()
        .filter(|(group, resource, verb, name)| {
            !seen.iter().any(|(of, what, how, which)| {
                (of, what, how) == (group, resource, verb) && name.as_ref().is_none_or(|name| name == which)
            })
        })
        .collect();
    assert!(unused.is_empty(), "nobody needs {unused:?}");
}

#[test]
fn a_role_without_the_configmap_leaves_tools_that_say_what_they_assume() {
    let role = printed(&GPU);
    let (server, at) = with_role(include_str!("gpu/cluster.yaml"), &role);
    let mut session = session(&at, &GPU);
    let result = session.call("list_gpu_nodes", json!({})).unwrap();
    assert_ne!(result["isError"], true, "{result:#}");
    assert!(result["structuredContent"]["notes"].to_string().contains("usual names are assumed"), "{result:#}");
    assert!(server.requests().iter().any(|request| request.status == 403 && request.path.ends_with("/configmaps")));
}

#[test]
fn the_printed_role_is_enough_for_the_reading_tools_of_any_kind() {
    let flags = ["--toolsets", "k8s"];
    let role = printed(&flags);
    let verbs: BTreeSet<String> = grants(&role["rules"]).into_iter().map(|(_, _, verb, _)| verb).collect();
    assert_eq!(verbs, ["get", "list", "watch"].map(str::to_owned).into(), "{role:#}");
    assert!(!role.to_string().contains("\"secrets\""), "{role:#}");
    let deployment = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: team-a }
spec:
  selector: { matchLabels: { app: web } }
  template: { metadata: { labels: { app: web } }, spec: { containers: [ { name: web, image: web } ] } }
---
";
    let (server, at) = with_role(&format!("{deployment}{}", include_str!("gpu/cluster.yaml")), &role);
    let mut session = session(&at, &flags);
    let pod = json!({ "kind": "Pod", "namespace": "team-a", "name": "train-0" });
    for (tool, arguments) in [
        ("k8s_list_objects", json!({ "kind": "Pod", "namespace": "team-a" })),
        ("k8s_list_objects", json!({ "kind": "Deployment" })),
        ("k8s_describe_object", pod),
        ("k8s_list_events", json!({ "namespace": "team-a" })),
        ("k8s_get_rollout", json!({ "kind": "Deployment", "namespace": "team-a", "name": "web" })),
        ("k8s_get_usage", json!({ "of": "nodes" })),
        ("k8s_list_kinds", json!({})),
        ("k8s_explain_kind", json!({ "kind": "Pod" })),
    ] {
        let result = session.call(tool, arguments).unwrap();
        let category = &result["structuredContent"]["error"]["category"];
        assert!(
            !["access_denied", "validation"].contains(&category.as_str().unwrap_or_default()),
            "{tool}: {result:#}"
        );
    }
    let refused: Vec<_> =
        server.requests().into_iter().filter(|request| [401, 403].contains(&request.status)).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let denied = session.call("k8s_list_objects", json!({ "kind": "Secret", "namespace": "team-a" })).unwrap();
    assert_eq!(denied["isError"], true, "{denied:#}");
}

#[test]
fn a_role_is_printed_for_people_and_for_a_namespace() {
    let at = Trainyard::bare(BINARY).unwrap();
    let ended = at.run(&["policy", "rbac", "--toolsets", "gpu", "--namespace", "team-a", "--name", "looks"]).unwrap();
    assert!(
        ended.stdout.contains("kind: Role\nmetadata:\n  name: \"looks\"\n  namespace: \"team-a\"\n"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("- apiGroups: [\"\"]\n    resources: ["), "{}", ended.stdout);
    assert!(ended.stderr.contains("nodes are the whole cluster's"), "{}", ended.stderr);
    let ended = at.run(&["policy", "rbac", "--toolsets", "ec2"]).unwrap();
    assert!(!ended.status.success() && ended.stderr.contains("--toolsets gpu"), "{}", ended.stderr);
}
