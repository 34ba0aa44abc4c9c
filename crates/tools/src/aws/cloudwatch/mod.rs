//! CloudWatch for clusters: logs, metrics, and which metrics there are.

pub(crate) mod guidance;
pub(crate) mod logs;
pub(crate) mod metrics;
mod period;
