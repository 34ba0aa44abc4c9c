//! `trainyard serve`: MCP on standard input and output.

use std::process::ExitCode;

use trainyard_contract::Result;
use trainyard_serve::About;

use crate::config::Config;

pub(crate) async fn run(config: &Config) -> Result<ExitCode> {
    let dispatch = super::dispatch(config)?;
    let instructions = trainyard_tools::instructions(&dispatch.registry().toolset_names(), config.ceiling);
    trainyard_serve::stdio(dispatch, About { version: env!("CARGO_PKG_VERSION"), instructions }).await?;
    Ok(ExitCode::SUCCESS)
}
