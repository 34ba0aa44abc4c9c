//! CloudFormation stacks as the tools that deploy with them need them.

pub(crate) mod change_set;
pub(crate) mod events;
pub(crate) mod local_file;
pub(crate) mod parameters;
pub(crate) mod stack;
pub(crate) mod template;
mod wire;
