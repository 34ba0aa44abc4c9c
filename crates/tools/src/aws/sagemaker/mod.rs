//! SageMaker, noun by noun.

mod cost;
pub(crate) mod hyperpod_actions;
pub(crate) mod hyperpod_clusters;
pub(crate) mod hyperpod_create;
pub(crate) mod hyperpod_logs;
pub(crate) mod hyperpod_nodes;
pub(crate) mod hyperpod_quotas;
pub(crate) mod hyperpod_report;
pub(crate) mod hyperpod_scheduling;
pub(crate) mod hyperpod_settings;
pub(crate) mod hyperpod_stacks;
pub(crate) mod training_plans;
