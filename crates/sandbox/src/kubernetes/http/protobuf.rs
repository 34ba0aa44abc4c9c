//! Bodies in the binary form that Go clients send by default, for the kinds that clients make from typed objects. Whatever is
//! not in the table is refused, never dropped.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::super::{
    clock,
    refusal::{Refusal, Result},
};

pub(crate) const MEDIA: &str = "application/vnd.kubernetes.protobuf";
const MAGIC: &[u8] = b"k8s\0";
/// Members by message: name, number, type (`s` text, `i` number, `o` number left out when zero, `b` yes or no left out when
/// no, `B` yes or no, `y` bytes, `q` quantity, `x` number or text, `t` time, `*` before for many, `{` before for a map of text).
const MESSAGES: &str = include_str!("protobuf.txt");

/// The object in a body.
pub(crate) fn decode(body: &[u8]) -> Result<Value> {
    let refused = || Refusal::bad_request("the body is not what its content type says: protobuf of Kubernetes");
    let envelope = body.strip_prefix(MAGIC).ok_or_else(refused)?;
    let (mut kind, mut api_version, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, field) in fields(envelope).ok_or_else(refused)? {
        match (number, field) {
            (1, Field::Bytes(type_meta)) => {
                for (number, field) in fields(type_meta).ok_or_else(refused)? {
                    let Field::Bytes(text) = field else { continue };
                    let text = String::from_utf8_lossy(text).into_owned();
                    if number == 1 { api_version = text } else { kind = text }
                }
            }
            (2, Field::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let mut object = json!({ "kind": kind, "apiVersion": api_version });
    let members = message(&kind, raw)?;
    if let (Some(object), Value::Object(mut members)) = (object.as_object_mut(), members) {
        object.append(&mut members);
    }
    Ok(object)
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl Field<'_> {
    fn is_nothing(&self) -> bool {
        match self {
            Self::Number(number) => *number == 0,
            // A message whose members are all empty.
            Self::Bytes(bytes) => {
                bytes.is_empty() || fields(bytes).is_some_and(|all| all.iter().all(|(_, f)| f.is_nothing()))
            }
        }
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (inside, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Field::Bytes(inside)
            }
            _ => return None,
        };
        if tag >> 3 == 0 {
            return None;
        }
        all.push((tag >> 3, field));
    }
    Some(all)
}

fn message(name: &str, bytes: &[u8]) -> Result<Value> {
    let unknown = |what: String| {
        Refusal::unsupported_media_type(&format!("{what} in protobuf"), &["application/json", "application/yaml"])
    };
    let row = MESSAGES.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let row = row.ok_or_else(|| unknown(name.to_owned()))?;
    let mut members = Map::new();
    for (number, field) in fields(bytes).ok_or_else(|| unknown(format!("a broken {name}")))? {
        let wanted = row.split(' ').find_map(|cell| {
            let (member, rest) = cell.split_once('=')?;
            let (of, kind) = rest.split_once(':')?;
            (of.parse() == Ok(number)).then_some((member, kind))
        });
        let Some((member, kind)) = wanted else {
            if field.is_nothing() {
                continue;
            }
            return Err(unknown(format!("member {number} of {name}")));
        };
        if let Some(kind) = kind.strip_prefix('*') {
            let item = value(kind, &field)?.unwrap_or_else(|| "".into());
            let all = members.entry(member).or_insert_with(|| json!([]));
            if let Some(all) = all.as_array_mut() {
                all.push(item);
            }
        } else if let Some(kind) = kind.strip_prefix('{') {
            let Field::Bytes(pair) = field else { continue };
            let all = members.entry(member).or_insert_with(|| json!({}));
            let (mut key, mut found) = (String::new(), None);
            for (number, field) in fields(pair).unwrap_or_default() {
                match (number, &field) {
                    (1, Field::Bytes(text)) => key = String::from_utf8_lossy(text).into_owned(),
                    (2, _) => found = value(kind, &field)?,
                    _ => {}
                }
            }
            all[key] = found.unwrap_or_else(|| "".into());
        } else if let Some(value) = value(kind, &field)? {
            members.insert(member.to_owned(), value);
        }
    }
    Ok(Value::Object(members))
}

fn value(kind: &str, field: &Field<'_>) -> Result<Option<Value>> {
    Ok(match (kind, field) {
        ("s", Field::Bytes(text)) => (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned().into()),
        ("i", Field::Number(number)) => Some(number.cast_signed().into()),
        ("o", Field::Number(number)) => (*number != 0).then(|| number.cast_signed().into()),
        ("B", Field::Number(number)) => Some((*number != 0).into()),
        ("b", Field::Number(number)) => (*number != 0).then(|| true.into()),
        ("y", Field::Bytes(bytes)) => Some(BASE64_STANDARD.encode(bytes).into()),
        ("q", Field::Bytes(bytes)) => first_text(bytes),
        ("t", Field::Bytes(bytes)) => seconds(bytes).map(Into::into),
        ("x", Field::Bytes(bytes)) => {
            let all = fields(bytes).unwrap_or_default();
            let number = |wanted: u64| {
                all.iter().find_map(|(at, field)| match field {
                    Field::Number(number) if *at == wanted => Some(*number),
                    _ => None,
                })
            };
            let text = all.iter().find_map(|(at, field)| match field {
                Field::Bytes(text) if *at == 3 => Some(String::from_utf8_lossy(text).into_owned()),
                _ => None,
            });
            if number(1) == Some(1) {
                text.map(Value::from)
            } else {
                number(2).filter(|number| *number != 0).map(|number| number.cast_signed().into())
            }
        }
        (name, Field::Bytes(bytes)) => {
            let inner = message(name, bytes)?;
            let empty = inner.as_object().is_some_and(Map::is_empty);
            (!empty || bytes.is_empty()).then_some(inner).filter(|inner| *inner != json!({}))
        }
        _ => return Err(Refusal::bad_request("a member of the body has another wire type than its kind")),
    })
}

fn first_text(bytes: &[u8]) -> Option<Value> {
    match fields(bytes)?.first()? {
        (1, Field::Bytes(text)) => Some(String::from_utf8_lossy(text).into_owned().into()),
        _ => None,
    }
}

fn seconds(bytes: &[u8]) -> Option<String> {
    match fields(bytes)?.first()? {
        (1, Field::Number(seconds)) => {
            time::OffsetDateTime::from_unix_timestamp(seconds.cast_signed()).ok().map(clock::stamp)
        }
        _ => None,
    }
}
