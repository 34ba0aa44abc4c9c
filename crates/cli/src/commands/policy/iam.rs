//! `trainyard policy iam`: the least that AWS has to allow, from what the code of the tools can reach.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

use serde_json::{Value, json};
use trainyard_aws::{catalogue, effect, iam_actions};
use trainyard_contract::{Effect, Error, Result};
use trainyard_dispatch::Registry;
use trainyard_tools::App;

use crate::{config::Config, output};

pub(super) fn run(config: &Config, more: &[String]) -> Result<ExitCode> {
    let registry = crate::commands::registry(config)?;
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    let free = declared(&registry, config, &mut wanted);
    wanted.extend(more.iter().cloned());
    if config.policy.asks_about_tags() {
        wanted.extend(trainyard_tools::SENT_FOR_POLICIES.iter().map(|&operation| operation.to_owned()));
    }
    output::text(&format!("{:#}\n", statement(config, &wanted)?))?;
    for tool in free {
        eprintln!("{tool} sends whatever its caller names: add --operation SERVICE:OPERATION for what it is to reach");
    }
    Ok(ExitCode::SUCCESS)
}

/// What the chosen tools may send under these gates; the tools of which only the arguments tell.
fn declared(registry: &Registry<App>, config: &Config, wanted: &mut BTreeSet<String>) -> Vec<&'static str> {
    let mut free = Vec::new();
    for tool in registry.views().iter().filter_map(|view| registry.definition(view.name).ok()) {
        for call in tool.calls().iter().filter(|call| config.ceiling.permits(call.effect)) {
            match trainyard_tools::operations(tool.name, call.name) {
                // A call that shows something besides needs the gate for that as well.
                Some(operations) => wanted.extend(operations.into_iter().filter(|name| permitted(config, name))),
                None if free.last() != Some(&tool.name) => free.push(tool.name),
                None => {}
            }
        }
    }
    free
}

fn permitted(config: &Config, name: &str) -> bool {
    let known = name
        .split_once(':')
        .and_then(|(service, operation)| catalogue::service(service).ok()?.find_operation(operation));
    known.is_none_or(|operation| config.ceiling.permits(effect(operation)))
}

/// The policy document: one statement for each thing that a call can do to the world.
fn statement(config: &Config, wanted: &BTreeSet<String>) -> Result<Value> {
    let mut by_effect: BTreeMap<Effect, BTreeSet<String>> = BTreeMap::new();
    for name in wanted {
        let wrong =
            || Error::validation(format!("{name:?} is not SERVICE:OPERATION")).hint("for example ec2:RunInstances");
        let (service, operation) = name.split_once(':').ok_or_else(wrong)?;
        let service = catalogue::service(service)?;
        let operation = service
            .find_operation(operation)
            .ok_or_else(|| Error::not_found(&format!("operation of {}", service.name), operation))?;
        if !config.ceiling.permits(effect(operation)) {
            let message = format!("{name} {}, which the gates of this command do not allow", effect(operation));
            return Err(Error::policy_denied(message)
                .hint(format!("add {}", trainyard_contract::Ceiling::flag(effect(operation)))));
        }
        by_effect.entry(effect(operation)).or_default().extend(iam_actions(service, operation));
    }
    let statements: Vec<Value> = by_effect
        .into_iter()
        .map(|(effect, actions)| {
            json!({ "Sid": format!("Trainyard{}", sid(effect)), "Effect": "Allow", "Action": actions, "Resource": "*" })
        })
        .collect();
    Ok(json!({ "Version": "2012-10-17", "Statement": statements }))
}

fn sid(effect: Effect) -> &'static str {
    match effect {
        Effect::Reads => "Reads",
        Effect::Reveals => "Reveals",
        Effect::Changes => "Changes",
        Effect::Destroys => "Destroys",
    }
}
