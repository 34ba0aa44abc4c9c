//! The Kubernetes wire.

pub mod prometheus;
