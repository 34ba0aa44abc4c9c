//! Files that the older server's tools read and write. Where the operator names folders (`--local-paths`), those alone;
//! otherwise what that server allows: any absolute path outside of folders of secrets and of the system.

use std::path::PathBuf;

use trainyard_contract::Result;

use crate::aws::{
    cloudformation::local_file::{self, There},
    s3::LocalPaths,
};

/// Text of a file.
pub(super) fn read(allowed: &LocalPaths, path: &str, what: &str, max_bytes: u64) -> Result<String> {
    if allowed.are_named() {
        allowed.existing(path)?;
    }
    local_file::read(path, what, max_bytes)
}

/// Writes a file of YAML. Returns where, with links resolved.
pub(super) fn write(allowed: &LocalPaths, path: &str, what: &str, text: &str, there: There) -> Result<PathBuf> {
    if allowed.are_named() {
        allowed.to_write(path)?;
    }
    local_file::write(path, what, text, there, &["yaml", "yml"])
}

/// A folder, made where it is missing. Returns it with links resolved.
pub(super) fn folder(allowed: &LocalPaths, path: &str, what: &str) -> Result<PathBuf> {
    if allowed.are_named() {
        allowed.to_write(path)?;
    }
    local_file::folder(path, what)
}
