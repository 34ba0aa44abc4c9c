//! Every way a call can fail, as the one error that callers see.

use std::{error::Error as StdError, time::Duration};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::{
    client::{
        interceptors::context,
        orchestrator::HttpResponse,
        result::{ConnectorError, SdkError},
    },
    http::Response,
};
use aws_smithy_schema::serde::SerdeError;
use http_body_util::LengthLimitError;
use trainyard_contract::{Error, ErrorKind};

use crate::{
    auth::auth,
    catalogue::model::Auth,
    failure::Failure,
    identity::Identity,
    once,
    service::{Loaded, Prepared},
};

/// What is known about the call that failed.
pub(crate) struct Call<'c> {
    pub(crate) loaded: &'static Loaded,
    pub(crate) prepared: &'static Prepared,
    pub(crate) region: &'c str,
    pub(crate) identity: &'c Identity,
    pub(crate) max_response_bytes: usize,
    /// Where the request went, once that was known.
    pub(crate) host: Option<String>,
    /// How often it was tried.
    pub(crate) attempts: u32,
}

/// The region that a bucket answered from, when the call went to another.
pub(crate) fn bucket_region(error: &SdkError<context::Error, HttpResponse>) -> Option<&str> {
    let failure = error.as_service_error()?.downcast_ref::<Failure>()?;
    let misdirected = matches!(failure.status, 301 | 307 | 400) || failure.code() == "PermanentRedirect";
    failure.bucket_region.as_deref().filter(|_| misdirected)
}

