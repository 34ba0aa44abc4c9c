//! Generators and checks of this repository; never shipped.

#![expect(clippy::print_stdout, reason = "a command for developers, who read what it prints")]

mod catalogue;
mod fetch;

use std::path::PathBuf;

use serde_json::Value;
use trainyard_aws::catalogue::model::Service;

/// What every fallible function here returns: the reader is the developer who ran the command.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const USAGE: &str = "usage: cargo xtask catalogue [--check] [--botocore DIR]   make crates/aws/catalogue from botocore
       cargo xtask test-data                                     fetch what the tests read but the repository does not hold";

/// Runs the command that the arguments name.
pub fn run(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else { return Err(USAGE.into()) };
    match command.as_str() {
        "catalogue" => catalogue::run(&catalogue::Options::parse(rest)?),
        "test-data" if rest.is_empty() => fetch::test_data(),
        _ => Err(USAGE.into()),
    }
}

/// A service from a description of botocore's, for tests that bring their own. It is kept for the life of the process,
/// as a service of the catalogue is.
pub fn service(description: Value) -> Result<&'static Service<'static>> {
    catalogue::service(description)
}

/// Root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the root directory").to_owned()
}
