//! What is described by ids and filters alone: a table of nouns, and one function for all of them.

use serde_json::{Value, json};

use super::{
    filters::{Names, filtered},
    networks, refused,
};
use crate::aws::{account::Cx, table::Table, wire::Refusal};

/// Where the rows of a noun come from.
pub(super) enum Rows {
    Kept(Table),
    /// Made of other rows.
    Made(fn(&Cx<'_>) -> Vec<Value>),
}

/// A noun.
pub(super) struct Noun {
    operation: &'static str,
    pub(super) rows: Rows,
    /// Members of the input that list ids or names, and the member of a row that is meant.
    ids: &'static [(&'static str, &'static str)],
    /// Code and words of the refusal for an id that is not there.
    absent: (&'static str, &'static str),
    /// Member of the output.
    output: &'static str,
    /// What tags call it; empty where it has none.
    pub(super) kind: &'static str,
    filters: Names,
}

impl Noun {
    /// The member that is the id.
    pub(super) fn id(&self) -> &'static str {
        self.ids.first().map_or("", |ids| ids.1)
    }

    /// Where it is kept.
    pub(super) fn table(&self) -> Option<Table> {
        match self.rows {
            Rows::Kept(table) => Some(table),
            Rows::Made(_) => None,
        }
    }
}

/// Describes a noun: the rows of the ids, else all, in either case those that pass the filters.
pub(super) fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let noun = NOUNS.iter().find(|noun| noun.operation == cx.operation);
    let noun = noun.ok_or_else(|| refused("InternalError", "no noun of this operation"))?;
    let made;
    let rows: Vec<&Value> = match noun.rows {
        Rows::Kept(table) => cx.rows(table).collect(),
        Rows::Made(of) => {
            made = of(cx);
            made.iter().collect()
        }
    };
    let rows = chosen(cx, noun, rows)?;
    let window = cx.window(rows.len());
    let mut shown: Vec<Value> = rows[window].iter().map(|row| shown(row)).collect();
    if cx.is("IncludePublicKey") {
        for row in &mut shown {
            let id = row["KeyPairId"].as_str().unwrap_or_default();
            let public = cx.get(Table::KeyPairs, id).map(|row| row["_public_key"].clone());
            row["PublicKey"] = public.unwrap_or_default();
        }
    }
    Ok(json!({ noun.output: shown }))
}

/// A row as it is answered: without what only the sandbox knows.
pub(in crate::aws) fn shown(row: &Value) -> Value {
    let mut row = row.clone();
    if let Some(members) = row.as_object_mut() {
        members.retain(|name, _| !name.starts_with('_'));
    }
    row
}

fn chosen<'r>(cx: &Cx<'_>, noun: &Noun, mut rows: Vec<&'r Value>) -> Result<Vec<&'r Value>, Refusal> {
    for (member, key) in noun.ids {
        let ids = cx.texts(member);
        if ids.is_empty() {
            continue;
        }
        if !cx.input["MaxResults"].is_null() {
            let message = format!("The parameter {member} cannot be used with the parameter maxResults");
            return Err(refused("InvalidParameterCombination", message));
        }
        if let Some(id) = ids.iter().find(|id| !rows.iter().any(|row| row[*key] == **id)) {
            // Templates are the one noun whose ids and names are refused by different codes.
            let code = if *member == "LaunchTemplateIds" { "InvalidLaunchTemplateId.NotFound" } else { noun.absent.0 };
            return Err(refused(code, format!("The {} '{id}' does not exist", noun.absent.1)));
        }
        rows.retain(|row| ids.iter().any(|id| row[*key] == **id));
    }
    let owners = [cx.texts("Owners"), cx.texts("OwnerIds")].concat();
    if !owners.is_empty() {
        let own = cx.account.id.as_str();
        let is = |row: &Value, owner: &str| row["OwnerId"] == owner || row["ImageOwnerAlias"] == owner;
        rows.retain(|row| owners.iter().any(|owner| is(row, if owner == "self" { own } else { owner })));
    }
    filtered(rows, cx.input, noun.filters)
}

