//! IAM and STS, noun by noun.

pub(crate) mod identity;
