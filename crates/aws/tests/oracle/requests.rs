//! Our requests beside botocore's.

use serde_json::{Value, json};
use trainyard_aws::{
    Engine, Preview, Scope, Settings, StaticCredentials, StaticToken,
    catalogue::model::{Protocol, Service},
};
use trainyard_contract::Ceiling;

use super::{
    Botocore, Plan, compare,
    differences::{Report, Table},
    generate::Generator,
};

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

/// The service whose signature is part of the form.
const VERSION_2: &str = "sdb";

pub(crate) async fn compare(plan: &Plan) -> Report {
    let mut botocore = Botocore::start();
    let engine = engine();
    let mut report = Report::new(Table::Requests);
    for (service, operation, extent) in plan.messages() {
        let input = Generator::new(service, operation, extent, plan.seed).input();
        let question =
            json!({"ask": "request", "service": service.name, "operation": operation.name, "input": input.clone()});
        let theirs = botocore.ask(&question);
        let ours = engine.preview(service.name, operation.name, input, &Scope::default()).await;
        let outcome = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) if service.name == VERSION_2 => {
                signed(&mut botocore, &ours).and_then(|()| same(service, &ours, &theirs))
            }
            (Ok(ours), Ok(theirs)) => same(service, &ours, &theirs),
            (Err(ours), Ok(_)) => Err(format!("refused here: {ours}")),
            (Ok(_), Err(theirs)) => Err(format!("refused there: {theirs}")),
            (Err(ours), Err(theirs)) => Err(format!("refused by both: {ours}; {theirs}")),
        };
        report.add(service.name, operation.name, extent, outcome);
    }
    report
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
        token: Some(StaticToken("token".to_owned())),
        ..Settings::default()
    })
}

/// Whether botocore would sign our form of signature version 2 as we did.
fn signed(botocore: &mut Botocore, ours: &Preview) -> Result<(), String> {
    let (method, url, body) = (&ours.method, &ours.url, &ours.body);
    let answer = botocore.ask(&json!({"ask": "signature2", "method": method, "url": url, "body": body}))?;
    if answer["given"].is_string() && answer["signature"] == answer["given"] {
        return Ok(());
    }
    Err(format!("signature: {} instead of {}", answer["given"], answer["signature"]))
}

fn same(service: &Service<'_>, ours: &Preview, theirs: &Value) -> Result<(), String> {
    let protocol = service.protocol;
    let text = |name: &str| theirs[name].as_str().unwrap_or_default().to_owned();
    if ours.method != text("method") {
        return Err(format!("method: {} instead of {}", ours.method, text("method")));
    }
    // S3 takes a bucket with and without a slash behind it.
    let bare = |url: &str| url.replacen("/?", "?", 1).trim_end_matches('/').to_owned();
    compare::uris(&bare(&ours.url), &bare(&text("url"))).map_err(|why| format!("url: {why}"))?;
    let empty = serde_json::Map::new();
    let their_headers = theirs["headers"].as_object().unwrap_or(&empty);
    // A checksum behind the body, on botocore's side, stands before it on ours.
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
    let wanted = aws_smithy_types::base64::decode(text("body")).map_err(|error| error.to_string())?;
    let wanted = if streamed { unchunked(&wanted) } else { wanted };
    if protocol == Protocol::Cbor {
        let got = aws_smithy_types::base64::decode(&ours.body).unwrap_or_else(|_| ours.body.clone().into_bytes());
        return compare::bodies(protocol, &got, &aws_smithy_types::base64::encode(wanted))
            .map_err(|why| format!("body: {why}"));
    }
    let wanted = String::from_utf8(wanted).unwrap_or_else(|bytes| aws_smithy_types::base64::encode(bytes.as_bytes()));
    let wanted = if service.name == VERSION_2 { timeless(&wanted) } else { wanted };
    let got = if service.name == VERSION_2 { timeless(&ours.body) } else { ours.body.clone() };
    if got == wanted {
        return Ok(());
    }
    compare::bodies(protocol, got.as_bytes(), &wanted.replace('+', "%20"))
        .or_else(|_| compare::bodies(protocol, got.as_bytes(), &wanted).map_err(|why| format!("body: {why}")))
}

/// A form without the moment that it was signed at, and what follows from that.
fn timeless(form: &str) -> String {
    let of_now = |pair: &&str| pair.starts_with("Timestamp=") || pair.starts_with("Signature=");
    form.split('&').filter(|pair| !of_now(pair)).collect::<Vec<_>>().join("&")
}

fn normal(text: &str) -> String {
    text.replace(", ", ",")
}

/// The one chunk of a body whose checksum follows it: its length, itself, and what follows.
fn unchunked(body: &[u8]) -> Vec<u8> {
    let end = body.windows(2).position(|pair| pair == b"\r\n");
    let length = end.and_then(|end| usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?, 16).ok());
    match (end, length) {
        (Some(end), Some(length)) => body.get(end + 2..end + 2 + length).unwrap_or(body).to_vec(),
        _ => body.to_vec(),
    }
}
