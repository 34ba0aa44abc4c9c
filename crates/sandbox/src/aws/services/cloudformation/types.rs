//! Every type of resource that stacks can have: how it is made, what it takes, what it answers.

use super::{
    kinds::{
        Attribute::{self, Answer, Arn, BucketArn, DefaultGroup, Id, Nowhere, Numbered, Property, Text},
        Calls, Kind, Made, STACK,
    },
    makers::{FUNCTION, HYPERPOD, LOG_GROUP, ROLE},
};

const VPC: Calls = Calls {
    service: "ec2",
    create: "CreateVpc",
    id: "/Vpc/VpcId",
    delete: "DeleteVpc",
    by: "VpcId",
    tagged: Some("vpc"),
    renamed: &[],
    name: None,
};
const SUBNET: Calls = Calls {
    create: "CreateSubnet",
    id: "/Subnet/SubnetId",
    delete: "DeleteSubnet",
    by: "SubnetId",
    tagged: Some("subnet"),
    ..VPC
};
pub(super) const GROUP: Calls = Calls {
    create: "CreateSecurityGroup",
    id: "/GroupId",
    delete: "DeleteSecurityGroup",
    by: "GroupId",
    tagged: Some("security-group"),
    renamed: &[("GroupDescription", "Description")],
    name: Some("GroupName"),
    ..VPC
};
const VOLUME: Calls = Calls {
    create: "CreateVolume",
    id: "/VolumeId",
    delete: "DeleteVolume",
    by: "VolumeId",
    tagged: Some("volume"),
    ..VPC
};
pub(super) const INSTANCE: Calls = Calls {
    create: "RunInstances",
    id: "/Instances/0/InstanceId",
    delete: "TerminateInstances",
    by: "InstanceIds",
    tagged: Some("instance"),
    ..VPC
};
const TEMPLATE: Calls = Calls {
    create: "CreateLaunchTemplate",
    id: "/LaunchTemplate/LaunchTemplateId",
    delete: "DeleteLaunchTemplate",
    by: "LaunchTemplateId",
    tagged: None,
    name: Some("LaunchTemplateName"),
    ..VPC
};

type Attributes = &'static [(&'static str, Attribute)];

const fn kind(
    name: &'static str,
    seconds: u64,
    made: Made,
    attributes: Attributes,
    replacing: &'static [&'static str],
) -> Kind {
    Kind { name, seconds, made, attributes, replacing }
}

