//! The EKS tools that look into a cluster and change it, through the protocol, on the sandbox's Kubernetes API: the older
//! server's layout in both dialects, gates, and what the cluster says against something.

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard, WIDGETS};
use trainyard_sandbox::kubernetes::Server;

use crate::{BINARY, eks_tools::second_part};

const TOOLSET: [&str; 2] = ["--toolsets", "eks"];
const ALLOWED: [&str; 6] =
    ["--toolsets", "eks", "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];

const OBJECTS: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: ml}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: ml
  labels: {team: a}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}', owner: me}
data: {epochs: '3'}
---
apiVersion: v1
kind: Secret
metadata: {name: registry, namespace: ml}
data: {password: aHVudGVyMjI=}
---
apiVersion: v1
kind: Pod
metadata: {name: trainer-0, namespace: ml}
spec: {containers: [{name: main, image: train}]}
status: {phase: Running}
---
apiVersion: v1
kind: Event
metadata: {name: trainer-0.new, namespace: ml}
involvedObject: {kind: Pod, name: trainer-0, namespace: ml}
reason: Pulled
message: image is there
type: Normal
eventTime: '2026-11-20T11:00:00.000000Z'
reportingComponent: kubelet
---
apiVersion: v1
kind: Event
metadata: {name: trainer-0.old, namespace: ml}
involvedObject: {kind: Pod, name: trainer-0, namespace: ml}
reason: FailedScheduling
message: no node has a GPU
type: Warning
firstTimestamp: '2026-11-20T09:00:00Z'
lastTimestamp: '2026-11-20T10:00:00Z'
count: 4
source: {component: scheduler}
";

struct Place {
    server: Server,
    at: Trainyard,
}

fn place() -> Place {
    let server = Server::start().unwrap();
    server.seed(OBJECTS).unwrap();
    server.log("ml", "trainer-0", "main", "step one\nstep two\n");
    let at = Trainyard::bare(BINARY).unwrap();
    let path = at.home().join("kubeconfig");
    std::fs::write(&path, server.kubeconfig()).unwrap();
    let path = path.display().to_string();
    Place { server, at: at.with("KUBECONFIG", &path).with("EKS_AUTH_MODE", "kubeconfig") }
}

