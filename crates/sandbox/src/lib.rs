//! A cluster to practise and test on: a Kubernetes API on loopback, with a memory of its own and nothing behind it.

pub mod kubernetes;
