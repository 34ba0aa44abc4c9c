//! Node pools with accelerators: managed node groups whose launch templates know EFA, placement groups and reserved
//! capacity, which Auto Mode's own pools do not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, Error, Reads, Result};

use super::{
    lookup::{self, Machine, Reservation},
    template::{attribute, policy, reference, sub, tags},
};

/// Pools that fit a template of the size that CloudFormation takes in a request.
const MOST: usize = 5;

/// A pool of nodes of one instance type.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct NodePool {
    /// Lowercase letters, digits, hyphens.
    name: String,
    /// Such as p5.48xlarge.
    instance_type: String,
    /// Nodes.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 5000))]
    count: u32,
    /// Most nodes; count when absent.
    max_count: Option<u32>,
    /// EFA on every card, in a cluster placement group.
    #[serde(default)]
    efa: bool,
    /// Reserved capacity or capacity block (cr-…).
    capacity_reservation_id: Option<String>,
    /// Zone; that of the reservation when absent.
    zone: Option<String>,
    /// Root disk.
    #[serde(default = "disk")]
    #[schemars(range(min = 30, max = 16384))]
    disk_gib: u32,
}

fn one() -> u32 {
    1
}

/// Images for training are large.
fn disk() -> u32 {
    200
}

/// A pool with all that AWS knows of it.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    wanted: NodePool,
    machine: Machine,
    reservation: Option<Reservation>,
}

/// Looks up what the pools are made of, and refuses what would not come up.
pub(super) async fn known<A: Access + Covers<Reads>>(aws: &Aws<A>, wanted: &[NodePool]) -> Result<Vec<Pool>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    check_names(wanted)?;
    let mut types: Vec<_> = wanted.iter().map(|pool| pool.instance_type.clone()).collect();
    types.sort_unstable();
    types.dedup();
    let machines = lookup::machines(aws, types).await?;
    let mut pools = Vec::new();
    for pool in wanted {
        let machine = machines.get(&pool.instance_type).cloned();
        let machine = machine.ok_or_else(|| Error::not_found("instance type in this region", &pool.instance_type))?;
        let reservation = match &pool.capacity_reservation_id {
            Some(id) => Some(lookup::reservation(aws, id).await?),
            None => None,
        };
        pools.push(Pool::new(pool.clone(), machine, reservation)?);
    }
    Ok(pools)
}

fn check_names(wanted: &[NodePool]) -> Result<()> {
    if wanted.len() > MOST {
        return Err(Error::validation(format!("{} node pools do not fit one template, {MOST} do", wanted.len())));
    }
    for pool in wanted {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if !(1..=40).contains(&pool.name.len()) || !pool.name.chars().all(plain) || pool.name.starts_with('-') {
            return Err(Error::validation(format!("{:?} is not a pool's name", pool.name))
                .hint("lowercase letters, digits and hyphens, at most 40"));
        }
    }
    let mut names: Vec<_> = wanted.iter().map(|pool| logical_id(&pool.name)).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::validation(format!("two pools are named {:?}", pair[0]))),
        None => Ok(()),
    }
}

/// `h100-a` is `PoolH100A` in the template.
fn logical_id(name: &str) -> String {
    let words = name.split('-').filter(|word| !word.is_empty());
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    std::iter::once("Pool".to_owned()).chain(words.map(capital)).collect()
}

impl Pool {
    fn new(wanted: NodePool, machine: Machine, reservation: Option<Reservation>) -> Result<Self> {
        let name = &wanted.name;
        let refused = |why: String| Err(Error::validation(format!("pool {name:?}: {why}")));
        machine.image()?;
        if wanted.efa && machine.efa_interfaces == 0 {
            return refused(format!("{} has no EFA", wanted.instance_type));
        }
        if wanted.max_count.is_some_and(|most| most < wanted.count) {
            return refused(format!("max_count is below count {}", wanted.count));
        }
        if let Some(reserved) = &reservation {
            if reserved.instance_type != wanted.instance_type {
                return refused(format!("{} reserves {}", reserved.capacity_reservation_id, reserved.instance_type));
            }
            if wanted.zone.as_ref().is_some_and(|zone| *zone != reserved.availability_zone) {
                return refused(format!("{} is in {}", reserved.capacity_reservation_id, reserved.availability_zone));
            }
            if reserved.total_instance_count.is_some_and(|count| count < wanted.count) {
                return refused(format!(
                    "{} reserves fewer than {} nodes",
                    reserved.capacity_reservation_id, wanted.count
                ));
            }
        }
        Ok(Self { wanted, machine, reservation })
    }

