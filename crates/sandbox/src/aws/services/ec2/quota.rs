//! What stands between a wish and a launch: quotas of virtual CPUs, and the capacity that AWS has.

use serde_json::Value;

use super::{instances::state_of, refused, types};
use crate::aws::{account::Cx, table::Table, wire::Refusal};

/// Codes of the quotas that count a family: on demand, and on the spot market.
const FAMILIES: &[(&[&str], &str, &str)] = &[
    (&["p"], "L-417A185B", "L-7212CCBC"),
    (&["g", "gr", "vt"], "L-DB2E81BA", "L-3819A6DF"),
    (&["trn"], "L-2C3B7624", "L-6B0D517C"),
    (&["inf"], "L-1945791B", "L-B5D1601B"),
];
const STANDARD: (&str, &str) = ("L-1216C47A", "L-34B43A08");
/// P5 on the spot market has a quota of its own.
const P5_SPOT: &str = "L-C4BD4855";

/// The code of the quota that counts a type.
pub(in crate::aws) fn code(instance_type: &str, spot: bool) -> &'static str {
    let series = instance_type.split('.').next().unwrap_or_default();
    if spot && series.starts_with("p5") {
        return P5_SPOT;
    }
    let family = series.split(|letter: char| letter.is_ascii_digit()).next().unwrap_or_default();
    let known = FAMILIES.iter().find(|known| known.0.contains(&family));
    let (on_demand, on_spot) = known.map_or(STANDARD, |known| (known.1, known.2));
    if spot { on_spot } else { on_demand }
}

/// Refuses more virtual CPUs than the quota allows.
pub(super) fn within(cx: &Cx<'_>, wanted: &str, count: u64, spot: bool) -> Result<(), Refusal> {
    let code = code(wanted, spot);
    let more = u64::from(types::find(wanted)?.vcpus).saturating_mul(count);
    let quota = cx.get(Table::Quotas, &format!("ec2/{code}")).and_then(|row| row["Value"].as_f64());
    let Some(most) = quota else { return Ok(()) };
    let taken = taken(cx.rows(Table::Instances), code);
    #[expect(clippy::cast_precision_loss, reason = "CPUs of one account")]
    if (taken + more) as f64 <= most {
        return Ok(());
    }
    if spot {
        return Err(refused("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded"));
    }
    let message = format!(
        "You have requested more vCPU capacity than your current vCPU limit of {most} allows for the instance bucket that the \
         specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to \
         this limit."
    );
    Err(refused("VcpuLimitExceeded", message))
}

/// Virtual CPUs that instances under a quota take.
pub(in crate::aws) fn taken<'r>(rows: impl Iterator<Item = &'r Value>, quota: &str) -> u64 {
    let is_on = |row: &&Value| matches!(state_of(row), "running" | "pending");
    let counted = |row: &Value| {
        let name = row["InstanceType"].as_str()?;
        let is_meant = code(name, row["InstanceLifecycle"] == "spot") == quota;
        is_meant.then(|| types::find(name).ok()).flatten().map(|known| u64::from(known.vcpus))
    };
    rows.filter(is_on).filter_map(counted).sum()
}

fn left(cx: &Cx<'_>, instance_type: &str) -> Option<u64> {
    cx.account.standing.capacity.get(&(cx.region.to_owned(), instance_type.to_owned())).copied()
}

/// Whether AWS has as many, as far as the account was told.
pub(super) fn has_capacity(cx: &Cx<'_>, instance_type: &str, count: u64) -> Result<(), Refusal> {
    if left(cx, instance_type).is_none_or(|left| left >= count) {
        return Ok(());
    }
    let message = format!(
        "We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested. Our system will be \
         working on provisioning additional capacity."
    );
    Err(Refusal::new(500, "InsufficientInstanceCapacity", message))
}

/// Takes them.
pub(super) fn take_capacity(cx: &mut Cx<'_>, instance_type: &str, count: u64) {
    if let Some(left) = cx.account.standing.capacity.get_mut(&(cx.region.to_owned(), instance_type.to_owned())) {
        *left = left.saturating_sub(count);
    }
}
