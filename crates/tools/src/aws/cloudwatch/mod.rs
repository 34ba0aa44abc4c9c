//! CloudWatch: metrics and logs, of clusters and of anything.

pub(crate) mod guidance;
pub(crate) mod log_events;
pub(crate) mod logs;
pub(crate) mod metric_statistics;
pub(crate) mod metrics;
mod period;
