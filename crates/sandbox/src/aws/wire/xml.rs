//! XML bodies, as services write and read them.

use aws_smithy_types::date_time::Format;
use roxmltree::Node;
use serde_json::{Map, Value};
use trainyard_aws::catalogue::model::{
    Element, Kind, Location, Member, MemberFlags, Protocol, Service, ShapeId, Structure, TimestampFormat,
};

use super::scalar;

/// The value of a shape that an element holds.
pub(super) fn read(service: &Service<'_>, id: ShapeId, element: Node<'_, '_>) -> Result<Value, String> {
    match &service.shape(id).kind {
        Kind::Structure(structure) => read_structure(service, structure, element),
        Kind::List { item, .. } => {
            let items = element.children().filter(Node::is_element);
            items.map(|child| read(service, item.shape, child)).collect()
        }
        Kind::Map { key, value, .. } => {
            let entries = element.children().filter(Node::is_element);
            entries
                .map(|entry| read_entry(service, key, value, entry))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object)
        }
        kind => scalar::from_text(kind, element.text().unwrap_or_default()),
    }
}

fn read_structure(service: &Service<'_>, structure: &Structure<'_>, element: Node<'_, '_>) -> Result<Value, String> {
    let mut members = Map::new();
    for child in element.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let member = structure.members.iter().find(|member| plain(member.wire_name.unwrap_or(member.name)) == name);
        let member = member.ok_or_else(|| format!("unknown: {name}"))?;
        match &service.shape(member.shape).kind {
            Kind::List { item, flattened, .. } if *flattened || member.is(MemberFlags::FLATTENED) => {
                let list = members.entry(member.name.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut().ok_or("a list")?.push(read(service, item.shape, child)?);
            }
            Kind::Map { key, value, flattened, .. } if *flattened || member.is(MemberFlags::FLATTENED) => {
                let map = members.entry(member.name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
                map.as_object_mut().ok_or("a map")?.extend([read_entry(service, key, value, child)?]);
            }
            _ => drop(members.insert(member.name.to_owned(), read(service, member.shape, child)?)),
        }
    }
    for member in structure.members.iter().filter(|member| member.is(MemberFlags::XML_ATTRIBUTE)) {
        let name = plain(member.wire_name.unwrap_or(member.name));
        if let Some(attribute) = element.attributes().find(|attribute| attribute.name() == name) {
            members.insert(member.name.to_owned(), Value::from(attribute.value()));
        }
    }
    Ok(Value::Object(members))
}

fn read_entry(
    service: &Service<'_>,
    key: &Element<'_>,
    value: &Element<'_>,
    entry: Node<'_, '_>,
) -> Result<(String, Value), String> {
    let part = |name: &str| entry.children().find(|child| child.has_tag_name(name)).ok_or_else(|| format!("no {name}"));
    let name = part(key.wire_name.unwrap_or("key"))?.text().unwrap_or_default().to_owned();
    Ok((name, read(service, value.shape, part(value.wire_name.unwrap_or("value"))?)?))
}

/// A name without its prefix.
fn plain(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// An element of a shape. `name` with its prefix.
pub(super) fn write(service: &Service<'_>, id: ShapeId, name: &str, value: &Value) -> Result<String, String> {
    let mut writer = Writer { service, text: String::new() };
    writer.element(name, id, None, value)?;
    Ok(writer.text)
}

/// The members of a structure that travel in the body, without an element around them.
pub(super) fn write_members(service: &Service<'_>, id: ShapeId, value: &Value) -> Result<String, String> {
    let mut writer = Writer { service, text: String::new() };
    let structure = service.structure(id).ok_or("no structure")?;
    writer.members(structure, value)?;
    Ok(writer.text)
}

/// Text inside of an element or attribute.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\r', "&#13;")
}

struct Writer<'s> {
    service: &'s Service<'s>,
    text: String,
}

