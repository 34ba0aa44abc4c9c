//! VPC, noun by noun.

pub(crate) mod networks;
