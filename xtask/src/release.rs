//! The release build of the binary.

use std::{path::PathBuf, process::Command};

use crate::{Result, fetch, root};

/// Builds it with what every machine has that builds Rust; where it lies.
pub(crate) fn build() -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "-p", "trainyard"])
        .current_dir(root())
        .status()?;
    if !status.success() {
        return Err("the release build failed".into());
    }
    let binary = fetch::target()?.join("release").join(format!("trainyard{}", std::env::consts::EXE_SUFFIX));
    if binary.exists() { Ok(binary) } else { Err(format!("there is no {}", binary.display()).into()) }
}
