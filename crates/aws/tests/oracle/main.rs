//! Every operation of every service: our request against the one that botocore itself makes of the same input.
//!
//! Takes minutes, so it runs when asked: `cargo test -p trainyard-aws --test oracle -- --ignored`. `TRAINYARD_ORACLE`
//! names services to try instead of all.

mod generate;

#[path = "../protocol_suite/compare.rs"]
#[expect(dead_code, reason = "shared with the protocol suites, which use all of it")]
mod compare;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use trainyard_aws::{
    Engine, Preview, Scope, Settings, StaticCredentials,
    catalogue::{self, model::Protocol},
};
use trainyard_contract::Ceiling;

/// Headers that say who asks and when, and those that either side is free to choose.
const FREE: &[&str] = &[
    "user-agent",
    "x-amz-user-agent",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "x-amz-date",
    "authorization",
    "content-length",
    "content-type",
    "x-amz-content-sha256",
    "host",
    "expect",
    "accept",
    "accept-encoding",
    "x-amz-trailer",
    "transfer-encoding",
    "content-encoding",
    "x-amz-decoded-content-length",
    "x-amzn-trace-id",
];

fn python() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/xtask/venv/bin/python3")
}

fn engine() -> Engine {
    Engine::new(Settings {
        ceiling: Ceiling { write: true, sensitive: true },
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    })
}

#[tokio::test]
#[ignore = "takes minutes"]
#[expect(clippy::disallowed_methods, reason = "a report for who asked for it")]
async fn every_request_is_botocore_s() {
    let wanted = std::env::var("TRAINYARD_ORACLE").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    // The release that the catalogue was made from, whatever release the emulators ask for.
    let sdist = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/xtask/botocore-sdist-1.44.5");
    assert!(sdist.is_dir(), "run `cargo xtask test-data`");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/gold.py");
    let mut gold = Command::new(python())
        .arg(script)
        .env("PYTHONPATH", sdist)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    let (mut ask, mut answers) =
        (gold.stdin.take().expect("piped"), BufReader::new(gold.stdout.take().expect("piped")).lines());
    let engine = engine();
    let (mut equal, mut blind) = (0, 0);
    let (mut unsure, mut differ) = (BTreeMap::<String, u32>::new(), BTreeMap::<String, Vec<String>>::new());
    for entry in catalogue::services().iter().filter(|entry| wanted.is_empty() || wanted.contains(&entry.name)) {
        let service = entry.service();
        for operation in &service.operations {
            let input = generate::input(service, operation);
            let call = json!({"service": service.name, "operation": operation.name, "input": input});
            writeln!(ask, "{call}").expect("python listens");
            let theirs: Value = serde_json::from_str(&answers.next().expect("an answer").expect("text")).expect("JSON");
            let ours = engine.preview(service.name, operation.name, input, &Scope::default()).await;
            match (ours, theirs.get("error")) {
                (Ok(ours), None) => match same(service.protocol, &ours, &theirs) {
                    Ok(()) => {
                        equal += 1;
                        blind += u32::from(!body_is_compared(service.protocol, &theirs));
                    }
                    Err(why) => differ
                        .entry(kind_of(&why))
                        .or_default()
                        .push(format!("{} {}: {why}", service.name, operation.name)),
                },
                (Err(error), None) if error.code_str() == "unsupported" => {
                    *unsure.entry("we refuse it as unsupported".to_owned()).or_default() += 1;
                }
                (Err(error), None) => differ
                    .entry(format!("refused: {}", error.code_str()))
                    .or_default()
                    .push(format!("{} {}: {error}", service.name, operation.name)),
                (_, Some(error)) => {
                    let error = error.as_str().unwrap_or_default();
                    let kind = error.split(':').next().unwrap_or_default();
                    *unsure.entry(format!("botocore makes none: {kind}")).or_default() += 1;
                }
            }
        }
    }
    drop(ask);
    drop(gold.wait());
    let count: usize = differ.values().map(Vec::len).sum();
    println!("{equal} equal ({blind} of them but for the body, which is not compared), {count} differ");
    for (why, count) in &unsure {
        println!("no comparison, {why}: {count}");
    }
    for (kind, cases) in &differ {
        println!("== {kind}: {}", cases.len());
        cases.iter().take(6).for_each(|case| println!("{}", case.chars().take(900).collect::<String>()));
    }
    assert!(count * 100 <= equal, "{count} of {equal} differ");
}

/// CBOR is left to the protocol suites; a streamed body carries its checksum behind it on botocore's side.
fn body_is_compared(protocol: Protocol, theirs: &Value) -> bool {
    protocol != Protocol::Cbor && theirs["headers"].get("x-amz-trailer").is_none()
}

fn kind_of(why: &str) -> String {
    why.split(':').next().unwrap_or_default().to_owned()
}

fn same(protocol: Protocol, ours: &Preview, theirs: &Value) -> Result<(), String> {
    let text = |name: &str| theirs[name].as_str().unwrap_or_default().to_owned();
    if ours.method != text("method") {
        return Err(format!("method: {} instead of {}", ours.method, text("method")));
    }
    // S3 takes a bucket with and without a slash behind it.
    let bare = |url: &str| url.replacen("/?", "?", 1).trim_end_matches('/').to_owned();
    compare::uris(&bare(&ours.url), &bare(&text("url"))).map_err(|why| format!("url: {why}"))?;
    let empty = serde_json::Map::new();
    let their_headers = theirs["headers"].as_object().unwrap_or(&empty);
    let streamed = their_headers.contains_key("x-amz-trailer");
    for (name, value) in &ours.headers {
        let theirs = their_headers.get(name).and_then(Value::as_str);
        let free = FREE.contains(&name.as_str()) || (streamed && name.starts_with("x-amz-checksum"));
        if name.starts_with("x-amz-checksum") && theirs.is_some() && protocol == Protocol::RestXml {
            // Of bodies that say the same in other words; that they do is compared below.
            continue;
        }
        if !free && theirs.map(normal) != Some(normal(value)) {
            return Err(format!("header {name}: {value:?} instead of {theirs:?}"));
        }
    }
    for (name, value) in their_headers {
        if !FREE.contains(&name.as_str()) && !ours.headers.iter().any(|(known, _)| known == name) {
            return Err(format!("header {name}: missing, should be {value}"));
        }
    }
    let body = aws_smithy_types::base64::decode(text("body")).map_err(|error| error.to_string())?;
    if !body_is_compared(protocol, theirs) {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    if ours.body == body {
        return Ok(());
    }
    compare::bodies(protocol, ours.body.as_bytes(), &body.replace('+', "%20"))
        .or_else(|_| compare::bodies(protocol, ours.body.as_bytes(), &body).map_err(|why| format!("body: {why}")))
}

fn normal(text: &str) -> String {
    text.replace(", ", ",")
}