impl Writer<'_> {
    fn element(&mut self, name: &str, id: ShapeId, member: Option<&Member<'_>>, value: &Value) -> Result<(), String> {
        let shape = self.service.shape(id);
        let attributes = match &shape.kind {
            Kind::Structure(structure) => attributes(structure, value),
            _ => String::new(),
        };
        self.text.push_str(&format!("<{name}{attributes}>"));
        match (&shape.kind, value) {
            (Kind::Structure(structure), value) => self.members(structure, value)?,
            (Kind::List { item, .. }, Value::Array(items)) => {
                for value in items {
                    self.element(item.wire_name.unwrap_or("member"), item.shape, None, value)?;
                }
            }
            (Kind::Map { key, value: item, .. }, Value::Object(entries)) => {
                for (entry, value) in entries {
                    self.entry("entry", key, item, (entry, value))?;
                }
            }
            (kind, value) => {
                let format = scalar::format(member, shape, TimestampFormat::Iso8601);
                self.text.push_str(&escaped(&scalar::to_text(kind, value, format)?));
            }
        }
        self.text.push_str(&format!("</{name}>"));
        Ok(())
    }

    fn members(&mut self, structure: &Structure<'_>, value: &Value) -> Result<(), String> {
        for member in &structure.members {
            let Some(value) = value.get(member.name).filter(|value| !value.is_null()) else { continue };
            if member.location == Location::Body && !member.is(MemberFlags::XML_ATTRIBUTE) {
                self.member(member, value)?;
            }
        }
        Ok(())
    }

    fn member(&mut self, member: &Member<'_>, value: &Value) -> Result<(), String> {
        let flag = member.is(MemberFlags::FLATTENED);
        match (&self.service.shape(member.shape).kind, value) {
            (Kind::List { item, flattened, .. }, Value::Array(items)) if flag || *flattened => {
                let inner = item.wire_name.filter(|_| self.service.protocol == Protocol::Query);
                let name = member.wire_name.or(inner).unwrap_or(member.name);
                items.iter().try_for_each(|value| self.element(name, item.shape, None, value))
            }
            (Kind::Map { key, value: item, flattened, .. }, Value::Object(entries)) if flag || *flattened => {
                let name = member.wire_name.unwrap_or(member.name);
                entries.iter().try_for_each(|entry| self.entry(name, key, item, entry))
            }
            _ => self.element(member.wire_name.unwrap_or(member.name), member.shape, Some(member), value),
        }
    }

    fn entry(
        &mut self,
        name: &str,
        key: &Element<'_>,
        item: &Element<'_>,
        (entry, value): (&String, &Value),
    ) -> Result<(), String> {
        let key = key.wire_name.unwrap_or("key");
        self.text.push_str(&format!("<{name}><{key}>{}</{key}>", escaped(entry)));
        self.element(item.wire_name.unwrap_or("value"), item.shape, None, value)?;
        self.text.push_str(&format!("</{name}>"));
        Ok(())
    }
}

/// Attributes of an element, with the name space of the only prefix that services use there.
fn attributes(structure: &Structure<'_>, value: &Value) -> String {
    let members = structure.members.iter().filter(|member| member.is(MemberFlags::XML_ATTRIBUTE));
    members
        .filter_map(|member| {
            let text = value.get(member.name)?.as_str()?;
            let name = member.wire_name.unwrap_or(member.name);
            let space = match name.split_once(':') {
                Some((prefix, _)) => format!(" xmlns:{prefix}=\"http://www.w3.org/2001/XMLSchema-instance\""),
                None => String::new(),
            };
            Some(format!("{space} {name}=\"{}\"", escaped(text)))
        })
        .collect()
}

/// Times in headers, unless the model says otherwise.
pub(super) fn header_format(service: &Service<'_>, member: &Member<'_>) -> Format {
    scalar::format(Some(member), service.shape(member.shape), TimestampFormat::Rfc822)
}
