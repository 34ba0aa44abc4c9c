//! Single values as text on the wire, and back.

use aws_smithy_types::{DateTime, base64, date_time::Format};
use serde_json::{Number, Value, json};
use trainyard_aws::catalogue::model::{Kind, Member, Shape, TimestampFormat};

/// A value out of text.
pub(super) fn from_text(kind: &Kind<'_>, text: &str) -> Result<Value, String> {
    let wrong = || format!("{text:?} is of the wrong type");
    Ok(match kind {
        Kind::Boolean => Value::from(text.parse::<bool>().map_err(|_| wrong())?),
        Kind::Integer(_) | Kind::Long(_) => Value::from(text.parse::<i64>().map_err(|_| wrong())?),
        Kind::Float(_) | Kind::Double(_) => {
            let number = text.parse::<f64>().ok().and_then(Number::from_f64);
            number.map_or_else(|| Value::from(text), Value::Number)
        }
        Kind::Timestamp(_) => json!(from_time(text).ok_or_else(wrong)?),
        _ => Value::from(text),
    })
}

/// A value as text. Times as the place wants them.
pub(super) fn to_text(kind: &Kind<'_>, value: &Value, format: Format) -> Result<String, String> {
    match (kind, value) {
        (Kind::Timestamp(_), value) => {
            let time = time(value).ok_or_else(|| format!("{value} is no time"))?;
            time.fmt(format).map_err(|error| error.to_string())
        }
        (_, Value::String(text)) => Ok(text.clone()),
        (_, value) => Ok(value.to_string()),
    }
}

/// The body that is one member.
pub(super) fn to_body(kind: &Kind<'_>, value: &Value) -> Result<Vec<u8>, String> {
    let text = value.as_str().ok_or("a body is text, or bytes as base64")?;
    match kind {
        Kind::Blob { .. } => base64::decode(text).map_err(|error| error.to_string()),
        _ => Ok(text.as_bytes().to_vec()),
    }
}

/// A body that is one member, as a value.
pub(super) fn from_body(kind: &Kind<'_>, body: &[u8]) -> Value {
    match kind {
        Kind::Blob { .. } => Value::from(base64::encode(body)),
        _ => Value::from(String::from_utf8_lossy(body)),
    }
}

/// Seconds since 1970, for JSON.
pub(super) fn seconds(value: &Value) -> Result<Value, String> {
    let time = time(value).ok_or_else(|| format!("{value} is no time"))?;
    Ok(if time.subsec_nanos() == 0 { Value::from(time.secs()) } else { Value::from(time.as_secs_f64()) })
}

/// How a time is written there.
pub(super) fn format(member: Option<&Member<'_>>, shape: &Shape<'_>, otherwise: TimestampFormat) -> Format {
    let own = match shape.kind {
        Kind::Timestamp(format) => format,
        _ => None,
    };
    match member.and_then(|member| member.timestamp_format).or(own).unwrap_or(otherwise) {
        TimestampFormat::Iso8601 => Format::DateTime,
        TimestampFormat::Unix => Format::EpochSeconds,
        TimestampFormat::Rfc822 => Format::HttpDate,
    }
}

/// A time of a request, as our JSON has it.
pub(super) fn from_time(text: &str) -> Option<String> {
    let time = DateTime::from_str(text, Format::DateTimeWithOffset)
        .or_else(|_| DateTime::from_str(text, Format::HttpDate))
        .or_else(|_| DateTime::from_str(text, Format::EpochSeconds));
    time.ok()?.fmt(Format::DateTime).ok()
}

pub(super) fn time(value: &Value) -> Option<DateTime> {
    match value {
        Value::Number(number) => number.as_f64().map(DateTime::from_secs_f64),
        Value::String(text) => DateTime::from_str(text, Format::DateTimeWithOffset).ok(),
        _ => None,
    }
}
