//! The protocol test suites that botocore carries, which are Smithy's own: what we send and what we understand.

mod compare;
mod convert;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use serde_json::{Map, Value, json};
use trainyard_aws::{
    catalogue::{
        botocore::{self, Source},
        model::Service,
    },
    offline::{Meaning, Message, Offline},
};

/// Cases that we fail, of 732, each with its reason. A case that starts to pass must leave the list.
const KNOWN: &[(&str, &str)] = &[
    (
        "input rest-json RestJsonHttpChecksumRequired",
        "wants MD5; every AWS SDK of today sends CRC-32 in its place, botocore included, which skips the case",
    ),
    (
        "output query QueryXmlLists",
        "wants a flattened list under its own name though its items have one. Published Query services use that of the \
         items, so botocore reads it so and skips the case",
    ),
    (
        "output rest-json MediaTypeHeaderOutputBase64",
        "wants JSON in a header as text; like botocore, which skips the case, we hand out the value that the text is",
    ),
];

/// One case of one suite.
struct Case {
    file: String,
    id: String,
    service: &'static Service<'static>,
    operation: String,
    facts: Value,
    endpoint: Option<String>,
}

fn suites() -> PathBuf {
    let fetched = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/xtask/botocore-sdist-1.44.5");
    #[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
    let directory = std::env::var_os("TRAINYARD_BOTOCORE_SDIST").map_or(fetched, PathBuf::from);
    let suites = directory.join("tests/unit/protocols");
    assert!(suites.is_dir(), "{} holds no suites: run `cargo xtask test-data`", directory.display());
    suites
}

fn cases(direction: &str) -> Vec<Case> {
    let mut files: Vec<PathBuf> = fs::read_dir(suites().join(direction))
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files.iter().flat_map(cases_of).collect()
}

fn cases_of(path: &PathBuf) -> Vec<Case> {
    let file = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let text = fs::read(path).expect("a readable file");
    let suites: Vec<Value> = serde_json::from_slice(&text).expect("JSON");
    let mut cases = Vec::new();
    for (number, suite) in suites.into_iter().enumerate() {
        for (index, facts) in suite["cases"].as_array().into_iter().flatten().enumerate() {
            let operation = facts["given"]["name"].as_str().unwrap_or("OperationName").to_owned();
            let id = facts["id"].as_str().map_or_else(|| format!("{number}.{index}"), str::to_owned);
            let source = Source {
                name: "test".to_owned(),
                service: description(&suite, &operation, &facts["given"]),
                paginators: Value::Null,
                waiters: Value::Null,
                rules: json!({"version": "1.0", "parameters": {}, "rules": []}),
            };
            let service = botocore::keep(source);
            cases.push(Case {
                service: Box::leak(Box::new(service.unwrap_or_else(|error| panic!("{file} {id}: {error}")))),
                endpoint: suite["clientEndpoint"].as_str().map(str::to_owned),
                facts: facts.clone(),
                file: file.clone(),
                operation,
                id,
            });
        }
    }
    cases
}

/// The suite as the description of a service with one operation.
fn description(suite: &Value, operation: &str, given: &Value) -> Value {
    let mut metadata = Map::from_iter([
        ("endpointPrefix".to_owned(), json!("test")),
        ("serviceId".to_owned(), json!("Test")),
        ("serviceFullName".to_owned(), json!("Test")),
        ("signatureVersion".to_owned(), json!("v4")),
        ("apiVersion".to_owned(), json!("2020-01-01")),
    ]);
    metadata.extend(suite["metadata"].as_object().expect("metadata").clone());
    metadata.insert("auth".to_owned(), json!(["aws.auth#sigv4"]));
    let mut given = given.clone();
    let members = given.as_object_mut().expect("an operation");
    members.remove("auth");
    json!({"metadata": metadata, "shapes": suite["shapes"], "operations": {operation: given}})
}

