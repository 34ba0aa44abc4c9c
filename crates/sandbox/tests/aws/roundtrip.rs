//! What the client sends is what the endpoint reads, and what the endpoint answers is what the client reads: generated
//! inputs and outputs of a sample of all operations, over HTTP, signed.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use trainyard_aws::{
    Scope,
    catalogue::{
        self,
        model::{Location, Operation, Protocol, Service},
    },
};
use trainyard_sandbox::aws::{Endpoint, wire};

use super::{
    engine,
    generate::{Extent, Generator},
    keys, known, sample,
};

const SEED: u64 = 20_261_121;
/// One of each protocol, and those with ways of their own or with state.
const ALWAYS: &[&str] = &[
    "cloudformation",
    "cloudwatch",
    "cloudwatchomni",
    "dynamodb",
    "ec2",
    "eks",
    "eventbridgev2",
    "iam",
    "lambda",
    "logs",
    "pricing",
    "route53",
    "s3",
    "s3control",
    "sagemaker",
    "service-quotas",
    "ssm",
    "sts",
];
/// Other services in a sample, and operations of each.
const SERVICES: usize = 60;
const OPERATIONS: usize = 9;

/// What came back changed once, each by a way of its own: maps in queries, routes that differ in a slash, headers that the
/// client has an opinion about, and answers of many levels.
const MENDED: &[(&str, &[&str])] = &[
    ("amp", &["ListScrapers"]),
    ("apigateway", &["GetExport", "ImportRestApi", "PutRestApi"]),
    ("bedrock-agent", &["PrepareFlow", "ValidateFlowDefinition"]),
    ("codeartifact", &["PublishPackageVersion"]),
    ("dataexchange", &["SendApiAsset"]),
    ("glacier", &["GetJobOutput", "InitiateJob"]),
    ("marketplace-agreement", &["GetAgreementRequestApprovalPlans"]),
    ("medical-imaging", &["SearchImageSets"]),
    ("route53globalresolver", &["ListAccessSources", "ListFirewallRules"]),
    ("s3", &["CopyObject", "CreateMultipartUpload", "GetBucketLocation"]),
];

/// What the endpoint is to answer, and what it read.
#[derive(Default)]
struct Exchange {
    output: Value,
    read: Option<(String, Value)>,
}

#[tokio::test]
async fn a_sample_of_all_operations_goes_to_the_endpoint_and_back() {
    let mut plan = sample::of(SEED, ALWAYS, SERVICES, OPERATIONS);
    plan.extend(MENDED.iter().map(|(service, operations)| {
        let service = catalogue::service(service).expect("it is there");
        (service, operations.iter().map(|name| service.operation(name).expect(name)).collect())
    }));
    round_trips(&plan, false).await;
}

#[tokio::test]
#[ignore = "takes minutes: 40,000 calls; a sample of them, and what was once amiss, are tried always"]
async fn every_operation_goes_to_the_endpoint_and_back() {
    let all = catalogue::services().iter().map(catalogue::Entry::service);
    round_trips(&all.map(|service| (service, service.operations.iter().collect())).collect::<Vec<_>>(), true).await;
}

#[test]
fn successes_have_the_statuses_of_the_models() {
    for (service, operation, output, status) in [
        ("sts", "GetCallerIdentity", json!({}), 200),
        ("s3", "PutObject", json!({ "ETag": "\"a\"" }), 200),
        ("s3", "DeleteObject", json!({}), 204),
        ("s3", "GetObject", json!({ "Body": "YQ==", "ContentRange": "bytes 0-0/2" }), 206),
        ("lambda", "CreateFunction", json!({}), 201),
        ("lambda", "Invoke", json!({ "StatusCode": 202 }), 202),
        // A body, though the model has 204, which has none.
        ("lexv2-models", "DeleteResourcePolicy", json!({ "resourceArn": "a" }), 200),
        ("lexv2-models", "DeleteResourcePolicy", json!({}), 204),
    ] {
        let service = catalogue::service(service).expect("it is there");
        let known = service.operation(operation).expect("it is there");
        let answer = wire::output(service, known, &output).expect("an answer");
        assert_eq!(answer.status, status, "{operation}");
        assert_eq!(
            answer.body.is_empty(),
            status == 204 || ["Invoke", "PutObject"].contains(&operation),
            "{operation}"
        );
    }
}

