//! The template of a cluster with its own network: built as objects, written as YAML.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_contract::{Error, Result};

use super::{
    lookup::Versions,
    pools::{self, Pool},
};

/// Logs of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(super) enum LogType {
    Api,
    Audit,
    Authenticator,
    ControllerManager,
    Scheduler,
}

/// What a cluster is to be.
pub(super) struct Design {
    pub(super) cluster_name: String,
    pub(super) version: Option<String>,
    pub(super) versions: Versions,
    /// Zones of the two pairs of subnets; the region's first two where they are not known.
    pub(super) zones: Option<[String; 2]>,
    pub(super) pools: Vec<Pool>,
    pub(super) logging: Vec<LogType>,
    pub(super) addons: Vec<String>,
    /// ARNs of who may do everything in the cluster.
    pub(super) admins: Vec<String>,
}

/// Add-ons that need rights in AWS: with the service account that gets them, and the policy.
const RIGHTS: [(&str, &str, &str); 4] = [
    ("amazon-cloudwatch-observability", "cloudwatch-agent", "CloudWatchAgentServerPolicy"),
    ("aws-ebs-csi-driver", "ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
    ("aws-efs-csi-driver", "efs-csi-controller-sa", "service-role/AmazonEFSCSIDriverPolicy"),
    ("aws-fsx-csi-driver", "fsx-csi-controller-sa", "AmazonFSxFullAccess"),
];
/// What nodes outside of Auto Mode need in the cluster.
const FOR_POOLS: [&str; 4] = ["vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent"];
/// Address blocks: the whole, two public quarters, two private ones.
const BLOCKS: [(&str, &str); 5] = [
    ("VpcBlock", "192.168.0.0/16"),
    ("PublicSubnet01Block", "192.168.0.0/18"),
    ("PublicSubnet02Block", "192.168.64.0/18"),
    ("PrivateSubnet01Block", "192.168.128.0/18"),
    ("PrivateSubnet02Block", "192.168.192.0/18"),
];

pub(super) fn reference(name: &str) -> Value {
    json!({ "Ref": name })
}

pub(super) fn attribute(name: &str, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [name, attribute] })
}

pub(super) fn sub(text: &str) -> Value {
    json!({ "Fn::Sub": text })
}

/// ARN of one of AWS's own policies, in whatever partition.
pub(super) fn policy(name: &str) -> Value {
    sub(&format!("arn:${{AWS::Partition}}:iam::aws:policy/{name}"))
}

/// Lets a service take on a role.
pub(super) fn trust(service: &Value, actions: &[&str]) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": actions }]
    })
}

/// A name in the console.
pub(super) fn tags(what: &str) -> Value {
    json!([{ "Key": "Name", "Value": sub(&format!("${{AWS::StackName}}-{what}")) }])
}

impl Design {
    /// The template as YAML, with a few words about it before.
    pub(super) fn yaml(&self) -> Result<String> {
        let body = serde_saphyr::to_string(&self.template())
            .map_err(|error| Error::internal(format!("the template could not be written: {error}")))?;
        let mut text = format!(
            "# EKS cluster {} with Auto Mode, in a VPC of its own. Edit it, then deploy it with manage_eks_stacks.\n",
            self.cluster_name
        );
        if !self.pools.is_empty() {
            text.push_str(
                "# The pools' images bring the driver; pods see the devices through a device plugin (NVIDIA's or Neuron's, and\n\
                 # aws-efa-k8s-device-plugin for EFA), which is installed into the cluster.\n",
            );
        }
        Ok(text + &body)
    }

