//! Every tool of the toolsets ebs, vpc and operation through the protocol.

use serde_json::{Value, json};
use trainyard_stand_in::{Answer, StandIn};

use crate::{
    tool_cases::{
        Case, at, changes, check_complete, check_gates, check_marks, check_refusals, check_work, error, open, reads,
        said,
    },
    with_moto,
};

const TOOLSETS: &str = "ebs,vpc,operation";

fn volume(state: &str) -> Value {
    let attachments = if state == "in-use" {
        json!([{"VolumeId": "vol-1", "InstanceId": "i-1", "Device": "/dev/sdf", "State": "attached"}])
    } else {
        json!([])
    };
    json!({"VolumeId": "vol-1", "Size": 100, "State": state, "VolumeType": "gp3", "AvailabilityZone": "eu-west-1a",
        "Attachments": attachments, "Tags": [{"Key": "Name", "Value": "datasets"}]})
}

fn snapshot() -> Value {
    json!({"SnapshotId": "snap-1", "VolumeId": "vol-9", "VolumeSize": 100, "State": "pending", "Progress": "50%",
        "StartTime": "2026-11-21T10:00:00Z"})
}

fn instance() -> Value {
    let root = json!([{"DeviceName": "/dev/xvda"}, {"DeviceName": "/dev/sdf"}]);
    json!({"Reservations": [{"Instances": [{"InstanceId": "i-1", "State": {"Name": "running"},
        "Placement": {"AvailabilityZone": "eu-west-1a"}, "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": root}]}]})
}

/// What the price list says of whatever is asked for: a volume's GiB, a snapshot's, an hour of fast restores.
fn price() -> (&'static str, Value) {
    let product = |sku: &str, usage: &str, unit: &str, price: &str| {
        json!({"product": {"sku": sku, "attributes": {"usagetype": usage}}, "terms": {"OnDemand": {"t": {
            "priceDimensions": {"d": {"unit": unit, "pricePerUnit": {"USD": price}}}}}}})
    };
    let volume = product("V", "EU-EBS:VolumeUsage.gp3", "GB-Mo", "0.0880000000");
    ("pricing:GetProducts", json!({"FormatVersion": "aws_v1", "PriceList": [volume]}))
}

fn volume_cases() -> Vec<Case> {
    let ids = |id: &str| json!({"volume_ids": [id]});
    let modification =
        json!({"VolumeId": "vol-1", "ModificationState": "optimizing", "Progress": 40, "TargetSize": 200});
    vec![
        reads(
            "ebs_describe_volumes",
            ids("vol-1"),
            vec![("DescribeVolumes", json!({"Volumes": [volume("available")]}))],
            ("/rows/0/0", json!("vol-1")),
        ),
        changes(
            "ebs_create_volume",
            json!({"AvailabilityZone": "eu-west-1a", "Size": 100, "VolumeType": "gp3", "Tags": {"Name": "datasets"}}),
            vec![("CreateVolume", volume("creating")), price()],
            ("/volume_id", json!("vol-1")),
        ),
        changes(
            "ebs_modify_volume",
            json!({"volume_id": "vol-1", "size": 200}),
            vec![
                ("ModifyVolume", json!({"VolumeModification": modification})),
                ("DescribeVolumes", json!({"Volumes": [volume("in-use")]})),
                price(),
            ],
            ("/progress", json!(40)),
        ),
        reads(
            "ebs_describe_volume_modifications",
            ids("vol-1"),
            vec![("DescribeVolumesModifications", json!({"VolumesModifications": [modification]}))],
            ("/rows/0/0", json!("vol-1")),
        ),
        changes(
            "ebs_attach_volume",
            json!({"volume_id": "vol-1", "instance_id": "i-1"}),
            vec![
                (
                    "AttachVolume",
                    json!({"VolumeId": "vol-1", "InstanceId": "i-1", "Device": "/dev/sdg", "State": "attaching"}),
                ),
                ("DescribeVolumes", json!({"Volumes": [volume("available")]})),
                ("DescribeInstances", instance()),
            ],
            ("/device", json!("/dev/sdg")),
        ),
        changes(
            "ebs_detach_volume",
            json!({"volume_id": "vol-1"}),
            vec![
                ("DetachVolume", json!({"VolumeId": "vol-1", "InstanceId": "i-1", "State": "detaching"})),
                ("DescribeVolumes", json!({"Volumes": [volume("in-use")]})),
                ("DescribeInstances", instance()),
            ],
            ("/state", json!("detaching")),
        ),
        changes(
            "ebs_delete_volume",
            ids("vol-1"),
            vec![("DeleteVolume", json!({})), ("DescribeVolumes", json!({"Volumes": [volume("available")]}))],
            ("/succeeded/0/deleted", json!("vol-1")),
        ),
    ]
}

