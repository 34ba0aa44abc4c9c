//! SageMaker, noun by noun.

pub(crate) mod hyperpod_clusters;
pub(crate) mod hyperpod_nodes;
pub(crate) mod hyperpod_stacks;
