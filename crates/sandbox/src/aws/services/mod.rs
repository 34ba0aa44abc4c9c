//! The services with state. A service is a table of operations; what it does not name is not in the sandbox.

mod ec2;
mod eks;
mod sagemaker;
mod sts;

use std::collections::BTreeSet;

use serde_json::Value;
use trainyard_aws::catalogue::{
    self,
    model::{Protocol, Service},
};

use super::{
    account::{Account, Cx},
    endpoint::{Asked, not_here},
    paging,
    wire::Refusal,
};

pub(super) use self::{
    ec2::{Wanted, instance},
    sagemaker::{event, node},
};

/// Answers one operation.
type Handler = fn(&mut Cx<'_>) -> Result<Value, Refusal>;

/// Service, operation, handler.
type Operations = &'static [(&'static str, &'static str, Handler)];

const ALL: &[Operations] =
    &[sts::OPERATIONS, ec2::OPERATIONS, ec2::INSTANCES, ec2::VOLUMES, sagemaker::OPERATIONS, eks::OPERATIONS];

/// Operations with state, as `service` and `operation`.
pub(super) fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().flat_map(|operations| operations.iter()).map(|(service, operation, _)| (*service, *operation))
}

/// The services with state.
pub(super) fn known() -> Vec<&'static Service<'static>> {
    let names: BTreeSet<&str> = operations().map(|(service, _)| service).collect();
    names.into_iter().filter_map(|name| catalogue::service(name).ok()).collect()
}

/// Answers a call.
pub(super) fn answer(account: &mut Account, asked: &Asked) -> Result<Value, Refusal> {
    let call = &asked.call;
    let name = (call.service.name, call.operation.name);
    let handler = ALL.iter().flat_map(|operations| operations.iter()).find(|known| (known.0, known.1) == name);
    let Some((_, _, handler)) = handler else { return Err(not_here(&format!("{} {}", name.0, name.1))) };
    if !account.regions.contains(&call.region) {
        return Err(not_here(&format!("the region {:?}", call.region)));
    }
    account.settle();
    let answer = |account: &mut Account| {
        handler(&mut Cx { account, region: &call.region, access_key: &asked.access_key, input: &call.input })
    };
    if call.service.protocol == Protocol::Ec2 && call.input["DryRun"] == true {
        // What would be refused is refused; what would happen happens to a copy.
        answer(&mut account.clone())?;
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(Refusal::new(412, "DryRunOperation", message));
    }
    let mut output = answer(account)?;
    paging::cut(call.service, call.operation, &call.input, &mut output)?;
    Ok(output)
}
