//! Which quota would stop a launch: AWS counts virtual CPUs by family and by how they are paid for.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation, Wanted};
use trainyard_contract::{Access, Covers, Reads, Result};

use super::request::Market;
use crate::aws::ec2::{
    hardware::family,
    instances::wire::{CpuOptions, DescribeInstances, Filter, Instance},
};

/// Instances that are counted.
const MOST: usize = 10_000;

/// A quota of virtual CPUs: its code, and the families that share it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Quota {
    code: &'static str,
    families: &'static [&'static str],
}

const fn quota(code: &'static str, families: &'static [&'static str]) -> Quota {
    Quota { code, families }
}

const ON_DEMAND: [Quota; 10] = [
    quota("L-417A185B", &["p"]),
    quota("L-DB2E81BA", &["g", "gr", "vt"]),
    quota("L-2C3B7624", &["trn"]),
    quota("L-1945791B", &["inf"]),
    quota("L-6E869C2A", &["dl"]),
    quota("L-74FC7D96", &["f"]),
    quota("L-7295265B", &["x"]),
    quota("L-43DA4232", &["u"]),
    quota("L-F7808C92", &["hpc"]),
    quota("L-1216C47A", &["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"]),
];

const SPOT: [Quota; 9] = [
    quota("L-7212CCBC", &["p"]),
    quota("L-3819A6DF", &["g", "gr", "vt"]),
    quota("L-6B0D517C", &["trn"]),
    quota("L-B5D1601B", &["inf"]),
    quota("L-85EED4F7", &["dl"]),
    quota("L-88CF9481", &["f"]),
    quota("L-E3A00192", &["x"]),
    quota("L-34B43A08", &["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"]),
    // P5 has a spot quota apart from older P types.
    P5_SPOT,
];

const P5_SPOT: Quota = quota("L-C4BD4855", &["p5"]);

/// The quota that counts a type, if AWS has one for it.
fn of(instance_type: &str, market: Market) -> Option<Quota> {
    let family = family(instance_type);
    let shares = |quota: &&Quota| quota.families.contains(&family);
    match market {
        Market::OnDemand => ON_DEMAND.iter().find(shares).copied(),
        Market::Spot if instance_type.starts_with("p5") => Some(P5_SPOT),
        Market::Spot => SPOT.iter().find(shares).copied(),
        // A block is capacity that was bought.
        Market::CapacityBlock => None,
    }
}

/// A quota, what is used of it, and what a launch would add.
#[derive(Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(super) struct Room {
    name: Option<String>,
    code: &'static str,
    /// Virtual CPUs that the account may run.
    limit: u64,
    /// Virtual CPUs that run now.
    used: u64,
    /// Virtual CPUs that this launch adds.
    wanted: u64,
    /// This quota would stop it.
    would_stop: bool,
}

/// What a launch of so many virtual CPUs leaves of its quota; `None` where no quota counts it.
pub(super) async fn room<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    instance_type: &str,
    market: Market,
    wanted: u64,
) -> Result<Option<Room>> {
    let Some(quota) = of(instance_type, market) else { return Ok(None) };
    let question = GetServiceQuota { service_code: "ec2", quota_code: quota.code };
    let known = aws.send(&question).await?.quota;
    // Virtual CPUs come in whole numbers, written as floats.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is never negative")]
    let limit = known.value.floor() as u64;
    let used = used(aws, quota, market).await?;
    let would_stop = used.saturating_add(wanted) > limit;
    Ok(Some(Room { name: known.quota_name, code: quota.code, limit, used, wanted, would_stop }))
}

/// Virtual CPUs that count against a quota now.
async fn used<A: Access + Covers<Reads>>(aws: &Aws<A>, quota: Quota, market: Market) -> Result<u64> {
    let states = ["pending", "running"].map(str::to_owned).to_vec();
    let question =
        DescribeInstances { instance_ids: Vec::new(), filters: vec![Filter::new("instance-state-name", states)] };
    let wanted = Wanted { limit: MOST, cursor: None, binding: "" };
    let running = aws.list(&question, wanted).await?.items;
    Ok(running.iter().filter(|instance| counts(instance, quota, market)).map(cpus).sum())
}

