//! Where things lie.

use std::path::PathBuf;

/// Root of the repository.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(PathBuf::from).unwrap_or(here)
}

/// What `cargo xtask test-data` fetched.
pub fn cache() -> PathBuf {
    root().join("target/xtask")
}

/// The Python environment of the tests; `TRAINYARD_VENV` names another.
#[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
pub fn venv() -> PathBuf {
    std::env::var_os("TRAINYARD_VENV").map_or_else(|| cache().join("venv"), PathBuf::from)
}

/// The npm packages of the tests; `None` where they were left out on purpose.
#[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
pub fn npm() -> Option<PathBuf> {
    match std::env::var_os("TRAINYARD_WITHOUT_NPM") {
        Some(_) => None,
        None => Some(cache().join("npm/node_modules")),
    }
}
