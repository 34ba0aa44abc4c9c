//! What a service said when it refused a call, in the form that the retry classifiers read.

use std::{fmt, time::Duration};

use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::{
    error::{ErrorMetadata, metadata::ProvideErrorMetadata},
    retry::{ErrorKind as RetryKind, ProvideErrorKind},
};
use aws_types::request_id::RequestId;

use crate::{
    catalogue::model::{ErrorFacts, Kind, Operation, Service, ShapeId},
    retry_after,
};

/// A refusal.
#[derive(Debug)]
pub(crate) struct Failure {
    metadata: ErrorMetadata,
    /// Status of the answer.
    pub(crate) status: u16,
    /// Id for the provider's support.
    pub(crate) request_id: Option<String>,
    /// How it may be tried again.
    pub(crate) retry: Option<RetryKind>,
    /// How long the service asked to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Where the bucket really is, when that is what was wrong.
    pub(crate) bucket_region: Option<String>,
    /// The body was not an error that this service is known to send.
    pub(crate) foreign: bool,
}

impl Failure {
    /// The refusal in an answer.
    pub(crate) fn new(metadata: ErrorMetadata, facts: Option<&ErrorFacts<'_>>, response: &Response) -> Self {
        let status = response.status().as_u16();
        let foreign = metadata.code().is_none() && response.body().bytes().is_some_and(|body| !body.is_empty());
        let metadata = if metadata.code().is_some() { metadata } else { bare(status, response) };
        let request_id = response.request_id().map(str::to_owned);
        Self {
            status,
            request_id: request_id.or_else(|| metadata.extra("request_id").map(str::to_owned)),
            retry: facts.and_then(retry_kind),
            retry_after: retry_after::asked(response),
            bucket_region: response.headers().get("x-amz-bucket-region").map(str::to_owned),
            foreign,
            metadata,
        }
    }

    /// The service's code, or the status in words where it gave none.
    pub(crate) fn code(&self) -> &str {
        self.metadata.code().unwrap_or("Unknown")
    }

    /// The service's text, where it gave one.
    pub(crate) fn message(&self) -> Option<&str> {
        self.metadata.message().map(str::trim).filter(|message| !message.is_empty())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (HTTP {})", self.code(), self.status)
    }
}

impl std::error::Error for Failure {}

impl ProvideErrorMetadata for Failure {
    fn meta(&self) -> &ErrorMetadata {
        &self.metadata
    }
}

impl ProvideErrorKind for Failure {
    fn retryable_error_kind(&self) -> Option<RetryKind> {
        self.retry
    }

    fn code(&self) -> Option<&str> {
        self.metadata.code()
    }
}

/// The shape of an error with this code, looked for among the operation's own errors first.
pub(crate) fn shape_of(service: &Service<'_>, operation: &Operation<'_>, code: &str) -> Option<ShapeId> {
    operation.errors.iter().chain(&service.errors).copied().find(|id| {
        let shape = service.shape(*id);
        let wire = facts_of(service, *id).and_then(|facts| facts.code);
        shape.name == code || wire == Some(code)
    })
}

/// What the model says about an error.
pub(crate) fn facts_of<'s>(service: &'s Service<'_>, id: ShapeId) -> Option<&'s ErrorFacts<'s>> {
    match &service.shape(id).kind {
        Kind::Structure(structure) => structure.error.as_ref(),
        _ => None,
    }
}

fn retry_kind(facts: &ErrorFacts<'_>) -> Option<RetryKind> {
    match (facts.retryable, facts.throttling, facts.fault) {
        (_, true, _) => Some(RetryKind::ThrottlingError),
        (true, false, true) => Some(RetryKind::ServerError),
        (true, false, false) => Some(RetryKind::ClientError),
        _ => None,
    }
}

/// Answers to HEAD requests have no body, and proxies answer with pages of their own: the status is all there is.
fn bare(status: u16, response: &Response) -> ErrorMetadata {
    let code = match status {
        301 | 302 | 307 | 308 => "PermanentRedirect",
        304 => "NotModified",
        400 => "BadRequest",
        401 | 403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "Conflict",
        412 => "PreconditionFailed",
        413 => "PayloadTooLarge",
        416 => "InvalidRange",
        429 => "TooManyRequests",
        500 => "InternalServerError",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        _ => "UnknownError",
    };
    let kind = response.headers().get("content-type").unwrap_or("no content type");
    let message = match response.body().bytes() {
        None | Some([]) => format!("HTTP {status} without a body"),
        Some(body) => format!("HTTP {status} with {} bytes of {kind}, which is no AWS error", body.len()),
    };
    ErrorMetadata::builder().code(code).message(message).build()
}
