//! What is told of objects: what was said about them, what containers wrote and use, and what is measured.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::ago;
use crate::kubernetes::{
    clock,
    cluster::{Cluster, ContainerPlace},
    metrics::Used,
    prometheus::Told,
    random::short,
};

/// Something that was said about an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Kind of the object.
    pub kind: String,
    /// Its namespace; empty for objects of the cluster.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `Normal`, or `Warning` where it is left out.
    #[serde(rename = "type")]
    pub severity: Option<String>,
    /// One word.
    pub reason: String,
    /// What is known.
    pub message: String,
    /// Who says so; the kubelet where it is left out.
    pub from: Option<String>,
    /// How often it was said; once where it is left out.
    pub count: Option<u64>,
    /// When it was said last.
    #[serde(default)]
    pub ago_seconds: u64,
}

/// What a container wrote.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Its namespace.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Its name; `main` where it is left out.
    pub container: Option<String>,
    /// Whether it wrote so before it was last restarted.
    #[serde(default)]
    pub previous: bool,
    /// When it wrote the last line. Lines are ten seconds apart.
    #[serde(default)]
    pub ago_seconds: u64,
    /// The lines.
    pub lines: String,
}

/// What a container uses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InUse {
    /// Its namespace.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Its name; `main` where it is left out.
    pub container: Option<String>,
    /// Thousandths of a core.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
}

/// A series that is otherwise than the fleet has it; one that no exporter of the fleet has is a series of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Name of the metric.
    pub metric: String,
    /// Labels that a series must have.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Value from then on.
    pub value: f64,
    /// Since how many seconds.
    pub since_seconds: u64,
    /// Until how many seconds ago; until now and on where it is 0.
    #[serde(default)]
    pub until_seconds: u64,
}

/// Seconds between two lines of a log.
const APART: i64 = 10;

impl Said {
    pub(super) fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let (from, count) = (self.from.as_deref().unwrap_or("kubelet"), self.count.unwrap_or(1));
        let (last, first) =
            (ago(cluster, self.ago_seconds), ago(cluster, self.ago_seconds + 60 * count.saturating_sub(1)));
        let mut involved = json!({ "kind": self.kind, "name": self.name, "apiVersion": self.api_version() });
        let namespace = if self.namespace.is_empty() { "default" } else { &self.namespace };
        if !self.namespace.is_empty() {
            involved["namespace"] = self.namespace.clone().into();
        }
        cluster.seed(json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {
                "name": format!("{}.{}", self.name, short(&[&self.kind, &self.name, &self.reason, &self.message])),
                "namespace": namespace, "creationTimestamp": clock::stamp(first),
            },
            "involvedObject": involved, "type": self.severity.as_deref().unwrap_or("Warning"), "reason": self.reason,
            "message": self.message, "count": count, "source": { "component": from }, "reportingComponent": from,
            "reportingInstance": "", "firstTimestamp": clock::stamp(first), "lastTimestamp": clock::stamp(last),
            "eventTime": null,
        }))
    }

    fn api_version(&self) -> &'static str {
        match self.kind.as_str() {
            "Job" | "CronJob" => "batch/v1",
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => "apps/v1",
            _ => "v1",
        }
    }
}

fn place(namespace: &str, pod: &str, container: Option<&str>) -> ContainerPlace {
    (namespace.to_owned(), pod.to_owned(), container.unwrap_or("main").to_owned())
}

fn is_there(cluster: &Cluster, place: &ContainerPlace) -> Result<(), String> {
    let found = cluster.value("pods", &place.0, &place.1);
    found.map(drop).ok_or_else(|| format!("there is no pod {} in {}", place.1, place.0))
}

impl Written {
    pub(super) fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let place = place(&self.namespace, &self.pod, self.container.as_deref());
        is_there(cluster, &place)?;
        let last = ago(cluster, self.ago_seconds);
        let lines: Vec<&str> = self.lines.lines().collect();
        let before = |at: usize| APART * i64::try_from(lines.len() - 1 - at).unwrap_or(0);
        let timed = lines.iter().enumerate().map(|(at, line)| {
            let moment = last - time::Duration::seconds(before(at));
            format!("{} {line}\n", clock::micro_stamp(moment))
        });
        let text: String = timed.collect();
        cluster.logs.write(place, &text, last, self.previous);
        cluster.noise += 1;
        Ok(())
    }
}

impl InUse {
    pub(super) fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let place = place(&self.namespace, &self.pod, self.container.as_deref());
        is_there(cluster, &place)?;
        cluster.usage.containers.insert(place, Used { cpu: self.cpu, memory: self.memory });
        Ok(())
    }
}

impl Series {
    pub(super) fn apply(&self, cluster: &mut Cluster) {
        let moment = |seconds: u64| ago(cluster, seconds).unix_timestamp();
        let until = if self.until_seconds == 0 { i64::MAX } else { moment(self.until_seconds) };
        let told = Told {
            metric: self.metric.clone(),
            labels: self.labels.clone(),
            value: self.value,
            since: moment(self.since_seconds),
            until,
        };
        cluster.usage.told.push(told);
    }
}
