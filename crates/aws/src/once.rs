//! What must not be done twice is not tried twice.
//!
//! The runtime repeats whatever failed on the way. A call that changes something may have been carried out before its
//! answer was lost, and a second one would do it again: another snapshot, another message, another run of a function.

use std::error::Error as StdError;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_smithy_runtime_api::client::{
    interceptors::context::{self, InterceptorContext},
    orchestrator::HttpResponse,
    result::{ConnectorError, SdkError},
    retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority},
};
use aws_smithy_types::retry::ErrorKind as RetryKind;
use hyper_util::client::legacy::Error as LegacyError;

use crate::{
    catalogue::model::{AccessLevel, MemberFlags, Operation, OperationFlags, Service},
    failure::Failure,
};

/// Verbs of operations that leave the same state behind however often they are called, and of those that change none.
const REPEATABLE: &[&str] = &[
    "Delete",
    "Terminate",
    "Stop",
    "Cancel",
    "Remove",
    "Deregister",
    "Detach",
    "Disassociate",
    "Disable",
    "Enable",
    "Tag",
    "Untag",
    "Get",
    "List",
    "Describe",
    "BatchGet",
    "Head",
];

/// Whether a call may be made again though it may have been carried out already.
///
/// So are reads, what carries a token by which the service knows it again, what the model or its HTTP method calls
/// idempotent, and what deletes.
pub(crate) fn repeatable(service: &Service<'_>, operation: &Operation<'_>) -> bool {
    let token = || {
        let members = operation.input.and_then(|id| service.structure(id)).map(|structure| &structure.members);
        members.is_some_and(|members| members.iter().any(|member| member.is(MemberFlags::IDEMPOTENCY_TOKEN)))
    };
    matches!(operation.access, AccessLevel::Read | AccessLevel::Sensitive)
        || operation.is(OperationFlags::IDEMPOTENT)
        || operation.method != "POST"
        || token()
        || REPEATABLE.iter().any(|verb| operation.name.starts_with(verb))
}

/// Forbids another attempt where the last one may have been carried out.
#[derive(Debug)]
pub(crate) struct OnceOnly;

impl ClassifyRetry for OnceOnly {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let open = if let Some(error) = error.as_connector_error() {
            !never_sent(error)
        } else if let Some(failure) = error.as_operation_error().and_then(|error| error.downcast_ref()) {
            !refused(failure)
        } else {
            error.is_timeout_error() || error.is_response_error()
        };
        if open { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "OnceOnly"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether a call that failed may have been carried out.
pub(crate) fn open(error: &SdkError<context::Error, HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(failure) => failure.as_connector_error().is_some_and(|error| {
            // What is none of these failed before there was a request to send.
            (error.is_io() || error.is_timeout() || error.as_other().is_some()) && !never_sent(error)
        }),
        SdkError::ServiceError(error) => error.err().downcast_ref().is_some_and(|failure| !refused(failure)),
        _ => false,
    }
}

/// Whether the service said that it did nothing. A 500 says nothing of the kind, and a 502 or 504 was said by somebody
/// who does not know.
fn refused(failure: &Failure) -> bool {
    failure.retry == Some(RetryKind::ThrottlingError)
        || THROTTLING_ERRORS.contains(&failure.code())
        || matches!(failure.status, 300..=499 | 503)
}

/// Whether there was no connection to send anything over.
pub(crate) fn never_sent(error: &ConnectorError) -> bool {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<LegacyError>().is_some_and(LegacyError::is_connect) {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn what_acts_anew_each_time_is_done_once() {
        let repeatable = |service: &str, operation: &str| {
            let service = catalogue::service(service).unwrap();
            repeatable(service, service.operation(operation).unwrap())
        };
        for (service, operation) in [
            ("lambda", "Invoke"),
            ("ec2", "CreateSnapshot"),
            ("sns", "Publish"),
            ("sqs", "SendMessage"),
            ("bedrock-runtime", "Converse"),
            ("dynamodb", "UpdateItem"),
            ("ssm", "SendCommand"),
        ] {
            assert!(!repeatable(service, operation), "{service} {operation}");
        }
        for (service, operation) in [
            ("ec2", "DescribeInstances"),
            ("ec2", "RunInstances"),
            ("ec2", "TerminateInstances"),
            ("s3", "PutObject"),
            ("sagemaker", "DeleteCluster"),
        ] {
            assert!(repeatable(service, operation), "{service} {operation}");
        }
    }

    #[test]
    fn most_operations_may_be_repeated() {
        let all: Vec<bool> = catalogue::services()
            .iter()
            .flat_map(|entry| {
                let service = entry.service();
                service.operations.iter().map(|operation| repeatable(service, operation)).collect::<Vec<_>>()
            })
            .collect();
        let once = all.iter().filter(|repeatable| !**repeatable).count();
        assert!(once * 3 < all.len(), "{once} of {} are tried once", all.len());
    }
}
