//! Many instances, many regions, and an EC2 that asks for fewer calls.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tiktoken_rs::o200k_base_singleton;
use trainyard_harness::{Endpoint, Era, Reply, Seen, Session, Trainyard};
use trainyard_stand_in::{Answer, Call, StandIn};

use crate::{BINARY, moto};

fn instance(number: usize) -> Value {
    // Spread over all digits, as ids are: those are what an answer mostly consists of.
    let id = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let kind = ["p5.48xlarge", "p4d.24xlarge", "g6e.xlarge"][number % 3];
    json!({ "InstanceId": format!("i-0{id:016x}"), "InstanceType": kind, "LaunchTime": "2026-11-20T08:00:00Z",
        "State": { "Code": 16, "Name": "running" }, "Placement": { "AvailabilityZone": "eu-west-1a" },
        "PrivateIpAddress": format!("10.0.{}.{}", number / 250, number % 250), "VpcId": "vpc-0123456789abcdef0",
        "SubnetId": "subnet-0123456789abcdef0", "ImageId": "ami-0123456789abcdef0",
        "Tags": [{ "Key": "Name", "Value": format!("trainer-{number}") }] })
}

/// So many instances, in pages as large as was asked for.
fn page(call: &Call, all: usize) -> Answer {
    let from: usize = call.input["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
    let size = call.input["MaxResults"].as_u64().map_or(1000, |size| usize::try_from(size).unwrap());
    let to = (from + size).min(all);
    let instances: Vec<_> = (from..to).map(instance).collect();
    let mut output = json!({ "Reservations": [{ "ReservationId": "r-0123456789abcdef0", "Instances": instances }] });
    if to < all {
        output["NextToken"] = to.to_string().into();
    }
    output.into()
}

fn aws(instances: usize) -> StandIn {
    let aws = StandIn::start();
    aws.answer_with("ec2", "DescribeInstances", move |call| page(call, instances));
    aws.answer("ec2", "DescribeInstanceTypes", json!({ "InstanceTypes": [{ "InstanceType": "p5.48xlarge",
        "GpuInfo": { "Gpus": [{ "Name": "H100", "Manufacturer": "NVIDIA", "Count": 8, "MemoryInfo": { "SizeInMiB": 81920 } }] } }] }));
    aws
}

fn session(url: &str) -> Session {
    let mut session = Trainyard::at(BINARY, url).unwrap().serve(&[], Era::Modern).unwrap();
    session.hello().unwrap();
    session
}

fn list(session: &mut Session, arguments: Value) -> Value {
    let mut result = session.call("ec2_list_instances", arguments).unwrap();
    assert_eq!(result["isError"], false, "{result}");
    result["structuredContent"].take()
}

fn tokens(value: &Value) -> usize {
    o200k_base_singleton().encode_ordinary(&value.to_string()).len()
}

#[test]
fn of_3000_instances_every_one_is_seen_once() {
    let aws = aws(3000);
    let mut session = session(&aws.url());
    let (mut seen, mut calls, mut cursor) = (BTreeSet::new(), 0, Value::Null);
    loop {
        let found = list(&mut session, json!({ "limit": 1000, "cursor": cursor }));
        calls += 1;
        for row in found["rows"].as_array().unwrap() {
            assert!(seen.insert(row[0].as_str().unwrap().to_owned()), "{} came twice", row[0]);
        }
        assert_eq!(found["truncated"], found["next"].is_string(), "{}", found["note"]);
        if !found["next"].is_string() {
            break;
        }
        cursor = found["next"].clone();
    }
    println!("3,000 instances in {calls} answers");
    assert_eq!(seen.len(), 3000);
}

/// F08: EC2's filter has no value for them.
#[test]
fn on_demand_instances_are_those_without_a_lifecycle_and_none_is_skipped() {
    let aws = StandIn::start();
    aws.answer_with("ec2", "DescribeInstances", |call| {
        let filters = call.input["Filters"].as_array().cloned().unwrap_or_default();
        assert!(filters.iter().all(|filter| filter["Name"] != "instance-lifecycle"), "it has no such value");
        let mut answer = json!({ "Reservations": [{ "Instances": [instance(0), instance(1)] }] });
        answer["Reservations"][0]["Instances"][0]["InstanceLifecycle"] = "spot".into();
        answer.into()
    });
    aws.answer("ec2", "DescribeInstanceTypes", json!({ "InstanceTypes": [] }));
    let found = list(&mut session(&aws.url()), json!({ "lifecycle": "on_demand" }));
    assert_eq!((&found["count"], &found["rows"][0][0]), (&json!(1), &instance(1)["InstanceId"]), "{found}");
}

#[test]
fn a_hundred_instances_fit_in_3000_tokens() {
    let aws = aws(100);
    let found = list(&mut session(&aws.url()), json!({ "limit": 100 }));
    let summary = list(&mut session(&aws.url()), json!({ "limit": 100, "detail": "summary" }));
    println!("100 instances: {} tokens; summary of {}: {}", tokens(&found), summary["count"], tokens(&summary));
    assert_eq!((&found["count"], &found["state"]), (&json!(100), &json!("running")), "what is the same is said once");
    assert!(tokens(&found) <= 3000, "{} tokens: {}", tokens(&found), found["rows"][0]);
}

#[test]
fn ten_thousand_instances_stay_within_the_budget_and_64_mebibytes() {
    let aws = aws(1000);
    let mut session = session(&aws.url());
    let regions = [
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "eu-north-1",
        "eu-south-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "ca-central-1",
    ];
    let found = list(&mut session, json!({ "limit": 1000, "regions": regions }));
    let size = tokens(&found);
    let status = std::fs::read_to_string(format!("/proc/{}/status", session.id())).unwrap_or_default();
    let kibibytes = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    // Without the binary itself, which is many times larger unoptimized than it ever is where it is used.
    let held = kibibytes("VmHWM:").zip(kibibytes("RssFile:")).map(|(peak, binary)| peak - binary);
    println!("10,000 instances: {size} tokens, {held:?} KiB held at most, {} rows", found["count"]);
    assert_eq!(found["regions_asked"], 10);
    assert!(size <= 8000, "{size} tokens");
    // Where the system tells.
    assert!(held.is_none_or(|held| held <= 64 * 1024), "{held:?} KiB");
}

#[test]
fn of_five_regions_one_that_fails_does_not_take_the_others_along() {
    let aws = StandIn::start();
    aws.answer_with("ec2", "DescribeInstances", |call| match call.region.as_str() {
        "ap-south-1" => Answer::refusal(403, "UnauthorizedOperation", "a policy denies this region"),
        _ => page(call, 2),
    });
    aws.answer("ec2", "DescribeInstanceTypes", json!({ "InstanceTypes": [] }));
    let regions = ["eu-west-1", "us-east-1", "us-west-2", "ap-south-1", "sa-east-1"];
    let found = list(&mut session(&aws.url()), json!({ "regions": regions }));
    assert_eq!((&found["count"], &found["regions_asked"]), (&json!(8), &json!(5)), "{found}");
    let error = &found["region_errors"]["ap-south-1"];
    assert_eq!(
        (&error["category"], &error["code"]),
        (&json!("access_denied"), &json!("UnauthorizedOperation")),
        "{found}"
    );
    assert_eq!(found["region_errors"].as_object().unwrap().len(), 1);
}

/// Passes a request on to another server, and its answer back.
fn pass_on(to: &str, seen: &Seen) -> Reply {
    let host = to.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let mut request = format!("{} {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", seen.method, seen.path);
    for (name, value) in seen.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "connection")) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n{}", seen.body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    Reply::new(status, "text/xml", body)
}

#[test]
fn a_throttled_call_is_made_again_until_it_succeeds() {
    let moto = moto();
    let calls = AtomicUsize::new(0);
    let proxy = Endpoint::start(move |seen| {
        if calls.fetch_add(1, Ordering::SeqCst) % 3 < 2 {
            let body = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message>\
                        </Error></Errors><RequestID>11111111-2222-3333-4444-555555555555</RequestID></Response>";
            return Reply::new(503, "text/xml", body);
        }
        pass_on(&moto, seen)
    })
    .unwrap();
    let found = list(&mut session(&proxy.url()), json!({}));
    assert_eq!(found["truncated"], false, "{found}");
    assert_eq!(proxy.take().len(), 3, "two that were throttled, one that was answered");
}
