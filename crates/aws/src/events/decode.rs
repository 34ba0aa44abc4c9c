//! Frames to values.

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::{
    base64,
    event_stream::{HeaderValue, Message},
};
use serde_json::{Map, Value};
use trainyard_contract::{Error, Result};

use crate::{
    catalogue::model::{Kind, Member, MemberFlags, Structure},
    customise, error,
    service::{Loaded, Prepared},
    value::time_to_json,
};

/// Every frame says how long it is in its first four bytes.
const LENGTH: usize = 4;

/// Takes a whole message from the front of what arrived, if one is there.
pub(super) fn take(buffer: &mut Vec<u8>, max_bytes: usize) -> Result<Option<Message>> {
    let Some(length) = buffer.first_chunk::<LENGTH>().map(|bytes| u32::from_be_bytes(*bytes)) else { return Ok(None) };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > max_bytes {
        return Err(error::too_large(max_bytes));
    }
    if buffer.len() < length.max(LENGTH) {
        return Ok(None);
    }
    let message = read_message_from(&buffer[..length]).map_err(|error| malformed(&error.to_string()))?;
    buffer.drain(..length);
    Ok(Some(message))
}

/// Knows the events of one operation.
#[derive(Debug)]
pub(super) struct Decoder {
    loaded: &'static Loaded,
    prepared: &'static Prepared,
    events: &'static Structure<'static>,
}

impl Decoder {
    pub(super) fn new(loaded: &'static Loaded, prepared: &'static Prepared) -> Result<Self> {
        let member = customise::event_member(loaded.service, prepared.operation.output);
        let events = member.and_then(|member| loaded.service.structure(member.shape));
        let events = events.ok_or_else(|| Error::internal("the operation has no events"))?;
        Ok(Self { loaded, prepared, events })
    }

    pub(super) fn named(&self, error: Error) -> Error {
        error.operation(self.loaded.service.name, self.prepared.operation.name)
    }

    /// The event in a message. An exception is an error; what a service says first about the answer as a whole joins
    /// the `output`.
    pub(super) fn event(&self, message: &Message, output: &mut Value) -> Result<Option<Value>> {
        match header(message, ":message-type") {
            Some("exception") => Err(self.exception(message)),
            Some("error") => {
                Err(refusal(header(message, ":error-code"), header(message, ":error-message").map(str::to_owned)))
            }
            Some("event") => match header(message, ":event-type") {
                Some("initial-response") => {
                    let Loaded { schemas, wire, .. } = self.loaded;
                    let more = self.prepared.operation.output.map(|id| wire.structure(schemas, id, message.payload()));
                    if let (Some(known), Some(Ok(Value::Object(more)))) = (output.as_object_mut(), more) {
                        known.extend(more);
                    }
                    Ok(None)
                }
                Some(kind) => self.known(kind, message),
                None => Err(malformed("an event without a type")),
            },
            _ => Err(malformed("a message of no known type")),
        }
    }

    fn known(&self, kind: &str, message: &Message) -> Result<Option<Value>> {
        let Some(member) = self.member(kind) else { return Ok(None) };
        let service = self.loaded.service;
        let Some(structure) = service.structure(member.shape) else { return Ok(None) };
        let payload = structure.members.iter().find(|member| member.is(MemberFlags::EVENT_PAYLOAD));
        let mut members = match payload {
            Some(payload) => {
                let value = self.payload(payload, message)?;
                Map::from_iter([(payload.name.to_owned(), value)])
            }
            None if message.payload().is_empty() => Map::new(),
            None => match self.structure(member, message)? {
                Value::Object(members) => members,
                _ => Map::new(),
            },
        };
        for member in structure.members.iter().filter(|member| member.is(MemberFlags::EVENT_HEADER)) {
            let name = member.wire_name.unwrap_or(member.name);
            let found = message.headers().iter().find(|header| header.name().as_str() == name);
            if let Some(found) = found {
                members.insert(member.name.to_owned(), header_value(found.value()));
            }
        }
        Ok(Some(Value::Object(Map::from_iter([(member.name.to_owned(), Value::Object(members))]))))
    }

    fn payload(&self, member: &Member<'static>, message: &Message) -> Result<Value> {
        match &self.loaded.service.shape(member.shape).kind {
            Kind::Blob { .. } => Ok(Value::from(base64::encode(message.payload()))),
            Kind::String(..) => Ok(Value::from(String::from_utf8_lossy(message.payload()).into_owned())),
            Kind::Structure(_) => self.structure(member, message),
            _ => Err(malformed("a payload of an unknown kind")),
        }
    }

    fn structure(&self, member: &Member<'static>, message: &Message) -> Result<Value> {
        let Loaded { schemas, wire, .. } = self.loaded;
        wire.structure(schemas, member.shape, message.payload()).map_err(|error| malformed(&error.to_string()))
    }

    fn exception(&self, message: &Message) -> Error {
        let code = header(message, ":exception-type");
        let member = code.and_then(|code| self.member(code));
        let detail = member.and_then(|member| self.structure(member, message).ok());
        let said = detail.as_ref().and_then(|detail| detail.get("message").or(detail.get("Message")));
        let said = said.and_then(Value::as_str).map(str::to_owned);
        let shape = member.map(|member| self.loaded.service.shape(member.shape).name);
        refusal(shape.or(code), said)
    }

    fn member(&self, kind: &str) -> Option<&'static Member<'static>> {
        self.events.members.iter().find(|member| member.name == kind || member.wire_name == Some(kind))
    }
}

fn refusal(code: Option<&str>, message: Option<String>) -> Error {
    let code = code.unwrap_or("UnknownError");
    // There is no status inside of a stream; a code that says nothing is most often the service's own fault.
    let error = Error::new(error::kind(code, 500), message.unwrap_or_else(|| format!("the stream ended with {code}")));
    error.code(code.to_owned())
}

fn header<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    let found = message.headers().iter().find(|header| header.name().as_str() == name)?;
    found.value().as_string().ok().map(aws_smithy_types::str_bytes::StrBytes::as_str)
}

fn header_value(value: &HeaderValue) -> Value {
    match value {
        HeaderValue::Bool(value) => Value::from(*value),
        HeaderValue::Byte(value) => Value::from(*value),
        HeaderValue::Int16(value) => Value::from(*value),
        HeaderValue::Int32(value) => Value::from(*value),
        HeaderValue::Int64(value) => Value::from(*value),
        HeaderValue::ByteArray(value) => Value::from(base64::encode(value)),
        HeaderValue::String(value) => Value::from(value.as_str()),
        HeaderValue::Timestamp(value) => time_to_json(value),
        HeaderValue::Uuid(value) => Value::from(format!("{value:032x}")),
        _ => Value::Null,
    }
}

fn malformed(why: &str) -> Error {
    Error::internal(format!("the events make no sense: {why}")).code("MalformedMessage")
}
