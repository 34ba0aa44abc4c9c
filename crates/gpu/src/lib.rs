//! Facts about the accelerators of a Kubernetes cluster, from objects as its API gives them: which devices there are, how they are shared, who
//! holds what, what still fits, and why a pod waits. With HAMi or without it. Nothing here talks to a cluster.
//!
//! [`FleetBuilder`] takes nodes and pods, page by page; [`Fleet`] answers the questions.

pub mod annotations;
pub mod codec;
pub mod config;
mod error;
pub mod fleet;
pub mod idle;
pub mod metrics;
mod moment;
pub mod object;
pub mod pending;
mod quantity;
pub mod quota;
pub mod vendor;

pub use error::{DecodeError, Note, Result};
pub use fleet::{Fleet, FleetBuilder, Options};
pub use quantity::Quantity;
pub use vendor::{Backends, Vendor};
