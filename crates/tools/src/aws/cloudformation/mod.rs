//! CloudFormation stacks as the tools that deploy with them need them.

pub(crate) mod parameters;
pub(crate) mod stack;
mod wire;
