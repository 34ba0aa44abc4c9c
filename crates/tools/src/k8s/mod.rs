//! Kubernetes: any kind of thing in any cluster.

pub(crate) mod apply;
mod diff;
pub(crate) mod discover;
pub(crate) mod events;
mod fold;
pub(crate) mod get;
pub(crate) mod impact;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod nodes;
mod object;
pub(crate) mod objects;
mod permissions;
mod place;
mod policy;
pub(crate) mod rollout;
mod rows;
pub(crate) mod top;
pub(crate) mod wait;

pub use self::permissions::{Rule, rules};
pub(crate) use self::{
    place::{At, In},
    policy::facts,
};
