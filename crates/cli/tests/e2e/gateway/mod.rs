//! Four tools that reach all the others: the right one is found, and the door is the same.

use serde_json::{Value, json};
use tiktoken_rs::o200k_base_singleton;
use trainyard_harness::{Era, Session, Trainyard};

use crate::{BINARY, with_moto};

const QUESTIONS: &str = include_str!("questions.tsv");

fn gateway(at: &Trainyard, flags: &[&str]) -> Session {
    let mut flags = flags.to_vec();
    flags.push("--gateway");
    let mut session = at.serve(&flags, Era::Modern).unwrap();
    session.hello().unwrap();
    session
}

fn offline() -> Trainyard {
    Trainyard::at(BINARY, "http://127.0.0.1:9").unwrap()
}

fn found(session: &mut Session, question: &str) -> Vec<String> {
    let result = session.call("find_tools", json!({ "query": question })).unwrap();
    let rows = result["structuredContent"]["rows"].as_array().unwrap();
    rows.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_right_tool_is_among_the_first_five() {
    let mut session = gateway(&offline(), &[]);
    let (mut asked, mut right, mut first) = (0, 0, 0);
    for line in QUESTIONS.lines().filter(|line| !line.starts_with('#')) {
        let (question, expected) = line.split_once('\t').unwrap();
        let expected: Vec<_> = expected.split('\t').collect();
        let found = found(&mut session, question);
        let place = found.iter().position(|name| expected.contains(&name.as_str()));
        asked += 1;
        first += usize::from(place == Some(0));
        match place {
            Some(0..5) => right += 1,
            _ => println!("{question}: wanted {expected:?}, found {found:?}"),
        }
    }
    println!("{right} of {asked} in the first five, {first} first");
    assert!(asked >= 60 && right * 100 >= asked * 95, "{right} of {asked}");
}

#[test]
fn the_list_is_short_whatever_is_behind_it() {
    let mut session = gateway(&offline(), &["--toolsets", "all"]);
    let list = session.ask("tools/list", json!({})).unwrap();
    let names: Vec<_> = list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["find_tools", "describe_tools", "call_read", "call_write"]);
    let tokens = o200k_base_singleton().encode_with_special_tokens(&list["tools"].to_string()).len();
    println!("{tokens} tokens");
    assert!(tokens <= 700, "{tokens}");
}

#[test]
fn a_tool_is_described_and_called_under_its_own_name() {
    let at = with_moto("eu-west-1");
    let mut session = gateway(&at, &[]);
    let about = session.call("describe_tools", json!({ "names": ["iam_get_caller_identity"] })).unwrap();
    assert_eq!(about["structuredContent"]["tools"][0]["name"], "iam_get_caller_identity", "{about}");
    let plain = session.call("iam_get_caller_identity", json!({})).unwrap();
    for arguments in [json!({}), json!("{}"), Value::Null] {
        let called = session.call("call_read", json!({ "name": "iam_get_caller_identity", "arguments": arguments }));
        assert_eq!(called.unwrap()["structuredContent"], plain["structuredContent"]);
    }
    session.close().unwrap();
    let audit = std::fs::read_to_string(at.home().join(".local/state/trainyard/audit.jsonl")).unwrap();
    assert!(audit.contains("\"tool\":\"iam_get_caller_identity\"") && !audit.contains("call_read"), "{audit}");
}

#[test]
fn the_door_is_the_same() {
    let mut session = gateway(&offline(), &[]);
    let terminate =
        json!({ "name": "ec2_terminate_instances", "arguments": { "instance_ids": ["i-0123456789abcdef0"] } });
    let mut refusal = |tool: &str, arguments: &Value| {
        let result = session.call(tool, arguments.clone()).unwrap();
        assert_eq!(result["isError"], true, "{result}");
        result["structuredContent"]["error"].clone()
    };
    let error = refusal("call_write", &terminate);
    assert!(error["message"].as_str().unwrap().contains("--allow-write"), "{error}");
    assert_eq!(refusal("call_read", &terminate)["code"], "NotARead");
    for (tool, arguments, word) in [
        ("call_read", json!({ "name": "ec2_list_instance" }), "ec2_list_instances"),
        ("call_read", json!({ "name": "ec2_list_instances", "arguments": { "stat": 1 } }), "states"),
        ("call_read", json!({ "name": "ec2_list_instances", "states": ["running"] }), "arguments"),
        ("call_read", json!({ "name": "ec2_list_instances", "arguments": [] }), "object"),
        ("call_read", json!({ "name": "call_read", "arguments": {} }), "call_read"),
        ("find_tools", json!({}), "query"),
        ("find_tools", json!({ "query": 7 }), "query"),
        ("describe_tools", json!({ "names": [] }), "names"),
        ("describe_tools", json!({ "names": ["nothing"] }), "nothing"),
    ] {
        let error = refusal(tool, &arguments);
        assert!(error.to_string().contains(word), "{tool} {arguments}: {error}");
    }
    assert!(found(&mut session, "xyzzy").is_empty());
}
