//! What a client pays: tokens and bytes of the list and of answers, memory of the process.

use serde_json::{Value, json};
use tiktoken_rs::o200k_base_singleton;
use trainyard_harness::{Era, Session, Trainyard};

use crate::{BINARY, with_moto};

fn tokens(text: &str) -> usize {
    o200k_base_singleton().encode_ordinary(text).len()
}

#[test]
fn the_list_is_within_its_budget() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = at.serve(&[], Era::Legacy).unwrap();
    session.hello().unwrap();
    let list = session.ask("tools/list", json!({})).unwrap();
    let tools = list["tools"].as_array().unwrap();
    // What a model sees of a tool; annotations and titles stay with the client.
    let seen: Vec<Value> = tools
        .iter()
        .map(|tool| json!({ "name": tool["name"], "description": tool["description"], "inputSchema": tool["inputSchema"] }))
        .collect();
    for tool in &seen {
        println!("{:>6} tokens  {}", tokens(&tool.to_string()), tool["name"]);
        let description = tool["description"].as_str().unwrap();
        assert!(description.chars().count() <= 300, "{}: {description}", tool["name"]);
    }
    let (bytes, all) = (list.to_string().len(), tokens(&list.to_string()));
    println!(
        "tools/list: {} tools, {bytes} bytes, {all} tokens, {} of them seen by a model",
        tools.len(),
        tokens(&json!(seen).to_string())
    );
    assert!(tools.len() <= 40, "{} tools", tools.len());
    assert!(all <= 4_000, "{all} tokens");
    // The default limit of a line in Python's asyncio, which some clients read with.
    assert!(bytes < 60 << 10, "{bytes} bytes on one line");
}

/// The toolsets that the tools of the AWS-MCP server became: 54 names there, with 33 more here.
#[test]
fn the_lists_of_ec2_ebs_and_vpc_are_within_their_budgets() {
    let at = Trainyard::bare(BINARY).unwrap();
    for (toolset, most) in [("ec2", 14_000), ("ebs", 4_000), ("vpc", 1_300)] {
        let mut session = at.serve(&["--toolsets", toolset], Era::Legacy).unwrap();
        session.hello().unwrap();
        let list = session.ask("tools/list", json!({})).unwrap();
        let all = tokens(&list.to_string());
        println!("{toolset}: {} tools, {all} tokens", list["tools"].as_array().unwrap().len());
        assert!(all <= most, "{toolset}: {all} tokens");
    }
}

#[test]
fn no_answer_is_larger_than_a_model_can_read() {
    let at = with_moto("ap-northeast-1");
    let mut session = at.serve(&["--allow-write", "--confirm", "never"], Era::Legacy).unwrap();
    session.hello().unwrap();
    let made = json!({ "service": "ec2", "operation": "RunInstances", "parameters": {
        "ImageId": "ami-12345678", "InstanceType": "p5.48xlarge", "MinCount": 300, "MaxCount": 300,
        "TagSpecifications": [{ "ResourceType": "instance", "Tags": [{ "Key": "owner", "Value": "a-long-name-of-a-team" }] }]
    } });
    let any = |service: &str, operation: &str| json!({ "service": service, "operation": operation });
    for (tool, arguments) in [
        ("aws_call", made),
        ("ec2_list_instances", json!({})),
        ("ec2_list_instances", json!({ "limit": 1000 })),
        ("ec2_list_instances", json!({ "limit": 1000, "detail": "full" })),
        ("aws_call", any("ec2", "DescribeInstances")),
        ("aws_call", any("ec2", "DescribeImages")),
        ("aws_call", any("ec2", "DescribeRegions")),
        ("aws_search", json!({ "query": "instance", "limit": 100 })),
        ("aws_describe", json!({ "service": "ec2" })),
        ("aws_describe", json!({ "service": "ec2", "operation": "RunInstances", "depth": 5, "output": true })),
        ("aws_describe", json!({ "service": "sagemaker", "operation": "CreateTrainingJob", "depth": 5 })),
    ] {
        let what = format!("{tool} {}", shortened(&arguments));
        let result = session.call(tool, arguments).unwrap();
        assert_eq!(result["isError"], false, "{what}: {result}");
        let size = tokens(result["content"][0]["text"].as_str().unwrap());
        println!("{size:>6} tokens  {what}");
        assert!(size <= 8_000, "{size} tokens: {what}");
    }
    assert_eq!(pages(&mut session), 300, "cut at a row, and nothing is lost");
}

/// Rows of all pages, as a model would fetch them.
fn pages(session: &mut Session) -> usize {
    let mut rows = 0;
    let mut arguments = json!({ "limit": 1000 });
    for _ in 0..20 {
        let page = session.call("ec2_list_instances", arguments.clone()).unwrap();
        let page = &page["structuredContent"];
        rows += page["rows"].as_array().unwrap().len();
        let Some(next) = page.get("next") else { break };
        arguments["cursor"] = next.clone();
    }
    rows
}

fn shortened(arguments: &Value) -> String {
    arguments.to_string().chars().take(80).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn memory_after_the_list_is_small() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = at.serve(&["--toolsets", "all"], Era::Modern).unwrap();
    session.hello().unwrap();
    session.ask("tools/list", json!({})).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", session.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    println!("memory of its own after the list: {kib} KiB");
    // What the process asked for. Pages of the file that it was started from are not in it: those of an unoptimised binary
    // are four times those of a release build, whose whole memory `cargo xtask bench` measures.
    assert!(kib <= 12 << 10, "{kib} KiB");
}
