//! What AWS offers: every service, operation and shape, embedded.

pub mod model;
