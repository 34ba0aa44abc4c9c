//! What containers ask for, and what it adds up to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    json::quantities,
    pod::{Container, ContainerKind},
};
use crate::quantity::Quantity;

/// Resources of a container as HAMi reads them: a limit wins over a request.
pub(crate) fn effective(container: &Value) -> BTreeMap<String, Quantity> {
    let mut all = quantities(container, "/resources/requests");
    all.append(&mut quantities(container, "/resources/limits"));
    all
}

/// Processor, memory and numbered resources that somebody occupies on a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// Thousandths of a processor.
    pub cpu_milli: i64,
    /// Bytes.
    pub memory_bytes: i64,
    /// Pods.
    pub pods: i64,
    /// Extended resources by name.
    pub extended: BTreeMap<String, i64>,
}

impl Load {
    /// What a pod's containers need at most at one time, with its overhead.
    pub(super) fn of_pod(spec: &Value, containers: &[Container]) -> Self {
        let raw = super::pod::raw_containers(spec);
        let loads =
            containers.iter().zip(raw).map(|(container, raw)| (container.kind, Self::of_container(raw, container)));
        let mut overhead = quantities(spec, "/overhead");
        let mut whole = Self {
            cpu_milli: overhead.remove("cpu").unwrap_or_default().milli(),
            memory_bytes: overhead.remove("memory").unwrap_or_default().ceil(),
            pods: 1,
            extended: BTreeMap::new(),
        };
        whole.add(&Self::at_one_time(loads));
        whole
    }

    /// The numbered resources that a pod's containers need at most at one time.
    pub(super) fn numbered(containers: &[Container]) -> BTreeMap<String, i64> {
        let loads = containers.iter().map(|container| {
            let extended = container.asks.iter().map(|(name, amount)| (name.clone(), amount.ceil())).collect();
            (container.kind, Self { extended, ..Self::default() })
        });
        Self::at_one_time(loads).extended
    }

    /// Application containers and sidecars together, or the largest init container beside the sidecars.
    fn at_one_time(loads: impl Iterator<Item = (ContainerKind, Self)>) -> Self {
        let (mut running, mut starting) = (Self::default(), Self::default());
        let mut sidecars = Self::default();
        for (kind, load) in loads {
            match kind {
                ContainerKind::App => running.add(&load),
                ContainerKind::Sidecar => sidecars.add(&load),
                ContainerKind::Init => starting.raise(&load),
                ContainerKind::Ephemeral => {}
            }
        }
        running.raise(&starting);
        running.add(&sidecars);
        running
    }

    fn of_container(raw: &Value, container: &Container) -> Self {
        let requests = quantities(raw, "/resources/requests");
        let limits = quantities(raw, "/resources/limits");
        let asked = |name: &str| requests.get(name).or_else(|| limits.get(name)).copied().unwrap_or_default();
        Self {
            cpu_milli: asked("cpu").milli(),
            memory_bytes: asked("memory").ceil(),
            pods: 0,
            extended: container.asks.iter().map(|(name, amount)| (name.clone(), amount.ceil())).collect(),
        }
    }

    /// Adds another load.
    pub fn add(&mut self, other: &Self) {
        self.cpu_milli = self.cpu_milli.saturating_add(other.cpu_milli);
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
        self.pods = self.pods.saturating_add(other.pods);
        for (name, amount) in &other.extended {
            let sum = self.extended.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
    }

    /// Becomes the larger of both, resource by resource.
    fn raise(&mut self, other: &Self) {
        self.cpu_milli = self.cpu_milli.max(other.cpu_milli);
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        for (name, amount) in &other.extended {
            let most = self.extended.entry(name.clone()).or_default();
            *most = (*most).max(*amount);
        }
    }
}
