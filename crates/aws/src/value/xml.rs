//! XML straight into a JSON value, in one pass over the text.
//!
//! The official codec reads the text of an element anew for every element around it, which was three quarters of the CPU
//! of a call that lists something. Names and flattening come from the same schemas.

use std::borrow::Cow;

use aws_smithy_schema::{Schema, serde::SerdeError, traits::XmlNameTrait};
use aws_smithy_types::base64;
use serde_json::{Map, Value};
use xmlparser::{ElementEnd, Reference, Stream, Token, Tokenizer};

use super::{MAX_DEPTH, read::from_text};
use crate::{
    catalogue::model::{Kind, Location, ShapeId},
    schema::Schemas,
};

type Result<T> = std::result::Result<T, SerdeError>;

/// The element whose content is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// The outermost one.
    Outermost,
    /// The one within it that is called `…Result`; the outermost where there is none.
    Result,
}

/// Members of a structure that a body holds. Those that travel in headers are not looked for.
pub(crate) fn read_members(
    schemas: &Schemas,
    body: &[u8],
    schema: &Schema<'_>,
    id: ShapeId,
    root: Root,
) -> Result<Map<String, Value>> {
    let text = std::str::from_utf8(body).map_err(|error| SerdeError::invalid_input(error.to_string()))?;
    if root == Root::Result {
        let mut xml = Xml { schemas, tokens: Tokenizer::from(text) };
        if let Some(start) = xml.result()? {
            return xml.structure(&start, schema, id, 0);
        }
    }
    let mut xml = Xml { schemas, tokens: Tokenizer::from(text) };
    let start = xml.root()?;
    if schema.xml_unwrapped_output() {
        return xml.only_member(&start, schema, id);
    }
    xml.structure(&start, schema, id, 0)
}

/// That a body is one whole element. More cannot be asked of the answer of an operation that gives nothing, and less would take the
/// page of a captive portal for a success.
pub(crate) fn check_whole(schemas: &Schemas, body: &[u8]) -> Result<()> {
    let text = std::str::from_utf8(body).map_err(|error| SerdeError::invalid_input(error.to_string()))?;
    let mut xml = Xml { schemas, tokens: Tokenizer::from(text) };
    let start = xml.root()?;
    if start.name.eq_ignore_ascii_case("html") {
        return Err(malformed("it is a page"));
    }
    xml.skip(&start)
}

struct Xml<'x, 's> {
    schemas: &'s Schemas,
    tokens: Tokenizer<'x>,
}

/// The beginning of an element.
struct Start<'x> {
    name: &'x str,
    attributes: Vec<Attribute<'x>>,
    /// `<name/>`: there is no end to come.
    empty: bool,
}

struct Attribute<'x> {
    prefix: &'x str,
    name: &'x str,
    value: &'x str,
}

impl Attribute<'_> {
    /// Whether it is called so, with its prefix if that is named as well.
    fn is(&self, name: &str) -> bool {
        match name.split_once(':') {
            Some((prefix, name)) => self.prefix == prefix && self.name == name,
            None => self.name == name,
        }
    }
}

