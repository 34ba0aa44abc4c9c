//! The toolset `gpu` as clients see it: against a Kubernetes API of ours and a real Prometheus.

mod large;
mod metrics;
mod safety;
mod tools;

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_sandbox::kubernetes::{Options, Server};

use crate::BINARY;

/// A cluster, and the binary beside it.
pub(crate) struct House {
    pub(crate) cluster: Server,
    pub(crate) at: Trainyard,
}

impl House {
    /// With the mixed fleet of `cluster.yaml`.
    fn mixed() -> Self {
        let house = Self::of(Server::start().unwrap());
        house.cluster.seed(include_str!("cluster.yaml")).unwrap();
        house
    }

    fn of(cluster: Server) -> Self {
        let at = Trainyard::bare(BINARY).unwrap();
        let file = at.home().join("kubeconfig");
        std::fs::write(&file, cluster.kubeconfig()).unwrap();
        Self { at: at.with("KUBECONFIG", &file.display().to_string()), cluster }
    }

    /// With roles, as somebody who has none.
    fn powerless() -> Self {
        let cluster = Server::start_with(&Options { roles: true, ..Options::default() }).unwrap();
        cluster.user("nobody", "nobody", &[]);
        let house = Self::of(cluster);
        std::fs::write(house.at.home().join("kubeconfig"), house.cluster.kubeconfig_for(Some("nobody"))).unwrap();
        house
    }

    fn session(&self, more: &[&str]) -> Session {
        let mut session = self.at.serve(&[&["--toolsets", "gpu"], more].concat(), Era::Legacy).unwrap();
        session.hello().unwrap();
        session
    }

    /// What a tool answers, through the protocol.
    fn ask(&self, tool: &str, arguments: Value) -> Value {
        let result = self.session(&[]).call(tool, arguments).unwrap();
        assert_ne!(result["isError"], true, "{tool}: {result:#}");
        result["structuredContent"].clone()
    }
}

/// The error of a call that has to fail.
fn error(session: &mut Session, tool: &str, arguments: Value) -> Value {
    let result = session.call(tool, arguments).unwrap();
    assert_eq!(result["isError"], true, "{tool}: {result:#}");
    result["structuredContent"]["error"].clone()
}

/// The rows of a list, as objects.
fn rows(answer: &Value) -> Vec<Value> {
    let columns: Vec<&str> = answer["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let row = |cells: &Value| -> Value {
        columns.iter().zip(cells.as_array().unwrap()).map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect()
    };
    answer["rows"].as_array().unwrap().iter().map(row).collect()
}

/// Every tool of the set with arguments that work in the mixed fleet, those that ask Prometheus apart.
pub(crate) fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("list_gpu_nodes", json!({ "include_devices": true })),
        ("describe_node", json!({ "node": "gpu-a", "include_raw_annotations": true })),
        ("list_gpu_pods", json!({})),
        ("gpu_why_pending", json!({ "namespace": "team-a", "pod": "waits-0" })),
        ("gpu_fragmentation", json!({})),
        ("get_quota_usage", json!({})),
        ("gpu_get_configuration", json!({})),
        ("gpu_list_vendors", json!({})),
        ("gpu_list_metrics", json!({})),
    ]
}

/// Those that ask Prometheus.
pub(crate) fn questions() -> Vec<(&'static str, Value)> {
    vec![
        ("get_gpu_metrics", json!({ "metric": "card_temperature" })),
        ("gpu_idle", json!({ "range": "30m" })),
        ("gpu_get_promql", json!({ "query": "up" })),
    ]
}
