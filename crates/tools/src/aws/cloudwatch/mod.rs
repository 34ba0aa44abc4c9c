//! CloudWatch: metrics and logs.

pub(crate) mod log_events;
pub(crate) mod metric_statistics;
mod period;
