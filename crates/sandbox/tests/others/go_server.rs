//! A Kubernetes MCP server that others wrote in Go: each of its tools that a cluster without kubelets can answer.

use std::process::Command;

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, WIDGETS, kubernetes_server};

use crate::alive;

struct Go(Session);

impl Go {
    /// `None` where npm packages were left out on purpose.
    fn start(home: &tempfile::TempDir) -> Option<Self> {
        let mut command = Command::new(kubernetes_server()?);
        command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
        command.arg("--kubeconfig").arg(home.path().join("config")).args(["--toolsets", "core,config,helm"]);
        let mut session = Session::open(command, Era::Legacy).unwrap();
        session.hello().unwrap();
        Some(Self(session))
    }

    #[expect(clippy::needless_pass_by_value, reason = "arguments are written where they are used")]
    fn call(&mut self, tool: &str, arguments: Value) -> (bool, String) {
        let result = self.0.call(tool, arguments.clone()).unwrap();
        let parts = result["content"].as_array().unwrap();
        let text: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
        (result["isError"] == true, text.join("\n"))
    }

    /// What a call says that has to succeed and to say this.
    fn ok(&mut self, tool: &str, arguments: Value, wanted: &str) -> String {
        let (failed, text) = self.call(tool, arguments);
        assert!(!failed && text.contains(wanted), "{tool} should say {wanted:?}: {text}");
        text
    }

    fn no(&mut self, tool: &str, arguments: Value, wanted: &str) {
        let (failed, text) = self.call(tool, arguments);
        assert!(failed && text.contains(wanted), "{tool} should be refused with {wanted:?}: {text}");
    }
}

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: team}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: 'web:1'}]}";

#[test]
fn it_reads_the_cluster() {
    let (server, home) = alive(true);
    let Some(mut go) = Go::start(&home) else { return };
    server
        .seed("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: default, labels: {app: p}}, spec: {nodeName: one, containers: [{name: c, image: 'i:1'}]}, status: {phase: Running}}")
        .unwrap();
    server.log("default", "p", "c", "step one\nstep two\n");
    server.container_usage("default", "p", "c", 250, 64 << 20);
    server
        .seed("{apiVersion: v1, kind: Event, metadata: {name: e, namespace: default}, involvedObject: {kind: Pod, name: p, namespace: default}, reason: BackOff, message: again, type: Warning, lastTimestamp: '2026-11-20T10:00:00Z'}")
        .unwrap();
    go.ok("namespaces_list", json!({}), "kube-system");
    go.ok("configuration_view", json!({}), "current-context: sandbox");
    go.ok("nodes_top", json!({}), "1500m");
    go.ok("pods_list", json!({}), "Running");
    go.ok("pods_list_in_namespace", json!({ "namespace": "default", "labelSelector": "app=p" }), "Running");
    go.ok("pods_get", json!({ "namespace": "default", "name": "p" }), "image: i:1");
    go.ok("pods_top", json!({ "all_namespaces": true }), "250m");
    let log = go.ok("pods_log", json!({ "namespace": "default", "name": "p", "tail": 1 }), "step two");
    assert!(!log.contains("step one"), "{log}");
    go.ok("events_list", json!({ "namespace": "default" }), "again");
    go.ok("events_list", json!({ "fieldSelector": "involvedObject.name=p,type=Warning" }), "BackOff");
    go.ok("resources_list", json!({ "apiVersion": "v1", "kind": "Node" }), "two");
    go.ok("resources_get", json!({ "apiVersion": "v1", "kind": "Node", "name": "one" }), "kubeletVersion: v1.37.0");
    go.ok("helm_list", json!({ "all_namespaces": true }), "No Helm releases");
    go.no(
        "resources_get",
        json!({ "apiVersion": "v1", "kind": "Pod", "name": "none", "namespace": "default" }),
        "not found",
    );
    go.no("resources_list", json!({ "apiVersion": "x.example/v1", "kind": "Nope" }), "no matches for kind");
}

#[test]
fn it_changes_the_cluster() {
    let (server, home) = alive(true);
    let Some(mut go) = Go::start(&home) else { return };
    server.seed("{apiVersion: v1, kind: Namespace, metadata: {name: team}}").unwrap();
    go.ok("resources_create_or_update", json!({ "resource": DEPLOYMENT }), "created or updated");
    let web = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "team" });
    go.ok("resources_scale", web.clone(), "replicas: 2");
    let mut more = web.clone();
    more["scale"] = 3.into();
    go.ok("resources_scale", more, "replicas: 3");
    let deployment = server.object("deployments.apps", "team", "web").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 3);
    let managers = deployment["metadata"]["managedFields"].to_string();
    assert!(managers.contains("kubernetes-mcp-server") && managers.contains("Apply"), "{managers}");
    // What it applies no more goes.
    let settings = |data: &str| json!({ "resource": format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: s, namespace: team}}\ndata: {data}") });
    go.ok("resources_create_or_update", settings("{a: '1', b: '2'}"), "created or updated");
    go.ok("resources_create_or_update", settings("{a: '1'}"), "created or updated");
    assert_eq!(server.object("configmaps", "team", "s").unwrap()["data"], json!({ "a": "1" }));
    go.no(
        "resources_create_or_update",
        json!({ "resource": DEPLOYMENT.replace("app: web}}\n  t", "app: x}}\n  t") }),
        "",
    );
    go.ok("pods_run", json!({ "name": "lone", "namespace": "team", "image": "app:1", "port": 80 }), "lone");
    assert!(server.object("services", "team", "lone").is_some(), "a port wants a service");
    go.ok("pods_delete", json!({ "name": "lone", "namespace": "team" }), "deleted");
    go.ok("resources_create_or_update", json!({ "resource": WIDGETS }), "created or updated");
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: team}\nspec: {size: 3}";
    go.ok("resources_create_or_update", json!({ "resource": widget }), "created or updated");
    go.ok("resources_list", json!({ "apiVersion": "example.com/v1", "kind": "Widget" }), "w");
    go.ok("resources_delete", web, "deleted");
    assert!(server.object("deployments.apps", "team", "web").is_none());
}