    pub(super) fn template(&self) -> Value {
        let mut template = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "An EKS cluster with Auto Mode, in a VPC of its own",
            "Parameters": self.parameters(),
        });
        if self.default_version().is_none() {
            template["Conditions"] = json!({
                "VersionIsSaid": { "Fn::Not": [{ "Fn::Equals": [reference("KubernetesVersion"), ""] }] }
            });
        }
        template["Resources"] = self.resources().into();
        template["Outputs"] = outputs();
        template
    }

    fn default_version(&self) -> Option<&String> {
        self.version.as_ref().or(self.versions.usual.as_ref()).or_else(|| self.versions.offered.first())
    }

    fn parameters(&self) -> Value {
        let mut parameters = Map::new();
        let text = |default: &str, about: &str| json!({ "Type": "String", "Default": default, "Description": about });
        parameters.insert("ClusterName".to_owned(), text(&self.cluster_name, "Name of the cluster"));
        let version = self.default_version().map(String::as_str).unwrap_or_default();
        let mut known = text(version, "Kubernetes version; EKS's own choice where it is empty");
        if !self.versions.offered.is_empty() {
            known["Description"] = "Kubernetes version".into();
            known["AllowedValues"] = self.versions.offered.clone().into();
        }
        parameters.insert("KubernetesVersion".to_owned(), known);
        for (name, block) in BLOCKS {
            parameters.insert(name.to_owned(), text(block, "Address block"));
        }
        parameters.into()
    }

    fn resources(&self) -> Map<String, Value> {
        let mut resources = network(self.zones.as_ref());
        resources.extend(roles());
        resources.insert("EksCluster".to_owned(), self.cluster());
        for (number, arn) in self.admins.iter().enumerate() {
            resources.insert(format!("Admin{:02}", number + 1), admin(arn));
        }
        for name in self.all_addons() {
            addon(&name, &mut resources);
        }
        pools::add_shared(&self.pools, &mut resources);
        for pool in &self.pools {
            pool.add(&mut resources, self.zones.as_ref());
        }
        resources
    }

    fn all_addons(&self) -> Vec<String> {
        let needed = if self.pools.is_empty() { &[][..] } else { &FOR_POOLS[..] };
        let mut all: Vec<String> = needed.iter().map(|name| (*name).to_owned()).collect();
        for name in &self.addons {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        all
    }

    fn cluster(&self) -> Value {
        let subnets = ["PublicSubnet01", "PublicSubnet02", "PrivateSubnet01", "PrivateSubnet02"].map(reference);
        let version = if self.default_version().is_some() {
            reference("KubernetesVersion")
        } else {
            json!({ "Fn::If": ["VersionIsSaid", reference("KubernetesVersion"), reference("AWS::NoValue")] })
        };
        let mut properties = json!({
            "Name": reference("ClusterName"),
            "Version": version,
            "RoleArn": attribute("EksClusterRole", "Arn"),
            // Auto Mode brings its own network, proxy and name service, and refuses the ones that EKS adds otherwise.
            "BootstrapSelfManagedAddons": false,
            "AccessConfig": { "AuthenticationMode": "API", "BootstrapClusterCreatorAdminPermissions": true },
            "ResourcesVpcConfig": {
                "EndpointPublicAccess": true,
                "EndpointPrivateAccess": true,
                "SecurityGroupIds": [reference("ControlPlaneSecurityGroup")],
                "SubnetIds": subnets,
            },
            "ComputeConfig": {
                "Enabled": true,
                "NodePools": ["general-purpose", "system"],
                "NodeRoleArn": attribute("NodeInstanceRole", "Arn"),
            },
            "KubernetesNetworkConfig": { "ElasticLoadBalancing": { "Enabled": true } },
            "StorageConfig": { "BlockStorage": { "Enabled": true } },
        });
        if !self.logging.is_empty() {
            let types: Vec<_> = self.logging.iter().map(|kind| json!({ "Type": kind })).collect();
            properties["Logging"] = json!({ "ClusterLogging": { "EnabledTypes": types } });
        }
        json!({ "Type": "AWS::EKS::Cluster", "Properties": properties })
    }
}