const fn noun(
    operation: &'static str,
    rows: Rows,
    ids: &'static [(&'static str, &'static str)],
    absent: (&'static str, &'static str),
    output: &'static str,
    kind: &'static str,
    filters: Names,
) -> Noun {
    Noun { operation, rows, ids, absent, output, kind, filters }
}

/// All nouns. Tags ask it, too.
pub(super) const NOUNS: &[Noun] = &[
    noun(
        "DescribeVpcs",
        Rows::Kept(Table::Vpcs),
        &[("VpcIds", "VpcId")],
        ("InvalidVpcID.NotFound", "vpc ID"),
        "Vpcs",
        "vpc",
        &[
            ("vpc-id", "VpcId"),
            ("cidr", "CidrBlock"),
            ("cidr-block-association.cidr-block", "CidrBlockAssociationSet.*.CidrBlock"),
            ("is-default", "IsDefault"),
            ("state", "State"),
            ("owner-id", "OwnerId"),
        ],
    ),
    noun(
        "DescribeSubnets",
        Rows::Kept(Table::Subnets),
        &[("SubnetIds", "SubnetId")],
        ("InvalidSubnetID.NotFound", "subnet ID"),
        "Subnets",
        "subnet",
        &[
            ("subnet-id", "SubnetId"),
            ("vpc-id", "VpcId"),
            ("availability-zone", "AvailabilityZone"),
            ("availability-zone-id", "AvailabilityZoneId"),
            ("default-for-az", "DefaultForAz"),
            ("cidr-block", "CidrBlock"),
            ("map-public-ip-on-launch", "MapPublicIpOnLaunch"),
            ("state", "State"),
        ],
    ),
    noun(
        "DescribeSecurityGroups",
        Rows::Kept(Table::SecurityGroups),
        &[("GroupIds", "GroupId"), ("GroupNames", "GroupName")],
        ("InvalidGroup.NotFound", "security group"),
        "SecurityGroups",
        "security-group",
        &[
            ("group-id", "GroupId"),
            ("group-name", "GroupName"),
            ("vpc-id", "VpcId"),
            ("owner-id", "OwnerId"),
            ("description", "Description"),
            ("ip-permission.cidr", "IpPermissions.*.IpRanges.*.CidrIp"),
            ("ip-permission.from-port", "IpPermissions.*.FromPort"),
            ("ip-permission.to-port", "IpPermissions.*.ToPort"),
            ("ip-permission.protocol", "IpPermissions.*.IpProtocol"),
            ("ip-permission.group-id", "IpPermissions.*.UserIdGroupPairs.*.GroupId"),
            ("egress.ip-permission.group-id", "IpPermissionsEgress.*.UserIdGroupPairs.*.GroupId"),
        ],
    ),
    noun(
        "DescribeSecurityGroupRules",
        Rows::Kept(Table::SecurityGroupRules),
        &[("SecurityGroupRuleIds", "SecurityGroupRuleId")],
        ("InvalidSecurityGroupRuleId.NotFound", "security group rule ID"),
        "SecurityGroupRules",
        "security-group-rule",
        &[("group-id", "GroupId"), ("security-group-rule-id", "SecurityGroupRuleId")],
    ),
    noun(
        "DescribeKeyPairs",
        Rows::Kept(Table::KeyPairs),
        &[("KeyPairIds", "KeyPairId"), ("KeyNames", "KeyName")],
        ("InvalidKeyPair.NotFound", "key pair"),
        "KeyPairs",
        "key-pair",
        &[("key-name", "KeyName"), ("key-pair-id", "KeyPairId"), ("fingerprint", "KeyFingerprint")],
    ),
    noun(
        "DescribeSnapshots",
        Rows::Kept(Table::Snapshots),
        &[("SnapshotIds", "SnapshotId")],
        ("InvalidSnapshot.NotFound", "snapshot"),
        "Snapshots",
        "snapshot",
        &[
            ("snapshot-id", "SnapshotId"),
            ("volume-id", "VolumeId"),
            ("volume-size", "VolumeSize"),
            ("status", "State"),
            ("description", "Description"),
            ("encrypted", "Encrypted"),
            ("owner-id", "OwnerId"),
            ("progress", "Progress"),
            ("storage-tier", "StorageTier"),
        ],
    ),
    noun(
        "DescribeImages",
        Rows::Kept(Table::Images),
        &[("ImageIds", "ImageId")],
        ("InvalidAMIID.NotFound", "image id"),
        "Images",
        "image",
        &[
            ("image-id", "ImageId"),
            ("name", "Name"),
            ("architecture", "Architecture"),
            ("description", "Description"),
            ("state", "State"),
            ("owner-id", "OwnerId"),
            ("owner-alias", "ImageOwnerAlias"),
            ("is-public", "Public"),
            ("image-type", "ImageType"),
            ("root-device-type", "RootDeviceType"),
            ("root-device-name", "RootDeviceName"),
            ("virtualization-type", "VirtualizationType"),
            ("block-device-mapping.snapshot-id", "BlockDeviceMappings.*.Ebs.SnapshotId"),
        ],
    ),
    noun(
        "DescribeVolumes",
        Rows::Kept(Table::Volumes),
        &[("VolumeIds", "VolumeId")],
        ("InvalidVolume.NotFound", "volume"),
        "Volumes",
        "volume",
        &[
            ("volume-id", "VolumeId"),
            ("volume-type", "VolumeType"),
            ("status", "State"),
            ("size", "Size"),
            ("availability-zone", "AvailabilityZone"),
            ("encrypted", "Encrypted"),
            ("snapshot-id", "SnapshotId"),
            ("multi-attach-enabled", "MultiAttachEnabled"),
            ("attachment.instance-id", "Attachments.*.InstanceId"),
            ("attachment.status", "Attachments.*.State"),
            ("attachment.device", "Attachments.*.Device"),
            ("attachment.delete-on-termination", "Attachments.*.DeleteOnTermination"),
        ],
    ),
    noun(
        "DescribeVolumesModifications",
        Rows::Kept(Table::VolumeModifications),
        &[("VolumeIds", "VolumeId")],
        ("InvalidVolumeModification.NotFound", "modification of the volume"),
        "VolumesModifications",
        "",
        &[
            ("volume-id", "VolumeId"),
            ("modification-state", "ModificationState"),
            ("target-size", "TargetSize"),
            ("target-volume-type", "TargetVolumeType"),
        ],
    ),
    noun(
        "DescribeFastSnapshotRestores",
        Rows::Kept(Table::FastSnapshotRestores),
        &[],
        ("", ""),
        "FastSnapshotRestores",
        "",
        &[("availability-zone", "AvailabilityZone"), ("snapshot-id", "SnapshotId"), ("state", "State")],
    ),
    noun(
        "DescribeRouteTables",
        Rows::Kept(Table::RouteTables),
        &[("RouteTableIds", "RouteTableId")],
        ("InvalidRouteTableID.NotFound", "routeTable ID"),
        "RouteTables",
        "route-table",
        &[
            ("route-table-id", "RouteTableId"),
            ("vpc-id", "VpcId"),
            ("association.main", "Associations.*.Main"),
            ("association.subnet-id", "Associations.*.SubnetId"),
            ("route.gateway-id", "Routes.*.GatewayId"),
            ("route.nat-gateway-id", "Routes.*.NatGatewayId"),
            ("route.destination-cidr-block", "Routes.*.DestinationCidrBlock"),
        ],
    ),
    noun(
        "DescribeInternetGateways",
        Rows::Kept(Table::InternetGateways),
        &[("InternetGatewayIds", "InternetGatewayId")],
        ("InvalidInternetGatewayID.NotFound", "internetGateway ID"),
        "InternetGateways",
        "internet-gateway",
        &[("internet-gateway-id", "InternetGatewayId"), ("attachment.vpc-id", "Attachments.*.VpcId")],
    ),
    noun(
        "DescribeNatGateways",
        Rows::Kept(Table::NatGateways),
        &[("NatGatewayIds", "NatGatewayId")],
        ("NatGatewayNotFound", "NAT gateway"),
        "NatGateways",
        "natgateway",
        &[("nat-gateway-id", "NatGatewayId"), ("vpc-id", "VpcId"), ("subnet-id", "SubnetId"), ("state", "State")],
    ),
    noun(
        "DescribeVpcEndpoints",
        Rows::Kept(Table::VpcEndpoints),
        &[("VpcEndpointIds", "VpcEndpointId")],
        ("InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id"),
        "VpcEndpoints",
        "vpc-endpoint",
        &[("vpc-endpoint-id", "VpcEndpointId"), ("vpc-id", "VpcId"), ("service-name", "ServiceName")],
    ),
    noun(
        "DescribeVpcPeeringConnections",
        Rows::Kept(Table::VpcPeerings),
        &[("VpcPeeringConnectionIds", "VpcPeeringConnectionId")],
        ("InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection ID"),
        "VpcPeeringConnections",
        "vpc-peering-connection",
        &[
            ("requester-vpc-info.vpc-id", "RequesterVpcInfo.VpcId"),
            ("accepter-vpc-info.vpc-id", "AccepterVpcInfo.VpcId"),
            ("status-code", "Status.Code"),
            ("vpc-peering-connection-id", "VpcPeeringConnectionId"),
        ],
    ),
    noun(
        "DescribeFlowLogs",
        Rows::Kept(Table::FlowLogs),
        &[("FlowLogIds", "FlowLogId")],
        ("InvalidFlowLogId.NotFound", "flow log"),
        "FlowLogs",
        "vpc-flow-log",
        &[("flow-log-id", "FlowLogId"), ("resource-id", "ResourceId"), ("traffic-type", "TrafficType")],
    ),
    noun(
        "DescribeNetworkInterfaces",
        Rows::Made(networks::interfaces),
        &[("NetworkInterfaceIds", "NetworkInterfaceId")],
        ("InvalidNetworkInterfaceID.NotFound", "networkInterface ID"),
        "NetworkInterfaces",
        "",
        &[
            ("network-interface-id", "NetworkInterfaceId"),
            ("group-id", "Groups.*.GroupId"),
            ("group-name", "Groups.*.GroupName"),
            ("vpc-id", "VpcId"),
            ("subnet-id", "SubnetId"),
            ("status", "Status"),
            ("private-ip-address", "PrivateIpAddress"),
            ("attachment.instance-id", "Attachment.InstanceId"),
            ("availability-zone", "AvailabilityZone"),
        ],
    ),
    noun(
        "DescribeLaunchTemplates",
        Rows::Kept(Table::LaunchTemplates),
        &[("LaunchTemplateIds", "LaunchTemplateId"), ("LaunchTemplateNames", "LaunchTemplateName")],
        ("InvalidLaunchTemplateName.NotFoundException", "launch template"),
        "LaunchTemplates",
        "launch-template",
        &[("launch-template-name", "LaunchTemplateName"), ("create-time", "CreateTime")],
    ),
    noun(
        "DescribeSpotInstanceRequests",
        Rows::Kept(Table::SpotRequests),
        &[("SpotInstanceRequestIds", "SpotInstanceRequestId")],
        ("InvalidSpotInstanceRequestID.NotFound", "spot instance request ID"),
        "SpotInstanceRequests",
        "spot-instances-request",
        &[
            ("spot-instance-request-id", "SpotInstanceRequestId"),
            ("instance-id", "InstanceId"),
            ("state", "State"),
            ("type", "Type"),
            ("status-code", "Status.Code"),
            ("launch.instance-type", "LaunchSpecification.InstanceType"),
        ],
    ),
    noun(
        "DescribeCapacityReservations",
        Rows::Kept(Table::CapacityReservations),
        &[("CapacityReservationIds", "CapacityReservationId")],
        ("InvalidCapacityReservationId.NotFound", "capacity reservation"),
        "CapacityReservations",
        "capacity-reservation",
        &[
            ("instance-type", "InstanceType"),
            ("availability-zone", "AvailabilityZone"),
            ("state", "State"),
            ("owner-id", "OwnerId"),
            ("reservation-type", "ReservationType"),
            ("instance-match-criteria", "InstanceMatchCriteria"),
        ],
    ),
];
