//! One service: from botocore's files to the facts that the catalogue keeps. No documentation text.

use crate::{
    catalogue::model::{
        Acceptor, AccessLevel, Auth, Checksum, ContextValue, Operation, OperationFlags, Pages, Protocol, Service,
        Waiter,
    },
    endpoint::rules::{Outcome, Rule, Scheme},
};
use serde_json::Value;

use super::Result;
use super::{
    field::{flag, items, members, text, texts},
    rules,
    shapes::{Shapes, xml_namespace},
    source::Source,
};

/// Converts one service. Waiters' expected values are JSON text that the source does not hold: `expected` keeps them.
/// Every operation is at the access level *unknown*.
pub fn convert<'a>(source: &'a Source, expected: &'a Expected) -> Result<Service<'a>> {
    let service = &source.service;
    let metadata = &service["metadata"];
    let need = |key| text(metadata, key).ok_or_else(|| format!("{}: metadata lacks {key}", source.name));
    let shapes = Shapes::reachable(service)?;
    let mut operations = members(service, "operations")
        .map(|(name, operation)| convert_operation(name, operation, &shapes, &source.paginators))
        .collect::<Result<Vec<_>>>()?;
    operations.sort_by_key(|operation| operation.name);
    let endpoint_prefix = need("endpointPrefix")?;
    let rules = rules::convert(&source.rules)?;
    Ok(Service {
        name: &source.name,
        id: need("serviceId")?,
        title: need("serviceFullName")?,
        api_version: need("apiVersion")?,
        endpoint_prefix,
        signing_name: text(metadata, "signingName").unwrap_or(endpoint_prefix),
        auth: match service_auth(metadata)? {
            // The rules are newer than what some models say of signatures.
            Auth::SigV2 if rules.rules.iter().any(takes_sigv4) => Auth::SigV4,
            auth => auth,
        },
        protocol: protocol(metadata)?,
        target_prefix: text(metadata, "targetPrefix"),
        xml_namespace: metadata.get("xmlNamespace").and_then(xml_namespace).map(|space| space.uri),
        query_compatible: metadata.get("awsQueryCompatible").is_some(),
        operations,
        errors: shapes.errors(service),
        shapes: shapes.convert()?,
        waiters: waiters(&source.waiters, expected)?,
        rules,
    })
}

/// Whether an address that a rule leads to names signature version 4.
fn takes_sigv4(rule: &Rule<'_>) -> bool {
    match &rule.outcome {
        Outcome::Rules(rules) => rules.iter().any(takes_sigv4),
        Outcome::Endpoint(address) => address.auth_schemes.iter().any(|it| it.scheme == Scheme::SigV4),
        Outcome::Error(_) => false,
    }
}

fn convert_operation<'a>(
    name: &'a str,
    source: &'a Value,
    shapes: &Shapes<'a>,
    paginators: &'a Value,
) -> Result<Operation<'a>> {
    let input = source.get("input");
    let output = source.get("output");
    let id = |reference: Option<&Value>| reference.map(|reference| shapes.id(reference)).transpose();
    let namespace = input.and_then(|input| shapes.merged(input, "xmlNamespace")).and_then(xml_namespace);
    Ok(Operation {
        name,
        method: text(&source["http"], "method").unwrap_or("POST"),
        uri: text(&source["http"], "requestUri").unwrap_or("/"),
        input: id(input)?,
        input_element: input.and_then(|input| shapes.own_text(input, "locationName")),
        input_namespace: namespace.map(|space| space.uri),
        output: id(output)?,
        result_wrapper: output.and_then(|output| shapes.merged_text(output, "resultWrapper")),
        errors: items(source, "errors").iter().map(|error| shapes.id(error)).collect::<Result<_>>()?,
        auth: operation_auth(source)?,
        access: AccessLevel::Unknown,
        host_prefix: source.get("endpoint").and_then(|endpoint| text(endpoint, "hostPrefix")),
        static_context: members(source, "staticContextParams")
            .map(|(name, value)| Ok((name.as_str(), context_value(&value["value"])?)))
            .collect::<Result<_>>()?,
        operation_context: members(source, "operationContextParams")
            .filter_map(|(name, value)| Some((name.as_str(), text(value, "path")?)))
            .collect(),
        checksum: checksum(source),
        pages: paginators.get("pagination").and_then(|all| all.get(name)).map(pages),
        endpoint_discovery_required: source.get("endpointdiscovery").is_some_and(|it| flag(it, "required")),
        gzip: source.get("requestcompression").is_some_and(|it| texts(it, "encodings").contains(&"gzip")),
        deprecated: flag(source, "deprecated"),
        flags: if flag(source, "idempotent") { OperationFlags::IDEMPOTENT } else { 0 }
            | OperationFlags::of_status(source["http"]["responseCode"].as_u64().unwrap_or(200)),
    })
}

