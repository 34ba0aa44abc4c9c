//! SageMaker, noun by noun.

pub(crate) mod hyperpod_nodes;
