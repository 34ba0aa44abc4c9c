//! Which metrics Container Insights has of what, and under which dimensions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Headed, Reads, Result, Tool, ToolDef};

use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<MetricsGuidance>()];

/// Names and dimensions are CloudWatch's; the words are ours.
static METRICS: &str = include_str!("container_insights.tsv");

/// List the Container Insights metrics of a kind of resource, with their dimensions
///
/// GPU, EFA and Neuron metrics of nodes, pods and containers included. Sends nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MetricsGuidance {
    resource_type: ResourceType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ResourceType {
    Cluster,
    Node,
    Pod,
    Container,
    Namespace,
    Service,
}

impl ResourceType {
    fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Node => "node",
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Namespace => "namespace",
            Self::Service => "service",
        }
    }
}

impl Tool<App> for MetricsGuidance {
    const NAME: &'static str = "get_eks_metrics_guidance";
    const EXAMPLE: &'static str = r#"{"resource_type": "pod"}"#;
    type Access = Reads;
    type Output = Headed<Guidance>;

    async fn run(self, _: Cx<Reads>) -> Result<Headed<Guidance>> {
        let name = self.resource_type.name();
        let metrics: Vec<_> = all().filter(|(kind, _)| *kind == name).map(|(_, metric)| metric).collect();
        let summary = format!("{} metrics of a {name} in namespace ContainerInsights", metrics.len());
        Ok(Headed { summary, facts: Guidance { resource_type: self.resource_type, metrics } })
    }
}

#[derive(Serialize, JsonSchema)]
struct Guidance {
    resource_type: ResourceType,
    metrics: Vec<Metric>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Metric {
    description: &'static str,
    /// Each set, its names joined with commas.
    dimensions: Vec<&'static str>,
    name: &'static str,
}

fn all() -> impl Iterator<Item = (&'static str, Metric)> {
    METRICS.lines().skip(1).filter_map(|line| {
        let mut cells = line.split('\t');
        let (kind, name, dimensions, description) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        Some((kind, Metric { description, dimensions: dimensions.split(' ').collect(), name }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        assert_eq!(all().count(), METRICS.lines().count() - 1);
        let of = |name: &str| all().find(|(_, metric)| metric.name == name).unwrap();
        assert_eq!(of("node_cpu_utilization").1.dimensions, ["NodeName,ClusterName,InstanceId", "ClusterName"]);
        assert_eq!(of("pod_gpu_request").1.dimensions[2], "ClusterName,FullPodName,Namespace,PodName");
        for name in ["node_gpu_temperature", "pod_efa_rdma_read_bytes", "container_neuroncore_utilization"] {
            assert!(of(name).1.dimensions.iter().all(|set| set.contains("ClusterName")), "{name}");
        }
        for kind in ["cluster", "node", "pod", "container", "namespace", "service"] {
            assert!(all().any(|(known, _)| known == kind), "{kind}");
        }
    }
}
