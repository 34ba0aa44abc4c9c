//! Nodes: keep new pods away, let them come again, empty a node.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trainyard_contract::{
    Access, Changes, Covers, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool, ToolDef,
};
use trainyard_k8s::{
    Deletion, Eviction, Form, Kubernetes, Patch, Selection,
    resource::{NODES, PODS},
};

use super::{
    In,
    object::{list, name, namespace},
    objects::Difference,
    place::path,
};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::changes::<Cordon>(), ToolDef::changes::<Uncordon>(), ToolDef::changes::<Drain>()];

/// How long a drain goes on within one call.
const PATIENCE: Duration = Duration::from_secs(38);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

fn unschedulable(value: bool) -> Patch {
    Patch::Strategic(json!({ "spec": { "unschedulable": value } }))
}

async fn set(cx: &Cx<Changes>, place: &In, node: &str, value: bool) -> Result<Difference> {
    let kubernetes = place.of(cx);
    let before = kubernetes.get(&NODES, None, node).await?;
    let after = kubernetes.patch(&NODES, None, node, &unschedulable(value)).await?;
    Ok(Difference::new(format!("Node/{node}"), &before, after))
}

async fn planned(cx: &Cx<Reads>, place: &In, node: &str, value: bool) -> Result<Difference> {
    let kubernetes = place.of(cx);
    let before = kubernetes.get(&NODES, None, node).await?;
    let after = kubernetes.try_patch(&NODES, None, node, &unschedulable(value)).await?;
    Ok(Difference::new(format!("Node/{node}"), &before, after))
}

/// Cordon a Kubernetes node: no new pods; those on it stay
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Cordon {
    /// Node name.
    node: String,
    #[serde(flatten)]
    place: In,
}

impl Tool<App> for Cordon {
    const NAME: &'static str = "k8s_cordon_node";
    const EXAMPLE: &'static str = r#"{"node": "ip-10-0-1-2.ec2.internal"}"#;
    type Access = Changes;
    type Output = Json<Difference>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Difference>> {
        set(&cx, &self.place, &self.node, true).await.map(Json)
    }
}

impl Preview<App> for Cordon {
    type Plan = Difference;

    fn target(&self) -> Target {
        self.place.target("Node", vec![self.node.clone()])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Difference> {
        planned(&cx, &self.place, &self.node, true).await
    }
}

/// Uncordon a Kubernetes node: pods may come again
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Uncordon {
    /// Node name.
    node: String,
    #[serde(flatten)]
    place: In,
}

impl Tool<App> for Uncordon {
    const NAME: &'static str = "k8s_uncordon_node";
    const EXAMPLE: &'static str = r#"{"node": "ip-10-0-1-2.ec2.internal"}"#;
    type Access = Changes;
    type Output = Json<Difference>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Difference>> {
        set(&cx, &self.place, &self.node, false).await.map(Json)
    }
}

impl Preview<App> for Uncordon {
    type Plan = Difference;

    fn target(&self) -> Target {
        self.place.target("Node", vec![self.node.clone()])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Difference> {
        planned(&cx, &self.place, &self.node, false).await
    }
}

/// Drain a Kubernetes node: cordon it and evict its pods as disruption budgets allow
///
/// Goes on for up to 38 seconds; call again until done. Pods of DaemonSets and static pods stay.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Drain {
    /// Node name.
    node: String,
    /// Evict pods with emptyDir volumes; their data is lost.
    delete_empty_dir_data: Option<bool>,
    /// Evict pods that no controller makes again; they are lost.
    force: Option<bool>,
    /// Seconds for pods to end in; their own when absent.
    grace_seconds: Option<u32>,
    #[serde(flatten)]
    place: In,
}

/// What a drain does with the pods of a node.
#[derive(Default, Serialize, JsonSchema)]
struct Sorted {
    /// Would be evicted.
    evict: Vec<String>,
    /// Stay: DaemonSets and static pods.
    stay: Vec<String>,
    /// Keep the drain from beginning, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    obstacles: Vec<String>,
}

impl Drain {
    async fn pods<A: Access + Covers<Reads>>(&self, kubernetes: &Kubernetes<A>) -> Result<Vec<Value>> {
        let selection = Selection { fields: Some(format!("spec.nodeName={}", self.node)), ..Selection::default() };
        Ok(kubernetes.list_all(&PODS, &selection, Form::Whole).await?.items)
    }

