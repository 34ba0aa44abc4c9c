//! What the account holds at the start: the machines of the Kubernetes fleet, HyperPod clusters, and what stands around.

mod logs;
mod roles;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    account::{Account, Cx},
    server::Options,
    services::{self, Wanted},
    table::Table,
};
use crate::kubernetes::{self, Fleet};

/// Name of the EKS cluster.
pub(super) const CLUSTER: &str = "trainyard";

/// Where the API of the EKS cluster is.
#[derive(Debug, Clone)]
pub struct KubernetesApi {
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    /// Certificate of its authority (PEM); empty without HTTPS.
    pub authority: String,
}

/// Fills the home region, and gives every region a network.
pub(super) fn build(account: &mut Account, options: &Options) {
    for region in account.regions.clone() {
        network(account, &region);
        images(account, &region);
    }
    let Some(home) = account.regions.first().cloned() else { return };
    roles::build(account);
    keys(account, &home);
    let groups = groups_of(&options.fleet);
    let mut machine = Machines::of(account, &home);
    if let Some(api) = &options.kubernetes {
        eks(account, &home, &groups, api);
        for (group, name, instance_type) in groups.iter().flat_map(machines) {
            let tags = json!([
                { "Key": "Name", "Value": name },
                { "Key": "eks:cluster-name", "Value": CLUSTER },
                { "Key": "eks:nodegroup-name", "Value": group },
            ]);
            machine.add(account, instance_type, "running", &tags);
        }
    }
    let named = |name: &str, team: &str| json!([{ "Key": "Name", "Value": name }, { "Key": "team", "Value": team }]);
    machine.add(account, "t3.micro", "running", &named("bastion", "platform"));
    machine.add(account, "g5.xlarge", "running", &named("notebook-anna", "research"));
    machine.add(account, "g6.12xlarge", "stopped", &named("render-test", "vision"));
    let kinds = ["c6i.4xlarge", "m6i.8xlarge", "r6i.8xlarge", "g6.xlarge"];
    for number in 0..options.more_instances {
        let tags = json!([{ "Key": "Name", "Value": format!("batch-{number:05}") }]);
        machine.add(account, kinds[number % kinds.len()], "running", &tags);
    }
    volumes(account, &home);
    hyperpod(account, &home);
    logs::build(account, &home);
    buckets(account, &home);
    for region in account.regions.clone() {
        services::quotas(account, &region);
    }
    services::functions(account, &home);
}

/// A node group: its name, the number of its first node, how many, of which type.
struct Group {
    name: &'static str,
    first: usize,
    count: usize,
    instance_type: &'static str,
}

/// Nodes of the Kubernetes fleet, in the order and with the names that they have there.
fn groups_of(fleet: &Fleet) -> Vec<Group> {
    let mut first = 0;
    kubernetes::node_groups(fleet)
        .into_iter()
        .map(|(name, instance_type, count)| {
            let group = Group { name, first, count, instance_type };
            first += count;
            group
        })
        .filter(|group| group.count > 0)
        .collect()
}

fn machines(group: &Group) -> impl Iterator<Item = (&'static str, String, &'static str)> + use<> {
    let (name, instance_type) = (group.name, group.instance_type);
    (group.first..group.first + group.count).map(move |number| (name, format!("{name}-{number:04}"), instance_type))
}

