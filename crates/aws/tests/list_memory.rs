//! A list takes the memory of a page, however many there are: the peaks of two processes, one of which lists ten times as
//! much as the other. The server is in neither.

#![expect(clippy::unwrap_used, reason = "a test")]
#![cfg(target_os = "linux")]

use std::process::Command;

use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope, Settings, StaticCredentials};
use trainyard_harness::{Endpoint, Reply, Seen};

/// Items of a page. Each weighs two kilobytes, so a page weighs 200.
const PAGE: usize = 100;

/// Not a test of its own: lists everything that the endpoint has, and says how much that was and what it took.
#[tokio::test]
#[ignore = "run by the other"]
#[expect(clippy::disallowed_methods, reason = "this is how the parent is told")]
async fn list_child() {
    let engine = Engine::new(Settings {
        endpoint_url: Some(std::env::var("CASE_ENDPOINT").unwrap()),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    });
    let mut stream = engine.page_stream("sagemaker", "ListClusters", json!({}), &Scope::default(), None).unwrap();
    let (mut items, mut pages) = (0, 0);
    while let Some(page) = stream.next().await {
        pages += 1;
        for cluster in page.unwrap().output["ClusterSummaries"].as_array().unwrap() {
            assert_eq!(cluster["ClusterName"], format!("c{items}"));
            items += 1;
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
    println!("CASE {}", json!({"items": items, "pages": pages, "peak_kb": peak}));
}

/// `SageMaker` with so many clusters.
fn clusters(seen: &Seen, all: usize) -> Reply {
    let request: Value = serde_json::from_str(&seen.body).unwrap();
    let from: usize = request["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
    let to = (from + PAGE).min(all);
    let summaries: Vec<Value> = (from..to)
        .map(|number| {
            json!({"ClusterName": format!("c{number}"), "ClusterArn": "x".repeat(2000), "ClusterStatus": "InService",
                "CreationTime": 1_790_000_000})
        })
        .collect();
    let mut page = json!({"ClusterSummaries": summaries});
    if to < all {
        page["NextToken"] = to.to_string().into();
    }
    Reply::new(200, "application/x-amz-json-1.1", &page.to_string())
}

/// Pages that were read, and the kilobytes that it took at most.
fn listed(all: usize) -> (u64, u64) {
    let endpoint = Endpoint::start(move |seen| clusters(seen, all)).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "list_child", "--ignored", "--nocapture"])
        .env("CASE_ENDPOINT", endpoint.url())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.split_once("CASE ")).map(|(_, rest)| rest);
    let line = line.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&output.stderr)));
    let case: Value = serde_json::from_str(line).unwrap();
    assert_eq!(case["items"], all);
    assert_eq!(case["pages"], endpoint.take().len());
    (case["pages"].as_u64().unwrap(), case["peak_kb"].as_u64().unwrap())
}

#[test]
fn twenty_thousand_items_take_the_memory_of_two_thousand() {
    let (pages, small) = listed(2_000);
    assert_eq!(pages, 20);
    let (pages, large) = listed(20_000);
    assert_eq!(pages, 200);
    println!("20 pages: {small} kB at most; 200 pages: {large} kB");
    // The pages between the two weigh 36,000 kB on the wire, and more as values.
    assert!(large < small + 4_000, "{small} kB for 20 pages, {large} kB for 200");
}