/// What an element holds, in order.
enum Piece<'x> {
    Child(Start<'x>),
    Text(Cow<'x, str>),
    End(&'x str),
}

impl<'x> Xml<'x, '_> {
    fn token(&mut self) -> Result<Token<'x>> {
        match self.tokens.next() {
            Some(token) => token.map_err(|error| malformed(&error.to_string())),
            None => Err(malformed("it ends too early")),
        }
    }

    fn root(&mut self) -> Result<Start<'x>> {
        loop {
            if let Token::ElementStart { local, .. } = self.token()? {
                return self.start(local.as_str());
            }
        }
    }

    /// The element within the outermost that is called `…Result`, if one is.
    fn result(&mut self) -> Result<Option<Start<'x>>> {
        let is_result = |start: &Start<'_>| start.name.ends_with("Result");
        let root = self.root()?;
        if root.empty || is_result(&root) {
            return Ok(Some(root).filter(is_result));
        }
        loop {
            match self.piece()? {
                Piece::Child(start) if is_result(&start) => return Ok(Some(start)),
                Piece::Child(start) => self.skip(&start)?,
                Piece::Text(_) => {}
                Piece::End(_) => return Ok(None),
            }
        }
    }

    /// The rest of an element's beginning.
    fn start(&mut self, name: &'x str) -> Result<Start<'x>> {
        let mut attributes = Vec::new();
        loop {
            match self.token()? {
                Token::Attribute { prefix, local, value, .. } => {
                    attributes.push(Attribute { prefix: prefix.as_str(), name: local.as_str(), value: value.as_str() });
                }
                Token::ElementEnd { end: ElementEnd::Empty, .. } => return Ok(Start { name, attributes, empty: true }),
                Token::ElementEnd { .. } => return Ok(Start { name, attributes, empty: false }),
                _ => {}
            }
        }
    }

    fn piece(&mut self) -> Result<Piece<'x>> {
        loop {
            match self.token()? {
                Token::ElementStart { local, .. } => return self.start(local.as_str()).map(Piece::Child),
                Token::Text { text } => return Ok(Piece::Text(unescaped(text.as_str()))),
                Token::Cdata { text, .. } => return Ok(Piece::Text(Cow::Borrowed(text.as_str()))),
                Token::ElementEnd { end: ElementEnd::Close(_, local), .. } => return Ok(Piece::End(local.as_str())),
                _ => {}
            }
        }
    }

    /// Each element within one, which has to be read or skipped there.
    fn children(&mut self, of: &Start<'x>, each: &mut dyn FnMut(&mut Self, Start<'x>) -> Result<()>) -> Result<()> {
        if of.empty {
            return Ok(());
        }
        loop {
            match self.piece()? {
                Piece::Child(start) => each(self, start)?,
                Piece::Text(_) => {}
                Piece::End(name) => return ends(of, name),
            }
        }
    }

    fn skip(&mut self, start: &Start<'x>) -> Result<()> {
        let mut open = usize::from(!start.empty);
        while open > 0 {
            match self.token()? {
                Token::ElementStart { .. } => open += 1,
                Token::ElementEnd { end: ElementEnd::Empty | ElementEnd::Close(..), .. } => open -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn text(&mut self, start: &Start<'x>) -> Result<Cow<'x, str>> {
        let mut whole = Cow::Borrowed("");
        if start.empty {
            return Ok(whole);
        }
        loop {
            match self.piece()? {
                Piece::Text(text) if whole.is_empty() => whole = text,
                Piece::Text(text) => whole.to_mut().push_str(&text),
                Piece::Child(child) => {
                    return Err(malformed(&format!("{:?} holds {:?} in place of text", start.name, child.name)));
                }
                Piece::End(name) => return ends(start, name).map(|()| whole),
            }
        }
    }

    /// The answer of an operation whose body is its only member, in no wrapper.
    fn only_member(&mut self, start: &Start<'x>, schema: &Schema<'_>, id: ShapeId) -> Result<Map<String, Value>> {
        let mut members = Map::new();
        let structure = self.schemas.service().structure(id).ok_or_else(no_structure)?;
        if let Some(at) = position(schema.members(), 0, start.name) {
            let member = &structure.members[at];
            let value = self.value(start, schema.members()[at], member.shape, 1)?;
            members.insert(member.name.to_owned(), value);
        }
        Ok(members)
    }

    fn structure(
        &mut self,
        start: &Start<'x>,
        schema: &Schema<'_>,
        id: ShapeId,
        depth: usize,
    ) -> Result<Map<String, Value>> {
        let structure = self.schemas.service().structure(id).ok_or_else(no_structure)?;
        let known = schema.members();
        let mut members = Map::new();
        if !start.attributes.is_empty() {
            for (schema, member) in known.iter().zip(&structure.members).filter(|(schema, _)| schema.xml_attribute()) {
                if let Some(attribute) = start.attributes.iter().find(|attribute| attribute.is(wire_name(schema))) {
                    let value = self.scalar(member.shape, unescaped(attribute.value))?;
                    members.insert(member.name.to_owned(), value);
                }
            }
        }
        let mut last = 0;
        self.children(start, &mut |xml, child| {
            let Some(at) = position(known, last, child.name) else { return xml.skip(&child) };
            last = at;
            let (schema, member) = (known[at], &structure.members[at]);
            // Bindings to headers and the status mean something on the message itself only; those to what a request has
            // mean nothing here.
            if depth == 0 && matches!(member.location, Location::Header | Location::Headers | Location::Status) {
                return xml.skip(&child);
            }
            if schema.xml_flattened() {
                return xml.flattened(&child, schema, member.shape, depth + 1, members.entry(member.name));
            }
            let value = xml.value(&child, schema, member.shape, depth + 1)?;
            members.insert(member.name.to_owned(), value);
            Ok(())
        })?;
        Ok(members)
    }

    /// One item of a list, or entry of a map, that has no element of its own around it.
    fn flattened(
        &mut self,
        start: &Start<'x>,
        schema: &Schema<'_>,
        id: ShapeId,
        depth: usize,
        place: serde_json::map::Entry<'_>,
    ) -> Result<()> {
        match &self.schemas.service().shape(id).kind {
            Kind::List { item, .. } => {
                let value = self.value(start, self.schemas.target(item.shape), item.shape, depth + 1)?;
                if let Value::Array(items) = place.or_insert_with(|| Value::Array(Vec::new())) {
                    items.push(value);
                }
            }
            Kind::Map { value: item, .. } => {
                let entry = self.entry(start, schema, item.shape, depth + 1)?;
                if let Value::Object(entries) = place.or_insert_with(|| Value::Object(Map::new())) {
                    entries.extend(entry);
                }
            }
            _ => *place.or_insert(Value::Null) = self.value(start, schema, id, depth)?,
        }
        Ok(())
    }

    fn entry(
        &mut self,
        start: &Start<'x>,
        map: &Schema<'_>,
        id: ShapeId,
        depth: usize,
    ) -> Result<Option<(String, Value)>> {
        let named = |schema: Option<&Schema<'_>>, usual| {
            schema.and_then(|schema| schema.xml_name().map(|name| name.value().to_owned())).unwrap_or(usual)
        };
        let key_name = named(map.key(), "key".to_owned());
        let value_name = named(map.member(), "value".to_owned());
        let target = self.schemas.target(id);
        let (mut key, mut value) = (None, None);
        self.children(start, &mut |xml, child| {
            if child.name == key_name {
                key = Some(xml.text(&child)?.into_owned());
            } else if child.name == value_name {
                value = Some(xml.value(&child, target, id, depth)?);
            } else {
                xml.skip(&child)?;
            }
            Ok(())
        })?;
        Ok(key.zip(value))
    }

    fn value(&mut self, start: &Start<'x>, schema: &Schema<'_>, id: ShapeId, depth: usize) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(SerdeError::invalid_input("nested too deeply"));
        }
        match &self.schemas.service().shape(id).kind {
            Kind::Structure(_) => self.structure(start, self.schemas.target(id), id, depth).map(Value::Object),
            Kind::List { item, .. } => {
                let target = self.schemas.target(item.shape);
                let mut items = Vec::new();
                self.children(start, &mut |xml, child| {
                    items.push(xml.value(&child, target, item.shape, depth + 1)?);
                    Ok(())
                })?;
                Ok(Value::Array(items))
            }
            Kind::Map { value: item, .. } => {
                let mut entries = Map::new();
                self.children(start, &mut |xml, child| {
                    entries.extend(xml.entry(&child, schema, item.shape, depth + 1)?);
                    Ok(())
                })?;
                Ok(Value::Object(entries))
            }
            _ => {
                let text = self.text(start)?;
                self.scalar(id, text)
            }
        }
    }

    fn scalar(&self, id: ShapeId, text: Cow<'_, str>) -> Result<Value> {
        match &self.schemas.service().shape(id).kind {
            Kind::String(..) => Ok(Value::String(text.into_owned())),
            Kind::Blob { .. } => match base64::decode(text.as_ref()) {
                Ok(bytes) => Ok(Value::String(base64::encode(bytes))),
                Err(error) => Err(SerdeError::invalid_input(error.to_string())),
            },
            kind => Ok(from_text(kind, text.into_owned())),
        }
    }
}

