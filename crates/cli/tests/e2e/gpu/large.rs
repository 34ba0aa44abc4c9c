//! A large fleet: 1,000 nodes with 8 GPUs each and 20,000 pods.

use std::time::Instant;

use serde_json::json;
use trainyard_harness::Session;
use trainyard_sandbox::kubernetes::{Fleet, Server};

use super::House;

/// What an answer may have, as the model counts.
const MOST_TOKENS: usize = 8_000;
/// MiB above what the process had before the first call.
const MOST_MIB: u64 = 64;

#[test]
fn a_large_fleet_fits_in_memory_and_in_an_answer() {
    let cluster = Server::start().unwrap();
    cluster.fleet(&Fleet::of(1_000, 20_000)).unwrap();
    let house = House::of(cluster);
    let mut session = house.session(&["--call-timeout", "600"]);
    session.call("gpu_list_vendors", json!({})).unwrap();
    let before = peak_mib(&session);
    let tokenizer = tiktoken_rs::o200k_base().unwrap();
    for (tool, arguments) in
        [("list_gpu_nodes", json!({ "limit": 1000 })), ("gpu_fragmentation", json!({ "limit": 1000 }))]
    {
        let began = Instant::now();
        let result = session.call(tool, arguments).unwrap();
        let took = began.elapsed();
        assert_ne!(result["isError"], true, "{result:#}");
        let text = result["content"][0]["text"].as_str().unwrap();
        let tokens = tokenizer.encode_ordinary(text).len();
        println!("{tool}: {} ms, {tokens} tokens, {} MiB above start", took.as_millis(), peak_mib(&session) - before);
        assert!(tokens <= MOST_TOKENS, "{tool}: {tokens} tokens");
        let more = result["structuredContent"]["truncated"] == true && result["structuredContent"]["next"].is_string();
        assert!(more, "{tool}: the rest can be asked for");
    }
    let above = peak_mib(&session) - before;
    assert!(above <= MOST_MIB, "{above} MiB above start");
}

/// The most memory that the server ever had.
fn peak_mib(session: &Session) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", session.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
