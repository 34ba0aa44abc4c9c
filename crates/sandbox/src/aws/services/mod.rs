//! The services with state. A service is a table of operations; what it does not name is not in the sandbox.

mod autoscaling;
mod cloudformation;
mod cloudwatch;
mod ec2;
mod eks;
mod eks_parts;
mod hyperpod_actions;
mod hyperpod_create;
mod hyperpod_scheduling;
mod iam;
mod lambda;
mod logs;
mod once;
mod pricing;
mod quotas;
mod s3;
mod sagemaker;
mod sts;
mod training_plans;

use std::{cell::Cell, collections::BTreeSet, time::Duration};

use serde_json::{Map, Value};
use trainyard_aws::{
    catalogue::{
        self,
        model::{Protocol, Service},
    },
    validate,
};

use super::{
    account::{Account, Cx},
    endpoint::{Asked, not_here},
    paging,
    setting::{Made, Refused},
    wire::{Call, Refusal},
};

pub(super) use self::{
    ec2::{Wanted, add_rules, instance, short, sum_rules},
    eks_parts::build as eks_parts,
    iam::{build_policies as iam_policies, new_role as iam_role, new_user as iam_user},
    lambda::{ROLE as FUNCTION_ROLE, build as functions},
    logs::add as log,
    quotas::build as quotas,
    s3::new_bucket as s3_bucket,
    sagemaker::{event, node},
};

/// Answers one operation.
type Handler = fn(&mut Cx<'_>) -> Result<Value, Refusal>;

/// Service, operation, handler.
type Operations = &'static [(&'static str, &'static str, Handler)];

/// The key of whoever calls without the world seeing it.
const SOMEONE: &str = "AKIAIOSFODNN7SOMEONE";

/// Tables of operations, by service.
const ALL: &[&[Operations]] = &[
    cloudformation::ALL,
    ec2::ALL,
    iam::ALL,
    lambda::ALL,
    logs::ALL,
    s3::ALL,
    &[
        autoscaling::OPERATIONS,
        cloudwatch::OPERATIONS,
        eks::OPERATIONS,
        eks_parts::OPERATIONS,
        hyperpod_actions::OPERATIONS,
        hyperpod_create::OPERATIONS,
        hyperpod_scheduling::OPERATIONS,
        pricing::OPERATIONS,
        quotas::OPERATIONS,
        sagemaker::OPERATIONS,
        sts::OPERATIONS,
        training_plans::OPERATIONS,
    ],
];

fn all() -> impl Iterator<Item = &'static (&'static str, &'static str, Handler)> {
    ALL.iter().copied().flatten().copied().flatten()
}

/// Operations with state, as `service` and `operation`.
pub(super) fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    all().map(|(service, operation, _)| (*service, *operation))
}

/// The services with state.
pub(super) fn known() -> Vec<&'static Service<'static>> {
    let names: BTreeSet<&str> = operations().map(|(service, _)| service).collect();
    names.into_iter().filter_map(|name| catalogue::service(name).ok()).collect()
}

/// Answers a call.
pub(super) fn answer(account: &mut Account, asked: &Asked) -> Result<Value, Refusal> {
    let Asked { call, access_key } = asked;
    account.settle();
    sts::session(account, access_key)?;
    refused(account, call)?;
    let dry = call.service.protocol == Protocol::Ec2 && call.input["DryRun"] == true;
    if dry {
        // What would be refused is refused; what would happen happens to a copy.
        handled(&mut account.clone(), call, access_key)?;
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(Refusal::new(412, "DryRunOperation", message));
    }
    let Some(token) = once::token(call) else { return handled(account, call, access_key) };
    if let Some(earlier) = once::earlier(account, call, &token)? {
        return Ok(earlier);
    }
    let output = handled(account, call, access_key)?;
    once::remember(account, call, token, &output);
    Ok(output)
}

/// Refuses what the account was told to refuse.
fn refused(account: &mut Account, call: &Call) -> Result<(), Refusal> {
    let is = |known: &&mut Refused| known.service == call.service.name && known.operation == call.operation.name;
    let Some(known) = account.standing.refusals.iter_mut().filter(|known| known.times != Some(0)).find(is) else {
        return Ok(());
    };
    known.times = known.times.map(|times| times - 1);
    Err(Refusal::new(known.status.unwrap_or(400), known.code.clone(), known.message.clone()))
}

fn handled(account: &mut Account, call: &Call, access_key: &str) -> Result<Value, Refusal> {
    let name = (call.service.name, call.operation.name);
    let handler = all().find(|known| (known.0, known.1) == name);
    let Some((_, _, handler)) = handler else { return Err(not_here(&format!("{} {}", name.0, name.1))) };
    if !account.regions.contains(&call.region) {
        return Err(not_here(&format!("the region {:?}", call.region)));
    }
    let page = paging::asked(call.service, call.operation, &call.input)?;
    let mut cx = Cx {
        account,
        region: &call.region,
        access_key,
        operation: call.operation.name,
        input: &call.input,
        page,
        total: Cell::new(None),
    };
    let mut output = handler(&mut cx)?;
    let (page, total) = (cx.page, cx.total.get());
    paging::cut(call.service, page.as_ref(), total, &mut output)?;
    Ok(output)
}

/// A call that a setting makes.
pub(super) fn made(account: &mut Account, region: &str, made: &Made) -> Result<(), String> {
    let name = format!("{} {}", made.service, made.operation);
    let call = call(region, &made.service, &made.operation, made.input.clone())?;
    let asked = Asked { call, access_key: SOMEONE.to_owned() };
    let answer = account.back_then(Duration::from_secs(made.seconds_ago), |account| answer(account, &asked));
    account.settle();
    answer.map(drop).map_err(|refusal| format!("{name}: {}: {}", refusal.code, refusal.message))
}

/// A call that one service makes of another.
fn within(account: &mut Account, region: &str, service: &str, operation: &str, input: Value) -> Result<Value, Refusal> {
    let call = call(region, service, operation, input);
    let call = call.map_err(|why| Refusal::new(400, "ValidationError", why))?;
    handled(account, &call, SOMEONE)
}

fn call(region: &str, service: &str, operation: &str, input: Value) -> Result<Call, String> {
    let name = format!("{service} {operation}");
    let service = catalogue::service(service).map_err(|error| error.to_string())?;
    let operation = service.operation(operation).ok_or_else(|| format!("{name} is no operation"))?;
    let input = if input.is_null() { Value::Object(Map::new()) } else { input };
    validate(service.name, operation.name, &input).map_err(|error| format!("{name}: {error}"))?;
    Ok(Call { service, operation, region: region.to_owned(), input })
}
