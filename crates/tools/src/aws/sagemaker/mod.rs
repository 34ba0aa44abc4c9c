//! SageMaker, noun by noun.

mod cost;
pub(crate) mod hyperpod_actions;
pub(crate) mod hyperpod_clusters;
pub(crate) mod hyperpod_nodes;
pub(crate) mod hyperpod_report;
pub(crate) mod hyperpod_stacks;
