//! Schemas for the official codecs, built from the catalogue when an operation is first used.
//!
//! A [`Schema`] borrows everything it names, and codecs hold on to schemas across calls. The catalogue lives as long as
//! the process, so its schemas do too: each shape's schema is built at most once and leaked. All of AWS would be some
//! tens of megabytes; a process that uses five services pays for the shapes it touches.

use std::sync::OnceLock;

use aws_smithy_schema::{
    Schema, ShapeId as SmithyId, ShapeType, intern_header_name,
    traits::{HttpTrait, TimestampFormat as Format},
};

use crate::catalogue::model::{
    Element, Kind, Location, Member, MemberFlags, Operation, Protocol, Service, Shape, ShapeId, TimestampFormat,
};

/// A shape that contains itself through lists and maps alone stops naming its content here. No published model does.
const MAX_NESTED_COLLECTIONS: usize = 8;

/// The schemas of one service.
#[derive(Debug)]
pub(crate) struct Schemas {
    service: &'static Service<'static>,
    targets: Box<[OnceLock<&'static Schema<'static>>]>,
    errors: Box<[OnceLock<&'static Schema<'static>>]>,
}

impl Schemas {
    /// Allocates one empty slot a shape, and nothing else.
    pub(crate) fn new(service: &'static Service<'static>) -> Self {
        let empty = || service.shapes.iter().map(|_| OnceLock::new()).collect();
        Self { service, targets: empty(), errors: empty() }
    }

    /// The facts behind the schemas.
    pub(crate) fn service(&self) -> &'static Service<'static> {
        self.service
    }

    /// Schema of a shape outside any structure: list elements, map values and whole messages.
    ///
    /// It has no member name, which is how codecs tell an element from a member.
    pub(crate) fn target(&self, id: ShapeId) -> &'static Schema<'static> {
        self.target_at(id, 0)
    }

    /// Schema of an operation's input: its structure with the method, the path and the name of the XML element.
    pub(crate) fn input(&self, operation: &'static Operation<'static>, uri: &'static str) -> Schema<'static> {
        let mut schema = match operation.input {
            Some(id) => self.build_structure(id, true),
            None => Schema::new_struct(smithy_id("Unit"), ShapeType::Structure, &[]),
        };
        if let Some(name) = operation.input_element {
            schema = schema.with_xml_name(name);
        }
        if let Some(uri) = operation.input_namespace {
            schema = schema.with_xml_namespace(uri, None);
        }
        schema.with_http(HttpTrait::new(operation.method, uri, None))
    }

    /// Schema of an error. Errors are built once, like any other shape, since any number of calls may fail alike.
    pub(crate) fn error(&self, id: ShapeId) -> &'static Schema<'static> {
        let slot = &self.errors[id as usize];
        slot.get_or_init(|| Box::leak(Box::new(self.build_structure(id, true))))
    }

    /// Schema of an operation's output.
    pub(crate) fn output(&self, id: ShapeId) -> Schema<'static> {
        self.build_structure(id, true)
    }

