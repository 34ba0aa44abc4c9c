//! What is fed with whatever comes: one function each, for `cargo fuzz` and for the tests that run on a stable compiler.
//!
//! None may panic, and none may take more memory than its input gives reason to.

use std::sync::LazyLock;

use serde_json::Value;
use trainyard_aws::{
    catalogue::{
        self,
        botocore::{Expected, Source, convert},
        model::{ContextValue, Service},
    },
    endpoint::{Parameters, resolve},
    offline::{Message, Offline},
    validate,
};

/// An operation of every protocol, of those with the most to read.
const READ: &[(&str, &str)] = &[
    ("dynamodb", "GetItem"),
    ("sagemaker", "DescribeCluster"),
    ("lambda", "GetFunction"),
    ("iot-data", "GetThingShadow"),
    ("s3", "ListObjectsV2"),
    ("s3", "GetObject"),
    ("route53", "ListResourceRecordSets"),
    ("iam", "ListRoles"),
    ("sts", "AssumeRole"),
    ("ec2", "DescribeInstances"),
    ("cloudwatchomni", "GetOmniDashboard"),
    ("bedrock-runtime", "Converse"),
];

static SERVICES: LazyLock<Vec<(Offline, &'static str)>> = LazyLock::new(|| {
    let offline = |(service, operation): &(&str, &'static str)| {
        Some((Offline::new(catalogue::service(service).ok()?), *operation))
    };
    READ.iter().filter_map(offline).collect()
});

/// An answer. The first byte chooses the operation, the second the status; up to an empty line come headers, then the
/// body.
pub(crate) fn answers(data: &[u8]) {
    let [which, status, rest @ ..] = data else { return };
    let (service, operation) = &SERVICES[usize::from(*which) % SERVICES.len()];
    let status = [200, 206, 301, 400, 404, 500, 503][usize::from(*status) % 7];
    let end = rest.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((&[][..], rest), |end| (&rest[..end], &rest[end + 2..]));
    let headers = String::from_utf8_lossy(head).lines().filter_map(|line| line.split_once(':')).map(pair).collect();
    let message = Message { status, headers, body: body.to_vec(), ..Message::default() };
    drop(service.answer(operation, &message));
}

fn pair((name, value): (&str, &str)) -> (String, String) {
    (name.trim().to_lowercase(), value.trim().to_owned())
}

/// The rules of a service. The first byte chooses it, each line after that answers one of its questions.
pub(crate) fn rules(data: &[u8]) {
    const ASKED: &[&str] =
        &["s3", "s3control", "dynamodb", "sts", "events", "kinesis", "lambda", "cloudfront-keyvaluestore"];
    let [which, rest @ ..] = data else { return };
    let Ok(service) = catalogue::service(ASKED[usize::from(*which) % ASKED.len()]) else { return };
    let text = String::from_utf8_lossy(rest);
    let mut lines = text.lines();
    let mut parameters = Parameters::new();
    for parameter in &service.rules.parameters {
        match lines.next() {
            None | Some("") => {}
            Some("true") => parameters.set(parameter.name, true),
            Some("false") => parameters.set(parameter.name, false),
            Some(line) => parameters.set(parameter.name, line.to_owned()),
        }
        if let Some(ContextValue::Bool(truth)) = &parameter.default {
            parameters.set(parameter.name, *truth);
        }
    }
    drop(resolve(&service.rules, &parameters));
}

/// A service as the catalogue holds it.
pub(crate) fn catalogue(data: &[u8]) {
    drop(postcard::from_bytes::<Service<'_>>(data));
}

/// A service as a directory describes it, and an input for what it came to.
pub(crate) fn descriptions(data: &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (first, second) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
    if let Ok(service) = serde_json::from_slice::<Value>(first) {
        let rules =
            serde_json::from_slice(second).unwrap_or_else(|_| serde_json::json!({"parameters": {}, "rules": []}));
        let (paginators, waiters) = (service["paginators"].clone(), service["waiters"].clone());
        let source = Source { name: "fuzzed".to_owned(), service, paginators, waiters, rules };
        let expected = Expected::of(&source);
        drop(convert(&source, &expected));
        drop(validate("ec2", "RunInstances", &source.service));
    }
}