impl Call<'_> {
    /// The error of a call that got as far as the runtime.
    pub(crate) fn error(&self, error: SdkError<context::Error, HttpResponse>) -> Error {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let request_id = error.raw_response().and_then(request_id);
        let open = once::open(&error) && !once::repeatable(self.loaded.service, self.prepared.operation);
        let mapped = match error {
            SdkError::ServiceError(error) => match error.err().downcast_ref::<Failure>() {
                Some(failure) => self.refused(failure),
                None => Error::internal("a service error of an unknown kind"),
            },
            SdkError::TimeoutError(_) => self.timed_out(),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(connector) if connector.is_timeout() => self.timed_out(),
                // A connection that is closed without an answer is no i/o error to the runtime, but one that may pass.
                Some(connector) if connector.is_io() || connector.as_other().is_some() => self.unreachable(connector),
                Some(connector) => self.not_sent(connector),
                None => Error::internal("the request could not be sent"),
            },
            SdkError::ConstructionFailure(_) | SdkError::ResponseError(_) => match error.into_source() {
                Ok(source) => self.unread(source.as_ref()),
                Err(_) => Error::internal("the call failed for an unknown reason"),
            },
            _ => Error::internal("the call failed for an unknown reason"),
        };
        let mapped = if open {
            let advice =
                format!("{} may have been carried out all the same: look before it is repeated", self.operation());
            mapped.retryable(false).hint(advice)
        } else {
            mapped
        };
        let mapped = mapped.operation(self.loaded.service.name, self.operation()).region(self.region);
        let mapped = status.map_or(mapped.clone(), |status| mapped.http_status(status));
        match request_id {
            Some(id) if mapped.request_id_str().is_none() => mapped.request_id(id),
            _ => mapped,
        }
    }

    fn refused(&self, failure: &Failure) -> Error {
        let code = failure.code();
        let message = match failure.message() {
            Some(message) => message.to_owned(),
            None => format!("{} refused {}", self.loaded.service.title, self.operation()),
        };
        let kind = kind(code, failure.status);
        let mut error = Error::new(kind, message)
            .code(code.to_owned())
            .retryable(is_retryable(code, failure))
            .http_status(failure.status);
        if let Some(id) = &failure.request_id {
            error = error.request_id(id.clone());
        }
        match self.advice(kind, failure) {
            Some(advice) => error.hint(advice),
            None => error,
        }
    }

    fn advice(&self, kind: ErrorKind, failure: &Failure) -> Option<String> {
        if let Some(region) = failure.bucket_region.as_deref().filter(|region| *region != self.region) {
            return Some(format!("the bucket is in {region}: call with `region` {region}"));
        }
        let code = failure.code();
        match kind {
            ErrorKind::Credentials if code.contains("Expired") => Some(match self.identity.profile() {
                Some(profile) => format!("the credentials expired: `aws sso login --profile {profile}` or new keys"),
                None => "the credentials expired: `aws sso login` or new keys".to_owned(),
            }),
            ErrorKind::Credentials if code.contains("Skewed") || code == "RequestExpired" => {
                Some("the clock of this machine is wrong".to_owned())
            }
            ErrorKind::Credentials => Some("the keys are wrong, deleted, or of another partition".to_owned()),
            ErrorKind::AccessDenied if code == "OptInRequired" => {
                Some("the account must subscribe to the service or enable the region first".to_owned())
            }
            ErrorKind::AccessDenied => Some(format!(
                "the identity lacks {}:{} on this resource, or a policy denies it",
                self.loaded.service.signing_name,
                self.operation()
            )),
            ErrorKind::Throttled => Some(match failure.retry_after {
                Some(pause) => format!("tried {}; it asks to be left alone for {}", self.tried(), seconds(pause)),
                None => format!("tried {}; wait, then ask for less at once or less often", self.tried()),
            }),
            ErrorKind::Quota => Some("service-quotas shows the limit and takes a request to raise it".to_owned()),
            ErrorKind::Capacity => Some("try another availability zone, instance type or time".to_owned()),
            _ if let Some(pause) = failure.retry_after.filter(|_| is_retryable(code, failure)) => {
                Some(format!("tried {}; it asks to be left alone for {}", self.tried(), seconds(pause)))
            }
            _ if failure.foreign => Some("something between here and AWS answered: a proxy, or an emulator".to_owned()),
            _ => None,
        }
    }

    fn operation(&self) -> &'static str {
        self.prepared.operation.name
    }

    fn tried(&self) -> String {
        if self.attempts == 1 { "once".to_owned() } else { format!("{} times", self.attempts) }
    }

    fn host(&self) -> &str {
        self.host.as_deref().unwrap_or("the endpoint")
    }

    fn timed_out(&self) -> Error {
        Error::new(ErrorKind::Timeout, format!("no answer from {} in time", self.host())).code("Timeout")
    }

    fn unreachable(&self, error: &ConnectorError) -> Error {
        let what = if once::never_sent(error) { "could not be reached" } else { "broke off before it answered" };
        Error::new(ErrorKind::Network, format!("{} {what}: {}", self.host(), deepest(error))).code("ConnectionFailed")
    }

    /// Failures before anything was sent: credentials, the address, signing.
    fn not_sent(&self, error: &(dyn StdError + 'static)) -> Error {
        if let Some(error) = cause::<Error>(error) {
            return error.clone();
        }
        if auth(self.loaded.service, self.prepared.operation) == Auth::Bearer {
            return self.no_token(error);
        }
        if let Some(error) = cause::<CredentialsError>(error) {
            return self.identity.credentials_error(error);
        }
        Error::new(ErrorKind::Internal, format!("the request could not be prepared: {}", deepest(error)))
    }

    /// The service takes the token of a single sign-on session, not keys.
    fn no_token(&self, error: &(dyn StdError + 'static)) -> Error {
        let profile = self.identity.profile().unwrap_or("default");
        let message =
            format!("{} takes a bearer token, and there is none: {}", self.loaded.service.name, deepest(error));
        Error::new(ErrorKind::Credentials, message)
            .code("MissingToken")
            .hint(format!("give profile {profile:?} an `sso_session`, then `aws sso login --profile {profile}`"))
    }

    /// Failures to write the request or to read the answer.
    fn unread(&self, error: &(dyn StdError + 'static)) -> Error {
        if let Some(error) = cause::<Error>(error) {
            return error.clone();
        }
        if cause::<LengthLimitError>(error).is_some() {
            return too_large(self.max_response_bytes);
        }
        if cause::<SerdeError>(error).is_some() {
            return Error::internal(format!("the message makes no sense: {}", deepest(error))).code("MalformedMessage");
        }
        // The runtime keeps the type of this error to itself; its text is all there is to know it by.
        if error.to_string().contains("throughput") || deepest(error).contains("throughput") {
            return Error::new(ErrorKind::Timeout, format!("{} stopped sending half way", self.host())).code("Stalled");
        }
        Error::new(ErrorKind::Network, format!("the answer of {} broke off: {}", self.host(), deepest(error)))
            .code("ConnectionBroken")
    }
}

/// The answer is larger than this process wants to hold.
pub(crate) fn too_large(limit: usize) -> Error {
    Error::unsupported(format!("the answer is larger than the limit of {limit} bytes"))
        .code("ResponseTooLarge")
        .hint("ask for less: a filter, a smaller page, or a byte range")
}

/// Whole seconds, and never less than was asked for.
fn seconds(pause: Duration) -> String {
    format!("{} s", pause.as_secs().saturating_add(u64::from(pause.subsec_nanos() > 0)))
}

fn request_id(response: &Response) -> Option<String> {
    aws_types::request_id::RequestId::request_id(response).map(str::to_owned)
}

/// The first cause of that type.
fn cause<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The last cause is the one that says what happened.
pub(crate) fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// Whether the same call may succeed later, as the retry classifiers see it.
fn is_retryable(code: &str, failure: &Failure) -> bool {
    use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
    failure.retry.is_some()
        || THROTTLING_ERRORS.contains(&code)
        || TRANSIENT_ERRORS.contains(&code)
        || matches!(failure.status, 429 | 500 | 502 | 503 | 504)
}

/// What a code means, the status deciding where the code says nothing.
///
/// Codes are the service's own words, so the patterns are words too: `InvalidVolume.NotFound`, `NoSuchEntity`,
/// `ResourceNotFoundException`. The order matters: the first that fits counts.
pub(crate) fn kind(code: &str, status: u16) -> ErrorKind {
    let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
    let starts = |words: &[&str]| words.iter().any(|word| code.starts_with(word));
    match code {
        "DryRunOperation" => return ErrorKind::Validation,
        "AuthFailure"
        | "InvalidToken"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "TokenRefreshRequired"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "NotSignedUp" => {
            return ErrorKind::Credentials;
        }
        "OptInRequired" | "Blocked" | "Forbidden" | "ForbiddenException" | "Unauthorized" => {
            return ErrorKind::AccessDenied;
        }
        "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "TransactionInProgressException"
        | "ProvisionedThroughputExceededException" => return ErrorKind::Throttled,
        "RequestTimeout" | "RequestTimeoutException" => return ErrorKind::Timeout,
        "SpotMaxPriceTooLow" | "UnfulfillableCapacity" | "ReservationCapacityExceeded" => return ErrorKind::Capacity,
        "OperationNotPermitted" | "DependencyViolation" | "BucketNotEmpty" | "RepositoryNotEmptyException" => {
            return ErrorKind::Conflict;
        }
        "NotImplemented"
        | "InvalidAction"
        | "UnknownOperationException"
        | "Unsupported"
        | "UnsupportedOperation"
        | "UnsupportedOperationException"
        | "MethodNotAllowed" => return ErrorKind::Unsupported,
        _ => {}
    }
    if has(&["ExpiredToken", "TokenExpired", "InvalidClientTokenId", "UnrecognizedClient", "SignatureDoesNotMatch"])
        || has(&["InvalidAccessKeyId", "MissingAuthenticationToken"])
    {
        ErrorKind::Credentials
    } else if has(&["Throttl", "TooManyRequests", "RequestThrottled"]) || status == 429 {
        ErrorKind::Throttled
    } else if has(&["AccessDenied", "Unauthorized", "NotAuthorized", "AuthorizationError", "AuthorizationFailed"]) {
        ErrorKind::AccessDenied
    } else if has(&["Insufficient"]) && has(&["Capacity"]) {
        ErrorKind::Capacity
    } else if has(&["LimitExceeded", "QuotaExceeded", "MaxSpotInstanceCountExceeded", "LimitsExceeded"])
        || starts(&["TooMany"])
    {
        ErrorKind::Quota
    } else if has(&["NotFound", "DoesNotExist", "NotExist", "NonExistent", "UnknownResource"]) || starts(&["NoSuch"]) {
        ErrorKind::NotFound
    } else if has(&["AlreadyExists", "AlreadyOwned", "Duplicate", "ResourceExists", "NameInUse"]) {
        ErrorKind::AlreadyExists
    } else if has(&["InUse", "Incorrect", "InvalidState", "Conflict", "PreconditionFailed", "ConditionalCheckFailed"])
        || has(&["InProgress", "IdempotentParameterMismatch", "InvalidStatus"])
    {
        ErrorKind::Conflict
    } else {
        by_status(status)
    }
}

fn by_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::AccessDenied,
        404 | 410 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        409 | 412 => ErrorKind::Conflict,
        429 => ErrorKind::Throttled,
        501 => ErrorKind::Unsupported,
        400..=499 => ErrorKind::Validation,
        _ => ErrorKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_elsewhere_is_recognised_and_a_bucket_at_hand_is_not() {
        let answer = |status: u16, region: Option<&'static str>| {
            let status = aws_smithy_runtime_api::http::StatusCode::try_from(status).unwrap();
            let mut response = Response::new(status, aws_smithy_types::body::SdkBody::empty());
            if let Some(region) = region {
                response.headers_mut().insert("x-amz-bucket-region", region);
            }
            let failure = Failure::new(aws_smithy_types::error::ErrorMetadata::default(), None, &response);
            SdkError::service_error(context::Error::erase(failure), response)
        };
        assert_eq!(bucket_region(&answer(301, Some("eu-north-1"))), Some("eu-north-1"));
        assert_eq!(bucket_region(&answer(400, Some("eu-north-1"))), Some("eu-north-1"));
        assert_eq!(bucket_region(&answer(404, Some("eu-north-1"))), None);
        assert_eq!(bucket_region(&answer(301, None)), None);
    }

    #[test]
    fn codes_mean_what_callers_can_do() {
        for (code, status, wanted) in [
            ("ExpiredTokenException", 400, ErrorKind::Credentials),
            ("SignatureDoesNotMatch", 403, ErrorKind::Credentials),
            ("UnrecognizedClientException", 400, ErrorKind::Credentials),
            ("InvalidAccessKeyId", 403, ErrorKind::Credentials),
            ("AuthFailure", 401, ErrorKind::Credentials),
            ("UnauthorizedOperation", 403, ErrorKind::AccessDenied),
            ("AccessDeniedException", 400, ErrorKind::AccessDenied),
            ("AccessDenied", 403, ErrorKind::AccessDenied),
            ("ThrottlingException", 400, ErrorKind::Throttled),
            ("RequestLimitExceeded", 503, ErrorKind::Throttled),
            ("TooManyRequestsException", 429, ErrorKind::Throttled),
            ("VcpuLimitExceeded", 400, ErrorKind::Quota),
            ("ResourceLimitExceeded", 400, ErrorKind::Quota),
            ("ServiceQuotaExceededException", 402, ErrorKind::Quota),
            ("TooManyBuckets", 400, ErrorKind::Quota),
            ("InsufficientInstanceCapacity", 500, ErrorKind::Capacity),
            ("InvalidInstanceID.NotFound", 400, ErrorKind::NotFound),
            ("NoSuchKey", 404, ErrorKind::NotFound),
            ("ResourceNotFound", 400, ErrorKind::NotFound),
            ("EntityAlreadyExists", 409, ErrorKind::AlreadyExists),
            ("BucketAlreadyOwnedByYou", 409, ErrorKind::AlreadyExists),
            ("InvalidKeyPair.Duplicate", 400, ErrorKind::AlreadyExists),
            ("ResourceInUse", 400, ErrorKind::Conflict),
            ("IncorrectInstanceState", 400, ErrorKind::Conflict),
            ("ConditionalCheckFailedException", 400, ErrorKind::Conflict),
            ("ValidationException", 400, ErrorKind::Validation),
            ("InvalidParameterValue", 400, ErrorKind::Validation),
            ("InternalFailure", 500, ErrorKind::Internal),
            ("Whatever", 404, ErrorKind::NotFound),
        ] {
            assert_eq!(kind(code, status), wanted, "{code}");
        }
    }
}
