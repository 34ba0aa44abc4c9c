//! The way of a request: recorded, harmed if a test wants it, let in, answered.

use std::{convert::Infallible, future::pending, io, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    clock,
    http::{
        Harm, Query, Recorded,
        accept::{self, Form},
        body::{self, Reply},
        path::Path,
        protobuf,
    },
    rbac::User,
    refusal::{Refusal, Result},
    resource,
    shared::Shared,
    site,
};

/// Largest body of a request, as a real server has it.
const BODY_BYTES: usize = 3 << 20;

/// A request that was read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) user: User,
    pub(crate) form: Form,
}

impl Call {
    pub(crate) fn header(&self, name: &header::HeaderName) -> &str {
        text(&self.headers, name)
    }

    pub(crate) fn agent(&self) -> &str {
        self.header(&header::USER_AGENT)
    }

    /// The body as an object, whatever of the usual forms it has; an empty one is null.
    pub(crate) fn object(&self) -> Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        let media = self.header(&header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
        match media {
            ""
            | "application/json"
            | "application/json-patch+json"
            | "application/merge-patch+json"
            | "application/strategic-merge-patch+json" => serde_json::from_slice(&self.body)
                .map_err(|error| Refusal::bad_request(format!("error decoding the body: {error}"))),
            "application/yaml" | "application/apply-patch+yaml" | "application/apply-patch+json" => {
                serde_saphyr::from_slice(&self.body)
                    .map_err(|error| Refusal::bad_request(format!("error decoding the body as YAML: {error}")))
            }
            protobuf::MEDIA => protobuf::decode(&self.body),
            other => Err(Refusal::unsupported_media_type(other, &["application/json", "application/yaml"])),
        }
    }
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Answers a request. The error breaks the connection, which only a test can want.
pub(crate) async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> io::Result<Reply> {
    let (parts, incoming) = request.into_parts();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    let content = Limited::new(incoming, BODY_BYTES).collect().await.map(http_body_util::Collected::to_bytes);
    let target = format!("{path}?{query}");
    let harm = shared.record().harm(parts.method.as_str(), &target);
    let body = content.as_ref().cloned().unwrap_or_default();
    let note = |status: u16| {
        shared.record().note(Recorded {
            method: parts.method.to_string(),
            path: path.clone(),
            query: query.clone(),
            agent: text(&parts.headers, &header::USER_AGENT).to_owned(),
            accept: text(&parts.headers, &header::ACCEPT).to_owned(),
            content_type: text(&parts.headers, &header::CONTENT_TYPE).to_owned(),
            authorization: parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).map(str::to_owned),
            body: String::from_utf8_lossy(&body).into_owned(),
            status,
        });
    };
    match harm {
        Some(Harm::Broken) => {
            note(0);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Some(Harm::Never) => {
            note(0);
            return pending::<std::result::Result<io::Result<Reply>, Infallible>>()
                .await
                .unwrap_or_else(|e| match e {});
        }
        Some(Harm::Late(by)) => sleep(by).await,
        Some(Harm::Status { code, reason, message, retry_after }) => {
            note(code);
            return Ok(harmed(code, &reason, &message, retry_after));
        }
        None => {}
    }
    let result = match content {
        Ok(_) => respond(shared, &parts.method, &path, &query, &parts.headers, body.clone()),
        Err(_) => Err(Refusal::too_large()),
    };
    let mut reply = result.unwrap_or_else(|refusal| body::refusal(&refusal));
    note(reply.status().as_u16());
    let date = shared.with(|cluster| clock::http_date(cluster.clock.now()));
    if let Ok(date) = HeaderValue::from_str(&date) {
        reply.headers_mut().insert(header::DATE, date);
    }
    Ok(reply)
}

fn harmed(code: u16, reason: &str, message: &str, retry_after: Option<u64>) -> Reply {
    let mut status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    if let Some(seconds) = retry_after {
        status["details"] = json!({ "retryAfterSeconds": seconds });
    }
    let mut reply = body::json(code, &status);
    if let Some(seconds) = retry_after {
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

fn respond(
    shared: &Arc<Shared>,
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Reply> {
    let user = shared.with(|cluster| cluster.users.admit(headers))?;
    let user = shared.with(|cluster| cluster.impersonate(user, headers))?;
    let accept = text(headers, &header::ACCEPT);
    let call = Call {
        method: method.clone(),
        path: path.to_owned(),
        query: Query::parse(query),
        headers: headers.clone(),
        body,
        user,
        form: Form::Whole,
    };
    match Path::parse(path) {
        Path::Resource(path) => {
            let form = accept::form(Some(accept).filter(|accept| !accept.is_empty()));
            // Logs are text, whatever is accepted.
            let form =
                form.or_else(|refusal| if path.subresource.is_some() { Ok(Form::Whole) } else { Err(refusal) })?;
            resource::answer(shared, &Call { form, ..call }, &path)
        }
        Path::Other(segments) => site::answer(shared, &call, &segments),
    }
}
