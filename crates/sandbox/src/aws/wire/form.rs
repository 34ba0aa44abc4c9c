//! Requests of the Query protocol and of EC2's variant of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use trainyard_aws::catalogue::model::{Element, Kind, Member, MemberFlags, Protocol, Service, ShapeId, Structure};

use super::{Request, scalar};

/// The form of a request: its body, or the query of an address that somebody signed.
pub(super) fn of(request: &Request) -> Result<&str, String> {
    if request.method == "GET" { Ok(request.query()) } else { request.text() }
}

/// The form's pairs.
pub(super) fn pairs(body: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// The input that a form holds.
pub(super) fn read(service: &Service<'_>, id: ShapeId, body: &str) -> Result<Value, String> {
    let mut root = Node::default();
    for (key, text) in pairs(body) {
        if !matches!(key.as_str(), "Action" | "Version") && !key.starts_with("X-Amz-") {
            key.split('.').fold(&mut root, |node, part| node.children.entry(part.to_owned()).or_default()).text =
                Some(text);
        }
    }
    Reader { service }.value(id, &root, false)
}

/// The dotted names of a form, as the tree they are.
#[derive(Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    /// `1`, `2`, … in their order.
    fn numbered(&self) -> Result<Vec<&Node>, String> {
        let number = |name: &String| name.parse::<usize>().map_err(|_| format!("{name} is no position in a list"));
        let mut items: Vec<_> =
            self.children.iter().map(|(name, node)| Ok((number(name)?, node))).collect::<Result<_, String>>()?;
        items.sort_by_key(|(position, _)| *position);
        if items.iter().enumerate().any(|(index, (position, _))| *position != index + 1) {
            return Err("the positions of a list do not go 1, 2, 3".to_owned());
        }
        Ok(items.into_iter().map(|(_, node)| node).collect())
    }

    fn only(&self, name: &str) -> Result<&Node, String> {
        match self.children.iter().next() {
            Some((found, node)) if self.children.len() == 1 && found == name => Ok(node),
            _ => Err(format!("wants {name}, has {:?}", self.children.keys())),
        }
    }
}

struct Reader<'s> {
    service: &'s Service<'s>,
}

impl Reader<'_> {
    fn value(&self, id: ShapeId, node: &Node, flattened: bool) -> Result<Value, String> {
        let is_ec2 = self.service.protocol == Protocol::Ec2;
        match &self.service.shape(id).kind {
            Kind::Structure(structure) => self.structure(structure, node),
            Kind::List { item, flattened: own, .. } => {
                let items = match (&node.text, is_ec2 || flattened || *own) {
                    (Some(text), _) if text.is_empty() => Vec::new(),
                    (_, true) => node.numbered()?,
                    (_, false) => node.only(item.wire_name.unwrap_or("member"))?.numbered()?,
                };
                items.into_iter().map(|node| self.value(item.shape, node, false)).collect()
            }
            Kind::Map { key, value, flattened: own, .. } => {
                let entries = if flattened || *own { node } else { node.only("entry")? };
                let entries = entries.numbered()?.into_iter().map(|entry| self.entry(key, value, entry));
                entries.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            kind => scalar::from_text(kind, node.text.as_deref().ok_or("wants one value")?),
        }
    }

    fn structure(&self, structure: &Structure<'_>, node: &Node) -> Result<Value, String> {
        let mut members = Map::new();
        for (name, child) in &node.children {
            let member = structure.members.iter().find(|member| self.name(member) == *name);
            let member = member.ok_or_else(|| format!("unknown: {name}"))?;
            let value = self.value(member.shape, child, member.is(MemberFlags::FLATTENED));
            members.insert(member.name.to_owned(), value.map_err(|why| format!("{name}: {why}"))?);
        }
        // An empty structure leaves no trace in a form.
        for member in structure.members.iter().filter(|member| member.is(MemberFlags::REQUIRED)) {
            if self.service.structure(member.shape).is_some() && !members.contains_key(member.name) {
                members.insert(member.name.to_owned(), Value::Object(Map::new()));
            }
        }
        Ok(Value::Object(members))
    }

    fn entry(&self, key: &Element<'_>, value: &Element<'_>, entry: &Node) -> Result<(String, Value), String> {
        let part = |name| entry.children.get(name).ok_or_else(|| format!("an entry without {name}"));
        let name = part(key.wire_name.unwrap_or("key"))?.text.clone().ok_or("an entry without a name")?;
        Ok((name, self.value(value.shape, part(value.wire_name.unwrap_or("value"))?, false)?))
    }

    /// Name of a member in a request.
    fn name(&self, member: &Member<'_>) -> String {
        if self.service.protocol != Protocol::Ec2 {
            let item = match &self.service.shape(member.shape).kind {
                Kind::List { item, flattened, .. } if *flattened || member.is(MemberFlags::FLATTENED) => item.wire_name,
                _ => None,
            };
            return member.wire_name.or(item).unwrap_or(member.name).to_owned();
        }
        if let Some(name) = member.query_name {
            return name.to_owned();
        }
        let name = member.wire_name.unwrap_or(member.name);
        name[..1].to_ascii_uppercase() + &name[1..]
    }
}
