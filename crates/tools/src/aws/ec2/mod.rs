//! EC2, noun by noun.

pub(crate) mod instances;
pub(crate) mod lifecycle;
pub(crate) mod security_groups;
pub(in crate::aws) mod tagged;
