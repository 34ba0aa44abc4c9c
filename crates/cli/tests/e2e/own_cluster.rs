//! Toolsets `eks` and `gpu` on a cluster of one's own, that `TRAINYARD_TEST_KUBECONFIG` names, so that a real API server can
//! judge; else on the sandbox's. What is made is in a namespace of its own, and goes.

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_sandbox::kubernetes::{Fleet, Server};

use crate::{BINARY, eks_tools::second_part};

#[expect(clippy::disallowed_methods, reason = "the one variable of these tests")]
pub(crate) fn own_cluster() -> Option<String> {
    std::env::var("TRAINYARD_TEST_KUBECONFIG").ok()
}

/// The binary beside a cluster, the context's name, and the cluster if it is the sandbox's.
fn beside() -> (Trainyard, String, Option<Server>) {
    let at = Trainyard::bare(BINARY).unwrap();
    let (path, sandbox) = match own_cluster() {
        Some(path) => (path, None),
        None => {
            let server = Server::start().unwrap();
            server.fleet(&Fleet { nodes: 12, pods: 60, ..Fleet::default() }).unwrap();
            let path = at.home().join("kubeconfig");
            std::fs::write(&path, server.kubeconfig()).unwrap();
            (path.display().to_string(), Some(server))
        }
    };
    let config = std::fs::read_to_string(&path).unwrap();
    // YAML, or JSON, which the sandbox writes.
    let (_, rest) = config.split_once("current-context").expect("a current context");
    let context =
        rest.trim_start_matches(['"', '\'', ':', ' ']).split(['"', '\'', '\n', ',', '}']).next().unwrap().to_owned();
    (at.with("KUBECONFIG", &path).with("EKS_AUTH_MODE", "kubeconfig"), context, sandbox)
}

fn session(at: &Trainyard, flags: &[&str]) -> Session {
    let mut session = at.serve(flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    session
}

#[test]
fn the_eks_tools_work_in_a_namespace_of_their_own() {
    let (at, context, _sandbox) = beside();
    let open = ["--toolsets", "eks", "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];
    let mut session = session(&at, &open);
    let namespace = format!("trainyard-eks-{}", std::process::id());
    let mut done = |tool: &str, mut arguments: Value| {
        arguments["cluster_name"] = context.clone().into();
        second_part(&session.call(tool, arguments.clone()).unwrap(), &format!("{tool} {arguments}"))
    };
    let object = |operation: &str, kind: &str, name: &str, more: Value| {
        let mut arguments = json!({ "operation": operation, "kind": kind, "api_version": "v1", "name": name });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let here = || json!({ "namespace": namespace });
    let versions = done("list_api_versions", json!({}));
    assert!(versions["api_versions"].as_array().unwrap().contains(&json!("apps/v1")), "{versions}");
    done("manage_k8s_resource", object("create", "Namespace", &namespace, json!({ "body": {} })));
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, labels: {team: a}}\ndata: {epochs: '3'}\n---\n\
                apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {a: b}\n";
    let applied = done("apply_yaml", json!({ "namespace": namespace, "yaml_content": yaml }));
    assert_eq!((&applied["resources_created"], &applied["resources_updated"]), (&json!(2), &json!(0)), "{applied}");
    let applied = done("apply_yaml", json!({ "namespace": namespace, "yaml_content": yaml.replace("'3'", "'5'") }));
    assert_eq!((&applied["resources_created"], &applied["resources_updated"]), (&json!(0), &json!(2)), "{applied}");
    let list = json!({ "kind": "ConfigMap", "api_version": "v1", "namespace": namespace, "label_selector": "team=a" });
    assert_eq!(done("list_k8s_resources", list)["items"][0]["name"], "settings");
    let patch = json!({ "namespace": namespace, "body": { "data": { "epochs": "7" } } });
    done("manage_k8s_resource", object("patch", "ConfigMap", "settings", patch));
    let read = done("manage_k8s_resource", object("read", "ConfigMap", "settings", here()));
    assert_eq!(read["resource"]["data"]["epochs"], "7", "{read}");
    let replaced = json!({ "namespace": namespace, "body": { "data": { "b": "c" } } });
    done("manage_k8s_resource", object("replace", "ConfigMap", "settings", replaced));
    let events = json!({ "kind": "ConfigMap", "name": "settings", "namespace": namespace });
    assert_eq!(done("get_k8s_events", events)["count"], 0);
    done("manage_k8s_resource", object("delete", "ConfigMap", "settings", here()));
    done("manage_k8s_resource", object("delete", "Namespace", &namespace, json!({})));
}

#[test]
fn the_gpu_tools_understand_the_whole_cluster() {
    let (at, _, sandbox) = beside();
    let mut session = session(&at, &["--toolsets", "gpu"]);
    let mut done = |tool: &str, arguments: Value| {
        let mut result = session.call(tool, arguments).unwrap();
        assert_ne!(result["isError"], true, "{tool}: {result:#}");
        result["structuredContent"].take()
    };
    let nodes = done("list_gpu_nodes", json!({ "fields": ["name"] }));
    for tool in ["list_gpu_pods", "gpu_fragmentation", "get_quota_usage"] {
        done(tool, json!({}));
    }
    let first = nodes["rows"].as_array().unwrap().first().map(|row| row[0].clone());
    assert!(first.is_some() || sandbox.is_none(), "the sandbox's fleet has accelerators: {nodes:#}");
    if let Some(node) = first {
        assert_eq!(done("describe_node", json!({ "node": node }))["name"], node);
    }
    let waiting = done("list_gpu_pods", json!({ "phase": "Pending", "fields": ["namespace", "name"], "limit": 1 }));
    if let Some(row) = waiting["rows"].as_array().unwrap().first() {
        let why = done("gpu_why_pending", json!({ "namespace": row[0], "pod": row[1] }));
        assert!(why["verdict"]["kind"].is_string(), "{why:#}");
    }
}