    /// Schema of the structure that is the whole body of a request. On the wire it is called what the member is called,
    /// yet it is no member of anything there.
    pub(crate) fn payload(&self, operation: &Operation<'static>) -> Option<Schema<'static>> {
        let structure = self.service.structure(operation.input?)?;
        let member = &structure.members[structure.payload? as usize];
        let target = self.service.structure(member.shape)?;
        // The models repeat a member's name as its name on the wire whether or not it has one there. Every published
        // service that means it gives the member a name space, too.
        let name = match member.xml_namespace {
            Some(_) if target.xml_namespace.is_none() => member.wire_name.unwrap_or(member.name),
            _ => target.wire_name.unwrap_or(self.service.shape(member.shape).name),
        };
        let mut schema = self.build_structure(member.shape, false).with_xml_name(name);
        if let Some(namespace) = &member.xml_namespace {
            schema = schema.with_xml_namespace(namespace.uri, namespace.prefix);
        }
        Some(schema)
    }

    fn target_at(&self, id: ShapeId, depth: usize) -> &'static Schema<'static> {
        let slot = &self.targets[id as usize];
        if let Some(schema) = slot.get() {
            return schema;
        }
        // Two threads may build the same schema at once; the second result is dropped by `get_or_init`, not used.
        let schema = Box::leak(Box::new(self.build_target(id, depth)));
        slot.get_or_init(|| schema)
    }

    fn build_target(&self, id: ShapeId, depth: usize) -> Schema<'static> {
        let shape = self.service.shape(id);
        let name = smithy_id(shape.name);
        match &shape.kind {
            Kind::Structure(_) => self.build_structure(id, false),
            Kind::List { item, flattened, .. } if depth < MAX_NESTED_COLLECTIONS => {
                flatten(Schema::new_list(name, self.element(item, "member", depth + 1)), *flattened)
            }
            Kind::Map { key, value, flattened, .. } if depth < MAX_NESTED_COLLECTIONS => {
                let key = self.element(key, "key", depth + 1);
                flatten(Schema::new_map(name, key, self.element(value, "value", depth + 1)), *flattened)
            }
            Kind::Timestamp(format) => with_format(Schema::new(name, ShapeType::Timestamp), *format),
            _ => Schema::new(name, shape_type(shape)),
        }
    }

    fn build_structure(&self, id: ShapeId, bound: bool) -> Schema<'static> {
        let shape = self.service.shape(id);
        let Kind::Structure(structure) = &shape.kind else {
            return Schema::new(smithy_id(shape.name), shape_type(shape));
        };
        let members: Vec<&'static Schema<'static>> = structure
            .members
            .iter()
            .enumerate()
            .map(|(index, member)| {
                let payload = structure.payload.is_some_and(|at| at as usize == index);
                &*Box::leak(Box::new(self.member(shape, member, index, bound, payload)))
            })
            .collect();
        let mut schema = Schema::new_struct(smithy_id(shape.name), shape_type(shape), members.leak());
        if let Some(namespace) = &structure.xml_namespace {
            schema = schema.with_xml_namespace(namespace.uri, namespace.prefix);
        }
        schema
    }

    fn member(
        &self,
        owner: &Shape<'static>,
        member: &'static Member<'static>,
        index: usize,
        bound: bool,
        payload: bool,
    ) -> Schema<'static> {
        let target = self.service.shape(member.shape);
        let wire = self.wire_name(member, target);
        let mut schema = Schema::new_member(smithy_id(owner.name), shape_type(target), wire, index);
        schema = self.with_content(schema, member.shape, 1);
        if member.wire_name.is_some() {
            schema = schema.with_xml_name(wire);
        }
        if let Some(namespace) = &member.xml_namespace {
            schema = schema.with_xml_namespace(namespace.uri, namespace.prefix);
        }
        if member.is(MemberFlags::XML_ATTRIBUTE) {
            schema = schema.with_xml_attribute();
        }
        schema = flatten(schema, self.is_flattened(member, target));
        schema = with_format(schema, member.timestamp_format.or(own_format(target)));
        if bound {
            schema = bind(schema, member, wire, payload);
        }
        schema
    }

    /// The name a member has on the wire. In the Query protocol, a list without a wrapper takes the name of its items
    /// where its own is not set. (The specification says otherwise; services of that age do it.)
    fn wire_name(&self, member: &Member<'static>, target: &Shape<'static>) -> &'static str {
        match (&member.wire_name, &target.kind) {
            (Some(name), _) => name,
            (None, Kind::List { item, .. }) if self.is_query() && self.is_flattened(member, target) => {
                item.wire_name.unwrap_or(member.name)
            }
            _ => member.name,
        }
    }

    fn is_query(&self) -> bool {
        self.service.protocol == Protocol::Query
    }

    fn is_flattened(&self, member: &Member<'_>, target: &Shape<'_>) -> bool {
        let xml = matches!(self.service.protocol, Protocol::RestXml | Protocol::Query | Protocol::Ec2);
        xml && (member.is(MemberFlags::FLATTENED)
            || matches!(target.kind, Kind::List { flattened: true, .. } | Kind::Map { flattened: true, .. }))
    }

    fn element(
        &self,
        element: &Element<'static>,
        default_name: &'static str,
        depth: usize,
    ) -> &'static Schema<'static> {
        let target = self.service.shape(element.shape);
        let mut schema = Schema::new_member(smithy_id(target.name), shape_type(target), default_name, 0);
        schema = self.with_content(schema, element.shape, depth);
        if let Some(name) = element.wire_name {
            schema = schema.with_xml_name(name);
        }
        if let Some(namespace) = &element.xml_namespace {
            schema = schema.with_xml_namespace(namespace.uri, namespace.prefix);
        }
        Box::leak(Box::new(with_format(schema, own_format(target))))
    }

    /// Gives a member the schemas of what its list or map holds.
    fn with_content(&self, schema: Schema<'static>, id: ShapeId, depth: usize) -> Schema<'static> {
        let target = &self.service.shape(id).kind;
        if depth >= MAX_NESTED_COLLECTIONS || !matches!(target, Kind::List { .. } | Kind::Map { .. }) {
            return schema;
        }
        let target = self.target_at(id, depth);
        match (target.key_borrowed(), target.member_borrowed()) {
            (Some(key), Some(value)) => schema.with_map_members(key, value),
            (None, Some(item)) => schema.with_list_member(item),
            _ => schema,
        }
    }
}

