//! The protocol test suites that botocore carries, which are Smithy's own: what we send and what we understand.

mod compare;
mod convert;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use serde_json::{Map, Value, json};
use trainyard_aws::{
    catalogue::model::Service,
    offline::{Meaning, Message, Offline},
};

/// Cases that we fail, each with its reason. A case that starts to pass must leave the list.
const KNOWN: &[(&str, &str)] = &[
    ("input ec2 SDKAppliedContentEncoding_ec2Query", GZIP),
    ("input ec2 SDKAppendsGzipAndIgnoresHttpProvidedEncoding_ec2Query", GZIP),
    ("input json SDKAppliedContentEncoding_awsJson1_1", GZIP),
    ("input json SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1", GZIP),
    ("input json_1_0 SDKAppliedContentEncoding_awsJson1_0", GZIP),
    ("input json_1_0 SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0", GZIP),
    ("input query SDKAppliedContentEncoding_awsQuery", GZIP),
    ("input query SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery", GZIP),
    ("input rest-json SDKAppliedContentEncoding_restJson1", GZIP),
    ("input rest-json SDKAppendedGzipAfterProvidedEncoding_restJson1", GZIP),
    ("input rest-xml SDKAppliedContentEncoding_restXml", GZIP),
    ("input rest-xml SDKAppendedGzipAfterProvidedEncoding_restXml", GZIP),
    ("input ec2 Ec2ProtocolIdempotencyTokenAutoFill", TOKEN),
    ("input query QueryProtocolIdempotencyTokenAutoFill", TOKEN),
    ("input rest-json RestJsonQueryIdempotencyTokenAutoFill", TOKEN),
    ("input rest-xml QueryIdempotencyTokenAutoFill", TOKEN),
    ("input rest-json RestJsonHttpChecksumRequired", "the engine adds CRC-32, as botocore does, rather than MD5"),
    ("input rest-xml BodyWithXmlName", ROOT),
    ("input rest-xml HttpPayloadWithXmlName", ROOT),
    ("output rest-xml BodyWithXmlName", ROOT),
    ("input rest-xml HttpPayloadWithXmlNamespace", MEMBER),
    ("input rest-xml HttpPayloadWithXmlNamespaceAndPrefix", MEMBER),
    ("input rest-xml RestXmlHttpPayloadWithUnion", MEMBER),
    ("input rest-xml XmlAttributesOnPayload", MEMBER),
    ("input rest-xml RestXmlXmlMapWithXmlNamespace", "no service has name spaces on keys or values"),
    ("input rest-xml XmlNamespaces", "no service has name spaces on list items"),
    ("output query QueryXmlLists", "the suite's model is ambiguous; no service's is"),
    ("output rest-json MediaTypeHeaderOutputBase64", "JSON in a header is handed out as the value it is"),
];

const GZIP: &str = "requests are not compressed: one operation of AWS would take it";
const TOKEN: &str = "the engine fills tokens in before the request is written";
const MEMBER: &str = "every service names the element of its whole body; the suite leaves it to the structure";
const ROOT: &str = "no service names a structure, rather than its use, in XML";

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
            let service = xtask::service(description(&suite, &operation, &facts["given"]));
            cases.push(Case {
                service: service.unwrap_or_else(|error| panic!("{file} {id}: {error}")),
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
fn every_answer_means_what_the_suites_say() {
    run("output", answer);
}

fn request(case: &Case) -> Result<(), String> {
    let wanted = &case.facts["serialized"];
    let input = convert::input(case.service, &case.operation, &case.facts["params"]);
    let got = Offline::new(case.service).request(&case.operation, &input).map_err(|error| error.to_string())?;
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
