//! The answers that the door itself gives.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use serde_json::{Value, json};

pub(super) type Reply = Response<BoxBody<Bytes, Infallible>>;

pub(super) fn json(status: StatusCode, body: &Value) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body.to_string())).boxed());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// Numbers in the text format of Prometheus.
pub(super) fn metrics(text: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(text)).boxed());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

/// A refusal, in a word for programs and a sentence for people.
pub(super) fn refused(status: StatusCode, error: &str, why: &str) -> Reply {
    json(status, &json!({ "error": error, "error_description": why }))
}

/// A refusal that says how to come in.
pub(super) fn challenge(status: StatusCode, error: &str, why: &str, challenge: &str) -> Reply {
    let mut reply = refused(status, error, why);
    if let Ok(value) = HeaderValue::from_str(challenge) {
        reply.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    reply
}
