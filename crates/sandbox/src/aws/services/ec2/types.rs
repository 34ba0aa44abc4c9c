//! Instance types: what they have, where they are offered, and what they cost on the spot market.

use std::sync::LazyLock;

use serde_json::{Value, json};
use time::Duration;

use super::{ZONES, filters::filtered, refused, short};
use crate::{
    aws::{account::Cx, wire::Refusal},
    kubernetes::{clock, random::digest},
};

/// An instance type, as far as the sandbox knows it.
pub(in crate::aws) struct InstanceType {
    pub(in crate::aws) name: &'static str,
    /// vCPUs, which quotas count.
    pub(in crate::aws) vcpus: u32,
    memory_gib: u32,
    /// Maker, name, how many, and GiB of each.
    pub(in crate::aws) gpus: Option<(&'static str, &'static str, u32, u32)>,
    network: &'static str,
    cards: u32,
    efa: u32,
    /// US dollars an hour on demand.
    pub(in crate::aws) price: f64,
}

/// A short list: what GPU fleets consist of. The numbers are those that AWS publishes for us-west-2; prices are of a day and
/// serve to practise with.
pub(in crate::aws) static TYPES: LazyLock<Vec<InstanceType>> =
    LazyLock::new(|| include_str!("types.tsv").lines().skip(1).filter_map(read).collect());

fn read(line: &'static str) -> Option<InstanceType> {
    let mut cells = line.split('\t');
    let mut next = || cells.next();
    let (name, vcpus, memory_gib, accelerator) = (next()?, next()?.parse().ok()?, next()?.parse().ok()?, next()?);
    let (network, cards, efa) = (next()?, next()?.parse().ok()?, next()?.parse().ok()?);
    let mut words = accelerator.split(' ');
    let gpus = match (words.next(), words.next(), words.next(), words.next()) {
        (Some(maker), Some(name), Some(count), Some(gib)) => {
            Some((maker, name, count.parse().ok()?, gib.parse().ok()?))
        }
        _ => None,
    };
    Some(InstanceType { name, vcpus, memory_gib, gpus, network, cards, efa, price: next()?.parse().ok()? })
}

/// A type by its name.
pub(super) fn find(name: &str) -> Result<&'static InstanceType, Refusal> {
    TYPES.iter().find(|known| known.name == name).ok_or_else(|| {
        refused("InvalidInstanceType", format!("The following supplied instance types do not exist: [{name}]"))
    })
}

/// Who makes the accelerators of a type, if it has some.
pub(in crate::aws) fn accelerator(name: &str) -> Option<&'static str> {
    find(name).ok()?.gpus.map(|gpus| gpus.0)
}

/// The price on demand, as text.
pub(super) fn on_demand(name: &str) -> String {
    find(name).map(|known| format!("{:.6}", known.price)).unwrap_or_default()
}

impl InstanceType {
    /// Whether capacity blocks are sold of it.
    pub(super) fn in_blocks(&self) -> bool {
        ["p4", "p5", "p6", "trn"].iter().any(|series| self.name.starts_with(series))
    }

    fn row(&self) -> Value {
        let cores = (self.vcpus / 2).max(1);
        let mut row = json!({
            "InstanceType": self.name, "CurrentGeneration": !self.name.starts_with("m1"), "FreeTierEligible": self.name == "t3.micro",
            "SupportedUsageClasses": if self.in_blocks() { json!(["on-demand", "spot", "capacity-block"]) } else { json!(["on-demand", "spot"]) },
            "SupportedRootDeviceTypes": ["ebs"], "SupportedVirtualizationTypes": ["hvm"], "BareMetal": false, "Hypervisor": "nitro",
            "ProcessorInfo": { "SupportedArchitectures": ["x86_64"] },
            "VCpuInfo": { "DefaultVCpus": self.vcpus, "DefaultCores": cores, "DefaultThreadsPerCore": (self.vcpus / cores).max(1) },
            "MemoryInfo": { "SizeInMiB": self.memory_gib * 1024 }, "InstanceStorageSupported": false,
            "NetworkInfo": {
                "NetworkPerformance": self.network, "MaximumNetworkCards": self.cards, "EfaSupported": self.efa > 0,
            },
        });
        if self.efa > 0 {
            row["NetworkInfo"]["EfaInfo"] = json!({ "MaximumEfaInterfaces": self.efa });
        }
        match self.gpus {
            Some(("AWS", name, count, memory)) => {
                let cores = if name == "Trainium" || name == "Inferentia2" { 2 } else { 4 };
                row["NeuronInfo"] = json!({
                    "NeuronDevices": [{
                        "Count": count, "Name": name, "CoreInfo": { "Count": cores, "Version": 2 },
                        "MemoryInfo": { "SizeInMiB": memory * 1024 },
                    }],
                    "TotalNeuronDeviceMemoryInMiB": count * memory * 1024,
                });
            }
            Some((maker, name, count, memory)) => {
                row["GpuInfo"] = json!({
                    "Gpus": [{ "Name": name, "Manufacturer": maker, "Count": count, "MemoryInfo": { "SizeInMiB": memory * 1024 } }],
                    "TotalGpuMemoryInMiB": count * memory * 1024,
                });
            }
            None => {}
        }
        row
    }
}

