//! S3: buckets, objects, and files to and from them.

pub(crate) mod buckets;
mod local;
pub(crate) mod object_changes;
pub(crate) mod objects;
pub(crate) mod transfers;

pub use local::LocalPaths;
