//! What is fed with whatever comes: one function each, for `cargo fuzz` and for the tests that run on a stable compiler.
//!
//! None may panic, and none may take more memory than its input gives reason to.

use std::sync::LazyLock;

use futures::FutureExt as _;
use serde_json::Value;
use trainyard_aws::{
    catalogue::{
        self,
        botocore::{Expected, Source, convert},
        model::{ContextValue, Service},
    },
    endpoint::{Parameters, resolve},
    offline::{Message, Offline},
    project, validate,
};

/// An operation of every protocol, of those with the most to read.
pub(crate) const READ: &[(&str, &str)] = &[
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

/// An operation of every protocol, of those that take the most.
pub(crate) const WRITTEN: &[(&str, &str)] = &[
    ("dynamodb", "PutItem"),
    ("sagemaker", "CreateTrainingJob"),
    ("lambda", "CreateFunction"),
    ("lambda", "Invoke"),
    ("s3", "PutObject"),
    ("s3", "PutBucketLifecycleConfiguration"),
    ("route53", "ChangeResourceRecordSets"),
    ("sns", "Publish"),
    ("ec2", "RunInstances"),
    ("cloudwatchomni", "CreateAlert"),
    ("bedrock-runtime", "Converse"),
    ("glacier", "UploadArchive"),
];

static TAKERS: LazyLock<Vec<(Offline, &'static str, &'static str)>> = LazyLock::new(|| {
    let offline = |(service, operation): &(&'static str, &'static str)| {
        Some((Offline::new(catalogue::service(service).ok()?), *service, *operation))
    };
    WRITTEN.iter().filter_map(offline).collect()
});

/// An input of a caller's, in JSON: what is found wrong with it, and the request that it makes. The first byte chooses
/// the operation.
pub(crate) fn requests(data: &[u8]) {
    let [which, rest @ ..] = data else { return };
    let (offline, service, operation) = &TAKERS[usize::from(*which) % TAKERS.len()];
    let Ok(input) = serde_json::from_slice::<Value>(rest) else { return };
    drop(validate(service, operation, &input));
    // What is wrong is refused, whoever asks without having validated.
    drop(offline.request(operation, input));
}

/// Operations that answer with events, one for each form that events have.
pub(crate) const STREAMED: &[(&str, &str)] = &[
    ("logs", "StartLiveTail"),
    ("lambda", "InvokeWithResponseStream"),
    ("s3", "SelectObjectContent"),
    ("bedrock-runtime", "ConverseStream"),
    ("kinesis", "SubscribeToShard"),
];

static STREAMS: LazyLock<Vec<(Offline, &'static str)>> = LazyLock::new(|| {
    let offline = |(service, operation): &(&str, &'static str)| {
        Some((Offline::new(catalogue::service(service).ok()?), *operation))
    };
    STREAMED.iter().filter_map(offline).collect()
});

/// A stream of events. The first byte chooses the operation, the second how much arrives at once (0: everything), the
/// third whether the sums of the frames are made to fit: nobody guesses those, and behind them is the rest.
pub(crate) fn events(data: &[u8]) {
    let _ = read_events(data);
}

/// As [`events`]: how many there were.
pub(crate) fn read_events(data: &[u8]) -> Option<usize> {
    let [which, piece, mend, rest @ ..] = data else { return None };
    let (service, operation) = &STREAMS[usize::from(*which) % STREAMS.len()];
    let mut bytes = rest.to_vec();
    if mend.is_multiple_of(2) {
        mend_sums(&mut bytes);
    }
    let piece = if *piece == 0 { bytes.len().max(1) } else { usize::from(*piece) };
    let pieces = bytes.chunks(piece).map(<[u8]>::to_vec).collect();
    let mut stream = service.events(operation, pieces).ok()?;
    let mut count = 0;
    // All of it is there already, so nothing ever waits.
    while let Some(Some(Ok(_))) = stream.next().now_or_never() {
        count += 1;
    }
    Some(count)
}

/// Puts the right sums into whatever could be frames.
fn mend_sums(mut bytes: &mut [u8]) {
    while let Some(length) = bytes.first_chunk().map(|length| u32::from_be_bytes(*length)) {
        let Some((frame, rest)) = usize::try_from(length).ok().and_then(|length| bytes.split_at_mut_checked(length))
        else {
            return;
        };
        let Some(end) = frame.len().checked_sub(4).filter(|end| *end >= 12) else { return };
        let sum = crc32(&frame[..8]);
        frame[8..12].copy_from_slice(&sum.to_be_bytes());
        let sum = crc32(&frame[..end]);
        frame[end..].copy_from_slice(&sum.to_be_bytes());
        bytes = rest;
    }
}

/// CRC-32 as Ethernet has it.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |sum: u32, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), bit))
}

/// A question to an answer: JMESPath up to the first line's end, then the answer in JSON.
pub(crate) fn queries(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let Ok(expression) = std::str::from_utf8(&data[..end]) else { return };
    let answer = serde_json::from_slice::<Value>(data.get(end + 1..).unwrap_or_default()).unwrap_or_default();
    drop(project(expression, &answer));
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
