//! Accelerators of Kubernetes clusters, with HAMi or without: what there is, who holds it, why a pod waits, what the metrics say.
//! Nothing here changes anything.

mod chart;
mod cluster;
pub(crate) mod configuration;
pub(crate) mod free;
pub(crate) mod idle;
pub(crate) mod metrics;
pub(crate) mod nodes;
mod paging;
pub(crate) mod pending;
pub(crate) mod permissions;
pub(crate) mod pods;
mod prometheus;
pub(crate) mod promql;
pub(crate) mod quotas;
pub(crate) mod reference;
