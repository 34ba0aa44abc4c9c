//! Which call a request is.

use serde_json::{Map, Value};
use trainyard_aws::{
    catalogue::{
        self,
        model::{Operation, Protocol, Service},
    },
    validate,
};
use trainyard_harness::Seen;

use crate::{Call, form, json, rest};

/// A request, understood.
pub(crate) struct Request {
    pub(crate) service: &'static Service<'static>,
    pub(crate) operation: &'static Operation<'static>,
    pub(crate) call: Call,
}

/// Understands a request. Several services may sign with one name; those that a test answers for come first.
/// The service is named beside what is wrong, where it is known.
pub(crate) fn read(
    seen: &Seen,
    answered: &[&'static Service<'static>],
) -> Result<Request, (Option<&'static Service<'static>>, String)> {
    let (region, signing_name) = scope(seen).unwrap_or_default();
    let signs = |name: &str| signing_name.is_empty() || name == signing_name;
    let first = answered.iter().copied().filter(|service| signs(service.signing_name));
    let others = catalogue::services().iter().filter(|entry| entry.signing_name == signing_name);
    for service in first.chain(others.map(catalogue::Entry::service)) {
        let Some(operation) = operation(seen, service) else { continue };
        let name = format!("{} {}", service.name, operation.name);
        let wrong = |why: String| (Some(service), format!("{name}: {why}"));
        let input = input(seen, service, operation).map_err(wrong)?;
        validate(service.name, operation.name, &input).map_err(|error| wrong(format!("{error}: {input}")))?;
        let call = Call { service: service.name, operation: operation.name, region: region.to_owned(), input };
        return Ok(Request { service, operation, call });
    }
    Err((None, format!("{} {} is no operation of {signing_name:?}: {}", seen.method, seen.path, seen.body)))
}

/// Region and signing name that the signature is for.
fn scope(seen: &Seen) -> Option<(&str, &str)> {
    let (_, credential) = seen.header("authorization")?.split_once("Credential=")?;
    let mut parts = credential.split(',').next()?.split('/').skip(2);
    Some((parts.next()?, parts.next()?))
}

fn operation(seen: &Seen, service: &'static Service<'static>) -> Option<&'static Operation<'static>> {
    match service.protocol {
        Protocol::Ec2 | Protocol::Query => {
            let form = form::pairs(&seen.body);
            let said = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            service.operation(said("Action")?).filter(|_| said("Version") == Some(service.api_version))
        }
        Protocol::Json10 | Protocol::Json11 => {
            let (prefix, name) = seen.header("x-amz-target")?.rsplit_once('.')?;
            service.operation(name).filter(|_| service.target_prefix == Some(prefix))
        }
        Protocol::RestJson | Protocol::RestXml => rest::operation(seen, service),
        Protocol::Cbor => None,
    }
}

fn input(seen: &Seen, service: &Service<'_>, operation: &Operation<'_>) -> Result<Value, String> {
    let Some(id) = operation.input else { return Ok(Value::Object(Map::new())) };
    match service.protocol {
        Protocol::Ec2 | Protocol::Query => form::read(service, id, &seen.body),
        Protocol::RestJson | Protocol::RestXml => rest::read(service, operation, id, seen),
        _ => json::parse(&seen.body).and_then(|body| json::read(service, id, &body)),
    }
}
