//! The binary: wires engines, tools, dispatch and a transport together, and decides nothing.

mod args;
mod commands;
mod config;
mod exit;
mod install;
mod log;
mod output;
mod sandbox;
mod telemetry;
mod transcript;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    if arguments.command.is_sandboxed()
        && let Err(error) = config::leave_environment()
    {
        return exit::failed(&error);
    }
    let mut config = match config::Config::read(&arguments.options) {
        Ok(config) => config,
        Err(error) => return exit::failed(&error),
    };
    log::start(config.log);
    let telemetry = match telemetry::Telemetry::start(config.signals) {
        Ok(telemetry) => telemetry,
        Err(error) => return exit::failed(&error),
    };
    config.telemetry.clone_from(&telemetry);
    // One thread: the work is waiting, and a call is answered fastest where it was read.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::failed(&trainyard_contract::Error::internal(format!("no runtime: {error}"))),
    };
    let result = runtime.block_on(commands::run(arguments.command, config));
    // A read of standard input that will never end must not keep the process.
    runtime.shutdown_background();
    if let Some(telemetry) = telemetry {
        telemetry.end();
    }
    match result {
        Ok(code) => code,
        Err(error) => exit::failed(&error),
    }
}