fn session(place: &Place, flags: &[&str]) -> Session {
    let mut session = place.at.serve(flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    session
}

fn with(more: &Value) -> Value {
    let mut arguments = json!({ "cluster_name": "sandbox" });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    arguments
}

/// The second part of a call that has to succeed.
fn done(session: &mut Session, tool: &str, more: &Value) -> Value {
    second_part(&session.call(tool, with(more)).unwrap(), &format!("{tool} {more}"))
}

/// The error of a call that has to fail.
fn error(session: &mut Session, tool: &str, more: &Value) -> Value {
    let result = session.call(tool, with(more)).unwrap();
    assert_eq!(result["isError"], true, "{tool} {more}: {result}");
    result["structuredContent"]["error"].clone()
}

fn settings(operation: &str, more: &Value) -> Value {
    let mut arguments = json!({ "operation": operation, "kind": "ConfigMap", "api_version": "v1", "name": "settings", "namespace": "ml" });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    arguments
}

#[test]
fn lists_logs_and_events_are_laid_out_as_by_the_older_server() {
    let place = place();
    let mut session = session(&place, &ALLOWED);
    let list = json!({ "kind": "ConfigMap", "api_version": "v1", "namespace": "ml", "label_selector": "team=a" });
    let listed = done(&mut session, "list_k8s_resources", &list);
    assert_eq!(
        (&listed["kind"], &listed["api_version"], &listed["namespace"]),
        (&json!("ConfigMap"), &json!("v1"), &json!("ml"))
    );
    assert_eq!(listed["count"], 1, "{listed}");
    let item = &listed["items"][0];
    assert_eq!((&item["name"], &item["labels"]), (&json!("settings"), &json!({ "team": "a" })));
    assert_eq!(item["annotations"], json!({ "owner": "me" }), "a copy of the object is no annotation to show");

    let pods =
        done(&mut session, "list_k8s_resources", &json!({ "kind": "Pod", "api_version": "v1", "namespace": null }));
    assert_eq!(pods["items"][0]["columns"]["status"], "Running", "{pods}");

    let logs =
        done(&mut session, "get_pod_logs", &json!({ "namespace": "ml", "pod_name": "trainer-0", "tail_lines": "1" }));
    let lines = logs["log_lines"].as_array().unwrap();
    assert_eq!((lines.len(), &logs["container_name"]), (1, &json!(null)), "{logs}");
    assert!(lines[0].as_str().unwrap().contains("step two"), "{logs}");

    let events = json!({ "kind": "pod", "name": "trainer-0", "namespace": "ml" });
    let events = done(&mut session, "get_k8s_events", &events);
    assert_eq!((&events["involved_object_kind"], &events["count"]), (&json!("Pod"), &json!(2)), "{events}");
    let (old, new) = (&events["events"][0], &events["events"][1]);
    assert_eq!(
        (&old["reason"], &old["count"], &old["reporting_component"]),
        (&json!("FailedScheduling"), &json!(4), &json!("scheduler"))
    );
    assert_eq!(
        (&new["first_timestamp"], &new["reporting_component"]),
        (&json!("2026-11-20T11:00:00.000000Z"), &json!("kubelet"))
    );

    let versions = done(&mut session, "list_api_versions", &json!({}));
    let all = versions["api_versions"].as_array().unwrap();
    assert!(all.contains(&json!("v1")) && all.contains(&json!("apps/v1")), "{versions}");
    assert_eq!((&versions["count"], &versions["cluster_name"]), (&json!(all.len()), &json!("sandbox")));
}

#[test]
fn one_object_goes_through_all_operations() {
    let place = place();
    let mut session = session(&place, &ALLOWED);
    let tool = "manage_k8s_resource";
    let read = done(&mut session, tool, &settings("read", &json!({})));
    assert_eq!((&read["operation"], &read["resource"]["data"]["epochs"]), (&json!("read"), &json!("3")), "{read}");
    assert!(read["resource"]["metadata"].get("managedFields").is_none(), "{read}");
    let hosted = done(
        &mut session,
        "read_k8s_resource",
        &json!({ "kind": "ConfigMap", "api_version": "v1", "name": "settings", "namespace": "ml" }),
    );
    assert_eq!(hosted, read);

    let plan = settings("patch", &json!({ "body": { "data": { "epochs": "5" } }, "dry_run": true }));
    let planned = session.call(tool, with(&plan)).unwrap();
    assert_eq!(planned["structuredContent"]["plan"]["changes"], json!(["data.epochs: 3 → 5"]), "{planned}");
    assert_eq!(place.server.object("configmaps", "ml", "settings").unwrap()["data"]["epochs"], "3");

    // The hosted server's body is a text.
    let patched = done(&mut session, tool, &settings("patch", &json!({ "body": r#"{"data": {"epochs": "5"}}"# })));
    assert_eq!((&patched["resource"], &patched["name"]), (&json!(null), &json!("settings")));
    assert_eq!(place.server.object("configmaps", "ml", "settings").unwrap()["data"]["epochs"], "5");

    let other = json!({ "operation": "create", "kind": "ConfigMap", "api_version": "v1", "namespace": "ml",
        "body": { "metadata": { "name": "other" }, "data": { "a": "b" } } });
    assert_eq!(done(&mut session, tool, &other)["name"], "other");
    let again = error(&mut session, tool, &other);
    assert_eq!(again["category"], "already_exists", "{again}");

    done(&mut session, tool, &settings("replace", &json!({ "body": { "data": { "b": "c" } } })));
    assert_eq!(place.server.object("configmaps", "ml", "settings").unwrap()["data"], json!({ "b": "c" }));
    done(&mut session, tool, &settings("delete", &json!({})));
    assert!(place.server.object("configmaps", "ml", "settings").is_none());
    let gone = error(&mut session, tool, &settings("read", &json!({})));
    assert_eq!(gone["category"], "not_found", "{gone}");
}

/// Custom kinds know no strategic merge, which nobody should have to know.
#[test]
fn a_custom_kind_is_patched_like_any_other() {
    let place = place();
    place.server.seed(WIDGETS).unwrap();
    let widget = json!({ "kind": "Widget", "api_version": "example.com/v1", "name": "w", "namespace": "ml" });
    let operation = |operation: &str, more: Value| {
        let mut arguments = widget.clone();
        arguments["operation"] = operation.into();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let mut session = session(&place, &ALLOWED);
    let tool = "manage_k8s_resource";
    done(&mut session, tool, &operation("create", json!({ "body": { "spec": { "size": 1, "colour": "red" } } })));
    done(&mut session, tool, &operation("patch", json!({ "body": { "spec": { "size": 2 } } })));
    let spec = place.server.object("widgets.example.com", "ml", "w").unwrap()["spec"].take();
    assert_eq!(spec, json!({ "size": 2, "colour": "red" }));
    let mut plan = operation("patch", json!({ "body": { "spec": { "size": 3 } } }));
    plan["dry_run"] = true.into();
    let planned = session.call(tool, with(&plan)).unwrap();
    assert_eq!(planned["structuredContent"]["plan"]["changes"], json!(["spec.size: 2 → 3"]), "{planned}");
}

#[test]
fn secrets_are_shown_to_those_who_may_see_them_and_to_nobody_else() {
    let place = place();
    let secret =
        json!({ "operation": "read", "kind": "Secret", "api_version": "v1", "name": "registry", "namespace": "ml" });
    let mut closed = session(&place, &TOOLSET);
    for kind in ["Secret", "secrets", "secret"] {
        let mut read = secret.clone();
        read["kind"] = kind.into();
        let refused = error(&mut closed, "manage_k8s_resource", &read);
        assert!(
            refused["hint"].as_str().unwrap_or_default().contains("--allow-sensitive-data-access")
                || refused["message"].as_str().unwrap().contains("--allow-sensitive-data-access"),
            "{refused}"
        );
        let list = json!({ "kind": kind, "api_version": "v1" });
        assert_eq!(error(&mut closed, "list_k8s_resources", &list)["category"], "policy_denied", "{kind}");
    }
    assert!(place.server.requests().is_empty(), "nothing was sent");
    let shown = done(&mut session(&place, &ALLOWED), "manage_k8s_resource", &secret);
    assert_eq!(shown["resource"]["data"]["password"], "aHVudGVyMjI=", "{shown}");
}

#[test]
fn what_is_not_allowed_is_refused_and_nothing_is_sent() {
    let place = place();
    let mut closed = session(&place, &TOOLSET);
    for (tool, arguments, flag) in [
        ("manage_k8s_resource", settings("patch", &json!({ "body": { "data": {} } })), "--allow-write"),
        ("manage_k8s_resource", settings("delete", &json!({})), "--allow-write"),
        ("apply_yaml", json!({ "namespace": "ml", "yaml_content": "a: b" }), "--allow-write"),
        ("get_pod_logs", json!({ "namespace": "ml", "pod_name": "trainer-0" }), "--allow-sensitive-data-access"),
        ("get_k8s_events", json!({ "kind": "Pod", "name": "trainer-0" }), "--allow-sensitive-data-access"),
    ] {
        let result = closed.call(tool, with(&arguments)).unwrap();
        assert_eq!(result["isError"], true, "{tool}: {result}");
        assert!(result["content"][0]["text"].as_str().unwrap().contains(flag), "{tool}: {result}");
    }
    assert!(place.server.requests().is_empty(), "nothing was sent");
}

const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: '1'}\n---\n\
                        apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {epochs: '9'}\n";

#[test]
fn a_manifest_is_planned_applied_and_says_what_was_applied_when_one_object_fails() {
    let place = place();
    let mut session = session(&place, &ALLOWED);
    let path = place.at.home().join("app.yaml");
    std::fs::write(&path, MANIFEST).unwrap();
    let by_path = json!({ "namespace": "ml", "yaml_path": path });
    let mut plan = by_path.clone();
    plan["dry_run"] = true.into();
    let planned = session.call("apply_yaml", with(&plan)).unwrap();
    let objects = &planned["structuredContent"]["plan"]["objects"];
    assert_eq!(objects[0], json!({ "object": "ConfigMap one", "changes": ["new"] }), "{planned}");
    assert_eq!(objects[1]["changes"], json!(["data.epochs: 3 → 9"]), "{planned}");
    assert!(place.server.object("configmaps", "ml", "one").is_none());

    let applied = done(&mut session, "apply_yaml", &by_path);
    assert_eq!(
        (&applied["force_applied"], &applied["resources_created"], &applied["resources_updated"]),
        (&json!(true), &json!(1), &json!(1)),
        "{applied}"
    );
    assert_eq!(place.server.object("configmaps", "ml", "settings").unwrap()["data"]["epochs"], "9");

    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: -1}]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: three}\n";
    let failed = error(&mut session, "apply_yaml", &json!({ "namespace": "ml", "yaml_content": broken }));
    let partial = failed["partial"].as_array().unwrap();
    assert_eq!(partial[0], "ConfigMap two: created", "{failed}");
    assert_eq!(partial[1..], [json!("Service web: failed"), json!("ConfigMap three: not applied")], "{failed}");

    // A kind that nobody knows is found before anything is changed.
    let unknown = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: four}\n---\napiVersion: x.dev/v1\nkind: Nothing\nmetadata: {name: nothing}\n";
    let refused = error(&mut session, "apply_yaml", &json!({ "namespace": "ml", "yaml_content": unknown }));
    assert_eq!(refused["category"], "not_found", "{refused}");
    assert!(place.server.object("configmaps", "ml", "four").is_none());
    let only_new = json!({ "namespace": "ml", "yaml_content": MANIFEST, "force": false });
    assert_eq!(error(&mut session, "apply_yaml", &only_new)["category"], "already_exists");
}

#[test]
fn a_manifest_is_generated_checked_by_the_cluster_and_applied() {
    let place = place();
    let mut session = session(&place, &ALLOWED);
    let folder = place.at.home().canonicalize().unwrap().join("made");
    let app = json!({ "app_name": "web", "image_uri": "repo/REPORT:v1", "port": 8080, "namespace": "ml", "gpus": 1,
        "probe_path": "/health", "storage_gib": 5, "output_dir": folder });
    let made = done(&mut session, "generate_app_manifest", &app);
    let file = folder.join("web-manifest.yaml");
    assert_eq!(made["output_file_path"], file.display().to_string());
    assert_eq!(made["checked"], "sandbox takes all 3 objects", "{made}");
    assert!(place.server.object("deployments.apps", "ml", "web").is_none(), "a check changes nothing");
    let applied = done(&mut session, "apply_yaml", &json!({ "namespace": "default", "yaml_path": file }));
    assert_eq!(applied["resources_created"], 3, "{applied}");
    let deployment = place.server.object("deployments.apps", "ml", "web").unwrap();
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "repo/REPORT:v1");

    // The hosted server's form: nothing is written, so that nothing has to be allowed.
    let hosted = json!({ "app_name": "web", "image_uri": "web:1" });
    let mut closed = place.at.serve(&TOOLSET, Era::Legacy).unwrap();
    closed.hello().unwrap();
    let shown = second_part(&closed.call("generate_app_manifest", hosted).unwrap(), "generate");
    assert!(shown["manifest_content"].as_str().unwrap().contains("kind: Deployment"), "{shown}");
    let refused = closed.call("generate_app_manifest", with(&app)).unwrap();
    assert!(refused["content"][0]["text"].as_str().unwrap().contains("--allow-write"), "{refused}");
    let bad = json!({ "app_name": "web", "image_uri": "web:1", "load_balancer_scheme": "internal\nx: y" });
    assert_eq!(closed.call("generate_app_manifest", bad).unwrap()["isError"], true);
}

/// Where nobody says how names are understood, one is an EKS cluster's, as the older server has it, even if a context of
/// the kubeconfig bears it too.
#[test]
fn a_name_is_an_eks_clusters_where_nobody_says_otherwise() {
    let place = place();
    let aws = trainyard_stand_in::StandIn::start();
    aws.refuse("eks", "DescribeCluster", 404, "ResourceNotFoundException", "No cluster found for name: sandbox.");
    let at = Trainyard::at(BINARY, &aws.url()).unwrap().with("KUBECONFIG", &place.at.variables()["KUBECONFIG"]);
    let mut session = at.serve(&TOOLSET, Era::Legacy).unwrap();
    session.hello().unwrap();
    let failed = error(&mut session, "list_api_versions", &json!({}));
    assert_eq!(failed["category"], "not_found", "{failed}");
    assert_eq!(aws.calls_of("DescribeCluster"), [json!({ "name": "sandbox" })]);
    assert!(place.server.requests().is_empty());
}
