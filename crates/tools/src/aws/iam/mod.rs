//! IAM and STS, noun by noun.

pub(crate) mod identity;
pub(crate) mod inline_policies;
mod permissions;
pub(crate) mod role_policies;
