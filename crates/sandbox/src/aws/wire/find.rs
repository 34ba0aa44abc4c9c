//! Which call a request is.

use std::cmp::Reverse;

use serde_json::{Map, Value};
use trainyard_aws::{
    catalogue::{
        self, Entry,
        model::{Operation, Protocol, Service},
    },
    validate,
};

use super::{Call, Request, body, cbor, form, json, rest};

/// A request that is no call, or not one that the API has.
#[derive(Debug, Clone)]
pub struct Misread {
    /// The service, where that much is known.
    pub service: Option<&'static Service<'static>>,
    /// The operation, where that much is known.
    pub operation: Option<&'static Operation<'static>>,
    /// What is wrong.
    pub why: String,
}

/// What a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'r> {
    /// The access key.
    pub access_key: &'r str,
    /// `20261121`.
    pub date: &'r str,
    /// The region.
    pub region: &'r str,
    /// The name that the service signs with.
    pub name: &'r str,
}

/// The scope of a request's signature, be it in a header or in the query.
pub fn scope(request: &Request) -> Option<Scope<'_>> {
    let header = request.header("authorization").and_then(|text| text.split_once("Credential=")).map(|(_, rest)| rest);
    // A slash in the query is escaped by most.
    let query = || request.query().split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="));
    let text = header.or_else(query)?.split(',').next()?;
    let mut parts = text.split('/').flat_map(|part| part.split("%2F"));
    Some(Scope { access_key: parts.next()?, date: parts.next()?, region: parts.next()?, name: parts.next()? })
}

/// Understands a request. Several services may sign with one name; those that are `preferred` come first.
pub fn read(request: &Request, preferred: &[&'static Service<'static>]) -> Result<Call, Misread> {
    let scope = scope(request);
    let unknown = || Misread {
        service: None,
        operation: None,
        why: match scope {
            Some(scope) => format!("{} {} is no operation of {:?}", request.method, request.path(), scope.name),
            None => format!("{} {} is no operation that is called without a signature", request.method, request.path()),
        },
    };
    let request = &*body::unwrapped(request).map_err(|why| Misread { why, ..unknown() })?;
    let mut first_fault = None;
    for service in candidates(request, scope.map(|scope| scope.name), preferred) {
        let Some(operation) = operation(request, service) else { continue };
        match understood(request, service, operation) {
            Ok(input) => {
                let region = scope.map_or("", |scope| scope.region).to_owned();
                return Ok(Call { service, operation, region, input });
            }
            // Another service of this name may have a like operation whose input this is.
            Err(why) => {
                let why = format!("{} {}: {why}", service.name, operation.name);
                first_fault.get_or_insert(Misread { service: Some(service), operation: Some(operation), why });
            }
        }
    }
    Err(first_fault.unwrap_or_else(unknown))
}

/// The services that a request may be for, likely ones first. Only those are decoded.
fn candidates<'r>(
    request: &'r Request,
    signing_name: Option<&'r str>,
    preferred: &'r [&'static Service<'static>],
) -> impl Iterator<Item = &'static Service<'static>> + 'r {
    let is_signed_so = move |name: &str| signing_name.is_none_or(|signed| signed == name);
    let first = preferred.iter().copied().filter(move |service| is_signed_so(service.signing_name));
    // Clients of AWS's own runtime say which service it is, by its id, blanks and all.
    let said = request.header("user-agent").and_then(|agent| agent.split("api/").nth(1)).unwrap_or_default();
    let said = folded(said.split('/').next().unwrap_or_default());
    let by_name = catalogue::services().iter().filter(move |entry| signing_name == Some(entry.signing_name));
    let mut by_name: Vec<&Entry> = by_name.collect();
    by_name.sort_by_key(|entry| folded(entry.id) != said);
    // Seldom reached, so made when it is.
    let others = std::iter::once_with(move || others(signing_name, &said)).flatten();
    first.chain(by_name.into_iter().chain(others).map(Entry::service))
}

/// Some endpoint rules sign with a name that is not the service's own (`s3express`), and some operations are not signed at
/// all. A request that names its operation is found then; a path alone would fit too many.
fn others(signing_name: Option<&str>, said: &str) -> Vec<&'static Entry> {
    let is_said = |entry: &Entry| folded(entry.id) == said;
    let others = catalogue::services().iter().filter(|entry| {
        let named = matches!(entry.protocol, Protocol::Json10 | Protocol::Json11 | Protocol::Query | Protocol::Ec2);
        let kin = signing_name.is_some_and(|signed| signed.starts_with(entry.signing_name)) || is_said(entry);
        (named || kin) && signing_name != Some(entry.signing_name)
    });
    let mut others: Vec<&Entry> = others.collect();
    // Keys of S3 may look like the paths of S3 Control, not the other way round.
    others.sort_by_cached_key(|entry| (!is_said(entry), Reverse(entry.name)));
    others
}

/// A name without blanks, hyphens and capitals.
fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

fn operation(request: &Request, service: &'static Service<'static>) -> Option<&'static Operation<'static>> {
    match service.protocol {
        Protocol::Ec2 | Protocol::Query => {
            let form = form::pairs(form::of(request).ok()?);
            let said = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            service.operation(said("Action")?).filter(|_| said("Version") == Some(service.api_version))
        }
        Protocol::Json10 | Protocol::Json11 => {
            let (prefix, name) = request.header("x-amz-target")?.rsplit_once('.')?;
            service.operation(name).filter(|_| service.target_prefix == Some(prefix))
        }
        Protocol::RestJson | Protocol::RestXml => rest::operation(request, service),
        Protocol::Cbor => {
            let (front, name) = request.path().rsplit_once("/operation/")?;
            let target = service.target_prefix.unwrap_or(service.id);
            service.operation(name).filter(|_| front.rsplit('/').next() == Some(target))
        }
    }
}

fn understood(request: &Request, service: &Service<'_>, operation: &Operation<'_>) -> Result<Value, String> {
    let input = input(request, service, operation)?;
    validate(service.name, operation.name, &input).map_err(|error| error.to_string())?;
    Ok(input)
}

fn input(request: &Request, service: &Service<'_>, operation: &Operation<'_>) -> Result<Value, String> {
    let Some(id) = operation.input else { return Ok(Value::Object(Map::new())) };
    match service.protocol {
        Protocol::Ec2 | Protocol::Query => form::read(service, id, form::of(request)?),
        Protocol::RestJson | Protocol::RestXml => rest::read(service, operation, id, request),
        Protocol::Json10 | Protocol::Json11 => {
            json::parse(request.text()?).and_then(|body| json::read(service, id, &body))
        }
        Protocol::Cbor => cbor::parse(&request.body).and_then(|body| json::read(service, id, &body)),
    }
}
