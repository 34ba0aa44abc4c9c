//! Every tool of the toolsets capacity and commands through the protocol.

use serde_json::{Value, json};
use trainyard_stand_in::StandIn;

use crate::tool_cases::{
    Case, at, changes, check_complete, check_gates, check_marks, check_refusals, check_work, error, open, reads,
    reveals, said,
};

const TOOLSETS: &str = "capacity,commands";

fn h100() -> (&'static str, Value) {
    let gpu = json!({"Name": "H100", "Manufacturer": "NVIDIA", "Count": 8, "MemoryInfo": {"SizeInMiB": 81920}});
    let h100 = json!({"InstanceType": "p5.48xlarge", "VCpuInfo": {"DefaultVCpus": 192},
        "MemoryInfo": {"SizeInMiB": 2_097_152}, "GpuInfo": {"TotalGpuMemoryInMiB": 655_360, "Gpus": [gpu]},
        "NetworkInfo": {"EfaSupported": true, "MaximumNetworkCards": 32, "EfaInfo": {"MaximumEfaInterfaces": 32}}});
    ("DescribeInstanceTypes", json!({"InstanceTypes": [h100]}))
}

fn price() -> (&'static str, Value) {
    let dimension = json!({"unit": "Hrs", "pricePerUnit": {"USD": "55.0400000000"}});
    let term = json!({"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": {"D": dimension}});
    let product = json!({"product": {"sku": "S", "attributes": {"instanceType": "p5.48xlarge"}},
        "terms": {"OnDemand": {"T": term}}});
    ("pricing:GetProducts", json!({"PriceList": [product.to_string()]}))
}

fn capacity_cases() -> Vec<Case> {
    let reservation = json!({"CapacityReservationId": "cr-1", "InstanceType": "p5.48xlarge", "State": "active",
        "TotalInstanceCount": 4, "AvailableInstanceCount": 1, "ReservationType": "capacity-block"});
    let block = json!({"CapacityBlockOfferingId": "cb-1", "InstanceType": "p5.48xlarge", "UpfrontFee": "9000.00"});
    let quota = json!({"QuotaCode": "L-417A185B", "QuotaName": "Running On-Demand P instances", "Value": 192.0,
        "Adjustable": true});
    vec![
        reads(
            "ec2_describe_instance_types",
            json!({"gpu_name": "h100"}),
            vec![h100()],
            ("/rows/0/3", json!("8x NVIDIA H100 80 GiB")),
        ),
        reads(
            "ec2_recommend_instance_types",
            json!({"min_gpus": 8, "budget_per_hour": "60"}),
            vec![h100(), price()],
            ("/rows/0/0", json!("p5.48xlarge")),
        ),
        reads(
            "ec2_list_type_offerings",
            json!({"instance_types": ["p5*"]}),
            vec![(
                "DescribeInstanceTypeOfferings",
                json!({"InstanceTypeOfferings": [{"InstanceType": "p5.48xlarge", "Location": "eu-west-1a"}]}),
            )],
            ("/rows/0", json!(["p5.48xlarge", ["eu-west-1a"]])),
        ),
        reads(
            "ec2_get_spot_placement_scores",
            json!({"instance_types": ["p5.48xlarge"], "target_capacity": 2}),
            vec![("GetSpotPlacementScores", json!({"SpotPlacementScores": [{"Region": "eu-west-1", "Score": 3}]}))],
            ("/rows/0", json!(["eu-west-1", 3])),
        ),
        reads(
            "ec2_find_capacity_blocks",
            json!({"instance_type": "p5.48xlarge", "count": 4, "hours": 48}),
            vec![("DescribeCapacityBlockOfferings", json!({"CapacityBlockOfferings": [block]}))],
            ("/rows/0", json!(["cb-1", "p5.48xlarge", "9000.00"])),
        ),
        changes(
            "ec2_purchase_capacity_block",
            json!({"offering_id": "cb-1"}),
            vec![("PurchaseCapacityBlock", json!({"CapacityReservation": reservation}))],
            ("/capacity_reservation_id", json!("cr-1")),
        ),
        reads(
            "ec2_list_capacity_reservations",
            json!({"fields": ["capacity_reservation_id", "available"]}),
            vec![("DescribeCapacityReservations", json!({"CapacityReservations": [reservation]}))],
            ("/rows/0", json!(["cr-1", 1])),
        ),
        reads(
            "ec2_find_ami",
            json!({"kind": "dlami_base"}),
            vec![(
                "DescribeImages",
                json!({"Images": [
                    {"ImageId": "ami-old", "Name": "a", "CreationDate": "2026-01-01T00:00:00Z"},
                    {"ImageId": "ami-new", "Name": "b", "CreationDate": "2026-11-01T00:00:00Z"}
                ]}),
            )],
            ("/rows/0/0", json!("ami-new")),
        ),
        reads(
            "quota_get",
            json!({"service": "ec2", "quota": "p instances"}),
            vec![("service-quotas:ListServiceQuotas", json!({"Quotas": [quota]}))],
            ("/rows/0/0", json!("L-417A185B")),
        ),
        changes(
            "quota_request_increase",
            json!({"service": "ec2", "quota_code": "L-417A185B", "value": 384}),
            vec![
                (
                    "service-quotas:RequestServiceQuotaIncrease",
                    json!({"RequestedQuota": {"Id": "r-1", "Status": "PENDING"}}),
                ),
                ("service-quotas:GetServiceQuota", json!({"Quota": quota})),
            ],
            ("/status", json!("PENDING")),
        ),
    ]
}

