//! `trainyard policy`: what is allowed here and why, as the operator sees it.

mod explain;
mod iam;
mod rbac;
mod test;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};
use trainyard_contract::{Ceiling, Result};
use trainyard_dispatch::{Dispatch, Policy, Switch};
use trainyard_tools::App;

use crate::{commands::terminal, config::Config, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what would become of a call, and which rule decides; nothing is sent
    Explain(Explain),
    /// Hold the policy against cases with the verdicts that you expect
    Test {
        /// Cases: [[case]] with tool, arguments, expect, and what would be known
        file: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the least IAM policy for the tools and gates that are chosen
    Iam {
        /// Operations that `aws_call` is to reach besides: "ec2:RunInstances"
        #[arg(long = "operation", value_name = "SERVICE:OPERATION", value_delimiter = ',')]
        operations: Vec<String>,
    },
    /// Print the least Kubernetes role for the tools and gates that are chosen
    Rbac(rbac::Rbac),
    /// Print the JSON schema of the policy file
    Schema,
    /// Stop all changes, in running servers too
    Stop {
        /// Why; told to whoever is refused
        why: Option<String>,
    },
    /// Let changes go on
    Resume,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Name of the tool
    pub(crate) tool: String,
    /// Arguments; lists and objects as JSON
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) pairs: Vec<String>,
    /// An argument, as above
    #[arg(long = "arg", value_name = "KEY=VALUE")]
    pub(crate) more: Vec<String>,
    /// What would be found out: account=111122223333, region=…, cluster=…, tag.KEY=VALUE
    #[arg(long = "fact", value_name = "NAME=VALUE")]
    pub(crate) facts: Vec<String>,
    /// Who would call
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) principal: String,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(config: &Config, command: Command) -> Result<ExitCode> {
    match command {
        Command::Explain(arguments) => explain::run(config, arguments).await,
        Command::Test { file, json } => test::run(config, &file, json).await,
        Command::Iam { operations } => iam::run(config, &operations),
        Command::Rbac(arguments) => rbac::run(config, arguments),
        Command::Schema => {
            output::text(&format!("{:#}\n", Policy::schema()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Stop { why } => {
            let switch = Switch::of(config.state_dir.as_deref());
            let file = switch.stop(why.as_deref().unwrap_or_default())?;
            eprintln!("all changes are stopped ({}); reads go on", file.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Resume => {
            let switch = Switch::of(config.state_dir.as_deref());
            if !switch.is_on() {
                eprintln!("nothing was stopped");
                return Ok(ExitCode::SUCCESS);
            }
            terminal::agree("Let changes go on?", "resume")?;
            switch.resume()?;
            eprintln!("changes go on");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The road with every tool and open gates: what the policy says, and nothing else.
fn open_road(config: &Config) -> Result<Arc<Dispatch<App>>> {
    let mut open = config.clone();
    open.ceiling = Ceiling { write: true, sensitive: true };
    every_tool(&mut open);
    super::dispatch(&open)
}

fn every_tool(config: &mut Config) {
    let chosen = &config.selection;
    if chosen.toolsets.is_empty() && chosen.tools.is_empty() {
        config.selection.toolsets = vec!["all".to_owned()];
    }
}
