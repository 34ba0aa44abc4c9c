//! What a tool is. No HTTP, AWS, Kubernetes, protocol or runtime here.

mod error;

pub use error::{Error, ErrorKind, Result};