/// JSON is preferred to CBOR where a service speaks both: emulators do not speak CBOR.
fn protocol(metadata: &Value) -> Result<Protocol> {
    let spoken = texts(metadata, "protocols");
    let chosen = text(metadata, "protocol").unwrap_or_default();
    let chosen = if chosen == "smithy-rpc-v2-cbor" && spoken.contains(&"json") { "json" } else { chosen };
    Ok(match (chosen, text(metadata, "jsonVersion")) {
        ("json", Some("1.1")) => Protocol::Json11,
        ("json", _) => Protocol::Json10,
        ("rest-json", _) => Protocol::RestJson,
        ("rest-xml", _) => Protocol::RestXml,
        ("query", _) => Protocol::Query,
        ("ec2", _) => Protocol::Ec2,
        ("smithy-rpc-v2-cbor", _) => Protocol::Cbor,
        (other, _) => return Err(format!("protocol {other:?} is new").into()),
    })
}

fn service_auth(metadata: &Value) -> Result<Auth> {
    let schemes = texts(metadata, "auth");
    if schemes.contains(&"aws.auth#sigv4") {
        // Preferred even where 4A stands first: every such service accepts it for a single region.
        return Ok(Auth::SigV4);
    }
    Ok(match (schemes.first().copied(), text(metadata, "signatureVersion")) {
        (Some("aws.auth#sigv4a"), _) => Auth::SigV4a,
        (Some("smithy.api#httpBearerAuth"), _) | (None, Some("bearer")) => Auth::Bearer,
        (None, Some("v4" | "s3" | "s3v4")) => Auth::SigV4,
        (None, Some("v2")) => Auth::SigV2,
        other => return Err(format!("authentication {other:?} is new").into()),
    })
}

fn operation_auth(source: &Value) -> Result<Option<Auth>> {
    let schemes = texts(source, "auth");
    if text(source, "authtype") == Some("none") || schemes.first() == Some(&"smithy.api#noAuth") {
        return Ok(Some(Auth::None));
    }
    if text(source, "authtype") == Some("v4-unsigned-body") || flag(source, "unsignedPayload") {
        return Ok(Some(Auth::SigV4UnsignedPayload));
    }
    match (schemes.as_slice(), text(source, "authtype")) {
        ([], None) => Ok(None),
        other => Err(format!("authentication {other:?} is new").into()),
    }
}

fn context_value(value: &Value) -> Result<ContextValue<'_>> {
    Ok(match value {
        Value::Bool(value) => ContextValue::Bool(*value),
        Value::String(value) => ContextValue::String(value),
        Value::Array(values) => ContextValue::List(values.iter().filter_map(Value::as_str).collect()),
        other => return Err(format!("an endpoint parameter is {other}").into()),
    })
}

fn checksum(source: &Value) -> Option<Checksum<'_>> {
    let md5 = flag(source, "httpChecksumRequired");
    let facts = source.get("httpChecksum");
    if facts.is_none() && !md5 {
        return None;
    }
    let facts = facts.unwrap_or(&Value::Null);
    Some(Checksum {
        required: md5 || flag(facts, "requestChecksumRequired"),
        algorithm_member: text(facts, "requestAlgorithmMember"),
        validation_member: text(facts, "requestValidationModeMember"),
        response_algorithms: texts(facts, "responseAlgorithms"),
        md5,
    })
}

fn pages(source: &Value) -> Pages<'_> {
    Pages {
        input_tokens: texts(source, "input_token"),
        output_tokens: texts(source, "output_token"),
        results: texts(source, "result_key"),
        limit: text(source, "limit_key"),
        more: text(source, "more_results"),
        once: texts(source, "non_aggregate_keys"),
    }
}

/// What waiters compare with, as JSON text, by waiter and acceptor.
#[derive(Debug)]
pub struct Expected(Vec<Vec<String>>);

impl Expected {
    /// Writes them out, in the order of the file.
    pub fn of(source: &Source) -> Self {
        let waiters = members(&source.waiters, "waiters");
        Self(
            waiters
                .map(|(_, it)| items(it, "acceptors").iter().map(|it| it["expected"].to_string()).collect())
                .collect(),
        )
    }
}

fn waiters<'a>(source: &'a Value, expected: &'a Expected) -> Result<Vec<Waiter<'a>>> {
    let mut waiters = Vec::new();
    for ((name, waiter), expected) in members(source, "waiters").zip(&expected.0) {
        let number = |key: &str| -> Result<u32> {
            let value = waiter.get(key).and_then(Value::as_u64);
            Ok(u32::try_from(value.ok_or_else(|| format!("waiter {name} lacks {key}"))?)?)
        };
        let acceptors = items(waiter, "acceptors").iter().zip(expected).map(|(acceptor, expected)| Acceptor {
            state: text(acceptor, "state").unwrap_or_default(),
            matcher: text(acceptor, "matcher").unwrap_or_default(),
            argument: text(acceptor, "argument"),
            expected,
        });
        waiters.push(Waiter {
            name,
            operation: text(waiter, "operation").unwrap_or_default(),
            delay: number("delay")?,
            max_attempts: number("maxAttempts")?,
            acceptors: acceptors.collect(),
        });
    }
    waiters.sort_by_key(|waiter| waiter.name);
    Ok(waiters)
}
