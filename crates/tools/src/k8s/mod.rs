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
pub(crate) mod loss;
pub(crate) mod nodes;
pub(crate) mod object;
pub(crate) mod objects;
pub(crate) mod permissions;
mod place;
mod policy;
pub(crate) mod rollout;
mod rows;
pub(crate) mod top;
pub(crate) mod wait;

pub(crate) use self::{
    diff::diff,
    place::{At, In},
    policy::{facts, labels},
};