fn network(zones: Option<&[String; 2]>) -> Map<String, Value> {
    let mut all = Map::new();
    let vpc = json!({
        "CidrBlock": reference("VpcBlock"), "EnableDnsSupport": true, "EnableDnsHostnames": true, "Tags": tags("VPC")
    });
    add(&mut all, "VPC", "AWS::EC2::VPC", None, vpc);
    add(&mut all, "InternetGateway", "AWS::EC2::InternetGateway", None, json!({}));
    let attachment = json!({ "InternetGatewayId": reference("InternetGateway"), "VpcId": reference("VPC") });
    add(&mut all, "VPCGatewayAttachment", "AWS::EC2::VPCGatewayAttachment", None, attachment);
    let table = |what: &str| json!({ "VpcId": reference("VPC"), "Tags": tags(what) });
    add(&mut all, "PublicRouteTable", "AWS::EC2::RouteTable", None, table("public"));
    let out = json!({
        "RouteTableId": reference("PublicRouteTable"),
        "DestinationCidrBlock": "0.0.0.0/0",
        "GatewayId": reference("InternetGateway")
    });
    add(&mut all, "PublicRoute", "AWS::EC2::Route", Some("VPCGatewayAttachment"), out);
    for number in [1, 2] {
        zone(&mut all, number, zones.map(|zones| zones[number - 1].as_str()), &table);
    }
    let group = json!({ "GroupDescription": "The control plane's way to nodes", "VpcId": reference("VPC") });
    add(&mut all, "ControlPlaneSecurityGroup", "AWS::EC2::SecurityGroup", None, group);
    all
}

/// A public and a private subnet, each with its way out.
fn zone(all: &mut Map<String, Value>, number: usize, name: Option<&str>, table: &dyn Fn(&str) -> Value) {
    let place = name
        .map_or_else(|| json!({ "Fn::Select": [number - 1, { "Fn::GetAZs": { "Ref": "AWS::Region" } }] }), Value::from);
    let subnet = |kind: &str, role: &str| {
        json!({
            "VpcId": reference("VPC"),
            "CidrBlock": reference(&format!("{kind}Subnet0{number}Block")),
            "AvailabilityZone": place,
            "Tags": [
                { "Key": "Name", "Value": sub(&format!("${{AWS::StackName}}-{kind}Subnet0{number}")) },
                { "Key": format!("kubernetes.io/role/{role}"), "Value": "1" },
            ]
        })
    };
    let mut public = subnet("Public", "elb");
    public["MapPublicIpOnLaunch"] = true.into();
    add(all, &format!("PublicSubnet0{number}"), "AWS::EC2::Subnet", None, public);
    add(all, &format!("PrivateSubnet0{number}"), "AWS::EC2::Subnet", None, subnet("Private", "internal-elb"));
    add(
        all,
        &format!("NatGatewayEIP{number}"),
        "AWS::EC2::EIP",
        Some("VPCGatewayAttachment"),
        json!({ "Domain": "vpc" }),
    );
    let nat = json!({
        "AllocationId": attribute(&format!("NatGatewayEIP{number}"), "AllocationId"),
        "SubnetId": reference(&format!("PublicSubnet0{number}"))
    });
    add(all, &format!("NatGateway0{number}"), "AWS::EC2::NatGateway", Some("VPCGatewayAttachment"), nat);
    let private = format!("PrivateRouteTable0{number}");
    add(all, &private, "AWS::EC2::RouteTable", None, table(&format!("private-{number}")));
    let out = json!({
        "RouteTableId": reference(&private),
        "DestinationCidrBlock": "0.0.0.0/0",
        "NatGatewayId": reference(&format!("NatGateway0{number}"))
    });
    add(all, &format!("PrivateRoute0{number}"), "AWS::EC2::Route", None, out);
    for (kind, table) in [("Public", "PublicRouteTable"), ("Private", private.as_str())] {
        let subnet = format!("{kind}Subnet0{number}");
        let both = json!({ "SubnetId": reference(&subnet), "RouteTableId": reference(table) });
        add(all, &format!("{subnet}RouteTableAssociation"), "AWS::EC2::SubnetRouteTableAssociation", None, both);
    }
}

fn add(all: &mut Map<String, Value>, id: &str, kind: &str, after: Option<&str>, properties: Value) {
    let mut resource = json!({ "Type": kind });
    if let Some(after) = after {
        resource["DependsOn"] = after.into();
    }
    if properties.as_object().is_some_and(|properties| !properties.is_empty()) {
        resource["Properties"] = properties;
    }
    all.insert(id.to_owned(), resource);
}