/// Every type, by name. Seconds are what they usually take at AWS.
pub(super) const KINDS: &[Kind] = &[
    kind(STACK, 5, Made::Nested, &[], &[]),
    kind("AWS::CloudFormation::WaitConditionHandle", 2, Made::Named("Name"), &[], &[]),
    kind(
        "AWS::EC2::EIP",
        12,
        Made::Numbered("eipalloc"),
        &[("AllocationId", Id), ("PublicIp", Text("198.51.100.10"))],
        &["Domain"],
    ),
    kind(
        "AWS::EC2::Instance",
        30,
        Made::Really(INSTANCE),
        &[
            ("InstanceId", Id),
            ("PrivateIp", Answer("/Instances/0/PrivateIpAddress")),
            ("AvailabilityZone", Answer("/Instances/0/Placement/AvailabilityZone")),
        ],
        &["ImageId", "SubnetId", "KeyName", "AvailabilityZone"],
    ),
    kind("AWS::EC2::InternetGateway", 16, Made::Numbered("igw"), &[("InternetGatewayId", Id)], &[]),
    kind(
        "AWS::EC2::LaunchTemplate",
        6,
        Made::Really(TEMPLATE),
        &[("LaunchTemplateId", Id), ("LatestVersionNumber", Text("1")), ("DefaultVersionNumber", Text("1"))],
        &["LaunchTemplateName"],
    ),
    kind("AWS::EC2::NatGateway", 105, Made::Numbered("nat"), &[("NatGatewayId", Id)], &["SubnetId", "AllocationId"]),
    kind("AWS::EC2::PlacementGroup", 5, Made::Named("GroupName"), &[("GroupName", Id)], &["Strategy"]),
    kind(
        "AWS::EC2::Route",
        4,
        Made::Joined(&["RouteTableId", "DestinationCidrBlock"], "|"),
        &[],
        &["RouteTableId", "DestinationCidrBlock"],
    ),
    kind("AWS::EC2::RouteTable", 12, Made::Numbered("rtb"), &[("RouteTableId", Id)], &["VpcId"]),
    kind(
        "AWS::EC2::SecurityGroup",
        6,
        Made::Really(GROUP),
        &[("GroupId", Id), ("VpcId", Property("VpcId"))],
        &["GroupName", "GroupDescription", "VpcId"],
    ),
    kind("AWS::EC2::SecurityGroupEgress", 4, Made::Numbered("sgr"), &[("Id", Id)], &["GroupId"]),
    kind("AWS::EC2::SecurityGroupIngress", 4, Made::Numbered("sgr"), &[("Id", Id)], &["GroupId"]),
    kind(
        "AWS::EC2::Subnet",
        4,
        Made::Really(SUBNET),
        &[
            ("SubnetId", Id),
            ("VpcId", Property("VpcId")),
            ("CidrBlock", Property("CidrBlock")),
            ("AvailabilityZone", Answer("/Subnet/AvailabilityZone")),
            ("AvailabilityZoneId", Answer("/Subnet/AvailabilityZoneId")),
        ],
        &["CidrBlock", "VpcId", "AvailabilityZone", "AvailabilityZoneId"],
    ),
    kind("AWS::EC2::SubnetRouteTableAssociation", 4, Made::Numbered("rtbassoc"), &[("Id", Id)], &["SubnetId"]),
    kind(
        "AWS::EC2::VPC",
        12,
        Made::Really(VPC),
        &[("VpcId", Id), ("CidrBlock", Property("CidrBlock")), ("DefaultSecurityGroup", DefaultGroup)],
        &["CidrBlock", "InstanceTenancy"],
    ),
    kind("AWS::EC2::VPCCidrBlock", 6, Made::Numbered("vpc-cidr-assoc"), &[("Id", Id)], &["VpcId", "CidrBlock"]),
    kind(
        "AWS::EC2::VPCEndpoint",
        40,
        Made::Numbered("vpce"),
        &[("Id", Id)],
        &["ServiceName", "VpcId", "VpcEndpointType"],
    ),
    kind("AWS::EC2::VPCGatewayAttachment", 15, Made::Joined(&["VpcId", "InternetGatewayId"], "|"), &[], &["VpcId"]),
    kind("AWS::EC2::Volume", 10, Made::Really(VOLUME), &[("VolumeId", Id)], &["AvailabilityZone", "SnapshotId"]),
    kind(
        "AWS::EKS::AccessEntry",
        5,
        Made::Joined(&["ClusterName", "PrincipalArn"], "|"),
        &[],
        &["ClusterName", "PrincipalArn"],
    ),
    kind("AWS::EKS::Addon", 45, Made::Joined(&["ClusterName", "AddonName"], "|"), &[], &["ClusterName", "AddonName"]),
    kind(
        "AWS::EKS::Cluster",
        540,
        Made::Named("Name"),
        &[
            ("Arn", Arn("eks", true, "cluster/{}")),
            ("ClusterSecurityGroupId", Numbered("sg")),
            ("Endpoint", Nowhere),
            ("OpenIdConnectIssuerUrl", Nowhere),
        ],
        &["Name", "RoleArn"],
    ),
    kind(
        "AWS::EKS::Nodegroup",
        180,
        Made::Joined(&["ClusterName", "NodegroupName"], "/"),
        &[("NodegroupName", Property("NodegroupName")), ("ClusterName", Property("ClusterName"))],
        &["ClusterName", "NodegroupName", "InstanceTypes", "Subnets", "NodeRole"],
    ),
    kind("AWS::EKS::PodIdentityAssociation", 5, Made::Numbered("a"), &[("AssociationId", Id)], &["ClusterName"]),
    kind("AWS::FSx::FileSystem", 600, Made::Numbered("fs"), &[("DNSName", Nowhere)], &["FileSystemType", "SubnetIds"]),
    kind(
        "AWS::IAM::InstanceProfile",
        120,
        Made::Named("InstanceProfileName"),
        &[("Arn", Arn("iam", false, "instance-profile/{}"))],
        &["InstanceProfileName"],
    ),
    kind(
        "AWS::IAM::ManagedPolicy",
        18,
        Made::Arn("iam", "policy/{}", "ManagedPolicyName"),
        &[("PolicyArn", Id)],
        &["ManagedPolicyName"],
    ),
    kind("AWS::IAM::Policy", 16, Made::Named("PolicyName"), &[], &[]),
    kind(
        "AWS::IAM::Role",
        17,
        Made::By(ROLE),
        &[("Arn", Arn("iam", false, "role/{}")), ("RoleId", Numbered("AROA"))],
        &["RoleName"],
    ),
    kind("AWS::KMS::Key", 20, Made::Numbered("key"), &[("KeyId", Id), ("Arn", Arn("kms", true, "key/{}"))], &[]),
    kind(
        "AWS::Lambda::Function",
        8,
        Made::By(FUNCTION),
        &[("Arn", Arn("lambda", true, "function:{}"))],
        &["FunctionName", "PackageType"],
    ),
    kind(
        "AWS::Logs::LogGroup",
        5,
        Made::By(LOG_GROUP),
        &[("Arn", Arn("logs", true, "log-group:{}:*"))],
        &["LogGroupName"],
    ),
    kind(
        "AWS::S3::Bucket",
        20,
        Made::Named("BucketName"),
        &[("Arn", BucketArn), ("DomainName", Nowhere), ("RegionalDomainName", Nowhere)],
        &["BucketName"],
    ),
    kind("AWS::S3::BucketPolicy", 3, Made::Named("Bucket"), &[], &["Bucket"]),
    kind(
        "AWS::SSM::Parameter",
        4,
        Made::Named("Name"),
        &[("Value", Property("Value")), ("Type", Property("Type"))],
        &["Name"],
    ),
    kind(
        "AWS::SageMaker::Cluster",
        720,
        Made::By(HYPERPOD),
        &[("ClusterArn", Id), ("ClusterStatus", Text("InService"))],
        &["ClusterName", "Orchestrator", "VpcConfig"],
    ),
];