fn counts(instance: &Instance, quota: Quota, market: Market) -> bool {
    let spot = instance.instance_lifecycle.as_deref() == Some("spot");
    let block = instance.instance_lifecycle.as_deref() == Some("capacity-block");
    !block && spot == (market == Market::Spot) && of(&instance.instance_type, market) == Some(quota)
}

fn cpus(instance: &Instance) -> u64 {
    instance.cpu_options.as_ref().and_then(CpuOptions::virtual_cpus).map_or(0, u64::from)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct GetServiceQuota {
    service_code: &'static str,
    quota_code: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ServiceQuota {
    quota: Known,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Known {
    quota_name: Option<String>,
    value: f64,
}

impl Operation for GetServiceQuota {
    const SERVICE: &'static str = "service-quotas";
    const ACTION: &'static str = "GetServiceQuota";
    type Needs = Reads;
    type Reply = ServiceQuota;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<GetServiceQuota>();
    }

    #[test]
    fn each_family_has_its_quota() {
        let code = |name: &str, market| of(name, market).map(|quota| quota.code);
        for (name, on_demand, spot) in [
            ("p4d.24xlarge", "L-417A185B", "L-7212CCBC"),
            ("p5en.48xlarge", "L-417A185B", "L-C4BD4855"),
            ("p6-b200.48xlarge", "L-417A185B", "L-7212CCBC"),
            ("g6e.xlarge", "L-DB2E81BA", "L-3819A6DF"),
            ("gr6.4xlarge", "L-DB2E81BA", "L-3819A6DF"),
            ("trn2.48xlarge", "L-2C3B7624", "L-6B0D517C"),
            ("inf2.xlarge", "L-1945791B", "L-B5D1601B"),
            ("m7i.large", "L-1216C47A", "L-34B43A08"),
            ("i4i.large", "L-1216C47A", "L-34B43A08"),
            ("im4gn.large", "L-1216C47A", "L-34B43A08"),
            ("x2idn.16xlarge", "L-7295265B", "L-E3A00192"),
        ] {
            assert_eq!(
                (code(name, Market::OnDemand), code(name, Market::Spot)),
                (Some(on_demand), Some(spot)),
                "{name}"
            );
        }
        assert_eq!(code("u-6tb1.metal", Market::OnDemand), Some("L-43DA4232"));
        assert_eq!(code("mac2.metal", Market::OnDemand), None, "dedicated hosts have other quotas");
        assert_eq!(code("p5.48xlarge", Market::CapacityBlock), None);
    }

    #[test]
    fn only_what_is_paid_for_in_the_same_way_counts() {
        let instance = |lifecycle: Option<&str>, name: &str| -> Instance {
            serde_json::from_value(serde_json::json!({
                "InstanceId": "i-1", "InstanceType": name, "State": {"Name": "running"}, "InstanceLifecycle": lifecycle,
                "CpuOptions": {"CoreCount": 96, "ThreadsPerCore": 2}
            }))
            .unwrap()
        };
        let quota = of("p5.48xlarge", Market::OnDemand).unwrap();
        assert!(counts(&instance(None, "p4d.24xlarge"), quota, Market::OnDemand));
        assert!(!counts(&instance(Some("spot"), "p4d.24xlarge"), quota, Market::OnDemand));
        assert!(!counts(&instance(Some("capacity-block"), "p5.48xlarge"), quota, Market::OnDemand));
        assert!(!counts(&instance(None, "g6.xlarge"), quota, Market::OnDemand));
        assert_eq!(cpus(&instance(None, "p5.48xlarge")), 192);
    }
}
