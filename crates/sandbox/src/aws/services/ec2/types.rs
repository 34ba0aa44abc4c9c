//! Instance types: what they have, where they are offered, and what they cost on the spot market.

use serde_json::{Value, json};
use time::Duration;

use super::{ZONES, filters::filtered, refused};
use crate::{
    aws::{account::Cx, wire::Refusal},
    kubernetes::{clock, random::digest},
};

/// An instance type, as far as the sandbox knows it.
pub(in crate::aws) struct InstanceType {
    pub(in crate::aws) name: &'static str,
    vcpus: u32,
    memory_gib: u32,
    /// Maker, name, how many, and GiB of each.
    gpus: Option<(&'static str, &'static str, u32, u32)>,
    network: &'static str,
    /// US dollars an hour on demand.
    pub(in crate::aws) price: f64,
}

/// A short list: what GPU fleets consist of.
pub(in crate::aws) const TYPES: &[InstanceType] = &[
    InstanceType { name: "t3.micro", vcpus: 2, memory_gib: 1, gpus: None, network: "Up to 5 Gigabit", price: 0.0104 },
    InstanceType { name: "m5.xlarge", vcpus: 4, memory_gib: 16, gpus: None, network: "Up to 10 Gigabit", price: 0.192 },
    InstanceType { name: "m6i.32xlarge", vcpus: 128, memory_gib: 512, gpus: None, network: "50 Gigabit", price: 6.144 },
    InstanceType {
        name: "g5.xlarge",
        vcpus: 4,
        memory_gib: 16,
        gpus: Some(("NVIDIA", "A10G", 1, 24)),
        network: "Up to 10 Gigabit",
        price: 1.006,
    },
    InstanceType {
        name: "g6.12xlarge",
        vcpus: 48,
        memory_gib: 192,
        gpus: Some(("NVIDIA", "L4", 4, 24)),
        network: "40 Gigabit",
        price: 4.6016,
    },
    InstanceType {
        name: "p4d.24xlarge",
        vcpus: 96,
        memory_gib: 1152,
        gpus: Some(("NVIDIA", "A100", 8, 40)),
        network: "4x 100 Gigabit",
        price: 21.957_642,
    },
    InstanceType {
        name: "p5.48xlarge",
        vcpus: 192,
        memory_gib: 2048,
        gpus: Some(("NVIDIA", "H100", 8, 80)),
        network: "3200 Gigabit",
        price: 55.04,
    },
    InstanceType {
        name: "trn1.32xlarge",
        vcpus: 128,
        memory_gib: 512,
        gpus: None,
        network: "8x 100 Gigabit",
        price: 21.5,
    },
];

/// A type by its name.
pub(super) fn find(name: &str) -> Result<&'static InstanceType, Refusal> {
    TYPES.iter().find(|known| known.name == name).ok_or_else(|| {
        refused("InvalidInstanceType", format!("The following supplied instance types do not exist: [{name}]"))
    })
}

impl InstanceType {
    /// vCPUs, which quotas count.
    pub(super) fn vcpus(&self) -> u32 {
        self.vcpus
    }

    fn row(&self) -> Value {
        let cores = (self.vcpus / 2).max(1);
        let mut row = json!({
            "InstanceType": self.name, "CurrentGeneration": true, "FreeTierEligible": self.name == "t3.micro",
            "SupportedUsageClasses": ["on-demand", "spot"], "SupportedRootDeviceTypes": ["ebs"],
            "SupportedVirtualizationTypes": ["hvm"], "BareMetal": false, "Hypervisor": "nitro",
            "ProcessorInfo": { "SupportedArchitectures": ["x86_64"] },
            "VCpuInfo": { "DefaultVCpus": self.vcpus, "DefaultCores": cores, "DefaultThreadsPerCore": 2 },
            "MemoryInfo": { "SizeInMiB": self.memory_gib * 1024 },
            "InstanceStorageSupported": false,
            "NetworkInfo": { "NetworkPerformance": self.network, "EfaSupported": self.price > 20.0 },
        });
        if let Some((maker, name, count, memory)) = self.gpus {
            row["GpuInfo"] = json!({
                "Gpus": [{ "Name": name, "Manufacturer": maker, "Count": count, "MemoryInfo": { "SizeInMiB": memory * 1024 } }],
                "TotalGpuMemoryInMiB": count * memory * 1024,
            });
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
        ("vcpu-info.default-vcpus", "VCpuInfo.DefaultVCpus"),
        ("memory-info.size-in-mib", "MemoryInfo.SizeInMiB"),
        ("processor-info.supported-architecture", "ProcessorInfo.SupportedArchitectures.*"),
        ("supported-usage-class", "SupportedUsageClasses.*"),
    ];
    Ok(json!({ "InstanceTypes": filtered(rows.iter(), cx.input, names)? }))
}

pub(super) fn offerings(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let kind = cx.text("LocationType").unwrap_or("region");
    let places: Vec<String> = match kind {
        "availability-zone" => ZONES.iter().map(|letter| format!("{}{letter}", cx.region)).collect(),
        _ => vec![cx.region.to_owned()],
    };
    let rows: Vec<Value> = TYPES
        .iter()
        .flat_map(|known| {
            places.iter().map(|place| json!({ "InstanceType": known.name, "LocationType": kind, "Location": place }))
        })
        .collect();
    let names = &[("instance-type", "InstanceType"), ("location", "Location")];
    Ok(json!({ "InstanceTypeOfferings": filtered(rows.iter(), cx.input, names)? }))
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
    Ok(json!({ "SpotPriceHistory": filtered(rows.iter(), cx.input, names)? }))
}
