//! What a template is made of that only AWS knows: versions, zones, machines, reservations.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Access, Covers, Error, Reads, Result};

/// Ids of zones in which EKS takes no subnets for its control plane.
pub(in crate::aws::eks) const ZONES_WITHOUT_CONTROL_PLANE: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// The versions that EKS offers in a region, the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Versions {
    pub(super) offered: Vec<String>,
    /// What EKS takes where nothing is said.
    pub(super) usual: Option<String>,
}

pub(super) async fn versions<A: Access + Covers<Reads>>(aws: &Aws<A>) -> Result<Versions> {
    let mut found = Vec::new();
    let mut next_token = None;
    // Two pages would be a hundred versions.
    for _ in 0..2 {
        let page = aws.send(&DescribeClusterVersions { next_token }).await?;
        found.extend(page.cluster_versions);
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    let usual = found.iter().find(|version| version.default_version == Some(true));
    let usual = usual.and_then(|version| version.cluster_version.clone());
    let gone = |version: &ClusterVersion| version.version_status.as_deref() == Some("UNSUPPORTED");
    let mut offered: Vec<_> =
        found.into_iter().filter(|version| !gone(version)).filter_map(|version| version.cluster_version).collect();
    offered.sort_by_key(|version| std::cmp::Reverse(numbers(version)));
    offered.dedup();
    Ok(Versions { offered, usual })
}

/// 1.9 is older than 1.30.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or_default()).collect()
}

/// A zone: its name and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Zone {
    pub(super) name: String,
    id: String,
}

impl Zone {
    fn takes_control_plane(&self) -> bool {
        !ZONES_WITHOUT_CONTROL_PLANE.contains(&self.id.as_str())
    }
}

/// The zones of the region that are open.
pub(super) async fn zones<A: Access + Covers<Reads>>(aws: &Aws<A>) -> Result<Vec<Zone>> {
    let found = aws.send(&DescribeAvailabilityZones {}).await?.availability_zones;
    let open = found.into_iter().filter(|zone| {
        zone.state.as_deref() != Some("unavailable")
            && zone.zone_type.as_deref().is_none_or(|kind| kind == "availability-zone")
    });
    Ok(open.filter_map(|zone| Some(Zone { name: zone.zone_name?, id: zone.zone_id.unwrap_or_default() })).collect())
}

/// Two zones for the subnets, those that are wanted among them.
pub(super) fn two_zones(zones: &[Zone], wanted: &[String]) -> Result<[String; 2]> {
    let mut chosen: Vec<String> = Vec::new();
    for name in wanted {
        let zone = zones.iter().find(|zone| zone.name == *name).ok_or_else(|| {
            let known: Vec<_> = zones.iter().map(|zone| zone.name.as_str()).collect();
            Error::not_found("availability zone", name).hint(format!("the region has {}", known.join(", ")))
        })?;
        if !zone.takes_control_plane() {
            return Err(Error::validation(format!(
                "EKS takes no subnets in {name} ({}), so no nodes come up there",
                zone.id
            )));
        }
        if !chosen.contains(name) {
            chosen.push(name.clone());
        }
    }
    let others = zones.iter().filter(|zone| zone.takes_control_plane()).map(|zone| zone.name.clone());
    for name in others {
        if chosen.len() < 2 && !chosen.contains(&name) {
            chosen.push(name);
        }
    }
    let count = chosen.len();
    <[String; 2]>::try_from(chosen).map_err(|_| match count {
        0 | 1 => Error::unsupported("the region has fewer than two zones that EKS takes"),
        _ => Error::validation(format!("the node pools want {count} zones, and the template has subnets in two")),
    })
}

/// What nodes of an instance type need.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Machine {
    pub(super) arm: bool,
    pub(super) nvidia: bool,
    pub(super) neuron: bool,
    pub(super) network_cards: u32,
    /// Interfaces for EFA that it may have; 0 where it has none.
    pub(super) efa_interfaces: u32,
}

impl Machine {
    /// EKS's name of the image.
    pub(super) fn image(&self) -> Result<&'static str> {
        match (self.arm, self.nvidia, self.neuron) {
            (false, true, _) => Ok("AL2023_x86_64_NVIDIA"),
            (true, true, _) => Ok("AL2023_ARM_64_NVIDIA"),
            (false, _, true) => Ok("AL2023_x86_64_NEURON"),
            (true, _, true) => Err(Error::unsupported("EKS has no image for Neuron devices on ARM")),
            (false, false, false) => Ok("AL2023_x86_64_STANDARD"),
            (true, false, false) => Ok("AL2023_ARM_64_STANDARD"),
        }
    }
}

