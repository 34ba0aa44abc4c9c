//! The binary: wires engines, tools, dispatch and a transport together, and decides nothing.

mod args;
mod commands;
mod config;
mod exit;
mod install;
mod output;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let config = match config::Config::read(&arguments.options) {
        Ok(config) => config,
        Err(error) => return exit::failed(&error),
    };
    start_log(&config);
    // One thread: the work is waiting, and a call is answered fastest where it was read.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::failed(&trainyard_contract::Error::internal(format!("no runtime: {error}"))),
    };
    let result = runtime.block_on(commands::run(arguments.command, config));
    // A read of standard input that will never end must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(error) => exit::failed(&error),
    }
}

/// Our own lines at the level that was asked for; those of the libraries below us one level quieter.
fn start_log(config: &config::Config) {
    use tracing::level_filters::LevelFilter;
    use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};
    let quieter = match config.log {
        LevelFilter::TRACE => LevelFilter::DEBUG,
        LevelFilter::DEBUG => LevelFilter::INFO,
        LevelFilter::INFO => LevelFilter::WARN,
        // A library's warning reaches the caller as our error, in words that help.
        _ => LevelFilter::OFF,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let targets = Targets::new().with_default(quieter).with_target("trainyard", config.log);
    tracing_subscriber::registry().with(lines).with(targets).init();
}
