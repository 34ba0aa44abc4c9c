//! What nodes and pods use now, by the metrics API.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Error, Listing, Reads, Result, Tool, ToolDef};
use trainyard_k8s::{
    Form, Selection,
    resource::{NODE_METRICS, NODES, POD_METRICS},
};

use super::{
    In,
    object::{list, name, namespace},
};
use crate::{App, Cx, common::Limit};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Usage>()];

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Of {
    Nodes,
    Pods,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    #[default]
    Cpu,
    Memory,
}

/// Get CPU and memory that Kubernetes nodes or pods use now, the largest first
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Usage {
    of: Of,
    /// Pods of this namespace; of all when absent.
    namespace: Option<String>,
    /// app=web
    label_selector: Option<String>,
    /// cpu when absent.
    #[serde(default)]
    sort_by: By,
    #[serde(default)]
    limit: Limit,
    #[serde(flatten)]
    place: In,
}

impl Tool<App> for Usage {
    const NAME: &'static str = "k8s_get_usage";
    const EXAMPLE: &'static str = r#"{"of": "pods", "namespace": "team-a"}"#;
    type Access = Reads;
    type Output = Listing<UsageRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<UsageRow>> {
        let kubernetes = self.place.of(&cx);
        let nodes = self.of == Of::Nodes;
        let resource = if nodes { NODE_METRICS } else { POD_METRICS };
        let namespace = self.namespace.as_deref().filter(|_| !nodes);
        let selection = Selection { labels: self.label_selector.clone(), ..Selection::of(namespace) };
        let used = kubernetes.list_all(&resource, &selection, Form::Whole).await.map_err(without_metrics)?.items;
        let mut allocatable = HashMap::new();
        if nodes {
            let selection = Selection { labels: self.label_selector.clone(), ..Selection::default() };
            for node in kubernetes.list_all(&NODES, &selection, Form::Whole).await?.items {
                allocatable.insert(name(&node).to_owned(), amounts(&node["status"]["allocatable"]));
            }
        }
        let mut rows: Vec<UsageRow> =
            used.iter().map(|metrics| UsageRow::new(metrics, allocatable.get(name(metrics)))).collect();
        rows.sort_by_key(|row| {
            let used = if self.sort_by == By::Cpu { u64::from(row.cpu_millicores) } else { row.memory_mib };
            (std::cmp::Reverse(used), row.name.clone())
        });
        let all = rows.len();
        rows.truncate(self.limit.0 as usize);
        Ok(Listing::whole(rows).about("total", all))
    }
}

fn without_metrics(error: Error) -> Error {
    if error.http_status_code() == Some(404) || error.http_status_code() == Some(503) {
        return error.hint("the cluster has no metrics API, or it does not answer: metrics-server gives one");
    }
    error
}

/// Thousandths of a CPU, and bytes.
fn amounts(value: &Value) -> (f64, f64) {
    let of = |name: &str| value[name].as_str().and_then(quantity).unwrap_or_default();
    (of("cpu") * 1000.0, of("memory"))
}

/// `250m`, `1Gi`, `12345678n`.
fn quantity(text: &str) -> Option<f64> {
    let at = text.find(|letter: char| !(letter.is_ascii_digit() || ".+-".contains(letter))).unwrap_or(text.len());
    let number: f64 = text[..at].parse().ok()?;
    let scale = match &text[at..] {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        _ => return None,
    };
    Some(number * scale)
}

#[derive(Serialize, JsonSchema)]
struct UsageRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    cpu_millicores: u32,
    memory_mib: u64,
    /// Of what the node can give to pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_percent: Option<u32>,
}

impl UsageRow {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "amounts of machines, none of them negative"
    )]
    fn new(metrics: &Value, allocatable: Option<&(f64, f64)>) -> Self {
        let (mut cpu, mut memory) = amounts(&metrics["usage"]);
        for container in list(metrics, "/containers") {
            let (more, bytes) = amounts(&container["usage"]);
            (cpu, memory) = (cpu + more, memory + bytes);
        }
        let percent = |used: f64, of: f64| (of > 0.0).then(|| (used / of * 100.0).round() as u32);
        Self {
            namespace: namespace(metrics).map(str::to_owned),
            name: name(metrics).to_owned(),
            cpu_millicores: cpu.round() as u32,
            memory_mib: (memory / 1_048_576.0).round() as u64,
            cpu_percent: allocatable.and_then(|all| percent(cpu, all.0)),
            memory_percent: allocatable.and_then(|all| percent(memory, all.1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_every_unit() {
        for (text, amount) in
            [("2", 2.0), ("250m", 0.25), ("1500000000n", 1.5), ("1Ki", 1024.0), ("1.5Gi", 1_610_612_736.0), ("1k", 1e3)]
        {
            let found = quantity(text).unwrap();
            assert!((found - amount).abs() < 1e-6, "{text}: {found}");
        }
        assert_eq!(quantity("x"), None);
    }
}
