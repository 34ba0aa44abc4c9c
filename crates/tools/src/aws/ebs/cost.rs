//! What EBS volumes, snapshots and fast restores add to the bill.

use rust_decimal::Decimal;
use trainyard_aws::Aws;
use trainyard_contract::{Access, Amount, Covers, Error, Impact, Reads, Result};

use crate::aws::{
    ec2::prices::disks::VolumeSize,
    impact,
    pricing::{
        money::{HOURS_PER_MONTH, Money},
        price_list, usage_price,
    },
};

/// What a volume costs; less what it cost before, where there was one.
pub(super) async fn of_volume<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    volume: &VolumeSize<'_>,
    before: Option<&VolumeSize<'_>>,
) -> Impact {
    let after = by_the_hour("the volume", volume.month(aws).await);
    let dollars = match (after, before) {
        (Amount::Known(after), Some(before)) => match by_the_hour("the volume", before.month(aws).await) {
            Amount::Known(before) => Amount::Known((after - before).max(Decimal::ZERO)),
            unknown @ Amount::Unknown(_) => unknown,
        },
        (after, _) => after,
    };
    costing(dollars)
}

/// What a snapshot of so many GiB costs at most: only what no earlier snapshot holds is paid for.
pub(super) async fn of_snapshot<A: Access + Covers<Reads>>(aws: &Aws<A>, gib: Option<u32>) -> Impact {
    let Some(gib) = gib else {
        return unknown("how large the snapshot is could not be found out");
    };
    let month = used(aws, "EBS:SnapshotUsage").await.map(|(price, currency)| (price.times(gib), currency));
    costing(by_the_hour("the snapshot", month))
}

/// What fast restores of so many snapshots cost, each in each of so many zones.
pub(super) async fn of_fast_restores<A: Access + Covers<Reads>>(aws: &Aws<A>, count: usize) -> Impact {
    costing(match used(aws, "EBS:FastSnapshotRestore").await {
        Ok((price, currency)) => impact::dollars(price.times(count as u64), &currency),
        Err(error) => Amount::Unknown(format!("the price of fast restores could not be found out: {error}")),
    })
}

/// Something whose price nobody can look up.
pub(super) fn unknown(why: &str) -> Impact {
    costing(Amount::Unknown(why.to_owned()))
}

fn costing(dollars_per_hour: Amount<Decimal>) -> Impact {
    Impact { dollars_per_hour, ..Impact::NONE }
}

fn by_the_hour(what: &str, month: Result<(Money, String)>) -> Amount<Decimal> {
    match month.map(|(month, currency)| (month.per(HOURS_PER_MONTH), currency)) {
        Ok((Some(hour), currency)) => impact::dollars(hour, &currency),
        Ok((None, _)) => Amount::Unknown(format!("the price of {what} is no number")),
        Err(error) => Amount::Unknown(format!("the price of {what} could not be found out: {error}")),
    }
}

async fn used<A: Access + Covers<Reads>>(aws: &Aws<A>, usage: &str) -> Result<(Money, String)> {
    let (list, region) = price_list(aws).await?;
    let price = usage_price(&list, "AmazonEC2", &region, usage).await?;
    price.map(|price| (price.amount, price.currency)).ok_or_else(|| Error::not_found("price of", usage))
}