fn snapshot_cases() -> Vec<Case> {
    let ids = json!({"snapshot_ids": ["snap-1"]});
    let found = ("DescribeSnapshots", json!({"Snapshots": [snapshot()]}));
    let zone = json!({"SnapshotId": "snap-1", "AvailabilityZone": "eu-west-1a", "State": "enabling"});
    vec![
        reads("ebs_list_snapshots", json!({}), vec![found.clone()], ("/rows/0/0", json!("snap-1"))),
        reads("ebs_get_snapshot_progress", ids.clone(), vec![found.clone()], ("/snapshots/0/percent", json!(50))),
        changes(
            "ebs_create_snapshot",
            json!({"VolumeId": "vol-1", "Description": "before", "Tags": {"team": "vision"}}),
            vec![("CreateSnapshot", snapshot()), ("DescribeVolumes", json!({"Volumes": [volume("in-use")]})), price()],
            ("/snapshot_id", json!("snap-1")),
        ),
        changes(
            "ebs_delete_snapshot",
            ids.clone(),
            vec![
                ("DeleteSnapshot", json!({})),
                found.clone(),
                ("DescribeImages", json!({"Images": [{"ImageId": "ami-1"}]})),
            ],
            ("/succeeded/0/deleted", json!("snap-1")),
        ),
        changes(
            "ebs_copy_snapshot",
            json!({"SourceSnapshotId": "snap-0", "SourceRegion": "us-west-2", "DestinationRegion": "eu-west-1"}),
            vec![("CopySnapshot", json!({"SnapshotId": "snap-1"})), found, price()],
            ("/snapshot_id", json!("snap-1")),
        ),
        changes(
            "ebs_manage_fast_snapshot_restore",
            json!({"snapshot_ids": ["snap-1"], "availability_zones": ["eu-west-1a"], "state": "enable"}),
            vec![
                ("EnableFastSnapshotRestores", json!({"Successful": [zone], "Unsuccessful": []})),
                ("DescribeFastSnapshotRestores", json!({"FastSnapshotRestores": [zone]})),
                price(),
            ],
            ("/successful/0/state", json!("enabling")),
        ),
        reads(
            "operation_get",
            json!({"operation_id": "ec2/SnapshotCompleted@eu-west-1?SnapshotIds=snap-1"}),
            vec![("DescribeSnapshots", json!({"Snapshots": [{"SnapshotId": "snap-1", "State": "completed"}]}))],
            ("/reached", json!(true)),
        ),
    ]
}

