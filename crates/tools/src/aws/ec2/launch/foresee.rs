//! What a launch would mean: what it costs, which quota it meets, and what EC2 says to a dry run.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_aws::Aws;
use trainyard_contract::{Amount, Error, Impact, Reads, Result, Weighed};

use super::{
    quota::{self, Room},
    request::Market,
    wire::RunInstances,
};
use crate::{
    Cx,
    aws::{
        ec2::{
            hardware,
            prices::{OperatingSystem, on_demand},
            spot,
        },
        impact,
        pricing::money::Money,
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
) -> Result<Weighed<Foreseen>> {
    cx.progress().report(1, Some(3), "asking what it costs");
    let mut foreseen = Foreseen {
        count: request.max_count,
        disks: request.machine.block_device_mappings.iter().map(ToString::to_string).collect(),
        metadata_tokens: request.machine.metadata_tokens(),
        ..Foreseen::default()
    };
    let impact = match &request.machine.instance_type {
        Some(name) => {
            foreseen.instance_type = Some(name.clone());
            foreseen.look(aws, name, market).await
        }
        None => {
            let why = "the type is in the launch template, whose content is sensitive data; name instance_type";
            foreseen.unknown.push(format!("cost and quota: {why}"));
            Impact::unknown(why)
        }
    };
    cx.progress().report(2, Some(3), "asking EC2 for a dry run");
    foreseen.dry_run = Some(aws.dry_run_of(request).await?.into());
    Ok(Weighed::new(foreseen, Impact { objects: u64::from(request.max_count), ..impact }))
}

impl Foreseen {
    /// Finds out what it can, and says what it could not.
    async fn look(&mut self, aws: &Aws<Reads>, name: &str, market: Market) -> Impact {
        let known = hardware::of(aws, &BTreeSet::from([name.to_owned()])).await;
        let hardware = known.as_ref().ok().and_then(|known| known.get(name));
        self.gpus = hardware.and_then(|hardware| hardware.words.clone());
        let count = u64::from(self.count);
        let gpus = match (&known, hardware) {
            (_, Some(hardware)) => Amount::Known(u64::from(hardware.accelerators) * count),
            (Ok(_), None) => Amount::Unknown(format!("EC2 knows no instance type {name:?} in this region")),
            (Err(error), None) => Amount::Unknown(format!("what {name} is made of could not be looked up: {error}")),
        };
        let quota = match hardware.and_then(|hardware| hardware.vcpus) {
            Some(vcpus) => quota::room(aws, name, market, u64::from(vcpus) * count).await,
            None => Err(Error::not_found("instance type", name)),
        };
        match quota {
            Ok(room) => self.quota = room,
            Err(error) => self.miss("quota", &error),
        }
        let dollars_per_hour = match per_hour(aws, name, market).await {
            Ok(Some((price, currency))) => {
                let cost = price.times(self.count);
                let dollars = impact::dollars(cost, &currency);
                self.cost_per_hour = Some(cost);
                self.currency = Some(currency);
                dollars
            }
            // A block is paid for when it is bought.
            Ok(None) => Amount::NONE,
            Err(error) => {
                self.miss("cost", &error);
                Amount::Unknown(format!("the price of {name} could not be found out: {error}"))
            }
        };
        Impact { gpus, dollars_per_hour, objects: 0 }
    }

    fn miss(&mut self, what: &str, error: &Error) {
        self.unknown.push(format!("{what}: {error}"));
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