pub(super) fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let wanted = cx.texts("InstanceTypes");
    for name in &wanted {
        find(name)?;
    }
    let all = TYPES.iter().filter(|known| wanted.is_empty() || wanted.iter().any(|name| name == known.name));
    let rows: Vec<Value> = all.map(InstanceType::row).collect();
    let names = &[
        ("instance-type", "InstanceType"),
        ("current-generation", "CurrentGeneration"),
        ("bare-metal", "BareMetal"),
        ("free-tier-eligible", "FreeTierEligible"),
        ("hypervisor", "Hypervisor"),
        ("instance-storage-supported", "InstanceStorageSupported"),
        ("network-info.efa-supported", "NetworkInfo.EfaSupported"),
        ("network-info.network-performance", "NetworkInfo.NetworkPerformance"),
        ("vcpu-info.default-cores", "VCpuInfo.DefaultCores"),
        ("vcpu-info.default-vcpus", "VCpuInfo.DefaultVCpus"),
        ("memory-info.size-in-mib", "MemoryInfo.SizeInMiB"),
        ("processor-info.supported-architecture", "ProcessorInfo.SupportedArchitectures.*"),
        ("supported-usage-class", "SupportedUsageClasses.*"),
    ];
    Ok(json!({ "InstanceTypes": filtered(&rows, cx.input, names)? }))
}

pub(super) fn offerings(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let kind = cx.text("LocationType").unwrap_or("region");
    let places: Vec<String> = match kind {
        "availability-zone" => ZONES.iter().map(|letter| format!("{}{letter}", cx.region)).collect(),
        "availability-zone-id" => (1..=ZONES.len()).map(|number| format!("{}-az{number}", short(cx.region))).collect(),
        _ => vec![cx.region.to_owned()],
    };
    let rows: Vec<Value> = TYPES
        .iter()
        .flat_map(|known| {
            places.iter().map(|place| json!({ "InstanceType": known.name, "LocationType": kind, "Location": place }))
        })
        .collect();
    let names = &[("instance-type", "InstanceType"), ("location", "Location")];
    Ok(json!({ "InstanceTypeOfferings": filtered(&rows, cx.input, names)? }))
}

/// Four prices a day for a week: between three and five tenths of the price on demand, the same for the same hour.
pub(super) fn spot_prices(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let wanted = cx.texts("InstanceTypes");
    let moment = |member: &str| cx.text(member).and_then(clock::parse);
    let now = cx.account.clock.now();
    let (start, end) = (moment("StartTime").unwrap_or(now - Duration::days(1)), moment("EndTime").unwrap_or(now));
    let mut rows = Vec::new();
    for step in 0..28 {
        let hour = now.unix_timestamp() / 21_600 - step;
        let Ok(time) = time::OffsetDateTime::from_unix_timestamp(hour * 21_600) else { continue };
        // The newest price from before the time that is asked for holds at its beginning.
        if time > end || time + Duration::hours(6) <= start {
            continue;
        }
        for known in TYPES.iter().filter(|known| wanted.is_empty() || wanted.iter().any(|name| name == known.name)) {
            for letter in ZONES {
                let zone = format!("{}{letter}", cx.region);
                let share = u32::try_from(digest(&[known.name, &zone, &hour.to_string()]) % 200).unwrap_or(0);
                let price = known.price * (0.3 + f64::from(share) / 1_000.0);
                rows.push(json!({
                    "AvailabilityZone": zone, "InstanceType": known.name, "ProductDescription": "Linux/UNIX",
                    "SpotPrice": format!("{price:.6}"), "Timestamp": clock::stamp(time),
                }));
            }
        }
    }
    let products = cx.texts("ProductDescriptions");
    rows.retain(|row| products.is_empty() || products.iter().any(|product| row["ProductDescription"] == *product));
    let zone = cx.text("AvailabilityZone").map(str::to_owned);
    rows.retain(|row| zone.as_ref().is_none_or(|zone| row["AvailabilityZone"] == *zone));
    let names = &[
        ("availability-zone", "AvailabilityZone"),
        ("instance-type", "InstanceType"),
        ("product-description", "ProductDescription"),
    ];
    Ok(json!({ "SpotPriceHistory": filtered(&rows, cx.input, names)? }))
}