    fn sort(&self, pods: &[Value]) -> Sorted {
        let mut sorted = Sorted::default();
        for pod in pods {
            let at = path(namespace(pod), name(pod));
            let owner = list(pod, "/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true);
            let ended = ["Succeeded", "Failed"].iter().any(|phase| pod["status"]["phase"] == *phase);
            let mirror = pod["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_some();
            let local = list(pod, "/spec/volumes").iter().any(|volume| volume.get("emptyDir").is_some());
            if mirror || (!ended && owner.is_some_and(|owner| owner["kind"] == "DaemonSet")) {
                sorted.stay.push(at);
            } else if !ended && owner.is_none() && !self.force.unwrap_or_default() {
                sorted.obstacles.push(format!("{at} has no controller that would make it again (force)"));
            } else if !ended && local && !self.delete_empty_dir_data.unwrap_or_default() {
                sorted.obstacles.push(format!("{at} has local data (delete_empty_dir_data)"));
            } else {
                sorted.evict.push(at);
            }
        }
        sorted
    }

    fn checked(&self, pods: &[Value]) -> Result<Sorted> {
        let sorted = self.sort(pods);
        if sorted.obstacles.is_empty() {
            return Ok(sorted);
        }
        Err(Error::new(ErrorKind::Conflict, format!("{} pods would be lost", sorted.obstacles.len()))
            .code("PodsWouldBeLost")
            .hint(sorted.obstacles.join("; ")))
    }
}

impl Tool<App> for Drain {
    const NAME: &'static str = "k8s_drain_node";
    const EXAMPLE: &'static str = r#"{"node": "ip-10-0-1-2.ec2.internal"}"#;
    type Access = Changes;
    type Output = Json<Drained>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Drained>> {
        let kubernetes = self.place.of(&cx);
        // Before anything is touched: a drain that could not end does not begin.
        let first = self.checked(&self.pods(&kubernetes).await?)?;
        kubernetes.patch(&NODES, None, &self.node, &unschedulable(true)).await?;
        let (all, begun) = (first.evict.len() as u64, Instant::now());
        let how = Deletion { grace_seconds: self.grace_seconds, ..Deletion::default() };
        loop {
            let pods = self.pods(&kubernetes).await?;
            let sorted = self.checked(&pods)?;
            let mut held = Vec::new();
            for at in &sorted.evict {
                let Some((namespace, pod)) = at.split_once('/') else { continue };
                let ending = pods.iter().any(|one| {
                    path(super::object::namespace(one), name(one)) == *at
                        && one["metadata"]["deletionTimestamp"].is_string()
                });
                if ending {
                    continue;
                }
                if let Eviction::Held(why) = kubernetes.evict(namespace, pod, &how).await? {
                    held.push(format!("{at}: {why}"));
                }
            }
            let left = self.sort(&self.pods(&kubernetes).await?).evict;
            cx.progress().report(all.saturating_sub(left.len() as u64), Some(all), "evicting");
            if left.is_empty() || begun.elapsed() + PAUSE > PATIENCE {
                let evicted = first.evict.iter().filter(|at| !left.contains(at)).cloned().collect();
                return Ok(Json(Drained { done: left.is_empty(), evicted, left, held, stay: sorted.stay }));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Drained {
    /// Nothing is left that has to go.
    done: bool,
    evicted: Vec<String>,
    /// Still there; call again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left: Vec<String>,
    /// What disruption budgets hold back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held: Vec<String>,
    /// DaemonSets and static pods.
    stay: Vec<String>,
}

impl Preview<App> for Drain {
    type Plan = Sorted;

    fn target(&self) -> Target {
        self.place.target("Node", vec![self.node.clone()])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Sorted> {
        let kubernetes = self.place.of(&cx);
        kubernetes.try_patch(&NODES, None, &self.node, &unschedulable(true)).await?;
        self.checked(&self.pods(&kubernetes).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_treated_as_kubectl_treats_them() {
        let drain: Drain = serde_json::from_str(r#"{"node": "n"}"#).unwrap();
        let forced: Drain =
            serde_json::from_str(r#"{"node": "n", "force": true, "delete_empty_dir_data": true}"#).unwrap();
        let pod = |name: &str, owner: Option<&str>, more: Value| {
            let owners: Vec<Value> = owner.map(|kind| json!({"kind": kind, "controller": true})).into_iter().collect();
            let mut pod = json!({"metadata": {"name": name, "namespace": "a", "ownerReferences": owners}, "spec": {}, "status": {"phase": "Running"}});
            for (key, value) in more.as_object().unwrap() {
                pod[key.as_str()] = value.clone();
            }
            pod
        };
        let pods = [
            pod("web", Some("ReplicaSet"), json!({})),
            pod("agent", Some("DaemonSet"), json!({})),
            pod("bare", None, json!({})),
            pod("done", None, json!({"status": {"phase": "Succeeded"}})),
            pod("scratch", Some("Job"), json!({"spec": {"volumes": [{"name": "x", "emptyDir": {}}]}})),
        ];
        let sorted = drain.sort(&pods);
        assert_eq!(sorted.evict, ["a/web", "a/done"]);
        assert_eq!(sorted.stay, ["a/agent"]);
        assert_eq!(sorted.obstacles.len(), 2, "{:?}", sorted.obstacles);
        assert!(drain.checked(&pods).is_err());
        assert_eq!(forced.sort(&pods).evict, ["a/web", "a/bare", "a/done", "a/scratch"]);
    }
}
