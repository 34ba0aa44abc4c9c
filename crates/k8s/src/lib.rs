//! The Kubernetes wire.
