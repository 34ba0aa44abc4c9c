//! Requests of the REST protocols: members in the path, the query, headers and the body.

use std::cmp::Reverse;

use super::{Request, form, json, scalar, xml};
use percent_encoding::percent_decode_str;
use roxmltree::Document;
use serde_json::{Map, Value};
use trainyard_aws::catalogue::model::{
    Kind, Location, Member, MemberFlags, Operation, Protocol, Service, ShapeId, Structure,
};

/// The operation whose path fits best. Some of S3's differ in nothing but what they require in query and headers; of two
/// that differ in nothing the one that AWS still advises is meant.
pub(super) fn operation(request: &Request, service: &'static Service<'static>) -> Option<&'static Operation<'static>> {
    let fits =
        |operation: &&Operation<'_>| operation.method == request.method && labels(operation.uri, request).is_some();
    let literal = |operation: &&Operation<'_>| {
        let (path, query) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
        let wanted = wanted(service, operation);
        let missing = wanted.iter().filter(|member| !is_there(member, request)).count();
        let plain = path.trim_end_matches('/').split('/').filter(|part| !part.starts_with('{')).count();
        (missing, Reverse((query.len(), plain, !path.contains("+}"), wanted.len())), operation.deprecated)
    };
    service.operations.iter().filter(fits).min_by_key(literal)
}

/// Members that an operation requires in the query or in headers.
fn wanted<'s>(service: &'s Service<'static>, operation: &Operation<'_>) -> Vec<&'s Member<'static>> {
    let members = operation.input.and_then(|id| service.structure(id)).map_or(&[][..], |structure| &structure.members);
    let elsewhere = |member: &&Member<'_>| matches!(member.location, Location::Query | Location::Header);
    members.iter().filter(|member| member.is(MemberFlags::REQUIRED)).filter(elsewhere).collect()
}

fn is_there(member: &Member<'_>, request: &Request) -> bool {
    let name = member.wire_name.unwrap_or(member.name);
    match member.location {
        Location::Header => request.header(&name.to_lowercase()).is_some(),
        _ => pairs(request.query()).iter().any(|(found, _)| found == name),
    }
}

/// The input of a request.
pub(super) fn read(
    service: &Service<'_>,
    operation: &Operation<'_>,
    id: ShapeId,
    request: &Request,
) -> Result<Value, String> {
    let structure = service.structure(id).ok_or("the input is no structure")?;
    let labels = labels(operation.uri, request).unwrap_or_default();
    let fixed: Vec<_> = pairs(template_query(operation.uri)).into_iter().map(|(name, _)| name).collect();
    let query: Vec<_> = pairs(request.query()).into_iter().filter(|(name, _)| !fixed.contains(name)).collect();
    let in_query = structure.members.iter().filter(|member| member.location == Location::Query);
    let is_map = |member: &&Member<'_>| matches!(service.shape(member.shape).kind, Kind::Map { .. });
    let named: Vec<&str> =
        in_query.filter(|member| !is_map(member)).map(|member| member.wire_name.unwrap_or(member.name)).collect();
    // What has no name of its own is an entry of the map that some queries are.
    let unnamed = |name: &str| !named.contains(&name) && !name.starts_with("X-Amz-");
    let entries: Vec<_> = query.iter().filter(|(name, _)| unnamed(name)).cloned().collect();
    let mut members = body(service, structure, id, request)?;
    for member in &structure.members {
        let name = member.wire_name.unwrap_or(member.name);
        let value = match member.location {
            Location::Body | Location::Status => None,
            Location::Uri => {
                let text = labels.iter().find(|(label, _)| label == name).map(|(_, text)| text.as_str());
                text.map(|text| scalar::from_text(&service.shape(member.shape).kind, text)).transpose()?
            }
            Location::Query if is_map(&member) => map_in_query(service, member, &entries)?,
            Location::Query => from_query(service, member, &query)?,
            Location::Header => {
                request.header(&name.to_lowercase()).map(|text| from_header(service, member, text)).transpose()?
            }
            Location::Headers => prefixed(name, request),
        };
        members.extend(value.map(|value| (member.name.to_owned(), value)));
    }
    Ok(Value::Object(members))
}

/// What the labels of a template stand for, if the path fits it.
fn labels(template: &str, request: &Request) -> Option<Vec<(String, String)>> {
    let (wanted, wanted_query) = (template_path(template), pairs(template_query(template)));
    let given_query = pairs(request.query());
    if !wanted_query.iter().all(|pair| given_query.contains(pair)) {
        return None;
    }
    let wanted: Vec<&str> = wanted.trim_end_matches('/').split('/').collect();
    let greedy = wanted.iter().position(|part| part.ends_with("+}"));
    // A slash at the end says nothing, unless a key ends with it.
    let ends_with_key = greedy.is_some_and(|at| at + 1 == wanted.len());
    let path = if ends_with_key { request.path() } else { request.path().trim_end_matches('/') };
    let given: Vec<&str> = path.split('/').collect();
    let (front, back) = greedy.map_or((wanted.len(), 0), |at| (at, wanted.len() - at - 1));
    // A greedy label stands for one part or more: whatever the parts before and behind it leave.
    let left = given.len().checked_sub(front + back)?;
    if (left == 0) != greedy.is_none() {
        return None;
    }
    let end = given.len() - back;
    let before = wanted[..front].iter().zip(&given[..front]);
    let behind = wanted[wanted.len() - back..].iter().zip(&given[end..]);
    let mut labels = Vec::new();
    for (part, here) in before.chain(behind) {
        match label(part) {
            Some(label) if !here.is_empty() => labels.push((label.to_owned(), decoded(here))),
            None if decoded(here) == **part => {}
            _ => return None,
        }
    }
    if let Some(label) = greedy.and_then(|at| label(wanted[at])) {
        let text = decoded(&given[front..end].join("/"));
        labels.push((label.to_owned(), Some(text).filter(|text| !text.is_empty())?));
    }
    Some(labels)
}

