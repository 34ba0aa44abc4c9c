//! What EC2 costs and what a launch would mean, with a price list and quotas that no emulator has.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_stand_in::{Answer, StandIn};

use crate::BINARY;

/// A product of the price list. The stand-in writes it as AWS does: JSON in a string.
fn product(sku: &str, attributes: &Value, unit: &str, price: &str) -> Value {
    let dimension = json!({ "unit": unit, "pricePerUnit": { "USD": price }, "description": "as listed" });
    let term = json!({ "effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": { "d": dimension } });
    json!({ "product": { "sku": sku, "attributes": attributes }, "terms": { "OnDemand": { "t": term } } })
}

/// The filters of a question to the price list, as an object.
fn filters(input: &Value) -> Value {
    let filters = input["Filters"].as_array().unwrap();
    filters.iter().map(|filter| (filter["Field"].as_str().unwrap().to_owned(), filter["Value"].clone())).collect()
}

/// AWS with the prices of two types and of gp3, their hardware, and a quota of 192 virtual CPUs for P types.
pub(crate) fn aws() -> StandIn {
    let aws = StandIn::start();
    aws.answer_with("pricing", "GetProducts", |call| {
        let asked = filters(&call.input);
        let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
        let found = match (text("instanceType").as_str(), text("productFamily").as_str()) {
            ("p5.48xlarge", _) => vec![product("P5", &asked, "Hrs", "98.3200000000")],
            ("g6e.xlarge", _) => vec![product("G6E", &asked, "Hrs", "1.8610000000")],
            ("m5.large", _) => vec![
                product("ONE", &json!({ "tenancy": "Shared", "licenseModel": "No License required" }), "Hrs", "0.1"),
                product("TWO", &json!({ "tenancy": "Shared", "licenseModel": "Bring your own license" }), "Hrs", "9.9"),
            ],
            (_, "Storage") => vec![product("GP3", &asked, "GB-Mo", "0.0800000000")],
            (_, "Provisioned Throughput") => vec![product("GP3T", &asked, "GiBps-mo", "40.9600000000")],
            _ => Vec::new(),
        };
        json!({ "FormatVersion": "aws_v1", "PriceList": found }).into()
    });
    aws.answer(
        "ec2",
        "DescribeInstanceTypes",
        json!({ "InstanceTypes": [
        { "InstanceType": "p5.48xlarge", "VCpuInfo": { "DefaultVCpus": 192 }, "MemoryInfo": { "SizeInMiB": 2_097_152 },
          "NetworkInfo": { "MaximumNetworkCards": 32, "EfaSupported": true, "EfaInfo": { "MaximumEfaInterfaces": 32 } },
          "GpuInfo": { "TotalGpuMemoryInMiB": 655_360, "Gpus": [{ "Name": "H100", "Manufacturer": "NVIDIA", "Count": 8,
                       "MemoryInfo": { "SizeInMiB": 81920 } }] } },
        { "InstanceType": "g6e.xlarge", "VCpuInfo": { "DefaultVCpus": 4 }, "MemoryInfo": { "SizeInMiB": 32768 },
          "GpuInfo": { "TotalGpuMemoryInMiB": 45776, "Gpus": [{ "Name": "L40S", "Manufacturer": "NVIDIA", "Count": 1,
                       "MemoryInfo": { "SizeInMiB": 45776 } }] } }
    ] }),
    );
    aws.answer(
        "service-quotas",
        "GetServiceQuota",
        json!({ "Quota": {
        "QuotaCode": "L-417A185B", "QuotaName": "Running On-Demand P instances", "Value": 192.0
    } }),
    );
    aws.answer("ec2", "DescribeInstances", json!({ "Reservations": [{ "Instances": [
        { "InstanceId": "i-0aaaaaaaaaaaaaaaa", "InstanceType": "p4d.24xlarge", "State": { "Code": 16, "Name": "running" },
          "CpuOptions": { "CoreCount": 48, "ThreadsPerCore": 2 } },
        { "InstanceId": "i-0bbbbbbbbbbbbbbbb", "InstanceType": "p4d.24xlarge", "State": { "Code": 16, "Name": "running" },
          "InstanceLifecycle": "spot", "CpuOptions": { "CoreCount": 48, "ThreadsPerCore": 2 } }
    ] }] }));
    aws.answer(
        "ec2",
        "DescribeImages",
        json!({ "Images": [{ "ImageId": "ami-0123456789abcdef0", "RootDeviceName": "/dev/sda1",
        "BlockDeviceMappings": [{ "DeviceName": "/dev/sda1", "Ebs": { "SnapshotId": "snap-0aaaaaaaaaaaaaaaa",
            "VolumeSize": 75, "VolumeType": "gp3", "Encrypted": false } }] }] }),
    );
    aws.answer("ec2", "DescribeSecurityGroupRules", json!({ "SecurityGroupRules": [] }));
    aws.refuse("ec2", "RunInstances", 412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
    aws
}

fn session(aws: &StandIn) -> Session {
    let at = Trainyard::at(BINARY, &aws.url()).unwrap();
    let mut session = at.serve(&["--toolsets", "ec2", "--allow-write"], Era::Modern).unwrap();
    session.hello().unwrap();
    session
}

fn call(session: &mut Session, tool: &str, arguments: Value) -> Value {
    let mut result = session.call(tool, arguments).unwrap();
    assert_eq!(result["isError"], false, "{result}");
    result["structuredContent"].take()
}

/// F22, F23: one product, by the region's code.
#[test]
fn prices_are_of_exactly_one_product_and_compared_by_gpu() {
    let aws = aws();
    let mut session = session(&aws);
    let arguments =
        json!({ "instance_types": ["g6e.xlarge", "p5.48xlarge"], "regions": ["eu-west-1", "mx-central-1"] });
    let found = call(&mut session, "aws.get_ondemand_price", arguments);
    let columns = found["columns"].as_array().unwrap();
    let cell = |row: &Value, name: &str| row[columns.iter().position(|column| column == name).unwrap()].clone();
    let rows = found["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4, "{found}");
    assert_eq!(cell(&rows[0], "type"), "g6e.xlarge", "the cheapest GPU first");
    assert_eq!(cell(&rows[0], "per_hour"), "1.861", "a decimal, as text");
    let p5 = rows.last().unwrap();
    assert_eq!(
        ["per_hour", "per_month", "per_gpu", "per_gpu_gib"].map(|name| cell(p5, name)),
        ["98.32", "71773.6", "12.29", "0.153625"].map(Value::from)
    );
    let calls = aws.calls();
    let asked: Vec<_> = calls.iter().filter(|call| call.operation == "GetProducts").collect();
    for one in &asked {
        let said = filters(&one.input);
        assert_eq!(
            ["tenancy", "preInstalledSw", "capacitystatus", "marketoption", "licenseModel", "operation"]
                .map(|name| said[name].clone()),
            ["Shared", "NA", "Used", "OnDemand", "No License required", "RunInstances"].map(Value::from)
        );
        assert!(said.get("location").is_none(), "regions are named by their codes");
        assert_eq!(one.region, asked[0].region, "the list is asked for in one place, whichever region it is about");
    }
}

#[test]
fn of_several_products_none_is_taken_and_their_difference_is_told() {
    let aws = aws();
    let mut result = session(&aws).call("ec2_get_ondemand_price", json!({ "instance_type": "m5.large" })).unwrap();
    let error = result["structuredContent"]["error"].take();
    assert_eq!(error["code"], "AmbiguousPrice", "{result}");
    let text = error["message"].as_str().unwrap();
    assert!(text.contains("Bring your own license") && !text.contains("tenancy"), "only what differs: {text}");
}

#[test]
fn an_estimate_lists_its_lines_and_assumptions() {
    let aws = aws();
    let arguments = json!({ "instance_type": "g6e.xlarge", "count": 2, "hours_per_month": 100,
                            "volumes": [{ "size": 500, "throughput": 525 }] });
    let found = call(&mut session(&aws), "aws.estimate_instance_cost", arguments);
    let months: Vec<_> = found["lines"].as_array().unwrap().iter().map(|line| line["per_month"].clone()).collect();
    // 2 x 100 x 1.861, 2 x 500 GiB x 0.08, 2 x 400 MiB/s x 40.96 / 1024.
    assert_eq!(months, ["372.2", "80", "32"].map(Value::from), "{found}");
    assert_eq!(found["per_month"], "484.2");
    assert!(found["assumptions"].to_string().contains("730"), "{found}");
    let whole = call(&mut session(&aws), "ec2_estimate_instance_cost", json!({ "instance_type": "g6e.xlarge" }));
    assert_eq!(whole["hours_per_month"], 730, "the same month in every tool");
}

#[test]
fn a_plan_tells_cost_quota_and_verdict_and_launches_nothing() {
    let aws = aws();
    let mut session = session(&aws);
    let arguments = json!({ "image_id": "ami-0123456789abcdef0", "instance_type": "p5.48xlarge", "max_count": 2, "efa": true,
        "security_group_ids": ["sg-0123456789abcdef0"], "subnet_id": "subnet-0123456789abcdef0", "root_volume_size": 500,
        "user_data": "#!/bin/sh\nTOKEN=do-not-show-me\n", "dry_run": true });
    let shown = call(&mut session, "ec2_create_instance", arguments.clone());
    let plan = &shown["plan"];
    assert_eq!((&plan["cost_per_hour"], &plan["gpus"]), (&json!("196.64"), &json!("8x NVIDIA H100 80 GiB")), "{plan}");
    let quota = &plan["quota"];
    assert_eq!(["limit", "used", "wanted"].map(|name| quota[name].clone()), [192, 96, 384].map(Value::from), "{quota}");
    assert_eq!((&quota["would_stop"], &plan["dry_run"]["would_succeed"]), (&json!(true), &json!(true)), "{plan}");
    assert!(plan["disks"][0].as_str().unwrap().contains("500 GiB encrypted"), "{plan}");
    assert!(!shown.to_string().contains("do-not-show-me"), "user data is not shown");
    let sent = aws.calls_of("RunInstances");
    assert!(!sent.is_empty() && sent.iter().all(|input| input["DryRun"] == true), "{sent:?}");
    assert_eq!(sent[0]["NetworkInterfaces"].as_array().unwrap().len(), 32);
    assert_eq!(sent[0]["MetadataOptions"]["HttpTokens"], "required");

    let mut real = arguments;
    real.as_object_mut().unwrap().remove("dry_run");
    let asked = session.call("ec2_create_instance", real).unwrap();
    assert_eq!(
        asked["structuredContent"]["error"]["code"], "ConfirmationRequired",
        "what costs is asked about: {asked}"
    );
    assert!(aws.calls_of("RunInstances").iter().all(|input| input["DryRun"] == true));
}

#[test]
fn a_group_that_is_open_to_the_world_stops_a_launch_unless_that_is_wanted() {
    let aws = aws();
    let rule = json!({ "SecurityGroupRuleId": "sgr-1", "GroupId": "sg-0123456789abcdef0", "IsEgress": false,
                       "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0" });
    aws.answer("ec2", "DescribeSecurityGroupRules", json!({ "SecurityGroupRules": [rule] }));
    let mut session = session(&aws);
    let mut arguments = json!({ "image_id": "ami-0123456789abcdef0", "instance_type": "g6e.xlarge", "dry_run": true,
                                "security_group_ids": ["sg-0123456789abcdef0"] });
    let refused = session.call("ec2_create_instance", arguments.clone()).unwrap();
    assert_eq!(refused["structuredContent"]["error"]["code"], "OpenToWorld", "{refused}");
    assert!(aws.calls_of("RunInstances").is_empty());
    arguments["open_to_world"] = true.into();
    call(&mut session, "ec2_create_instance", arguments);
}

#[test]
fn a_template_is_not_looked_into_by_a_plan() {
    let aws = aws();
    let mut session = session(&aws);
    let shown =
        call(&mut session, "ec2_launch_from_template", json!({ "launch_template_name": "gpu", "dry_run": true }));
    let sent = aws.calls_of("RunInstances");
    assert_eq!(sent[0]["LaunchTemplate"], json!({ "LaunchTemplateName": "gpu", "Version": "$Default" }));
    assert!(shown["plan"]["unknown"][0].as_str().unwrap().contains("sensitive"), "{shown}");
    assert!(aws.calls_of("DescribeLaunchTemplateVersions").is_empty());
}

/// F24: a summary, and not a page of changes.
#[test]
fn spot_prices_are_summarised_zone_by_zone_over_all_pages() {
    let aws = StandIn::start();
    let pages = Arc::new(Mutex::new(0));
    aws.answer_with("ec2", "DescribeSpotPriceHistory", move |call| {
        let mut page = pages.lock().unwrap();
        *page += 1;
        let change = |zone: &str, price: &str| {
            json!({ "InstanceType": "p5.48xlarge", "AvailabilityZone": zone, "ProductDescription": "Linux/UNIX",
                    "SpotPrice": price, "Timestamp": "2026-11-20T00:00:00Z" })
        };
        match call.input["NextToken"].as_str() {
            None => json!({ "NextToken": "more", "SpotPriceHistory": [change("eu-west-1a", "40.000000")] }),
            Some(_) => json!({ "SpotPriceHistory": [change("eu-west-1b", "30.000000")] }),
        }
        .into()
    });
    let arguments = json!({ "instance_type": "p5.48xlarge", "start_time": "2026-11-20T00:00:00Z", "end_time": "2026-11-21T00:00:00Z" });
    let found = call(&mut session(&aws), "aws.get_spot_price_history", arguments);
    assert_eq!(found["count"], 2, "both pages: {found}");
    assert_eq!(found["rows"][0][1], "eu-west-1b", "the cheapest zone first: {found}");
    assert_eq!(aws.calls_of("DescribeSpotPriceHistory").len(), 2);
}

#[test]
fn a_key_pair_that_aws_refuses_leaves_no_file() {
    let aws = StandIn::start();
    aws.answer_in_turn("ec2", "CreateKeyPair", [Answer::refusal(400, "InvalidKeyPair.Duplicate", "it exists")]);
    let at = Trainyard::at(BINARY, &aws.url()).unwrap();
    let arguments = json!({ "key_name": "taken" });
    let mut lesser = at.serve(&["--toolsets", "ec2", "--allow-write"], Era::Modern).unwrap();
    lesser.hello().unwrap();
    let gated = lesser.call("ec2_create_keypair", arguments.clone()).unwrap();
    assert_eq!(gated["structuredContent"]["error"]["category"], "policy_denied", "EC2 answers with a secret: {gated}");
    let flags = ["--toolsets", "ec2", "--allow-write", "--allow-sensitive-data-access"];
    let mut session = at.serve(&flags, Era::Modern).unwrap();
    session.hello().unwrap();
    let refused = session.call("ec2_create_keypair", arguments).unwrap();
    assert_eq!(refused["structuredContent"]["error"]["category"], "already_exists", "{refused}");
    let keys = at.home().join(".local/state/trainyard/keys");
    assert_eq!(std::fs::read_dir(keys).unwrap().count(), 0, "nothing is left behind");
}