    /// The zone that it has to be in.
    pub(super) fn zone(&self) -> Option<&str> {
        let reserved = self.reservation.as_ref().map(|reserved| reserved.availability_zone.as_str());
        reserved.or(self.wanted.zone.as_deref())
    }

    /// The private subnets of the template that it is in.
    fn subnets(&self, zones: Option<&[String; 2]>) -> Vec<&'static str> {
        let all = ["PrivateSubnet01", "PrivateSubnet02"];
        match (self.zone(), zones) {
            (Some(zone), Some(zones)) if zones[1] == zone => vec![all[1]],
            (Some(_), _) => vec![all[0]],
            // A placement group is in one zone.
            (None, _) if self.wanted.efa => vec![all[0]],
            (None, _) => all.to_vec(),
        }
    }

    /// Adds the pool's resources to a template.
    pub(super) fn add(&self, resources: &mut Map<String, Value>, zones: Option<&[String; 2]>) {
        let id = logical_id(&self.wanted.name);
        if self.wanted.efa {
            let group = json!({ "Type": "AWS::EC2::PlacementGroup", "Properties": { "Strategy": "cluster" } });
            resources.insert(format!("{id}Placement"), group);
        }
        let name = sub(&format!("${{ClusterName}}-{}", self.wanted.name));
        let tagged = |kind: &str| json!({ "ResourceType": kind, "Tags": [{ "Key": "Name", "Value": name }] });
        let mut data = json!({
            "InstanceType": self.wanted.instance_type,
            "MetadataOptions": { "HttpTokens": "required", "HttpPutResponseHopLimit": 2 },
            "BlockDeviceMappings": [{
                "DeviceName": "/dev/xvda",
                "Ebs": { "VolumeSize": self.wanted.disk_gib, "VolumeType": "gp3", "Encrypted": true,
                         "DeleteOnTermination": true }
            }],
            "TagSpecifications": [tagged("instance"), tagged("volume")],
        });
        if self.wanted.efa {
            data["Placement"] = json!({ "GroupName": reference(&format!("{id}Placement")) });
            data["NetworkInterfaces"] = self.interfaces();
        }
        if let Some(reserved) = &self.reservation {
            data["CapacityReservationSpecification"] = json!({
                "CapacityReservationTarget": { "CapacityReservationId": reserved.capacity_reservation_id }
            });
            if reserved.is_block() {
                data["InstanceMarketOptions"] = json!({ "MarketType": "capacity-block" });
            }
        }
        let template = json!({ "Type": "AWS::EC2::LaunchTemplate", "Properties": { "LaunchTemplateData": data } });
        resources.insert(format!("{id}Template"), template);
        resources.insert(id.clone(), self.node_group(&id, zones));
    }

    /// One interface a card. The first carries the pods' traffic as well; where EFA has one card fewer than there are,
    /// the first is for that traffic alone.
    fn interfaces(&self) -> Value {
        let cards = self.machine.network_cards;
        let efa = self.machine.efa_interfaces.min(cards);
        let first = u32::from(efa < cards);
        let groups = json!([attribute("EksCluster", "ClusterSecurityGroupId"), reference("EfaSecurityGroup")]);
        let interface = |card: u32| {
            let kind = match card {
                0 if first == 0 => "efa",
                0 => "interface",
                _ => "efa-only",
            };
            json!({
                "NetworkCardIndex": card, "DeviceIndex": u32::from(card > 0), "InterfaceType": kind,
                "Groups": groups, "DeleteOnTermination": true
            })
        };
        (0..(efa + first).max(1)).map(interface).collect()
    }

    fn node_group(&self, id: &str, zones: Option<&[String; 2]>) -> Value {
        let block = self.reservation.as_ref().is_some_and(Reservation::is_block);
        let mut labels = Map::from_iter([("trainyard/pool".to_owned(), self.wanted.name.clone().into())]);
        let mut taints = Vec::new();
        for (there, key) in [(self.machine.nvidia, "nvidia.com/gpu"), (self.machine.neuron, "aws.amazon.com/neuron")] {
            if there {
                labels.insert(format!("{key}.present"), "true".into());
                taints.push(json!({ "Key": key, "Value": "present", "Effect": "NO_SCHEDULE" }));
            }
        }
        if self.wanted.efa {
            labels.insert("vpc.amazonaws.com/efa.present".to_owned(), "true".into());
        }
        let most = self.wanted.max_count.unwrap_or(self.wanted.count).max(1);
        let subnets: Vec<_> = self.subnets(zones).into_iter().map(reference).collect();
        let mut properties = json!({
            "ClusterName": reference("EksCluster"),
            "NodegroupName": self.wanted.name,
            "NodeRole": attribute("PoolNodeRole", "Arn"),
            "Subnets": subnets,
            "AmiType": self.machine.image().unwrap_or_default(),
            "CapacityType": if block { "CAPACITY_BLOCK" } else { "ON_DEMAND" },
            "LaunchTemplate": {
                "Id": reference(&format!("{id}Template")),
                "Version": attribute(&format!("{id}Template"), "LatestVersionNumber")
            },
            "ScalingConfig": { "MinSize": 0, "DesiredSize": self.wanted.count, "MaxSize": most },
            "NodeRepairConfig": { "Enabled": true },
            "Labels": labels,
        });
        if !taints.is_empty() {
            properties["Taints"] = taints.into();
        }
        json!({
            "Type": "AWS::EKS::Nodegroup",
            // Nodes are ready once there is a network for their pods.
            "DependsOn": ["AddonVpcCni", "AddonKubeProxy"],
            "Properties": properties
        })
    }
}

