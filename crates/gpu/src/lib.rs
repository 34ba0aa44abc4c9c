//! Facts about the accelerators of a Kubernetes cluster.
#![doc = include_str!("../README.md")]

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