fn vpc_cases() -> Vec<Case> {
    let vpc = json!({"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "IsDefault": true, "State": "available"});
    let subnet = json!({"SubnetId": "subnet-1", "VpcId": "vpc-1", "AvailabilityZone": "eu-west-1a", "State": "available",
        "CidrBlock": "10.0.0.0/24", "AvailableIpAddressCount": 250, "DefaultForAz": true});
    let table = json!({"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}],
        "Routes": [{"GatewayId": "igw-1", "State": "active"}]});
    let vpcs = ("DescribeVpcs", json!({"Vpcs": [vpc]}));
    let subnets = ("DescribeSubnets", json!({"Subnets": [subnet]}));
    let tables = ("DescribeRouteTables", json!({"RouteTables": [table]}));
    let peering = json!({"VpcPeeringConnectionId": "pcx-1", "RequesterVpcInfo": {"VpcId": "vpc-1"},
        "AccepterVpcInfo": {"VpcId": "vpc-2", "Region": "eu-west-1"}, "Status": {"Code": "active"}});
    vec![
        reads("vpc_list_vpcs", json!({}), vec![vpcs.clone()], ("/rows/0/0", json!("vpc-1"))),
        reads("vpc_get_default_vpc", json!({}), vec![vpcs.clone()], ("/vpc/vpc_id", json!("vpc-1"))),
        reads(
            "vpc_list_subnets",
            json!({"vpc_id": "vpc-1", "fields": ["subnet_id", "public"]}),
            vec![subnets.clone(), tables.clone()],
            ("/rows/0", json!(["subnet-1", true])),
        ),
        reads(
            "vpc_get_default_subnets",
            json!({}),
            vec![subnets.clone(), vpcs.clone(), tables.clone()],
            ("/default_vpc_id", json!("vpc-1")),
        ),
        reads(
            "vpc_describe_vpc",
            json!({"vpc_id": "vpc-1", "fields": ["dns_support", "internet_gateways", "peerings"]}),
            vec![
                vpcs,
                subnets,
                tables,
                ("DescribeVpcAttribute", json!({"EnableDnsSupport": {"Value": true}})),
                ("DescribeInternetGateways", json!({"InternetGateways": [{"InternetGatewayId": "igw-1"}]})),
                ("DescribeNatGateways", json!({"NatGateways": [{"NatGatewayId": "nat-1", "State": "available"}]})),
                ("DescribeVpcEndpoints", json!({"VpcEndpoints": [{"VpcEndpointId": "vpce-1"}]})),
                ("DescribeFlowLogs", json!({"FlowLogs": [{"FlowLogId": "fl-1", "TrafficType": "ALL"}]})),
                ("DescribeVpcPeeringConnections", json!({"VpcPeeringConnections": [peering]})),
            ],
            ("/rows/0/2/0/vpc_id", json!("vpc-2")),
        ),
    ]
}

fn cases() -> Vec<Case> {
    volume_cases().into_iter().chain(snapshot_cases()).chain(vpc_cases()).collect()
}

#[test]
fn every_listed_tool_has_a_case() {
    check_complete(TOOLSETS, &cases());
}

#[test]
fn every_tool_does_its_work_and_its_plan_does_none() {
    check_work(TOOLSETS, &cases());
}

#[test]
fn what_is_off_is_refused_and_sends_nothing() {
    check_gates(TOOLSETS, &cases());
}

#[test]
fn an_order_in_what_somebody_made_stands_between_marks() {
    assert!(check_marks(TOOLSETS, &cases()) > 0, "no answer showed the order");
}

#[test]
fn a_refusal_of_the_service_is_an_error_that_names_the_operation() {
    check_refusals(TOOLSETS, &cases());
}

#[test]
fn a_volume_lives_its_life_on_moto() {
    let mut session = open(&with_moto("eu-central-1"), TOOLSETS);
    let mut call = |tool: &str, arguments: Value| said(&session.call(tool, arguments).unwrap()).clone();
    let zones = call("vpc_list_subnets", json!({"fields": ["az"]}));
    let zone = zones["rows"][0][0].as_str().unwrap().to_owned();
    let made = call("ebs_create_volume", json!({"AvailabilityZone": zone, "Size": 8, "wait": true}));
    let volume = made["volume_id"].as_str().unwrap().to_owned();
    assert_eq!((&made["reached"], &made["encrypted"]), (&json!(true), &json!(true)), "{made}");
    let kept = call("ebs.create_snapshot", json!({"VolumeId": volume, "client_token": "once", "wait": true}));
    let again = call("ebs_create_snapshot", json!({"volume_id": volume, "client_token": "once"}));
    assert_eq!(kept["snapshot_id"], again["snapshot_id"], "one token, one snapshot");
    let restored = call(
        "ebs.restore_volume_from_snapshot",
        json!({"SnapshotId": kept["snapshot_id"], "AvailabilityZone": zone, "VolumeType": "gp3"}),
    );
    assert_eq!(restored["snapshot_id"], kept["snapshot_id"]);
    let copy = call(
        "ebs_copy_snapshot",
        json!({"snapshot_id": kept["snapshot_id"], "source_region": "eu-central-1", "destination_region": "eu-north-1"}),
    );
    assert_ne!(copy["snapshot_id"], kept["snapshot_id"]);
    let gone =
        call("ebs_delete_volume", json!({"volume_ids": [volume, restored["volume_id"]], "snapshot_first": true}));
    assert_eq!(gone["succeeded"].as_array().unwrap().len(), 2, "{gone}");
    assert!(gone["succeeded"][0]["snapshot_id"].is_string(), "{gone}");
    let left = call("ebs.describe_volumes", json!({"tags": {"no": "such"}}));
    assert_eq!(left["count"], 0);
    let vpc = call("vpc_describe_vpc", json!({"fields": ["vpc_id", "dns_support", "subnets"]}));
    assert_eq!(vpc["rows"][0][1], true, "{vpc}");
}

#[test]
fn several_regions_answer_and_one_that_fails_does_not_take_the_others_along() {
    let aws = StandIn::start();
    aws.answer_with("ec2", "DescribeVolumes", |call| match call.region.as_str() {
        "eu-north-1" => Answer::refusal(403, "UnauthorizedOperation", "not here"),
        region => json!({"Volumes": [{"VolumeId": format!("vol-{region}"), "State": "available"}]}).into(),
    });
    let mut session = open(&at(&aws), TOOLSETS);
    let regions = ["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1"];
    let result = session.call("ebs_describe_volumes", json!({"regions": regions})).unwrap();
    let said = said(&result);
    assert_eq!((&said["count"], &said["regions_asked"]), (&json!(4), &json!(5)), "{said}");
    assert_eq!(said["region_errors"]["eu-north-1"]["category"], "access_denied", "{said}");
}

/// What the AWS-MCP server got wrong here, each by its number in the list of faults.
#[test]
fn the_faults_of_the_original_are_not_here() {
    let aws = StandIn::start();
    let mut session = open(&at(&aws), TOOLSETS);
    let lists = [
        ("ebs.describe_volumes", "DescribeVolumes", json!({"Volumes": []})),
        ("ebs.list_snapshots", "DescribeSnapshots", json!({"Snapshots": []})),
        ("vpc.list_vpcs", "DescribeVpcs", json!({"Vpcs": []})),
        ("vpc.describe_subnet", "DescribeSubnets", json!({"Subnets": []})),
    ];
    // F01: the plainest call sends no empty filter; F32: and an empty list is an answer.
    for (tool, operation, empty) in lists {
        aws.answer("ec2", operation, empty);
        let result = session.call(tool, json!({})).unwrap();
        assert_eq!(said(&result)["count"], 0, "{tool}");
        assert!(aws.calls_of(operation)[0].get("Filters").is_none(), "{tool}");
    }
    // F19: a list without owners is the account's own.
    assert_eq!(aws.calls_of("DescribeSnapshots")[0]["OwnerIds"], json!(["self"]));
    // F04: the server's region and no other is asked.
    assert!(aws.calls().iter().all(|call| call.region == "eu-west-1"));

    // F02: pages are followed to the limit, and the cursor goes on where they ended.
    aws.answer_with("ec2", "DescribeVolumes", |call| {
        let from: usize = call.input["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let asked = usize::try_from(call.input["MaxResults"].as_u64().unwrap()).unwrap().min(500);
        let to = (from + asked).min(3000);
        let volumes: Vec<Value> = (from..to).map(|number| json!({"VolumeId": format!("vol-{number}")})).collect();
        let mut page = json!({"Volumes": volumes});
        if to < 3000 {
            page["NextToken"] = to.to_string().into();
        }
        page.into()
    });
    let (mut seen, mut cursor) = (Vec::new(), None);
    while seen.len() < 3000 {
        let mut arguments = json!({"limit": 1000, "fields": ["volume_id"]});
        if let Some(cursor) = &cursor {
            arguments["cursor"] = Value::clone(cursor);
        }
        let result = session.call("ebs_describe_volumes", arguments).unwrap();
        let page = said(&result);
        seen.extend(page["rows"].as_array().unwrap().iter().map(|row| row[0].as_str().unwrap().to_owned()));
        cursor = page.get("next").cloned();
        assert_eq!(cursor.is_some(), seen.len() < 3000, "{} rows, {page}", seen.len());
    }
    let wanted: Vec<String> = (0..3000).map(|number| format!("vol-{number}")).collect();
    assert_eq!(seen, wanted);

    // F31: no default VPC is an error, not an answer with an error in it.
    aws.answer("ec2", "DescribeVpcs", json!({"Vpcs": []}));
    for tool in ["vpc_get_default_vpc", "vpc.get_default_subnets"] {
        assert_eq!(error(&session.call(tool, json!({})).unwrap())["category"], "not_found", "{tool}");
    }

    // #38: a volume is detached without its instance being named; #37: the device need not be, either.
    aws.answer("ec2", "DescribeVolumes", json!({"Volumes": [volume("in-use")]}));
    aws.answer("ec2", "DescribeInstances", instance());
    aws.answer("ec2", "DetachVolume", json!({"VolumeId": "vol-1", "State": "detaching"}));
    said(&session.call("ebs.detach_volume", json!({"VolumeId": "vol-1"})).unwrap());
    assert_eq!(aws.calls_of("DetachVolume"), [json!({"VolumeId": "vol-1", "InstanceId": "i-1"})]);

    // #36: ids and filters are both sent.
    session.call("ebs.describe_volumes", json!({"VolumeId": "vol-1", "states": ["in-use"]})).unwrap();
    let both = aws.calls_of("DescribeVolumes").pop().unwrap();
    assert_eq!((&both["VolumeIds"], &both["Filters"][0]["Name"]), (&json!(["vol-1"]), &json!("status")));

    // F07: fast restores are asked for in the members that the API has; what was not switched is no success.
    let why = json!({"Code": "InvalidSnapshot.InUse", "Message": "in use"});
    let errors = json!([{"AvailabilityZone": "eu-west-1a", "Error": why}]);
    let failed = json!([{"SnapshotId": "snap-1", "FastSnapshotRestoreStateErrors": errors}]);
    aws.answer("ec2", "EnableFastSnapshotRestores", json!({"Successful": [], "Unsuccessful": failed}));
    let arguments = json!({"snapshot_ids": ["snap-1"], "availability_zones": ["eu-west-1a"], "state": "enable"});
    let result = session.call("ebs.manage_fast_snapshot_restore", arguments).unwrap();
    assert!(error(&result)["message"].as_str().unwrap().contains("in use"), "{result}");
    let sent = json!({"SourceSnapshotIds": ["snap-1"], "AvailabilityZones": ["eu-west-1a"]});
    assert_eq!(aws.calls_of("EnableFastSnapshotRestores"), [sent]);

    // F20: before a snapshot is deleted, the plan names the images that are made of it.
    aws.answer("ec2", "DescribeSnapshots", json!({"Snapshots": [snapshot()]}));
    aws.answer("ec2", "DescribeImages", json!({"Images": [{"ImageId": "ami-1"}]}));
    aws.answer("ec2", "DeleteSnapshot", json!({}));
    let plan = session.call("ebs.delete_snapshot", json!({"SnapshotId": "snap-1", "dry_run": true})).unwrap();
    assert_eq!(said(&plan)["plan"]["images"], json!(["ami-1"]), "{plan}");
    assert!(aws.calls_of("DeleteSnapshot").iter().all(|input| input["DryRun"] == true), "F26: a plan acts on nothing");

    // F27: a caller's token is sent, or kept as a tag where the operation takes none.
    aws.answer("ec2", "CreateVolume", volume("creating"));
    let arguments = json!({"AvailabilityZone": "eu-west-1a", "Size": 1, "client_token": "once"});
    said(&session.call("ebs.create_volume", arguments).unwrap());
    assert_eq!(aws.calls_of("CreateVolume")[0]["ClientToken"], "once");
    aws.answer("ec2", "DescribeSnapshots", json!({"Snapshots": []}));
    aws.answer("ec2", "CreateSnapshot", snapshot());
    said(&session.call("ebs.create_snapshot", json!({"VolumeId": "vol-1", "client_token": "once"})).unwrap());
    let tag = &aws.calls_of("CreateSnapshot")[0]["TagSpecifications"][0]["Tags"][0];
    assert_eq!(tag, &json!({"Key": "mcp:client-token", "Value": "once"}));
}
