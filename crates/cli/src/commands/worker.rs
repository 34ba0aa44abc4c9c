//! `trainyard worker`: one training job, in a process of its own.

use std::process::ExitCode;

use trainyard_contract::{Error, Result};
use trainyard_ml::{datasets::Datasets, job, training::Trainer};

use crate::{args::WorkerArguments, config::Config};

pub(crate) fn run(config: &Config, arguments: &WorkerArguments) -> Result<ExitCode> {
    let mut config = config.clone();
    // Whoever started this had the gate open. Jobs that wait are started when this one is done.
    config.ceiling.write = true;
    let workers = super::workers(&config).ok_or_else(|| Error::validation("a worker needs --state-dir"))?;
    let datasets = Datasets::new(workers.database().clone(), workers.state());
    job::worker::run(
        &workers,
        &arguments.job,
        arguments.attempt,
        &Trainer { datasets: &datasets, state: workers.state() },
    )?;
    Ok(ExitCode::SUCCESS)
}
