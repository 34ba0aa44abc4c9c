//! What a client reads of its own by address: plans that wait, its calls in the log, answers that were too large. In both
//! eras, over both roads.

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Trainyard};

use crate::BINARY;

const PAIRS: usize = 2_000;

/// An AWS with so many key pairs that no answer holds them.
fn crowded() -> Endpoint {
    let pair = |number: usize| {
        format!("<item><keyPairId>key-{number:017x}</keyPairId><keyName>name-{number:04}</keyName></item>")
    };
    let pairs: String = (0..PAIRS).map(pair).collect();
    let body = format!(
        "<DescribeKeyPairsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <keySet>{pairs}</keySet></DescribeKeyPairsResponse>"
    );
    Endpoint::start(move |_| Reply::new(200, "text/xml", &body)).unwrap()
}

/// Asks the server, whatever the road; an error as its text.
type Ask<'a> = &'a mut dyn FnMut(&str, Value) -> Result<Value, String>;

fn read(ask: Ask<'_>, address: &str) -> Value {
    let read = ask("resources/read", json!({ "uri": address })).unwrap();
    assert_ne!(read["cacheScope"], "public", "{read}");
    serde_json::from_str(read["contents"][0]["text"].as_str().unwrap()).unwrap()
}

fn complete(ask: Ask<'_>, template: &str, argument: &str) -> Value {
    let reference = json!({ "type": "ref/resource", "uri": template });
    let params = json!({ "ref": reference, "argument": { "name": argument, "value": "" } });
    ask("completion/complete", params).unwrap()["completion"]["values"].take()
}

fn a_large_answer(ask: Ask<'_>) {
    let call = json!({ "name": "aws_call", "arguments": { "service": "ec2", "operation": "DescribeKeyPairs" } });
    let answer = ask("tools/call", call).unwrap();
    let facts = &answer["structuredContent"];
    assert_eq!(facts["truncated"], true, "{facts}");
    let whole = facts["whole"].as_str().unwrap_or_else(|| panic!("{facts}")).to_owned();
    let link = answer["content"].as_array().unwrap().iter().find(|block| block["type"] == "resource_link").unwrap();
    assert_eq!(link["uri"], whole.as_str(), "{link}");
    let names = complete(ask, "trainyard://results/{result}", "result");
    assert!(names.as_array().unwrap().iter().any(|name| whole.ends_with(name.as_str().unwrap())), "{names}");

    let (mut text, mut address, mut pages) = (String::new(), Some(whole.clone()), 0);
    while let Some(place) = address {
        let page = read(ask, &place);
        text.push_str(page["text"].as_str().unwrap());
        address = page["next"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert!(pages > 3 && text.contains("name-0000") && text.contains(&format!("name-{:04}", PAIRS - 1)), "{pages}");
    assert!(serde_json::from_str::<Value>(&text).unwrap().is_object());
    for beyond in [format!("{whole}/99999999"), format!("{whole}0"), "trainyard://results/..".to_owned()] {
        let refused = ask("resources/read", json!({ "uri": beyond })).unwrap_err();
        assert!(refused.contains("-32602"), "{refused}");
    }
}

fn a_plan(ask: Ask<'_>) {
    let call = json!({ "name": "aws_call", "arguments": {
        "service": "ec2", "operation": "TerminateInstances", "parameters": { "InstanceIds": ["i-0123456789abcdef0"] } } });
    let refused = ask("tools/call", call).unwrap();
    let handle = refused["structuredContent"]["confirm"].as_str().unwrap_or_else(|| panic!("{refused}")).to_owned();
    let plan = read(ask, &format!("trainyard://plans/{handle}"));
    assert_eq!((&plan["tool"], &plan["agreed"]), (&json!("aws_call"), &json!(false)), "{plan}");
    assert_eq!(plan["approve"], format!("trainyard approve {handle}"));
    let handles = complete(ask, "trainyard://plans/{plan}", "plan");
    assert!(handles.as_array().unwrap().contains(&json!(handle)), "{handles}");
    let unknown = format!("trainyard://plans/plan-{}", "0".repeat(32));
    assert!(ask("resources/read", json!({ "uri": unknown })).unwrap_err().contains("-32602"));
}

fn the_log(ask: Ask<'_>) {
    let lines = read(ask, "trainyard://audit")["lines"].take();
    let lines = lines.as_array().unwrap();
    let called = lines.iter().find(|line| line["arguments"]["operation"] == "TerminateInstances").unwrap();
    let number = &called["sequence"];
    let shown = read(ask, &format!("trainyard://audit/{number}"));
    assert_eq!(shown["lines"][0], *called);
    assert_eq!(shown["lines"][1]["outcome"], "asked", "{shown}");
    assert!(ask("resources/read", json!({ "uri": "trainyard://audit/999999" })).unwrap_err().contains("-32602"));
}

fn all(ask: Ask<'_>) {
    let templates = ask("resources/templates/list", json!({})).unwrap()["resourceTemplates"].to_string();
    for template in ["trainyard://plans/{plan}", "trainyard://audit/{call}", "trainyard://results/{result}"] {
        assert!(templates.contains(template), "{templates}");
    }
    a_large_answer(ask);
    a_plan(ask);
    the_log(ask);
}

#[test]
fn over_stdio() {
    let endpoint = crowded();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    for era in [Era::Modern, Era::Legacy] {
        let mut session = at.serve(&["--allow-write"], era).unwrap();
        session.hello().unwrap();
        all(&mut |method, params| session.ask(method, params).map_err(|error| error.to_string()));
    }
}

#[test]
fn over_http() {
    let endpoint = crowded();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let server = at.serve_http(&["--allow-write"]).unwrap();
    for era in [Era::Modern, Era::Legacy] {
        let mut web = server.connect(era).unwrap();
        web.hello().unwrap();
        all(&mut |method, params| web.ask(method, params).map_err(|error| error.to_string()));
    }
}
