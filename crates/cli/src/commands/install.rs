//! `trainyard install` and `uninstall`: this server in the settings of an MCP client.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use trainyard_contract::{Error, Result};

use crate::{
    args::{Arguments, InstallArguments, UninstallArguments},
    config::Config,
    install::{Client, Done, Server},
    output,
};

pub(crate) fn install(config: &Config, wanted: &InstallArguments) -> Result<ExitCode> {
    let mut arguments = vec!["serve".to_owned()];
    arguments.extend(wanted.flags.iter().cloned());
    check(&arguments)?;
    let command =
        std::env::current_exe().map_err(|error| Error::internal(format!("where is this program? {error}")))?;
    let server = Server { command: command.display().to_string(), arguments };
    if wanted.print {
        output::text(&wanted.client.text(&server)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = file(config, wanted.client, wanted.file.as_ref())?;
    let said = match wanted.client.install(&path, &server)? {
        Done::Nothing => format!("{} has it already\n", path.display()),
        Done::Made => format!("wrote {}; start the client anew\n", path.display()),
        Done::Changed(backup) => {
            format!("changed {} (before: {}); start the client anew\n", path.display(), backup.display())
        }
    };
    output::text(&said)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn uninstall(config: &Config, wanted: &UninstallArguments) -> Result<ExitCode> {
    let path = file(config, wanted.client, wanted.file.as_ref())?;
    let said = match wanted.client.uninstall(&path)? {
        Done::Changed(backup) => format!("took it out of {} (before: {})\n", path.display(), backup.display()),
        Done::Nothing | Done::Made => format!("{} does not have it\n", path.display()),
    };
    output::text(&said)?;
    Ok(ExitCode::SUCCESS)
}

/// A misspelt flag shall be found now, not by a client that only says that the server does not start.
fn check(arguments: &[String]) -> Result<()> {
    let all = std::iter::once("trainyard").chain(arguments.iter().map(String::as_str));
    Arguments::try_parse_from(all).map(|_| ()).map_err(|error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Error::validation(first).hint("the flags after -- are those of `trainyard serve`")
    })
}

fn file(config: &Config, client: Client, named: Option<&PathBuf>) -> Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path.clone());
    }
    let folders =
        config.folders.as_ref().ok_or_else(|| Error::validation("there is no home folder").hint("give --file"))?;
    Ok(client.file(folders))
}