fn network(account: &mut Account, region: &str) {
    let (vpc, group) = (account.new_id("vpc"), account.new_id("sg"));
    let owner = account.id.clone();
    let row = json!({
        "VpcId": vpc, "CidrBlock": "10.0.0.0/16", "IsDefault": true, "State": "available", "OwnerId": owner,
        "InstanceTenancy": "default", "DhcpOptionsId": "dopt-0a1b2c3d", "Tags": [],
        "CidrBlockAssociationSet": [
            { "AssociationId": "vpc-cidr-assoc-0a1b2c3d", "CidrBlock": "10.0.0.0/16", "CidrBlockState": { "State": "associated" } },
        ],
    });
    account.insert(region, Table::Vpcs, &vpc, row);
    for (number, letter) in ["a", "b", "c"].into_iter().enumerate() {
        let id = account.new_id("subnet");
        let row = json!({
            "SubnetId": id, "VpcId": vpc, "CidrBlock": format!("10.0.{}.0/20", number * 16), "State": "available",
            "AvailabilityZone": format!("{region}{letter}"),
            "AvailabilityZoneId": format!("{}-az{}", services::short(region), number + 1), "AvailableIpAddressCount": 4_000, "DefaultForAz": true,
            "MapPublicIpOnLaunch": false, "OwnerId": owner, "Tags": [], "SubnetArn": account.arn("ec2", region, &format!("subnet/{id}")),
        });
        account.insert(region, Table::Subnets, &id, row);
    }
    let row = json!({
        "GroupId": group, "GroupName": "default", "Description": "default VPC security group", "VpcId": vpc, "OwnerId": owner,
        "SecurityGroupArn": account.arn("ec2", region, &format!("security-group/{group}")), "IpPermissions": [],
        "IpPermissionsEgress": [], "Tags": [],
    });
    account.insert(region, Table::SecurityGroups, &group, row);
    let nothing = json!({});
    let mut cx = Cx::own(account, region, &nothing);
    services::add_rules(
        &mut cx,
        &group,
        false,
        &json!({ "IpProtocol": "-1", "UserIdGroupPairs": [{ "GroupId": group }] }),
    );
    services::add_rules(&mut cx, &group, true, &json!({ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }));
    services::sum_rules(&mut cx, &group);
    let (gateway, table) = (account.new_id("igw"), account.new_id("rtb"));
    let row = json!({
        "InternetGatewayId": gateway, "OwnerId": owner, "Attachments": [{ "VpcId": vpc, "State": "attached" }], "Tags": [],
    });
    account.insert(region, Table::InternetGateways, &gateway, row);
    let row = json!({
        "RouteTableId": table, "VpcId": vpc, "OwnerId": owner, "PropagatingVgws": [], "Tags": [],
        "Associations": [{
            "RouteTableAssociationId": account.new_id("rtbassoc"), "RouteTableId": table, "Main": true,
            "AssociationState": { "State": "associated" },
        }],
        "Routes": [
            { "DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active" },
            { "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway, "Origin": "CreateRoute", "State": "active" },
        ],
    });
    account.insert(region, Table::RouteTables, &table, row);
}

/// Images of AWS and Canonical, under the names that they have there.
const IMAGES: &[(&str, &str, &str, u64, u64)] = &[
    ("Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) 20261101", "898082745236", "amazon", 20, 65),
    ("Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.9 (Ubuntu 24.04) 20261103", "898082745236", "amazon", 18, 75),
    ("Deep Learning AMI Neuron (Ubuntu 24.04) 20261030", "898082745236", "amazon", 22, 50),
    ("al2023-ami-2023.9.20261109.0-kernel-6.12-x86_64", "137112412989", "amazon", 12, 8),
    ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261104", "099720109477", "", 17, 8),
];

fn images(account: &mut Account, region: &str) {
    for (name, owner, alias, days, size) in IMAGES {
        let (id, snapshot) = (account.new_id("ami"), account.new_id("snap"));
        let ebs = json!({
            "SnapshotId": snapshot, "VolumeSize": size, "VolumeType": "gp3", "Encrypted": false, "DeleteOnTermination": true,
        });
        let mut row = json!({
            "ImageId": id, "Name": name, "Description": name, "State": "available", "OwnerId": owner, "Public": true,
            "Architecture": "x86_64", "ImageType": "machine", "RootDeviceName": "/dev/xvda", "RootDeviceType": "ebs",
            "VirtualizationType": "hvm", "Hypervisor": "xen", "EnaSupport": true, "PlatformDetails": "Linux/UNIX",
            "CreationDate": account.ago(86_400 * days), "BlockDeviceMappings": [{ "DeviceName": "/dev/xvda", "Ebs": ebs }], "Tags": [],
        });
        if !alias.is_empty() {
            row["ImageOwnerAlias"] = json!(alias);
        }
        account.insert(region, Table::Images, &id, row);
        let row = json!({
            "SnapshotId": snapshot, "VolumeId": "vol-ffffffff", "VolumeSize": size, "State": "completed", "Progress": "100%",
            "Encrypted": false, "StartTime": account.ago(86_400 * days), "OwnerId": owner, "Description": name, "Tags": [],
        });
        account.insert(region, Table::Snapshots, &snapshot, row);
    }
}

fn keys(account: &mut Account, region: &str) {
    let id = account.new_id("key");
    let row = json!({
        "KeyName": "operators", "KeyPairId": id, "KeyType": "ed25519", "Tags": [],
        "KeyFingerprint": "t7bKrLBKZk0Cq5gCzLkmZDeChIS0uBDYqZz4kVRqHxI=", "CreateTime": account.ago(86_400 * 200),
    });
    account.insert(region, Table::KeyPairs, &id, row);
}

/// What the machines of the start stand on.
struct Machines {
    region: String,
    subnets: Vec<Value>,
    groups: Value,
    image: String,
}

impl Machines {
    fn of(account: &Account, region: &str) -> Self {
        let groups = account.rows(region, Table::SecurityGroups);
        let image = account.rows(region, Table::Images).next().and_then(|image| image["ImageId"].as_str());
        Self {
            region: region.to_owned(),
            subnets: account.rows(region, Table::Subnets).cloned().collect(),
            groups: groups.map(|row| json!({ "GroupId": row["GroupId"], "GroupName": row["GroupName"] })).collect(),
            image: image.unwrap_or_default().to_owned(),
        }
    }

    fn add(&mut self, account: &mut Account, instance_type: &str, state: &str, tags: &Value) {
        let (id, reservation) = (account.new_id("i"), account.new_id("r"));
        let number = usize::try_from(account.random.below(3)).unwrap_or(0);
        let Some(subnet) = self.subnets.get(number) else { return };
        let groups = self.groups.clone();
        let wanted = Wanted { image: &self.image, instance_type, subnet, groups, tags: tags.clone() };
        let mut row = services::instance(account, &id, &reservation, &wanted);
        row["State"] = json!({ "Code": if state == "running" { 16 } else { 80 }, "Name": state });
        let days = 1 + account.random.below(60);
        row["LaunchTime"] = account.ago(86_400 * days);
        account.insert(&self.region, Table::Instances, &id, row);
    }
}

fn buckets(account: &mut Account, region: &str) {
    for name in ["trainyard-checkpoints", "trainyard-datasets"] {
        services::s3_bucket(account, region, name);
    }
}

fn volumes(account: &mut Account, region: &str) {
    for (name, size, days) in [("checkpoints-old", 4_000, 140), ("scratch", 500, 30)] {
        let id = account.new_id("vol");
        let row = json!({
            "VolumeId": id, "Size": size, "VolumeType": "gp3", "Iops": 3_000, "Throughput": 125, "AvailabilityZone": format!("{region}a"),
            "State": "available", "Attachments": [], "CreateTime": account.ago(86_400 * days), "Encrypted": true,
            "MultiAttachEnabled": false, "SnapshotId": "", "Tags": [{ "Key": "Name", "Value": name }],
        });
        account.insert(region, Table::Volumes, &id, row);
        let snapshot = account.new_id("snap");
        let row = json!({
            "SnapshotId": snapshot, "VolumeId": id, "VolumeSize": size, "State": "completed", "Progress": "100%", "Encrypted": true,
            "StartTime": account.ago(86_400 * days / 2), "OwnerId": account.id, "Description": name, "Tags": [],
        });
        account.insert(region, Table::Snapshots, &snapshot, row);
    }
}

fn eks(account: &mut Account, region: &str, groups: &[Group], api: &KubernetesApi) {
    let subnets: Vec<Value> = account.rows(region, Table::Subnets).map(|row| row["SubnetId"].clone()).collect();
    let vpc = account.rows(region, Table::Vpcs).next().map(|row| row["VpcId"].clone());
    let arn = account.arn("eks", region, &format!("cluster/{CLUSTER}"));
    let role = |name: &str| format!("arn:aws:iam::{}:role/{name}", account.id);
    let version = format!("{}.{}", kubernetes::VERSION.0, kubernetes::VERSION.1);
    let row = json!({
        "name": CLUSTER, "arn": arn, "createdAt": account.ago(86_400 * 90), "version": version, "status": "ACTIVE",
        "endpoint": api.url, "certificateAuthority": { "data": BASE64_STANDARD.encode(&api.authority) },
        "roleArn": role("trainyard-cluster"), "platformVersion": "eks.1", "tags": { "team": "platform" },
        "resourcesVpcConfig": {
            "subnetIds": subnets, "vpcId": vpc, "securityGroupIds": [], "endpointPublicAccess": true, "endpointPrivateAccess": true,
            "publicAccessCidrs": ["0.0.0.0/0"],
        },
        "accessConfig": { "authenticationMode": "API" }, "health": { "issues": [] },
        "kubernetesNetworkConfig": { "serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4" },
    });
    let nodegroups: Vec<(String, Value)> = groups
        .iter()
        .map(|group| {
            let name = group.name;
            let arn = account.arn("eks", region, &format!("nodegroup/{CLUSTER}/{name}/0"));
            let row = json!({
                "nodegroupName": name, "nodegroupArn": arn, "clusterName": CLUSTER, "version": version,
                "createdAt": account.ago(86_400 * 90), "modifiedAt": account.ago(86_400), "status": "ACTIVE",
                "capacityType": "ON_DEMAND", "instanceTypes": [group.instance_type], "subnets": subnets, "nodeRole": role("trainyard-node"),
                "scalingConfig": { "minSize": 0, "desiredSize": group.count, "maxSize": group.count * 2 }, "amiType": "AL2023_x86_64_NVIDIA",
                "diskSize": 200, "labels": {}, "taints": [], "health": { "issues": [] }, "tags": { "team": "platform" },
            });
            (format!("{CLUSTER}/{name}"), row)
        })
        .collect();
    account.insert(region, Table::EksClusters, CLUSTER, row);
    services::eks_parts(account, region, CLUSTER);
    for (id, row) in nodegroups {
        account.insert(region, Table::EksNodegroups, &id, row);
    }
}

/// Two clusters: one that trains, one that serves.
fn hyperpod(account: &mut Account, region: &str) {
    for (cluster, groups) in [
        ("pretrain", &[("workers", "ml.p5.48xlarge", 4_usize), ("controller", "ml.m5.xlarge", 1)][..]),
        ("finetune", &[("workers", "ml.g6.12xlarge", 2)]),
    ] {
        let role = format!("arn:aws:iam::{}:role/hyperpod", account.id);
        let rows: Vec<Value> = groups
            .iter()
            .map(|(name, instance_type, count)| {
                json!({
                    "InstanceGroupName": name, "InstanceType": instance_type, "CurrentCount": count, "TargetCount": count,
                    "ExecutionRole": role, "ThreadsPerCore": 2, "Status": "InService",
                    "LifeCycleConfig": { "SourceS3Uri": "s3://sagemaker-lifecycle/", "OnCreate": "on_create.sh" },
                })
            })
            .collect();
        let id = format!("{:012x}", account.random.next() >> 16);
        let row = json!({
            "ClusterArn": account.arn("sagemaker", region, &format!("cluster/{id}")), "ClusterName": cluster, "ClusterStatus": "InService",
            "CreationTime": account.ago(86_400 * 45), "InstanceGroups": rows, "NodeRecovery": "Automatic",
        });
        account.insert(region, Table::HyperPodClusters, cluster, row);
        for (group, instance_type, count) in groups {
            for _ in 0..*count {
                let id = account.new_id("i");
                let mut node = services::node(account, cluster, &id, &json!(group), &json!(instance_type));
                node["InstanceStatus"] = json!({ "Status": "Running" });
                node["LaunchTime"] = account.ago(86_400 * 30);
                account.insert(region, Table::HyperPodNodes, &id, node);
            }
        }
        services::event(account, region, cluster, "", "The cluster is in service.");
    }
}
