//! EC2, noun by noun.

pub(crate) mod instances;
pub(crate) mod lifecycle;
