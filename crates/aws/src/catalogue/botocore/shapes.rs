//! Shapes: which of them an operation or an error can reach, and what they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::model::{
    Bounds, Element, ErrorFacts, Kind, Location, Member, MemberFlags, Shape, ShapeId, Structure, TimestampFormat,
    XmlNamespace,
};
use serde_json::Value;

use super::Result;
use super::field::{flag, items, members, text, texts};

/// The reachable shapes of one service, numbered by name so that a new shape moves no more than it must.
pub(super) struct Shapes<'a> {
    ids: BTreeMap<&'a str, ShapeId>,
    model: &'a Value,
}

impl<'a> Shapes<'a> {
    /// Walks from the operations and the exceptions to everything they hold.
    pub(super) fn reachable(service: &'a Value) -> Result<Self> {
        let model = &service["shapes"];
        let mut open: Vec<&str> = Vec::new();
        for (_, operation) in members(service, "operations") {
            open.extend(["input", "output"].iter().filter_map(|part| text(operation.get(part)?, "shape")));
            open.extend(items(operation, "errors").iter().filter_map(|error| text(error, "shape")));
        }
        open.extend(exceptions(service));
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            if seen.insert(name) {
                let shape = model.get(name).ok_or_else(|| format!("shape {name} is used but not defined"))?;
                open.extend(members(shape, "members").filter_map(|(_, member)| text(member, "shape")));
                open.extend(["member", "key", "value"].iter().filter_map(|part| text(shape.get(part)?, "shape")));
            }
        }
        let ids = seen.into_iter().zip(0..).collect();
        Ok(Self { ids, model })
    }

    /// The number of the shape that a reference names.
    pub(super) fn id(&self, reference: &Value) -> Result<ShapeId> {
        let name = text(reference, "shape").ok_or_else(|| format!("not a reference: {reference}"))?;
        self.ids.get(name).copied().ok_or_else(|| format!("shape {name} is used but not defined").into())
    }

    /// What the reference says under `key`, or else what its target says: botocore lets a reference override its target.
    pub(super) fn merged(&self, reference: &'a Value, key: &str) -> Option<&'a Value> {
        reference.get(key).or_else(|| self.model.get(text(reference, "shape")?)?.get(key))
    }

    /// As [`Self::merged`], for a string.
    pub(super) fn merged_text(&self, reference: &'a Value, key: &str) -> Option<&'a str> {
        self.merged(reference, key).and_then(Value::as_str)
    }

    /// What the target says under `key`, or else what the reference says.
    pub(super) fn own_text(&self, reference: &'a Value, key: &str) -> Option<&'a str> {
        let own = text(reference, "shape").and_then(|name| text(&self.model[name], key));
        own.or_else(|| text(reference, key))
    }

    /// A structure's own name on the wire is its name where it is the whole body; a list's is that of who holds it.
    fn wire_name(&self, reference: &'a Value) -> Option<&'a str> {
        let structure =
            text(reference, "shape").is_some_and(|name| text(&self.model[name], "type") == Some("structure"));
        if structure { text(reference, "locationName") } else { self.merged_text(reference, "locationName") }
    }

    /// The exceptions of the service, whether or not an operation declares them.
    pub(super) fn errors(&self, service: &'a Value) -> Vec<ShapeId> {
        exceptions(service).map(|name| self.ids[name]).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Every reachable shape, in the order of its number.
    pub(super) fn convert(&self) -> Result<Vec<Shape<'a>>> {
        self.ids.keys().map(|name| self.shape(name)).collect()
    }

    fn shape(&self, name: &'a str) -> Result<Shape<'a>> {
        let source = &self.model[name];
        let kind = match text(source, "type").unwrap_or_default() {
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer(bounds(source)),
            "long" => Kind::Long(bounds(source)),
            "float" => Kind::Float(bounds(source)),
            "double" => Kind::Double(bounds(source)),
            "string" => Kind::String(bounds(source), texts(source, "enum")),
            "blob" => Kind::Blob { streaming: flag(source, "streaming"), length: bounds(source) },
            "timestamp" => Kind::Timestamp(timestamp_format(source)?),
            "list" => Kind::List {
                item: self.element(&source["member"])?,
                flattened: flag(source, "flattened"),
                sparse: flag(source, "sparse"),
                length: bounds(source),
            },
            "map" => Kind::Map {
                key: self.element(&source["key"])?,
                value: self.element(&source["value"])?,
                flattened: flag(source, "flattened"),
                sparse: flag(source, "sparse"),
                length: bounds(source),
            },
            "structure" if flag(source, "document") => Kind::Document,
            "structure" => Kind::Structure(self.structure(source)?),
            other => return Err(format!("shape {name} has type {other:?}").into()),
        };
        Ok(Shape { name, sensitive: flag(source, "sensitive"), kind })
    }

    fn element(&self, reference: &'a Value) -> Result<Element<'a>> {
        Ok(Element {
            shape: self.id(reference)?,
            wire_name: self.merged_text(reference, "locationName"),
            json_value: self.is(reference, "jsonvalue"),
            xml_namespace: self.merged(reference, "xmlNamespace").and_then(xml_namespace),
        })
    }

    fn structure(&self, source: &'a Value) -> Result<Structure<'a>> {
        let required = texts(source, "required");
        let payload = text(source, "payload");
        let mut converted = Vec::new();
        for (name, member) in members(source, "members") {
            converted.push(self.member(name, member, required.contains(&name.as_str()))?);
        }
        let payload = payload.and_then(|name| converted.iter().zip(0..).find(|(member, _)| member.name == name));
        let payload = payload.map(|(_, at)| at);
        Ok(Structure {
            payload,
            members: converted,
            union: flag(source, "union"),
            error: error_facts(source)?,
            event_stream: flag(source, "eventstream"),
            wire_name: text(source, "locationName"),
            xml_namespace: source.get("xmlNamespace").and_then(xml_namespace),
        })
    }

    fn member(&self, name: &'a str, reference: &'a Value, required: bool) -> Result<Member<'a>> {
        let bits = [
            ("idempotencyToken", MemberFlags::IDEMPOTENCY_TOKEN),
            ("flattened", MemberFlags::FLATTENED),
            ("xmlAttribute", MemberFlags::XML_ATTRIBUTE),
            ("jsonvalue", MemberFlags::JSON_VALUE),
            ("hostLabel", MemberFlags::HOST_LABEL),
            ("eventpayload", MemberFlags::EVENT_PAYLOAD),
            ("eventheader", MemberFlags::EVENT_HEADER),
            ("streaming", MemberFlags::STREAMING),
            ("deprecated", MemberFlags::DEPRECATED),
        ];
        let set = bits.iter().filter(|(key, _)| self.is(reference, key)).fold(0, |flags, (_, bit)| flags | bit);
        Ok(Member {
            name,
            shape: self.id(reference)?,
            wire_name: self.wire_name(reference).filter(|wire| *wire != name),
            query_name: self.merged_text(reference, "queryName"),
            location: location(self.merged_text(reference, "location"))?,
            timestamp_format: timestamp_format(reference)?,
            context_param: reference.get("contextParam").and_then(|context| text(context, "name")),
            xml_namespace: self.merged(reference, "xmlNamespace").and_then(xml_namespace),
            flags: if required { set | MemberFlags::REQUIRED } else { set },
        })
    }

    fn is(&self, reference: &'a Value, key: &str) -> bool {
        self.merged(reference, key).and_then(Value::as_bool).unwrap_or(false)
    }
}

fn exceptions(service: &Value) -> impl Iterator<Item = &str> {
    members(service, "shapes").filter(|(_, shape)| flag(shape, "exception")).map(|(name, _)| name.as_str())
}

fn error_facts(source: &Value) -> Result<Option<ErrorFacts<'_>>> {
    let facts = source.get("error");
    if facts.is_none() && !flag(source, "exception") {
        return Ok(None);
    }
    let status = facts.and_then(|facts| facts.get("httpStatusCode")?.as_u64());
    Ok(Some(ErrorFacts {
        code: facts.and_then(|facts| text(facts, "code")),
        http_status: status.map(u16::try_from).transpose()?,
        fault: flag(source, "fault") || facts.is_some_and(|facts| flag(facts, "fault")),
        retryable: source.get("retryable").is_some(),
        throttling: source.get("retryable").is_some_and(|retry| flag(retry, "throttling")),
    }))
}

fn location(name: Option<&str>) -> Result<Location> {
    Ok(match name {
        None => Location::Body,
        Some("uri") => Location::Uri,
        Some("querystring") => Location::Query,
        Some("header") => Location::Header,
        Some("headers") => Location::Headers,
        Some("statusCode") => Location::Status,
        Some(other) => return Err(format!("a member travels in {other:?}").into()),
    })
}

fn timestamp_format(source: &Value) -> Result<Option<TimestampFormat>> {
    Ok(match text(source, "timestampFormat") {
        None => None,
        Some("iso8601") => Some(TimestampFormat::Iso8601),
        Some("unixTimestamp") => Some(TimestampFormat::Unix),
        Some("rfc822") => Some(TimestampFormat::Rfc822),
        Some(other) => return Err(format!("a timestamp is written as {other:?}").into()),
    })
}

/// Name spaces are written as text or as an object.
pub(super) fn xml_namespace(value: &Value) -> Option<XmlNamespace<'_>> {
    match value {
        Value::String(uri) => Some(XmlNamespace { uri, prefix: None }),
        object => Some(XmlNamespace { uri: text(object, "uri")?, prefix: text(object, "prefix") }),
    }
}

fn bounds(source: &Value) -> Bounds {
    // Bounds of fractions are widened to whole numbers: what they refuse is certainly wrong.
    #[expect(clippy::cast_possible_truncation, reason = "a saturated bound is still a bound")]
    let whole = |key, round: fn(f64) -> f64| {
        source.get(key).and_then(|value: &Value| value.as_i64().or(value.as_f64().map(|it| round(it) as i64)))
    };
    Bounds { min: whole("min", f64::floor), max: whole("max", f64::ceil) }
}
