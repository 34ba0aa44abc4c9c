//! The commands.

mod approve;
pub(crate) mod audit;
mod call;
mod demo;
mod doctor;
mod eval;
mod install;
mod pictures;
pub(crate) mod platform;
pub(crate) mod policy;
mod serve;
mod terminal;
mod tools;
mod worker;

use std::{process::ExitCode, sync::Arc};

use clap::CommandFactory;
use trainyard_aws::{Codes, Engine, Settings, catalogue};
use trainyard_contract::Result;
use trainyard_dispatch::{Audit, Dispatch, Options, Registry, Watch};
use trainyard_k8s::prometheus::Prometheus;
use trainyard_ml::job::local::Local;
use trainyard_tools::{App, InstanceTypes, LocalPaths, TOOLSETS};

use crate::{
    args::{Arguments, Command},
    config::Config,
    output,
    telemetry::All,
};

pub(crate) async fn run(command: Command, config: Config) -> Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(config, arguments).await,
        Command::Demo(arguments) => Box::pin(demo::run(config, &arguments)).await,
        Command::Eval(arguments) => eval::run(&config, &arguments),
        Command::Tools { digest: true, json, .. } => tools::digest(&config, json),
        Command::Tools { name, json, .. } => tools::run(&config, name.as_deref(), json),
        Command::Call(arguments) => call::run(&config, arguments).await,
        Command::Doctor { json } => doctor::run(&config, json).await,
        Command::Install(arguments) => install::install(&config, &arguments),
        Command::Uninstall(arguments) => install::uninstall(&config, &arguments),
        Command::Policy(command) => policy::run(&config, command).await,
        Command::Approve(arguments) => approve::run(&config, &arguments),
        Command::Dataset(arguments) => platform::run(&config, "dataset", arguments).await,
        Command::Train(arguments) => platform::run(&config, "train", arguments).await,
        Command::Model(arguments) => platform::run(&config, "model", arguments).await,
        Command::Jobs(arguments) => platform::run(&config, "jobs", arguments).await,
        Command::Worker(arguments) => worker::run(&config, &arguments),
        Command::Audit(command) => audit::run(&config, command).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "trainyard", &mut script);
            output::text(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Workers of training jobs. Without the gate of changes this process starts none, and only takes note of what has ended.
fn workers(config: &Config) -> Option<Local> {
    let (state, program) = (config.state_dir.as_deref()?, std::env::current_exe().ok()?);
    let most = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Some(Local::new(state, program, u32::try_from(most).unwrap_or(1), config.ceiling.write))
}

fn registry(config: &Config) -> Result<Registry<App>> {
    Registry::new(TOOLSETS, &config.selection, config.ceiling)
}

/// Everything wired together. No file is read and no connection opened before the first call.
fn dispatch(config: &Config, codes: Option<Arc<dyn Codes>>) -> Result<Arc<Dispatch<App>>> {
    let mut usual = Settings::default();
    if config.call_timeout > usual.operation_timeout {
        // Who allows a call more time than usual means one that takes it, such as a function that runs for minutes.
        (usual.attempt_timeout, usual.operation_timeout) = (config.call_timeout, config.call_timeout);
    }
    if !config.aws_models.is_empty() {
        catalogue::read_from(config.aws_models.clone())?;
    }
    let aws = Engine::new(Settings {
        ceiling: config.ceiling,
        profile: config.profile.clone(),
        allowed_profiles: config.allowed_profiles.clone(),
        allowed_accounts: config.allowed_accounts.clone(),
        region: config.region.clone(),
        endpoint_url: config.fixed.as_ref().map(|fixed| fixed.endpoint_url.clone()),
        credentials: config.fixed.as_ref().map(|fixed| fixed.credentials.clone()),
        user_agent: concat!("trainyard-", env!("CARGO_PKG_VERSION")),
        codes,
        cli_cache: config.cli_cache.clone(),
        ..usual
    });
    let options = Options {
        ceiling: config.ceiling,
        confirm: config.confirm,
        datamark: config.datamark,
        deadline: config.call_timeout,
        policy: Arc::clone(&config.policy),
        state: config.state_dir.clone(),
        ..Options::default()
    };
    let kubernetes = trainyard_k8s::Engine::new(config.kubernetes.clone(), aws.clone());
    let prometheus = Prometheus::new(config.prometheus.clone(), aws.clone())?;
    let app = App {
        aws,
        kubernetes,
        prometheus,
        hami_config_map: config.hami_config_map.clone(),
        state_dir: config.state_dir.clone(),
        template_buckets: config.template_buckets.clone().into(),
        local_paths: LocalPaths::new(config.local_paths.clone()),
        buckets: config.buckets.clone(),
        mlflow: config.mlflow.clone(),
        instance_types: InstanceTypes::default(),
        identities: config.identities.clone(),
        workers: workers(config),
    };
    let audit = config.audit_path().map_or_else(Audit::off, |path| Audit::at(&path));
    let mut dispatch = Dispatch::new(app, registry(config)?, options, audit);
    if let Some(witness) = &config.witness {
        dispatch = dispatch.witnessed_by(Arc::clone(witness) as _);
    }
    let sent = config.telemetry.iter().map(|telemetry| Arc::clone(telemetry) as Arc<dyn Watch>);
    let watches = sent.chain(config.counts.iter().map(|counts| Arc::clone(counts) as _)).collect();
    Ok(Arc::new(match All::of(watches) {
        Some(watch) => dispatch.watched_by(watch),
        None => dispatch,
    }))
}