/// What all pools share.
pub(super) fn add_shared(pools: &[Pool], resources: &mut Map<String, Value>) {
    if pools.is_empty() {
        return;
    }
    let role = json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": super::template::trust(&sub("ec2.${AWS::URLSuffix}"), &["sts:AssumeRole"]),
            "ManagedPolicyArns": [
                policy("AmazonEKSWorkerNodePolicy"),
                policy("AmazonEKS_CNI_Policy"),
                policy("AmazonEC2ContainerRegistryPullOnly"),
            ],
        }
    });
    resources.insert("PoolNodeRole".to_owned(), role);
    if !pools.iter().any(|pool| pool.wanted.efa) {
        return;
    }
    let group = json!({
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {
            "GroupDescription": "Traffic of EFA between the nodes of a pool",
            "VpcId": reference("VPC"),
            "Tags": tags("efa"),
        }
    });
    resources.insert("EfaSecurityGroup".to_owned(), group);
    // EFA asks for both ways to the group itself by name: a rule for all addresses is not enough.
    for (way, kind, other) in [
        ("In", "AWS::EC2::SecurityGroupIngress", "SourceSecurityGroupId"),
        ("Out", "AWS::EC2::SecurityGroupEgress", "DestinationSecurityGroupId"),
    ] {
        let mut traffic = json!({ "GroupId": reference("EfaSecurityGroup"), "IpProtocol": "-1" });
        traffic[other] = reference("EfaSecurityGroup");
        resources.insert(format!("EfaSecurityGroup{way}"), json!({ "Type": kind, "Properties": traffic }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(efa: bool) -> NodePool {
        NodePool {
            name: "h100-a".into(),
            instance_type: "p5.48xlarge".into(),
            count: 4,
            max_count: None,
            efa,
            capacity_reservation_id: None,
            zone: None,
            disk_gib: disk(),
        }
    }

    fn machine() -> Machine {
        Machine { nvidia: true, network_cards: 32, efa_interfaces: 32, ..Machine::default() }
    }

    fn made(pool: NodePool, machine: Machine, reservation: Option<Reservation>) -> Map<String, Value> {
        let mut resources = Map::new();
        let zones = ["us-a".to_owned(), "us-b".to_owned()];
        Pool::new(pool, machine, reservation).unwrap().add(&mut resources, Some(&zones));
        resources
    }

    fn reserved(kind: &str) -> Reservation {
        Reservation {
            capacity_reservation_id: "cr-1".into(),
            instance_type: "p5.48xlarge".into(),
            availability_zone: "us-b".into(),
            reservation_type: Some(kind.into()),
            total_instance_count: Some(4),
        }
    }

    #[test]
    fn efa_is_on_every_card_and_the_first_carries_the_other_traffic_too() {
        let resources = made(pool(true), machine(), None);
        let data = &resources["PoolH100ATemplate"]["Properties"]["LaunchTemplateData"];
        let interfaces = data["NetworkInterfaces"].as_array().unwrap();
        assert_eq!(interfaces.len(), 32);
        assert_eq!((&interfaces[0]["InterfaceType"], &interfaces[0]["DeviceIndex"]), (&json!("efa"), &json!(0)));
        assert_eq!((&interfaces[31]["InterfaceType"], &interfaces[31]["DeviceIndex"]), (&json!("efa-only"), &json!(1)));
        assert_eq!(data["Placement"]["GroupName"]["Ref"], "PoolH100APlacement");
        let group = &resources["PoolH100A"]["Properties"];
        assert_eq!(group["AmiType"], "AL2023_x86_64_NVIDIA");
        assert_eq!(group["Subnets"], json!([{ "Ref": "PrivateSubnet01" }]), "a placement group is in one zone");
        assert_eq!(group["Taints"][0]["Key"], "nvidia.com/gpu");
    }

    #[test]
    fn a_card_without_efa_is_an_ordinary_interface() {
        let resources = made(pool(true), Machine { network_cards: 17, efa_interfaces: 16, ..machine() }, None);
        let data = &resources["PoolH100ATemplate"]["Properties"]["LaunchTemplateData"];
        let interfaces = data["NetworkInterfaces"].as_array().unwrap();
        assert_eq!((interfaces.len(), &interfaces[0]["InterfaceType"]), (17, &json!("interface")));
        assert!(interfaces[1..].iter().all(|one| one["InterfaceType"] == "efa-only"));
    }

    #[test]
    fn reserved_capacity_says_where_and_how_it_is_bought() {
        let block = made(pool(false), machine(), Some(reserved("capacity-block")));
        let data = &block["PoolH100ATemplate"]["Properties"]["LaunchTemplateData"];
        assert_eq!(data["InstanceMarketOptions"]["MarketType"], "capacity-block");
        assert_eq!(block["PoolH100A"]["Properties"]["CapacityType"], "CAPACITY_BLOCK");
        assert_eq!(block["PoolH100A"]["Properties"]["Subnets"], json!([{ "Ref": "PrivateSubnet02" }]));
        let usual = made(pool(false), machine(), Some(reserved("default")));
        let data = &usual["PoolH100ATemplate"]["Properties"]["LaunchTemplateData"];
        assert!(data["InstanceMarketOptions"].is_null());
        assert_eq!(usual["PoolH100A"]["Properties"]["CapacityType"], "ON_DEMAND");
    }

    #[test]
    fn what_would_not_come_up_is_refused() {
        let refused = |pool, machine, reservation| Pool::new(pool, machine, reservation).unwrap_err().to_string();
        assert!(refused(pool(true), Machine { efa_interfaces: 0, ..machine() }, None).contains("has no EFA"));
        let many = NodePool { count: 9, ..pool(false) };
        assert!(refused(many, machine(), Some(reserved("default"))).contains("fewer than 9"));
        let other = NodePool { zone: Some("us-a".into()), ..pool(false) };
        assert!(refused(other, machine(), Some(reserved("default"))).contains("is in us-b"));
        assert!(check_names(&[pool(true), NodePool { name: "h100--a".into(), ..pool(true) }]).is_err());
        assert!(check_names(&[NodePool { name: "A".into(), ..pool(true) }]).is_err());
    }
}