/// The label that a part of a template is.
fn label(part: &str) -> Option<&str> {
    Some(part.strip_prefix('{')?.strip_suffix('}')?.trim_end_matches('+'))
}

fn template_path(uri: &str) -> &str {
    uri.split('?').next().unwrap_or_default()
}

fn template_query(uri: &str) -> &str {
    uri.split_once('?').map_or("", |(_, query)| query)
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let mut pairs = form::pairs(query);
    // Says which operation of the AWS SDKs it was; no member.
    pairs.retain(|(name, _)| name != "x-id");
    pairs
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn from_query(service: &Service<'_>, member: &Member<'_>, query: &[(String, String)]) -> Result<Option<Value>, String> {
    let name = member.wire_name.unwrap_or(member.name);
    let texts: Vec<&str> = query.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect();
    match &service.shape(member.shape).kind {
        Kind::List { item, .. } if !texts.is_empty() => {
            let kind = &service.shape(item.shape).kind;
            texts.into_iter().map(|text| scalar::from_text(kind, text)).collect::<Result<Value, _>>().map(Some)
        }
        kind => texts.first().map(|text| scalar::from_text(kind, text)).transpose(),
    }
}

/// A map of texts, or of lists of them; none of no entries.
fn map_in_query(
    service: &Service<'_>,
    member: &Member<'_>,
    entries: &[(String, String)],
) -> Result<Option<Value>, String> {
    let Kind::Map { value, .. } = &service.shape(member.shape).kind else { return Ok(None) };
    let mut map = Map::new();
    for (name, text) in entries {
        let Kind::List { item, .. } = &service.shape(value.shape).kind else {
            map.insert(name.clone(), scalar::from_text(&service.shape(value.shape).kind, text)?);
            continue;
        };
        let text = scalar::from_text(&service.shape(item.shape).kind, text)?;
        if let Value::Array(list) = map.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new())) {
            list.push(text);
        }
    }
    Ok(Some(map).filter(|map| !map.is_empty()).map(Value::Object))
}

fn from_header(service: &Service<'_>, member: &Member<'_>, text: &str) -> Result<Value, String> {
    match &service.shape(member.shape).kind {
        _ if member.is(MemberFlags::JSON_VALUE) => {
            let bytes = aws_smithy_types::base64::decode(text).map_err(|error| error.to_string())?;
            json::parse(&String::from_utf8_lossy(&bytes))
        }
        Kind::List { .. } => Ok(text.split(',').map(|item| Value::from(item.trim())).collect()),
        kind => scalar::from_text(kind, text),
    }
}

fn prefixed(prefix: &str, request: &Request) -> Option<Value> {
    let prefix = prefix.to_lowercase();
    let entries = request.headers.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value)));
    let map: Map<_, _> = entries.map(|(name, value)| (name.to_owned(), Value::from(value.as_str()))).collect();
    Some(map).filter(|map| !map.is_empty()).map(Value::Object)
}

fn body(
    service: &Service<'_>,
    structure: &Structure<'_>,
    id: ShapeId,
    request: &Request,
) -> Result<Map<String, Value>, String> {
    let payload = structure.payload.map(|at| &structure.members[at as usize]);
    if request.body.is_empty() {
        return Ok(Map::new());
    }
    let (name, shape) = match payload {
        None => (None, id),
        Some(member) => match &service.shape(member.shape).kind {
            Kind::Blob { .. } | Kind::String(..) => {
                let value = scalar::from_body(&service.shape(member.shape).kind, &request.body);
                return Ok(Map::from_iter([(member.name.to_owned(), value)]));
            }
            _ => (Some(member.name), member.shape),
        },
    };
    let value = if service.protocol == Protocol::RestXml {
        let document = Document::parse(request.text()?).map_err(|error| error.to_string())?;
        xml::read(service, shape, document.root_element())?
    } else {
        json::read(service, shape, &json::parse(request.text()?)?)?
    };
    Ok(match (name, value) {
        (Some(name), value) => Map::from_iter([(name.to_owned(), value)]),
        (None, Value::Object(members)) => members,
        (None, value) => return Err(format!("the body is {value}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(template: &str, path: &str) -> Option<Vec<String>> {
        let request =
            Request { method: "GET".to_owned(), target: path.to_owned(), headers: Vec::new(), body: Vec::new() };
        Some(labels(template, &request)?.into_iter().map(|(name, text)| format!("{name}={text}")).collect())
    }

    fn is(template: &str, path: &str, wanted: &[&str]) {
        let wanted: Vec<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(found(template, path), Some(wanted), "{template} {path}");
    }

    #[test]
    fn a_greedy_label_leaves_what_follows_it() {
        is("/portals/{arn+}/settings", "/portals/arn:x/1/settings", &["arn=arn:x/1"]);
        is("/{Bucket}/{Key+}", "/b/a/b%20c/", &["Bucket=b", "Key=a/b c/"]);
        is("/{Bucket}", "/b/", &["Bucket=b"]);
        is("/", "/", &[]);
        for (template, path) in [
            ("/portals/{arn+}/settings", "/portals/settings"),
            ("/portals/{arn+}/settings", "/portals/arn:x/1/others"),
            ("/{Bucket}/{Key+}", "/b/"),
            ("/{Bucket}", "/b/key"),
            ("/{Bucket}", "/"),
        ] {
            assert_eq!(found(template, path), None, "{template} {path}");
        }
    }
}