/// What these instance types are.
pub(super) async fn machines<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    types: Vec<String>,
) -> Result<BTreeMap<String, Machine>> {
    let found = aws.send(&DescribeInstanceTypes { instance_types: types }).await?.instance_types;
    let machine = |info: InstanceType| {
        let network = info.network_info.unwrap_or_default();
        let makers: Vec<_> = info.gpu_info.iter().flat_map(|gpus| &gpus.gpus).collect();
        let architectures = info.processor_info.map(|cpu| cpu.supported_architectures).unwrap_or_default();
        let machine = Machine {
            arm: architectures.iter().any(|name| name == "arm64"),
            nvidia: makers.iter().any(|gpu| gpu.manufacturer.as_deref() == Some("NVIDIA")),
            neuron: info.neuron_info.is_some(),
            network_cards: network.maximum_network_cards.unwrap_or(1).max(1),
            efa_interfaces: match network.efa_supported {
                Some(true) => network.efa_info.and_then(|efa| efa.maximum_efa_interfaces).unwrap_or(1),
                _ => 0,
            },
        };
        (info.instance_type, machine)
    };
    Ok(found.into_iter().map(machine).collect())
}

/// Capacity that was reserved.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Reservation {
    pub(super) capacity_reservation_id: String,
    pub(super) instance_type: String,
    pub(super) availability_zone: String,
    pub(super) reservation_type: Option<String>,
    pub(super) total_instance_count: Option<u32>,
}

impl Reservation {
    pub(super) fn is_block(&self) -> bool {
        self.reservation_type.as_deref() == Some("capacity-block")
    }
}

pub(super) async fn reservation<A: Access + Covers<Reads>>(aws: &Aws<A>, id: &str) -> Result<Reservation> {
    let question = DescribeCapacityReservations { capacity_reservation_ids: vec![id.to_owned()] };
    let found = aws.send(&question).await?.capacity_reservations.into_iter().next();
    found.ok_or_else(|| Error::not_found("capacity reservation", id))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeClusterVersions {
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ClusterVersions {
    #[serde(default)]
    cluster_versions: Vec<ClusterVersion>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ClusterVersion {
    cluster_version: Option<String>,
    default_version: Option<bool>,
    version_status: Option<String>,
}

impl Operation for DescribeClusterVersions {
    const SERVICE: &'static str = "eks";
    const ACTION: &'static str = "DescribeClusterVersions";
    type Needs = Reads;
    type Reply = ClusterVersions;
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeAvailabilityZones {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Zones {
    #[serde(default)]
    availability_zones: Vec<KnownZone>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct KnownZone {
    zone_name: Option<String>,
    zone_id: Option<String>,
    zone_type: Option<String>,
    state: Option<String>,
}

impl Operation for DescribeAvailabilityZones {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeAvailabilityZones";
    type Needs = Reads;
    type Reply = Zones;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeInstanceTypes {
    instance_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct InstanceTypes {
    #[serde(default)]
    instance_types: Vec<InstanceType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct InstanceType {
    instance_type: String,
    processor_info: Option<Processor>,
    gpu_info: Option<Gpus>,
    neuron_info: Option<Neuron>,
    network_info: Option<Network>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Processor {
    #[serde(default)]
    supported_architectures: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Gpus {
    #[serde(default)]
    gpus: Vec<Gpu>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Gpu {
    manufacturer: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct Neuron {}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Network {
    maximum_network_cards: Option<u32>,
    efa_supported: Option<bool>,
    efa_info: Option<Efa>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Efa {
    maximum_efa_interfaces: Option<u32>,
}

impl Operation for DescribeInstanceTypes {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeInstanceTypes";
    type Needs = Reads;
    type Reply = InstanceTypes;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeCapacityReservations {
    capacity_reservation_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Reservations {
    #[serde(default)]
    capacity_reservations: Vec<Reservation>,
}

impl Operation for DescribeCapacityReservations {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeCapacityReservations";
    type Needs = Reads;
    type Reply = Reservations;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeClusterVersions>();
        check::<DescribeAvailabilityZones>();
        check::<DescribeInstanceTypes>();
        check::<DescribeCapacityReservations>();
    }

    #[test]
    fn versions_are_ordered_as_versions() {
        assert!(numbers("1.30") > numbers("1.9"));
    }

    #[test]
    fn subnets_are_where_the_pools_are_and_where_eks_takes_them() {
        let zone = |name: &str, id: &str| Zone { name: name.into(), id: id.into() };
        let zones = [zone("a", "use1-az3"), zone("b", "use1-az1"), zone("c", "use1-az2"), zone("d", "use1-az4")];
        assert_eq!(two_zones(&zones, &[]).unwrap(), ["b", "c"]);
        assert_eq!(two_zones(&zones, &["d".into()]).unwrap(), ["d", "b"]);
        assert!(two_zones(&zones, &["a".into()]).unwrap_err().message().contains("takes no subnets"));
        assert!(two_zones(&zones, &["e".into()]).is_err());
        let three = ["b".to_owned(), "c".to_owned(), "d".to_owned()];
        assert!(two_zones(&zones, &three).unwrap_err().message().contains("3 zones"));
        assert!(two_zones(&zones[..2], &[]).is_err());
    }
}
