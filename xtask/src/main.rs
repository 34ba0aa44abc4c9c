//! Generators and checks of this repository; never shipped.

#![expect(clippy::print_stdout, reason = "a command for developers, who read what it prints")]

mod catalogue;
mod fetch;

use std::{path::PathBuf, process::ExitCode};

/// What every fallible function here returns: the reader is the developer who ran the command.
type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const USAGE: &str = "usage: cargo xtask catalogue [--check] [--botocore DIR]   make crates/aws/catalogue from botocore
       cargo xtask test-data                                     fetch what the tests read but the repository does not hold";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else { return Err(USAGE.into()) };
    match command.as_str() {
        "catalogue" => catalogue::run(&catalogue::Options::parse(rest)?),
        "test-data" if rest.is_empty() => fetch::test_data(),
        _ => Err(USAGE.into()),
    }
}

/// Root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the root directory").to_owned()
}
