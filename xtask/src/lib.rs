//! Generators and checks of this repository; never shipped.

#![expect(clippy::print_stdout, reason = "a command for developers, who read what it prints")]

mod bench;
mod bundle;
#[cfg(feature = "catalogue")]
mod catalogue;
mod check;
mod compile_cost;
mod environment;
mod fetch;
mod publish;
mod release;
mod sbom;

use std::path::{Path, PathBuf};

use release::Engines;

/// What every fallible function here returns: the reader is the developer who ran the command.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: cargo xtask test [--without-npm]                    run every check and test
       cargo xtask test --lightgbm                         run the tests of training with LightGBM's own core built in
       cargo xtask test-data [--without-npm]               fetch what the tests need but the repository does not hold
       cargo xtask bench [--peers]                         measure size, start, calls and load of the release build
       cargo xtask bundle [--without-lightgbm] [--url FOLDER]
                                                           pack the release build for clients that install with a click
       cargo xtask release [--key PEM] [--url FOLDER]      make what a release consists of, signed if there is a key
       cargo xtask compile-cost                            measure what 150 generated tools cost the compiler
       cargo xtask catalogue [--check] [--botocore DIR]    make crates/aws/catalogue from botocore";

/// Runs the command that the arguments name.
pub fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["bench"] => bench::run(false),
        ["bench", "--peers"] => bench::run(true),
        ["test"] => check::run(true),
        ["test", "--without-npm"] => check::run(false),
        ["test", "--lightgbm"] => check::with_lightgbm(),
        ["test-data"] => environment::all(true),
        ["test-data", "--without-npm"] => environment::all(false),
        ["bundle"] => bundle::run(None, Engines::All),
        ["bundle", "--url", url] => bundle::run(Some(url), Engines::All),
        ["bundle", "--without-lightgbm"] => bundle::run(None, Engines::Usual),
        ["bundle", "--without-lightgbm", "--url", url] => bundle::run(Some(url), Engines::Usual),
        ["release", options @ ..] => release_options(options),
        ["compile-cost"] => compile_cost::run(),
        ["catalogue", ..] => catalogue(arguments),
        _ => Err(USAGE.into()),
    }
}

fn release_options(mut words: &[&str]) -> Result<()> {
    let (mut key, mut url) = (None, None);
    while let [name, value, rest @ ..] = words {
        match *name {
            "--key" => key = Some(Path::new(*value)),
            "--url" => url = Some(*value),
            _ => return Err(USAGE.into()),
        }
        words = rest;
    }
    if words.is_empty() { publish::run(key, url) } else { Err(USAGE.into()) }
}

#[cfg(feature = "catalogue")]
fn catalogue(arguments: &[String]) -> Result<()> {
    catalogue::run(&catalogue::Options::parse(&arguments[1..])?)
}

/// Runs this program again, with the engine built in.
#[cfg(not(feature = "catalogue"))]
fn catalogue(arguments: &[String]) -> Result<()> {
    let mut command = vec!["run", "--quiet", "--package", "xtask", "--"];
    command.extend(arguments.iter().map(String::as_str));
    fetch::command("cargo", &command)
}

/// Root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the root directory").to_owned()
}
