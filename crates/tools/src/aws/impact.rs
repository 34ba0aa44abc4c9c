//! What changes add to what runs on AWS and to what is paid there.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{Decimal, RoundingStrategy};
use trainyard_aws::Aws;
use trainyard_contract::{Access, Amount, Covers, Reads};

use super::{
    ec2::{
        hardware,
        prices::{OperatingSystem, on_demand},
    },
    pricing::money::Money,
};

/// Numbers of machines, by instance type. SageMaker's types, such as `ml.p5.48xlarge`, are EC2's own.
pub(in crate::aws) type Machines = BTreeMap<String, u64>;

/// Accelerators of these machines.
pub(in crate::aws) async fn gpus<A: Access + Covers<Reads>>(aws: &Aws<A>, machines: &Machines) -> Amount<u64> {
    let wanted = || machines.iter().filter(|(_, count)| **count > 0).map(|(name, count)| (on_ec2(name), *count));
    let types: BTreeSet<_> = wanted().map(|(name, _)| name.to_owned()).collect();
    if types.is_empty() {
        return Amount::NONE;
    }
    let known = match hardware::of(aws, &types).await {
        Ok(known) => known,
        Err(error) => return Amount::Unknown(format!("the instance types could not be looked up: {error}")),
    };
    let of_type = |(name, count): (&str, u64)| match known.get(name) {
        Some(hardware) => Amount::Known(count.saturating_mul(u64::from(hardware.accelerators))),
        None => Amount::Unknown(format!("EC2 knows no instance type {name:?} in this region")),
    };
    wanted().map(of_type).fold(Amount::NONE, Amount::plus)
}

fn on_ec2(instance_type: &str) -> &str {
    instance_type.strip_prefix("ml.").unwrap_or(instance_type)
}

/// What these machines of EC2 cost on demand, with Linux.
pub(in crate::aws) async fn on_demand_dollars<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    machines: &Machines,
) -> Amount<Decimal> {
    let mut sum = Amount::NONE;
    for (name, count) in machines.iter().filter(|(_, count)| **count > 0) {
        sum = sum.plus(match on_demand(aws, name, OperatingSystem::Linux).await {
            Ok(price) => dollars(price.amount.times(*count), &price.currency),
            Err(error) => Amount::Unknown(format!("the price of {name} could not be found out: {error}")),
        });
    }
    sum
}

/// An amount of the currency that limits are in. Others are not converted: what they are worth changes by the day.
pub(in crate::aws) fn dollars(amount: Money, currency: &str) -> Amount<Decimal> {
    match currency {
        // To a millionth, upwards: an estimate is not to slip below a limit by being rounded.
        "USD" => Amount::Known(amount.0.round_dp_with_strategy(6, RoundingStrategy::AwayFromZero).normalize()),
        other => Amount::Unknown(format!("the price is in {other}, and the limit in USD")),
    }
}

/// What is paid at once for so many hours, by the hour.
pub(in crate::aws) fn prepaid(fee: Option<&str>, currency: Option<&str>, hours: Option<u64>) -> Amount<Decimal> {
    let fee = fee.and_then(Money::read);
    let per_hour = fee.zip(hours).and_then(|(fee, hours)| fee.per(hours));
    match per_hour {
        Some(per_hour) => dollars(per_hour, currency.unwrap_or("USD")),
        None => Amount::Unknown("the offering names no fee, or no time that it is for".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_paid_at_once_counts_over_its_time() {
        assert_eq!(prepaid(Some("7080.00"), Some("USD"), Some(24)), Amount::Known(Decimal::from(295)));
        assert!(matches!(prepaid(Some("7080.00"), Some("CNY"), Some(24)), Amount::Unknown(why) if why.contains("CNY")));
        for (fee, hours) in [(None, Some(24)), (Some("many"), Some(24)), (Some("1"), None), (Some("1"), Some(0))] {
            assert!(matches!(prepaid(fee, Some("USD"), hours), Amount::Unknown(_)));
        }
    }

    #[test]
    fn types_of_sagemaker_are_those_of_ec2() {
        assert_eq!((on_ec2("ml.p5.48xlarge"), on_ec2("p5.48xlarge")), ("p5.48xlarge", "p5.48xlarge"));
    }
}
