//! Requests of the EC2 protocol, the one that the official codecs leave out.
//!
//! Form-encoded like Query, but lists are never wrapped and names start with a capital.

use aws_smithy_runtime_api::http::Request;
use aws_smithy_schema::{http_protocol::percent_encode, serde::SerdeError};
use aws_smithy_types::{body::SdkBody, date_time::Format};
use serde_json::Value;

use crate::{
    catalogue::model::{Kind, Member, Operation, Service, ShapeId, TimestampFormat},
    value::{MAX_DEPTH, parse_time},
};

/// The request, without an address.
pub(super) fn request(service: &Service<'_>, operation: &Operation<'_>, input: &Value) -> Result<Request, SerdeError> {
    let mut form = Form { service, body: String::with_capacity(256) };
    form.pair("Action", operation.name);
    form.pair("Version", service.api_version);
    if let Some(id) = operation.input {
        form.value("", id, input, 0)?;
    }
    let length = form.body.len();
    let mut request = Request::new(SdkBody::from(form.body));
    request.set_method("POST").map_err(|error| SerdeError::custom(error.to_string()))?;
    request.set_uri("/").map_err(|error| SerdeError::custom(error.to_string()))?;
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    request.headers_mut().insert("content-length", length.to_string());
    Ok(request)
}

struct Form<'s> {
    service: &'s Service<'s>,
    body: String,
}

impl Form<'_> {
    fn value(&mut self, prefix: &str, id: ShapeId, value: &Value, depth: usize) -> Result<(), SerdeError> {
        if depth > MAX_DEPTH {
            return Err(SerdeError::invalid_input("nested too deeply"));
        }
        if value.is_null() {
            return Ok(());
        }
        match &self.service.shape(id).kind {
            Kind::Structure(structure) => {
                for member in &structure.members {
                    let Some(value) = value.get(member.name).filter(|value| !value.is_null()) else { continue };
                    let name = join(prefix, &name(member));
                    match member.timestamp_format {
                        Some(format) => self.time(&name, Some(format), value)?,
                        None => self.value(&name, member.shape, value, depth + 1)?,
                    }
                }
            }
            Kind::List { item, .. } => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    self.value(&format!("{prefix}.{}", index + 1), item.shape, value, depth + 1)?;
                }
            }
            Kind::Map { value: item, .. } => {
                for (index, (key, value)) in value.as_object().into_iter().flatten().enumerate() {
                    let entry = format!("{prefix}.entry.{}", index + 1);
                    self.pair(&format!("{entry}.key"), key);
                    self.value(&format!("{entry}.value"), item.shape, value, depth + 1)?;
                }
            }
            Kind::Timestamp(format) => self.time(prefix, *format, value)?,
            _ => match value {
                Value::String(text) => self.pair(prefix, text),
                Value::Bool(_) | Value::Number(_) => self.pair(prefix, &value.to_string()),
                _ => return Err(mismatch(prefix)),
            },
        }
        Ok(())
    }

    fn time(&mut self, name: &str, format: Option<TimestampFormat>, value: &Value) -> Result<(), SerdeError> {
        let format = match format {
            None | Some(TimestampFormat::Iso8601) => Format::DateTime,
            Some(TimestampFormat::Unix) => Format::EpochSeconds,
            Some(TimestampFormat::Rfc822) => Format::HttpDate,
        };
        let text = parse_time(value).and_then(|time| time.fmt(format).ok()).ok_or_else(|| mismatch(name))?;
        self.pair(name, &text);
        Ok(())
    }

    fn pair(&mut self, name: &str, value: &str) {
        if !self.body.is_empty() {
            self.body.push('&');
        }
        self.body.push_str(name);
        self.body.push('=');
        self.body.push_str(&percent_encode(value));
    }
}

fn mismatch(name: &str) -> SerdeError {
    SerdeError::type_mismatch(format!("{name}: value of the wrong type"))
}

/// `queryName` as it stands; else `locationName` or the member's own name with a capital.
fn name(member: &Member<'_>) -> String {
    if let Some(name) = member.query_name {
        return name.to_owned();
    }
    let mut letters = member.wire_name.unwrap_or(member.name).chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