fn roles() -> Map<String, Value> {
    let role = |trusted: Value, policies: &[&str]| {
        let policies: Vec<_> = policies.iter().map(|name| policy(name)).collect();
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": { "AssumeRolePolicyDocument": trusted, "ManagedPolicyArns": policies }
        })
    };
    let cluster = role(
        trust(&"eks.amazonaws.com".into(), &["sts:AssumeRole", "sts:TagSession"]),
        &[
            "AmazonEKSClusterPolicy",
            "AmazonEKSComputePolicy",
            "AmazonEKSBlockStoragePolicy",
            "AmazonEKSLoadBalancingPolicy",
            "AmazonEKSNetworkingPolicy",
        ],
    );
    let node = role(
        trust(&sub("ec2.${AWS::URLSuffix}"), &["sts:AssumeRole"]),
        &["AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"],
    );
    Map::from_iter([("EksClusterRole".to_owned(), cluster), ("NodeInstanceRole".to_owned(), node)])
}

fn admin(arn: &str) -> Value {
    let all = sub("arn:${AWS::Partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy");
    json!({
        "Type": "AWS::EKS::AccessEntry",
        "Properties": {
            "ClusterName": reference("EksCluster"),
            "PrincipalArn": arn,
            "AccessPolicies": [{ "PolicyArn": all, "AccessScope": { "Type": "cluster" } }]
        }
    })
}

fn addon(name: &str, resources: &mut Map<String, Value>) {
    let id = format!("Addon{}", camel(name));
    let mut properties = json!({
        "AddonName": name, "ClusterName": reference("EksCluster"), "ResolveConflicts": "OVERWRITE"
    });
    if let Some((_, account, rights)) = RIGHTS.iter().find(|(addon, ..)| *addon == name) {
        let role = json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument":
                    trust(&"pods.eks.amazonaws.com".into(), &["sts:AssumeRole", "sts:TagSession"]),
                "ManagedPolicyArns": [policy(rights)]
            }
        });
        resources.insert(format!("{id}Role"), role);
        properties["PodIdentityAssociations"] =
            json!([{ "ServiceAccount": account, "RoleArn": attribute(&format!("{id}Role"), "Arn") }]);
    }
    resources.insert(id, json!({ "Type": "AWS::EKS::Addon", "Properties": properties }));
}

fn camel(name: &str) -> String {
    let mut upper = true;
    let mut text = String::new();
    for letter in name.chars() {
        if !letter.is_ascii_alphanumeric() {
            upper = true;
        } else if std::mem::take(&mut upper) {
            text.push(letter.to_ascii_uppercase());
        } else {
            text.push(letter);
        }
    }
    text
}

