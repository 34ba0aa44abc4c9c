//! `cargo xtask test`: everything that has to pass, in the order of what it costs to find out.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use crate::{Result, environment, fetch, release, root};

/// Runs every check and says what each took.
pub(crate) fn run(npm: bool) -> Result<()> {
    let mut times = Vec::new();
    let mut step = |name: &str, work: &dyn Fn() -> Result<()>| -> Result<()> {
        println!("== {name}");
        let started = Instant::now();
        let result = work();
        times.push((name.to_owned(), started.elapsed()));
        result.map_err(|error| format!("{name}: {error}").into())
    };
    step("test data", &|| environment::all(npm))?;
    step("format", &|| cargo(&["fmt", "--check"], npm))?;
    step("lints", &|| {
        cargo(&["clippy", "--quiet", "--keep-going", "--workspace", "--all-targets", "--", "-D", "warnings"], npm)
    })?;
    // All targets together have the features that the tests have, so nothing is built twice.
    step("build", &|| cargo(&["build", "--quiet", "--workspace", "--all-targets"], npm))?;
    step("catalogue", &|| program(Command::new(built()?).args(["catalogue", "--check"])))?;
    if has_deny() {
        // With what releases are built with, besides.
        let all = ["deny", "--log-level", "error", "--all-features", "check", "licenses", "bans", "sources"];
        step("dependencies", &|| cargo(&all, npm))?;
    } else {
        println!("== dependencies: not checked, cargo-deny is not installed");
    }
    step("tests", &|| cargo(&["test", "--quiet", "--workspace", "--no-fail-fast"], npm))?;
    println!("== all passed");
    for (name, time) in times {
        println!("{:>7.1} s  {name}", Duration::as_secs_f64(&time));
    }
    Ok(())
}

/// What releases have and other builds have not: LightGBM's own core. Not a part of the rest, since it takes minutes to compile.
pub(crate) fn with_lightgbm() -> Result<()> {
    environment::python("learning-venv", "tests/requirements-learning.txt")?;
    let tools = release::tools_of_lightgbm()?;
    let with = |arguments: &[&str], rest: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(arguments).args(["--features", "lightgbm"]).args(rest);
        program(command.env("AWS_EC2_METADATA_DISABLED", "true").envs(tools.iter().cloned()))
    };
    let both = ["clippy", "--quiet", "--package", "trainyard-train", "--package", "trainyard", "--all-targets"];
    with(&both, &["--", "-D", "warnings"])?;
    with(&["test", "--quiet", "--package", "trainyard-train"], &[])?;
    with(&["test", "--quiet", "--package", "trainyard", "--test", "e2e"], &["--", "training::lightgbm"])
}

/// This program with the features that the others leave out, as the step before built it.
fn built() -> Result<PathBuf> {
    Ok(fetch::target()?.join("debug").join(format!("xtask{}", std::env::consts::EXE_SUFFIX)))
}

fn has_deny() -> bool {
    root().join("deny.toml").exists()
        && Command::new("cargo").args(["deny", "--version"]).output().is_ok_and(|output| output.status.success())
}

fn cargo(arguments: &[&str], npm: bool) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(arguments).env("AWS_EC2_METADATA_DISABLED", "true");
    if !npm {
        command.env("TRAINYARD_WITHOUT_NPM", "1");
    }
    program(&mut command)
}

fn program(command: &mut Command) -> Result<()> {
    let status = command.current_dir(root()).status()?;
    if status.success() { Ok(()) } else { Err("failed".into()) }
}
