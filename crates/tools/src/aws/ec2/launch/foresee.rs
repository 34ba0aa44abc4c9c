//! What a launch would mean: what it costs, which quota it meets, and what EC2 says to a dry run.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_aws::Aws;
use trainyard_contract::{Error, Reads, Result};

use super::{
    quota::{self, Room},
    request::Market,
    wire::RunInstances,
};
use crate::{
    Cx,
    aws::ec2::{
        hardware,
        prices::{OperatingSystem, money::Money, on_demand},
        spot,
    },
    common::DryRun,
};

/// What would happen.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Foreseen {
    /// How many would be launched.
    count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gpus: Option<String>,
    /// Of all together, for Linux; without disks and data transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_per_hour: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<Room>,
    /// Disks that are given here rather than by the AMI; encrypted unless they say otherwise.
    disks: Vec<String>,
    /// `required` where only IMDSv2 would be answered.
    metadata_tokens: &'static str,
    /// What could not be found out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
    /// EC2's own verdict; `None` where it was not asked.
    dry_run: Option<DryRun>,
}

/// Looks ahead. What cannot be found out is said, and stops nothing.
pub(super) async fn launch(
    cx: &Cx<Reads>,
    aws: &Aws<Reads>,
    request: &RunInstances,
    market: Market,
) -> Result<Foreseen> {
    cx.progress().report(1, Some(3), "asking what it costs");
    let mut foreseen = Foreseen {
        count: request.max_count,
        disks: request.machine.block_device_mappings.iter().map(ToString::to_string).collect(),
        metadata_tokens: request.machine.metadata_tokens(),
        ..Foreseen::default()
    };
    match &request.machine.instance_type {
        Some(name) => {
            let missed = foreseen.look(aws, name, market).await;
            foreseen.unknown.extend(missed);
            foreseen.instance_type = Some(name.clone());
        }
        None => foreseen.unknown.push(
            "cost and quota: the type is in the launch template, whose content is sensitive data; name instance_type"
                .to_owned(),
        ),
    }
    cx.progress().report(2, Some(3), "asking EC2 for a dry run");
    foreseen.dry_run = Some(aws.dry_run_of(request).await?.into());
    Ok(foreseen)
}

impl Foreseen {
    /// Finds out what it can; what it could not, with the reasons.
    async fn look(&mut self, aws: &Aws<Reads>, name: &str, market: Market) -> Vec<String> {
        let mut missed = Vec::new();
        let mut miss = |what: &str, error: &Error| missed.push(format!("{what}: {error}"));
        let known = hardware::of(aws, &BTreeSet::from([name.to_owned()])).await;
        let hardware = known.as_ref().ok().and_then(|known| known.get(name));
        self.gpus = hardware.and_then(|hardware| hardware.words.clone());
        match hardware.and_then(|hardware| hardware.vcpus) {
            Some(vcpus) => match quota::room(aws, name, market, u64::from(vcpus) * u64::from(self.count)).await {
                Ok(room) => self.quota = room,
                Err(error) => miss("quota", &error),
            },
            None => miss("quota", &Error::not_found("instance type", name)),
        }
        match per_hour(aws, name, market).await {
            Ok(Some((price, currency))) => {
                self.cost_per_hour = Some(price.times(self.count));
                self.currency = Some(currency);
            }
            // A block is paid for when it is bought.
            Ok(None) => {}
            Err(error) => miss("cost", &error),
        }
        missed
    }
}

/// What one instance costs an hour; `None` where nothing is paid by the hour.
async fn per_hour(aws: &Aws<Reads>, name: &str, market: Market) -> Result<Option<(Money, String)>> {
    match market {
        Market::OnDemand => {
            let price = on_demand(aws, name, OperatingSystem::Linux).await?;
            Ok(Some((price.amount, price.currency)))
        }
        Market::Spot => {
            let (_, price) = spot::cheapest(aws, name, OperatingSystem::Linux).await?;
            Ok(Some((price, "USD".to_owned())))
        }
        Market::CapacityBlock => Ok(None),
    }
}