fn bind(schema: Schema<'static>, member: &Member<'static>, wire: &'static str, payload: bool) -> Schema<'static> {
    let schema = if payload { schema.with_http_payload() } else { schema };
    match member.location {
        Location::Body => schema,
        Location::Uri => schema.with_http_label(),
        Location::Query if schema.shape_type() == ShapeType::Map => schema.with_http_query_params(),
        Location::Query => schema.with_http_query(wire),
        Location::Header => {
            let schema = schema.with_http_header(intern_header_name(wire));
            if member.is(MemberFlags::JSON_VALUE) { schema.with_media_type("application/json") } else { schema }
        }
        Location::Headers => schema.with_http_prefix_headers(member.wire_name.unwrap_or_default()),
        Location::Status => schema.with_http_response_code(),
    }
}

fn flatten(schema: Schema<'static>, flattened: bool) -> Schema<'static> {
    if flattened { schema.with_xml_flattened() } else { schema }
}

fn with_format(schema: Schema<'static>, format: Option<TimestampFormat>) -> Schema<'static> {
    match format {
        None => schema,
        Some(TimestampFormat::Iso8601) => schema.with_timestamp_format(Format::DateTime),
        Some(TimestampFormat::Unix) => schema.with_timestamp_format(Format::EpochSeconds),
        Some(TimestampFormat::Rfc822) => schema.with_timestamp_format(Format::HttpDate),
    }
}

fn own_format(shape: &Shape<'_>) -> Option<TimestampFormat> {
    match shape.kind {
        Kind::Timestamp(format) => format,
        _ => None,
    }
}

fn shape_type(shape: &Shape<'_>) -> ShapeType {
    match &shape.kind {
        Kind::Boolean => ShapeType::Boolean,
        Kind::Integer(_) => ShapeType::Integer,
        Kind::Long(_) => ShapeType::Long,
        Kind::Float(_) => ShapeType::Float,
        Kind::Double(_) => ShapeType::Double,
        Kind::String(..) => ShapeType::String,
        Kind::Blob { .. } => ShapeType::Blob,
        Kind::Timestamp(_) => ShapeType::Timestamp,
        Kind::List { .. } => ShapeType::List,
        Kind::Map { .. } => ShapeType::Map,
        Kind::Structure(structure) if structure.union => ShapeType::Union,
        Kind::Structure(_) => ShapeType::Structure,
        Kind::Document => ShapeType::Document,
    }
}

/// Codecs use ids for the names of unnamed XML roots and in messages; the name space is never seen.
fn smithy_id(name: &'static str) -> SmithyId<'static> {
    SmithyId::from_parts(name, "", name)
}
