//! The protocol as raw lines: what is malformed, what is slow, what is taken back, and how it ends.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Session, Trainyard, Wait};

use crate::{BINARY, with_moto};

const SOON: Duration = Duration::from_secs(20);

fn session(at: &Trainyard) -> Session {
    let mut session = at.serve(&[], Era::Legacy).unwrap();
    session.hello().unwrap();
    session
}

/// An endpoint that never answers.
fn silent() -> Endpoint {
    Endpoint::start(|_| Reply::new(200, "text/xml", "").after(Wait::UntilClosed)).unwrap()
}

#[test]
fn bad_lines_are_answered_and_the_server_lives() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = session(&at);
    let complaint = |message: &Value| message["id"].is_null() && message.get("error").is_some();
    let long = format!("{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"{}\"}}", "x".repeat(9 << 20));
    for (line, code) in [
        ("garbage", -32700),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,", -32700),
        ("[]", -32600),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", -32600),
        ("{\"id\":1}", -32600),
        ("42", -32600),
        (&long, -32600),
    ] {
        session.line(line).unwrap();
        let start: String = line.chars().take(60).collect();
        let answer = session.find(SOON, complaint).unwrap_or_else(|error| panic!("{start}: {error}"));
        assert_eq!(answer["error"]["code"], code, "{start}: {answer}");
    }
    session.line("").unwrap();
    session.line("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/unheard_of\"}").unwrap();
    assert_eq!(session.ask("ping", json!({})).unwrap(), json!({}));
    let unknown = session.request("no/such", json!({})).unwrap();
    assert_eq!(session.answer(unknown).unwrap()["error"]["code"], -32601);
}

#[test]
fn the_end_of_the_input_ends_the_process_at_once() {
    let at = Trainyard::bare(BINARY).unwrap();
    for opened in [false, true] {
        let mut session = at.serve(&[], Era::Legacy).unwrap();
        if opened {
            session.hello().unwrap();
        }
        let (status, took, rest) = session.close().unwrap();
        println!("ended after {took:?}, session opened: {opened}");
        assert!(status.success(), "{status}");
        assert!(rest.is_empty(), "{rest:?}");
        assert!(took < SOON, "{took:?}");
    }
}

#[test]
fn requests_just_before_the_end_are_answered() {
    let at = with_moto("eu-north-1");
    let mut session = session(&at);
    let call = json!({ "name": "iam_get_caller_identity", "arguments": {} });
    // The emulator loads a service when it is first asked for, which is not what is tested here.
    session.ask("tools/call", call.clone()).unwrap();
    let ids: Vec<_> = (0..5).map(|_| session.request("tools/call", call.clone()).unwrap()).collect();
    let list = session.request("tools/list", json!({})).unwrap();
    let (status, _, said) = session.close().unwrap();
    assert!(status.success(), "{status}");
    for id in ids.into_iter().chain([list]) {
        let answer = said.iter().find(|message| message["id"] == id);
        assert!(answer.is_some_and(|answer| answer.get("result").is_some()), "{id}: {answer:?}");
    }
}

#[test]
fn a_call_that_never_ends_does_not_keep_the_process() {
    let endpoint = silent();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let mut session = session(&at);
    session.request("tools/call", json!({ "name": "iam_get_caller_identity", "arguments": {} })).unwrap();
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.under_way() == 1));
    let (status, took, _) = session.close().unwrap();
    println!("ended after {took:?} with a call under way");
    assert!(status.success() && took < SOON, "{status} after {took:?}");
}

#[test]
fn a_call_taken_back_is_taken_back_on_the_wire() {
    let endpoint = silent();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    for era in [Era::Legacy, Era::Modern] {
        let mut session = at.serve(&[], era).unwrap();
        session.hello().unwrap();
        let before = endpoint.closed_early();
        let id = session.request("tools/call", json!({ "name": "ec2_list_instances", "arguments": {} })).unwrap();
        assert!(endpoint.eventually(SOON, |endpoint| endpoint.under_way() == 1), "{era:?}: nothing was sent");
        let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id, "reason": "test" } });
        let started = Instant::now();
        session.send(&cancel).unwrap();
        assert!(endpoint.eventually(SOON, |endpoint| endpoint.closed_early() == before + 1), "{era:?}: still open");
        println!("{era:?}: the connection was closed {:?} after the cancellation", started.elapsed());
        assert!(session.find(Duration::from_millis(300), |message| message["id"] == id).is_err(), "it was answered");
        assert!(session.ask("tools/list", json!({})).is_ok(), "the server lives");
    }
}

#[test]
fn a_ping_is_answered_while_a_hundred_calls_wait() {
    let endpoint = silent();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let mut session = session(&at);
    for _ in 0..100 {
        session.request("tools/call", json!({ "name": "iam_get_caller_identity", "arguments": {} })).unwrap();
    }
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.under_way() == 100), "{} under way", endpoint.under_way());
    let mut times: Vec<_> = (0..20)
        .map(|_| {
            let started = Instant::now();
            session.ask("ping", json!({})).unwrap();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("ping with 100 calls under way: median {:?}, worst {:?}", times[10], times[19]);
    assert_eq!(endpoint.under_way(), 100, "the calls went on waiting");
}

#[test]
fn progress_of_a_call_over_several_regions_is_told() {
    let at = with_moto("eu-west-1");
    let mut session = session(&at);
    let call = json!({
        "name": "ec2_list_instances",
        "arguments": { "regions": ["eu-west-1", "us-west-2", "ap-south-1"] },
        "_meta": { "progressToken": "mine" }
    });
    let id = session.request("tools/call", call).unwrap();
    let answer = session.answer(id).unwrap();
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let mut last = 0.0;
    for _ in 0..2 {
        let told = session.find(SOON, |message| message["method"] == "notifications/progress").unwrap();
        assert_eq!(told["params"]["progressToken"], "mine");
        let done = told["params"]["progress"].as_f64().unwrap();
        assert!(done > last, "{told}");
        last = done;
    }
    println!("progress up to {last}");
}

#[test]
fn both_eras_are_answered_by_one_process_at_a_time() {
    let at = with_moto("eu-west-1");
    let mut lists = Vec::new();
    for era in [Era::Legacy, Era::Modern] {
        let mut session = at.serve(&[], era).unwrap();
        let hello = session.hello().unwrap();
        assert!(hello["instructions"].as_str().unwrap().len() <= 2048, "clients cut the instructions there");
        lists.push(session.ask("tools/list", json!({})).unwrap()["tools"].clone());
        let result = session.call("iam_get_caller_identity", json!({})).unwrap();
        assert_eq!(result["structuredContent"]["account"], "123456789012", "{result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"], "text and structure carry the same facts");
    }
    assert_eq!(lists[0], lists[1]);
}