/// Runs every case; the failures must be those that are known.
fn run(direction: &str, check: impl Fn(&Case) -> Result<(), String>) {
    let (mut report, mut failed, mut total) = (String::new(), 0, 0);
    let mut counts: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for case in cases(direction) {
        let name = format!("{direction} {} {}", case.file, case.id);
        let known = KNOWN.iter().any(|(known, _)| *known == name);
        let result = check(&case);
        let count = counts.entry(case.file.clone()).or_default();
        count.0 += u32::from(result.is_ok());
        count.1 += 1;
        total += 1;
        match result {
            Err(why) if !known => writeln!(report, "{name}: {why}").expect("memory"),
            Ok(()) if known => writeln!(report, "{name} passes now").expect("memory"),
            result => {
                failed += u32::from(result.is_err());
                continue;
            }
        }
        failed += 1;
    }
    assert!(report.is_empty(), "{failed} of {total} fail: {counts:?}\n{report}");
    assert!(total > 300, "{total} cases only");
}

#[test]
fn every_request_is_as_the_suites_want_it() {
    run("input", request);
}

#[test]
fn few_cases_are_failed() {
    assert!(KNOWN.len() <= 5, "{} cases are failed", KNOWN.len());
    assert_eq!(cases("input").len() + cases("output").len(), 732);
}

#[test]
fn every_answer_means_what_the_suites_say() {
    run("output", answer);
}

fn request(case: &Case) -> Result<(), String> {
    let wanted = &case.facts["serialized"];
    let input = convert::input(case.service, &case.operation, &case.facts["params"]);
    let mut got = Offline::new(case.service).request(&case.operation, input).map_err(|error| error.to_string())?;
    tokens_as_in(wanted, &mut got);
    if let Some(method) = wanted["method"].as_str().filter(|method| *method != got.method) {
        return Err(format!("method {} instead of {method}", got.method));
    }
    let mut uri = wanted["uri"].as_str().unwrap_or("/").to_owned();
    // A path of the client's own address is put before by whoever knows that address.
    if let Some((_, path)) =
        case.endpoint.as_ref().and_then(|url| url.split_once("://")).and_then(|(_, it)| it.split_once('/'))
    {
        uri = uri.replacen(&format!("/{path}"), "", 1);
    }
    compare::uris(&got.uri, &uri)?;
    compare::headers(&got.headers, wanted)?;
    match wanted["body"].as_str() {
        Some(body) => compare::bodies(case.service.protocol, &got.body, body),
        None => Ok(()),
    }
}

/// Where the suite has its one token, ours is any of the form of a version 4 UUID.
fn tokens_as_in(wanted: &Value, got: &mut Message) {
    const THEIRS: &str = "00000000-0000-4000-8000-000000000000";
    if !wanted.to_string().contains(THEIRS) {
        return;
    }
    let replaced = |text: &str| {
        let ours = (0..text.len()).find_map(|at| {
            let piece = text.get(at..at + THEIRS.len())?;
            (uuid::Uuid::parse_str(piece).ok()?.get_version_num() == 4).then_some(piece)
        });
        ours.map(|ours| text.replace(ours, THEIRS))
    };
    if let Some(uri) = replaced(&got.uri) {
        got.uri = uri;
    }
    if let Some(body) = replaced(&String::from_utf8_lossy(&got.body)) {
        got.body = body.into_bytes();
    }
}

fn answer(case: &Case) -> Result<(), String> {
    let response = &case.facts["response"];
    let body = response["body"].as_str().unwrap_or_default();
    let message = Message {
        status: response["status_code"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status"),
        headers: response["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.to_lowercase(), value.as_str().expect("text").to_owned()))
            .collect(),
        body: compare::wire_body(case.service.protocol, body),
        ..Message::default()
    };
    let meaning = Offline::new(case.service).answer(&case.operation, &message).map_err(|error| error.to_string())?;
    match (meaning, case.facts.get("error")) {
        (Meaning::Output(output), None) => {
            compare::values(&convert::output(case.service, &case.operation, &output), &case.facts["result"])
        }
        (Meaning::Refusal { code, message, detail }, Some(error)) => {
            let wanted = case.facts["errorCode"].as_str().unwrap_or_default();
            if code != wanted {
                return Err(format!("code {code} instead of {wanted}"));
            }
            if let Some(wanted) = case.facts["errorMessage"].as_str()
                && message.as_deref() != Some(wanted)
            {
                return Err(format!("message {message:?} instead of {wanted}"));
            }
            compare::values(&convert::error(case.service, &code, &detail.unwrap_or_else(|| json!({}))), error)
        }
        (meaning, _) => Err(format!("{meaning:?}")),
    }
}
