//! The release build of the binary.

use std::{path::PathBuf, process::Command};

use crate::{Result, fetch, root};

/// What is in what is shipped, and not in every build: it wants cmake 3.28, libclang and a C++ compiler.
const SHIPPED: [&str; 2] = ["--features", "lightgbm"];

/// Builds it with what every machine has that builds Rust; where it lies.
pub(crate) fn build() -> Result<PathBuf> {
    build_with(&[])
}

/// Builds what is shipped; where it lies.
pub(crate) fn build_to_ship() -> Result<PathBuf> {
    build_with(&SHIPPED)
}

fn build_with(features: &[&str]) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "-p", "trainyard"])
        .args(features)
        .current_dir(root())
        .status()?;
    if !status.success() {
        return Err("the release build failed".into());
    }
    let binary = fetch::target()?.join("release").join(format!("trainyard{}", std::env::consts::EXE_SUFFIX));
    if binary.exists() { Ok(binary) } else { Err(format!("there is no {}", binary.display()).into()) }
}