/// Where the member is that an element of this name holds. Services write members mostly in the order of the model, so
/// the search begins with the last one found and the one after it.
fn position(members: &[&Schema<'_>], last: usize, name: &str) -> Option<usize> {
    let is = |at: &usize| members.get(*at).is_some_and(|member| wire_name(member) == name);
    [last, last + 1].into_iter().find(is).or_else(|| (0..members.len()).find(is))
}

fn wire_name<'m>(member: &'m Schema<'_>) -> &'m str {
    member.xml_name().map(XmlNameTrait::value).or_else(|| member.member_name()).unwrap_or_default()
}

fn ends(start: &Start<'_>, name: &str) -> Result<()> {
    if start.name == name { Ok(()) } else { Err(malformed(&format!("{name:?} ends what {:?} began", start.name))) }
}

fn no_structure() -> SerdeError {
    SerdeError::invalid_input("not a structure")
}

fn malformed(what: &str) -> SerdeError {
    SerdeError::invalid_input(format!("malformed XML: {what}"))
}

/// Text with its references replaced. One that means nothing stays as it is: half an answer serves the caller better
/// than none.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = Stream::from(text);
    while !rest.at_end() {
        plain.push_str(rest.consume_bytes(|_, byte| byte != b'&').as_str());
        match rest.try_consume_reference() {
            Some(Reference::Char(letter)) => plain.push(letter),
            Some(Reference::Entity(name)) => plain.push_str(&format!("&{name};")),
            None if rest.at_end() => {}
            None => {
                plain.push('&');
                rest.advance(1);
            }
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;