fn command_cases() -> Vec<Case> {
    let id = "0831e1a8-a1ac-4257-a1fd-c831b48c4107";
    let agents = json!({"InstanceInformationList": [{"InstanceId": "i-1", "PingStatus": "Online"}]});
    let plugin = json!({"Name": "aws:runShellScript", "ResponseCode": 0, "Output": "H100"});
    let invocation = json!({"CommandId": id, "InstanceId": "i-1", "Status": "Success", "CommandPlugins": [plugin]});
    vec![
        reveals(
            "ec2_get_console_output",
            json!({"instance_id": "i-1", "lines": 1}),
            vec![("GetConsoleOutput", json!({"InstanceId": "i-1", "Output": "b25lCnR3bw=="}))],
            ("/left_out", json!(1)),
        ),
        reads(
            "ec2_list_ssm_managed",
            json!({"ping_status": ["Online"]}),
            vec![("ssm:DescribeInstanceInformation", agents.clone())],
            ("/rows/0", json!(["i-1", "Online"])),
        ),
        changes(
            "ec2_run_command",
            json!({"instance_ids": ["i-1"], "commands": ["nvidia-smi"]}),
            vec![
                ("ssm:SendCommand", json!({"Command": {"CommandId": id, "Status": "Pending"}})),
                ("ssm:DescribeInstanceInformation", agents),
            ],
            ("/command_id", json!(id)),
        ),
        reveals(
            "ec2_get_command",
            json!({"command_id": id}),
            vec![("ssm:ListCommandInvocations", json!({"CommandInvocations": [invocation]}))],
            ("/rows/0/1", json!("Success")),
        ),
    ]
}

fn cases() -> Vec<Case> {
    capacity_cases().into_iter().chain(command_cases()).collect()
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
fn what_cannot_be_is_refused_before_anything_is_sent() {
    let aws = StandIn::start();
    let mut session = open(&at(&aws), TOOLSETS);
    for (tool, arguments, part) in [
        ("ec2_find_capacity_blocks", json!({"instance_type": "p5.48xlarge", "count": 1, "hours": 30}), "whole days"),
        ("ec2_describe_instance_types", json!({}), "a thousand"),
        ("ec2_recommend_instance_types", json!({"min_gpus": 1, "budget_per_hour": "much"}), "no amount"),
        ("ec2_run_command", json!({"instance_ids": ["i-1"], "commands": [" "]}), "empty"),
        ("ec2_run_command", json!({"instance_ids": ["i-1"], "commands": ["x"], "output_s3": "bucket"}), "s3://"),
    ] {
        let result = session.call(tool, arguments).unwrap();
        assert_eq!(error(&result)["category"], "validation", "{tool}: {result}");
        assert!(error(&result)["message"].as_str().unwrap().contains(part), "{tool}: {result}");
    }
    assert_eq!(aws.calls(), []);
    let quota = json!({"QuotaCode": "L-417A185B", "QuotaName": "P", "Value": 192.0, "Adjustable": true});
    aws.answer("service-quotas", "GetServiceQuota", json!({"Quota": quota}));
    let arguments = json!({"service": "ec2", "quota_code": "L-417A185B", "value": 100});
    let result = session.call("quota_request_increase", arguments).unwrap();
    assert!(error(&result)["message"].as_str().unwrap().contains("192 already"), "{result}");
}

#[test]
fn a_plan_of_a_command_says_which_instances_it_would_reach() {
    let aws = StandIn::start();
    let agents = json!({"InstanceInformationList": [{"InstanceId": "i-1", "PingStatus": "Online"}]});
    aws.answer("ssm", "DescribeInstanceInformation", agents);
    let mut session = open(&at(&aws), TOOLSETS);
    let arguments = json!({"instance_ids": ["i-1", "i-2"], "commands": ["reboot"], "dry_run": true});
    let result = session.call("ec2_run_command", arguments).unwrap();
    let plan = &said(&result)["plan"];
    assert_eq!((&plan["online"], &plan["offline"]), (&json!(["i-1"]), &json!(["i-2"])), "{plan}");
}
