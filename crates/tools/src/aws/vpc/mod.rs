//! VPC, noun by noun.

pub(crate) mod details;
pub(crate) mod networks;
