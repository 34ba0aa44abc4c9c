//! What a tool is. No HTTP, AWS, Kubernetes, protocol or runtime here.

mod access;
mod error;
mod nearest;

pub use access::{Access, Ceiling, Changes, Covers, Destroys, Effect, MayChange, Reads, Reveals};
pub use error::{Error, ErrorKind, Result};
pub use nearest::nearest;