fn outputs() -> Value {
    let output = |value: Value, about: &str| json!({ "Description": about, "Value": value });
    let list = |names: &[&str]| {
        let items: Vec<_> = names.iter().map(|name| reference(name)).collect();
        json!({ "Fn::Join": [",", items] })
    };
    let subnets = list(&["PublicSubnet01", "PublicSubnet02", "PrivateSubnet01", "PrivateSubnet02"]);
    json!({
        "SubnetIds": output(subnets, "Subnets of the cluster"),
        "SecurityGroups": output(list(&["ControlPlaneSecurityGroup"]), "Security group of the control plane"),
        "VpcId": output(reference("VPC"), "VPC of the cluster"),
        "ClusterName": output(reference("EksCluster"), "Name of the cluster"),
        "ClusterArn": output(attribute("EksCluster", "Arn"), "ARN of the cluster"),
        "ClusterEndpoint": output(attribute("EksCluster", "Endpoint"), "Address of the API server"),
        "ClusterSecurityGroupId":
            output(attribute("EksCluster", "ClusterSecurityGroupId"), "Security group of control plane and nodes"),
        "NodeInstanceRoleArn": output(attribute("NodeInstanceRole", "Arn"), "Role of Auto Mode's nodes"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn design() -> Design {
        Design {
            cluster_name: "train".into(),
            version: None,
            versions: Versions { offered: vec!["1.31".into(), "1.30".into()], usual: Some("1.30".into()) },
            zones: None,
            pools: Vec::new(),
            logging: Vec::new(),
            addons: Vec::new(),
            admins: Vec::new(),
        }
    }

    #[test]
    fn it_has_all_that_the_older_template_has() {
        let template = design().template();
        let named = |part: &str| template[part].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for name in [
            "VPC",
            "InternetGateway",
            "VPCGatewayAttachment",
            "PublicRouteTable",
            "PrivateRouteTable01",
            "PrivateRouteTable02",
            "PublicRoute",
            "PrivateRoute01",
            "PrivateRoute02",
            "NatGateway01",
            "NatGateway02",
            "NatGatewayEIP1",
            "NatGatewayEIP2",
            "PublicSubnet01",
            "PublicSubnet02",
            "PrivateSubnet01",
            "PrivateSubnet02",
            "ControlPlaneSecurityGroup",
            "EksClusterRole",
            "NodeInstanceRole",
            "EksCluster",
        ] {
            assert!(named("Resources").iter().any(|known| known == name), "{name}");
        }
        assert_eq!(named("Parameters").len(), 7);
        for name in [
            "SubnetIds",
            "SecurityGroups",
            "VpcId",
            "ClusterName",
            "ClusterArn",
            "ClusterEndpoint",
            "NodeInstanceRoleArn",
        ] {
            assert!(named("Outputs").iter().any(|known| known == name), "{name}");
        }
        let text = template.to_string();
        assert!(!text.contains("arn:aws:"), "any partition");
        assert!(text.len() < 51_200);
    }

    /// What is referred to is there.
    fn assert_closed(template: &Value) {
        fn walk(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    if let Some(name) = members.get("Ref").and_then(Value::as_str) {
                        found.push(name.to_owned());
                    }
                    if let Some(name) = members.get("Fn::GetAtt").and_then(|path| path[0].as_str()) {
                        found.push(name.to_owned());
                    }
                    if let Some(after) = members.get("DependsOn") {
                        let all = after.as_array().cloned().unwrap_or_else(|| vec![after.clone()]);
                        found.extend(all.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    members.values().for_each(|member| walk(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
                _ => {}
            }
        }
        let mut names = Vec::new();
        walk(template, &mut names);
        assert!(!names.is_empty());
        for name in names.iter().filter(|name| !name.starts_with("AWS::")) {
            let known = |part: &str| template[part].get(name).is_some();
            assert!(known("Resources") || known("Parameters"), "{name}");
        }
    }

    #[test]
    fn what_is_asked_for_is_in_it() {
        let template = Design {
            logging: vec![LogType::Api, LogType::ControllerManager],
            addons: vec!["amazon-cloudwatch-observability".into(), "metrics-server".into()],
            admins: vec!["arn:aws-us-gov:iam::123456789012:role/ops".into()],
            ..design()
        }
        .template();
        assert_closed(&template);
        let resources = &template["Resources"];
        let logs = &resources["EksCluster"]["Properties"]["Logging"]["ClusterLogging"]["EnabledTypes"];
        assert_eq!(*logs, json!([{ "Type": "api" }, { "Type": "controllerManager" }]));
        let addon = &resources["AddonAmazonCloudwatchObservability"]["Properties"];
        assert_eq!(addon["PodIdentityAssociations"][0]["ServiceAccount"], "cloudwatch-agent");
        assert!(resources["AddonMetricsServer"]["Properties"]["PodIdentityAssociations"].is_null());
        assert_eq!(resources["Admin01"]["Properties"]["PrincipalArn"], "arn:aws-us-gov:iam::123456789012:role/ops");
        assert_closed(&design().template());
    }

    #[test]
    fn versions_stay_texts_in_yaml() {
        let text = design().yaml().unwrap();
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        let version = &read["Parameters"]["KubernetesVersion"];
        assert_eq!((&version["Default"], &version["AllowedValues"]), (&json!("1.30"), &json!(["1.31", "1.30"])));
        assert_eq!(read, design().template(), "{text}");
    }

    #[test]
    fn without_known_versions_eks_chooses() {
        let template = Design { versions: Versions::default(), ..design() }.template();
        assert_eq!(template["Resources"]["EksCluster"]["Properties"]["Version"]["Fn::If"][0], "VersionIsSaid");
        assert_closed(&template);
        let said = Design { versions: Versions::default(), version: Some("1.33".into()), ..design() }.template();
        assert_eq!(said["Parameters"]["KubernetesVersion"]["Default"], "1.33");
        assert!(said.get("Conditions").is_none());
    }
}