#[expect(clippy::print_stdout, reason = "a report for who asked for it")]
async fn round_trips(plan: &[(&'static Service<'static>, Vec<&'static Operation<'static>>)], whole: bool) {
    let exchange = Arc::new(Mutex::new(Exchange::default()));
    let desk = Arc::clone(&exchange);
    let endpoint = Endpoint::start(0, keys(), Vec::new(), move |asked| {
        let mut exchange = desk.lock().expect("sound");
        let call = &asked.call;
        exchange.read = Some((format!("{} {}", call.service.name, call.operation.name), call.input.clone()));
        Ok(exchange.output.clone())
    })
    .expect("a port on loopback");
    let engine = engine(endpoint.url());
    let mut report = known::Report::default();
    for (service, operations) in plan {
        for operation in operations {
            for extent in [Extent::Minimal, Extent::Full] {
                let mut input = Generator::new(service, operation, extent, SEED).input();
                // A length that is not the body's is no request.
                input.as_object_mut().map(|input| input.shift_remove("ContentLength"));
                let output = Generator::new(service, operation, extent, SEED).output();
                *exchange.lock().expect("sound") = Exchange { output: output.clone(), read: None };
                let reply = engine.call(service.name, operation.name, input.clone(), &Scope::default()).await;
                let read = exchange.lock().expect("sound").read.take();
                let outcome = match (read, reply) {
                    (Some((name, _)), _) if name != format!("{} {}", service.name, operation.name) => {
                        Err(format!("taken for {name}"))
                    }
                    (Some((_, read)), Ok(reply)) => same_input(service, operation, &input, &read)
                        .and_then(|()| same_output(service, operation, &output, &reply.output)),
                    (Some(_), Err(error)) => Err(format!("not answered: {error}")),
                    (None, Err(error)) => Err(format!("not read: {error}")),
                    (None, Ok(_)) => Err("answered by nobody".to_owned()),
                };
                report.add(service.name, operation.name, outcome);
            }
        }
    }
    println!("{report}");
    report.hold(whole);
    let protocols: Vec<Protocol> = plan.iter().map(|(service, _)| service.protocol).collect();
    for protocol in [
        Protocol::Ec2,
        Protocol::Query,
        Protocol::Json10,
        Protocol::Json11,
        Protocol::RestJson,
        Protocol::RestXml,
        Protocol::Cbor,
    ] {
        assert!(protocols.contains(&protocol), "{protocol:?} was not tried");
    }
}

/// What was given is what was read. The client adds members of its own: checksums, tokens, the coding of a body.
fn same_input(service: &Service<'_>, operation: &Operation<'_>, given: &Value, read: &Value) -> Result<(), String> {
    let Some(structure) = operation.input.and_then(|id| service.structure(id)) else {
        return same("input", given, read);
    };
    let payload = structure.payload.map(|at| structure.members[at as usize].name);
    let added = |name: &String| {
        let in_header =
            structure.members.iter().any(|member| member.name == name && member.location == Location::Header);
        // A body that is one structure, and says nothing, goes as `{}`: AWS's own clients send it so, too.
        let nothing = payload == Some(name.as_str()) && read[name.as_str()].as_object().is_some_and(Map::is_empty);
        given.get(name).is_none() && (in_header || nothing)
    };
    same("input", given, &without(read, added))
}

/// What was answered is what was understood. Each answer has a status and a type of content, which are members of some.
fn same_output(service: &Service<'_>, operation: &Operation<'_>, given: &Value, read: &Value) -> Result<(), String> {
    let Some(structure) = operation.output.and_then(|id| service.structure(id)) else {
        return same("output", given, read);
    };
    let of = |name: &str| structure.members.iter().find(|member| member.name == name).map(|member| member.location);
    let added = |name: &String| {
        let of_message = matches!(of(name), Some(Location::Header | Location::Status | Location::Headers));
        given.get(name).is_none() && of_message
    };
    let mut read = without(read, added);
    for (name, value) in read.as_object_mut().into_iter().flatten() {
        // Where all headers are a member, those that every answer has are among them.
        if let (Some(Location::Headers), Value::Object(headers)) = (of(name), value) {
            headers.retain(|header, _| given[name.as_str()].get(header).is_some());
        }
    }
    same("output", given, &read)
}

/// The members of an object that were not added.
fn without(of: &Value, added: impl Fn(&String) -> bool) -> Value {
    let members = of.as_object().into_iter().flatten().filter(|(name, _)| !added(name));
    members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
}

/// Where two values part.
fn same(path: &str, wanted: &Value, got: &Value) -> Result<(), String> {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (name, value) in wanted {
                let missing = || format!("{path}.{name}: missing, should be {value}");
                same(&format!("{path}.{name}"), value, got.get(name).ok_or_else(missing)?)?;
            }
            match got.iter().find(|(name, _)| !wanted.contains_key(*name)) {
                Some((name, value)) => Err(format!("{path}.{name}: is {value}, should not be there")),
                None => Ok(()),
            }
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            let mut pairs = wanted.iter().zip(got).enumerate();
            pairs.try_for_each(|(index, (wanted, got))| same(&format!("{path}[{index}]"), wanted, got))
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => Ok(()),
        _ if wanted == got => Ok(()),
        _ => Err(format!("{path}: {got} instead of {wanted}")),
    }
}
