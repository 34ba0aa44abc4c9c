//! Every tool of the toolsets ebs, vpc and operation through the protocol: with success, behind its gate, as a plan that
//! changes nothing, and with a refusal of the service. A listed tool without a case fails.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_stand_in::{Answer, StandIn};

use crate::{BINARY, with_moto};

const TOOLSETS: &str = "ebs,vpc,operation";

/// One tool, called once.
struct Case {
    tool: &'static str,
    arguments: Value,
    /// What the service answers.
    answers: Vec<(&'static str, Value)>,
    /// Where in the answer something stands, and what.
    says: (&'static str, Value),
    /// The operation that does it, refused for the second call.
    refused: &'static str,
    /// The tool changes something.
    changes: bool,
}

fn reads(
    tool: &'static str,
    arguments: Value,
    answers: Vec<(&'static str, Value)>,
    says: (&'static str, Value),
) -> Case {
    let refused = answers[0].0;
    Case { tool, arguments, answers, says, refused, changes: false }
}

fn changes(
    tool: &'static str,
    arguments: Value,
    answers: Vec<(&'static str, Value)>,
    says: (&'static str, Value),
) -> Case {
    Case { changes: true, ..reads(tool, arguments, answers, says) }
}

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
    json!({"SnapshotId": "snap-1", "VolumeId": "vol-1", "VolumeSize": 100, "State": "pending", "Progress": "50%",
        "StartTime": "2026-11-21T10:00:00Z"})
}

fn instance() -> Value {
    let root = json!([{"DeviceName": "/dev/xvda"}, {"DeviceName": "/dev/sdf"}]);
    json!({"Reservations": [{"Instances": [{"InstanceId": "i-1", "State": {"Name": "running"},
        "Placement": {"AvailabilityZone": "eu-west-1a"}, "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": root}]}]})
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
            vec![("CreateVolume", volume("creating"))],
            ("/volume_id", json!("vol-1")),
        ),
        changes(
            "ebs_modify_volume",
            json!({"volume_id": "vol-1", "size": 200}),
            vec![
                ("ModifyVolume", json!({"VolumeModification": modification})),
                ("DescribeVolumes", json!({"Volumes": [volume("in-use")]})),
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
            vec![("CreateSnapshot", snapshot())],
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
            vec![("CopySnapshot", json!({"SnapshotId": "snap-1"})), found],
            ("/snapshot_id", json!("snap-1")),
        ),
        changes(
            "ebs_manage_fast_snapshot_restore",
            json!({"snapshot_ids": ["snap-1"], "availability_zones": ["eu-west-1a"], "state": "enable"}),
            vec![
                ("EnableFastSnapshotRestores", json!({"Successful": [zone], "Unsuccessful": []})),
                ("DescribeFastSnapshotRestores", json!({"FastSnapshotRestores": [zone]})),
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

fn at(aws: &StandIn) -> Trainyard {
    Trainyard::at(BINARY, &aws.url()).unwrap()
}

fn serve(at: &Trainyard, flags: &[&str]) -> Session {
    let mut session = at.serve(flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    session
}

/// A session in which everything is allowed and nobody is asked.
fn open(at: &Trainyard) -> Session {
    serve(at, &["--toolsets", TOOLSETS, "--allow-write", "--confirm", "never"])
}

fn prepare(aws: &StandIn, case: &Case) {
    aws.forget_calls();
    for (operation, output) in &case.answers {
        aws.answer("ec2", operation, output.clone());
    }
}

/// What the tool said, which has to be an answer.
fn said(result: &Value) -> &Value {
    assert_ne!(result["isError"], true, "{result}");
    &result["structuredContent"]
}

fn error(result: &Value) -> &Value {
    assert_eq!(result["isError"], true, "{result}");
    &result["structuredContent"]["error"]
}

#[test]
fn every_listed_tool_has_a_case() {
    let list = at(&StandIn::start()).run(&["tools", "--json", "--toolsets", TOOLSETS]).unwrap();
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    let listed: BTreeSet<String> =
        list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    let tried: BTreeSet<String> = cases().iter().map(|case| case.tool.to_owned()).collect();
    assert_eq!(listed, tried);
}

#[test]
fn every_tool_does_its_work_and_its_plan_does_none() {
    let aws = StandIn::start();
    let mut session = open(&at(&aws));
    for case in cases() {
        prepare(&aws, &case);
        if case.changes {
            let mut arguments = case.arguments.clone();
            arguments["dry_run"] = true.into();
            let result = session.call(case.tool, arguments).unwrap();
            assert!(said(&result)["plan"].is_object(), "{}: {result}", case.tool);
            let sent = aws.calls_of(case.refused);
            assert!(!sent.is_empty() && sent.iter().all(|input| input["DryRun"] == true), "{}: {sent:?}", case.tool);
            aws.forget_calls();
        }
        let result = session.call(case.tool, case.arguments.clone()).unwrap();
        assert_eq!(said(&result).pointer(case.says.0), Some(&case.says.1), "{}: {result}", case.tool);
        assert!(!aws.calls_of(case.refused).is_empty(), "{} sent no {}", case.tool, case.refused);
    }
}

#[test]
fn what_is_off_is_refused_and_sends_nothing() {
    let aws = StandIn::start();
    let at = at(&aws);
    let mut reading = serve(&at, &["--toolsets", TOOLSETS]);
    let mut without = serve(&at, &["--toolsets", "iam"]);
    for case in cases() {
        let result = without.call(case.tool, case.arguments.clone());
        let text = result.map_or_else(|error| error.to_string(), |result| error(&result).to_string());
        assert!(text.contains("toolset"), "{}: {text}", case.tool);
        if case.changes {
            let result = reading.call(case.tool, case.arguments.clone()).unwrap();
            assert_eq!(error(&result)["category"], "policy_denied", "{}: {result}", case.tool);
        }
    }
    assert_eq!(aws.calls(), []);
}

#[test]
fn a_refusal_of_the_service_is_an_error_that_names_the_operation() {
    let aws = StandIn::start();
    let mut session = open(&at(&aws));
    for case in cases() {
        prepare(&aws, &case);
        aws.refuse(
            "ec2",
            case.refused,
            403,
            "UnauthorizedOperation",
            "You are not authorized to perform this operation.",
        );
        let result = session.call(case.tool, case.arguments.clone()).unwrap();
        let error = error(&result);
        assert_eq!(error["category"], "access_denied", "{}: {error}", case.tool);
        assert_eq!(error["operation"], case.refused, "{}: {error}", case.tool);
        assert!(error["region"].is_string() && error["request_id"].is_string(), "{}: {error}", case.tool);
    }
}

#[test]
fn a_volume_lives_its_life_on_moto() {
    let mut session = open(&with_moto("eu-central-1"));
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
    let mut session = open(&at(&aws));
    let regions = ["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1"];
    let result = session.call("ebs_describe_volumes", json!({"regions": regions})).unwrap();
    let said = said(&result);
    assert_eq!((&said["count"], &said["regions_asked"]), (&json!(4), &json!(5)), "{said}");
    assert_eq!(said["region_errors"]["eu-north-1"]["category"], "access_denied", "{said}");
}
