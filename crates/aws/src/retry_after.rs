//! How long a service asks to be left alone: `x-amz-retry-after` in milliseconds, or HTTP's own `Retry-After`.
//!
//! The runtime knows the first of the two, and forgets it where the model calls an error retryable. Load balancers and
//! gateways in front of a service know the second alone.

use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::{
    client::{
        interceptors::context::InterceptorContext,
        retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason},
    },
    http::Response,
};
use aws_smithy_types::date_time::{DateTime, Format};

/// What an answer asks for, whichever way it says so. A date is counted from the answer's own: the clocks here and there
/// need not agree. One that has passed means now.
pub(crate) fn asked(response: &Response) -> Option<Duration> {
    let header = |name| response.headers().get(name).map(str::trim);
    if let Some(millis) = header("x-amz-retry-after").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let text = header("retry-after")?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = date(text)?;
    let now = header("date").and_then(date).unwrap_or_else(SystemTime::now);
    Some(then.duration_since(now).unwrap_or_default())
}

fn date(text: &str) -> Option<SystemTime> {
    DateTime::from_str(text, Format::HttpDate).ok()?.try_into().ok()
}

/// The longest pause that is waited out within a call: the longest that the runtime makes of its own accord, two of which
/// fit into the time that a call has.
const LONGEST: Duration = Duration::from_secs(20);

/// Puts what was asked for into a verdict that says "again" and not when. Who asks for longer than a call can wait is not
/// asked again: the caller is told how long it would take.
#[derive(Debug)]
pub(crate) struct WhenAsked;

impl ClassifyRetry for WhenAsked {
    fn classify_retry(&self, _context: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, context: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        let RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. }) = previous else {
            return RetryAction::NoActionIndicated;
        };
        match context.response().and_then(asked) {
            Some(pause) if pause > LONGEST => RetryAction::RetryForbidden,
            Some(pause) => RetryAction::retryable_error_with_explicit_delay(*kind, pause),
            None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "WhenAsked"
    }

    /// After everyone else whose verdict it could be.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::run_after(
            RetryClassifierPriority::transient_error_classifier(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let status = aws_smithy_runtime_api::http::StatusCode::try_from(503).unwrap();
        let mut response = Response::new(status, aws_smithy_types::body::SdkBody::empty());
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        asked(&response)
    }

    #[test]
    fn both_headers_are_understood_in_every_form_and_the_service_s_own_goes_first() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let noon = ("date", "Sun, 01 Jan 2040 12:00:00 GMT");
        assert_eq!(of(&[("retry-after", "120")]), seconds(120));
        assert_eq!(of(&[("retry-after", " 0 ")]), seconds(0));
        assert_eq!(of(&[("x-amz-retry-after", "1500"), ("retry-after", "120")]), Some(Duration::from_millis(1500)));
        assert_eq!(of(&[("x-amz-retry-after", "soon"), ("retry-after", "120")]), seconds(120));
        assert_eq!(of(&[noon, ("retry-after", "Sun, 01 Jan 2040 12:00:07 GMT")]), seconds(7));
        assert_eq!(of(&[noon, ("retry-after", "Sun, 01 Jan 2040 11:59:00 GMT")]), seconds(0));
        // Without a date of the answer's own, this machine's clock is all there is.
        assert_eq!(of(&[("retry-after", "Thu, 01 Jan 1970 00:00:01 GMT")]), seconds(0));
        assert!(of(&[("retry-after", "Sun, 01 Jan 2040 12:00:07 GMT")]) > seconds(0));
        for nothing in ["", "-1", "1.5", "tomorrow", "99999999999999999999", "Sun, 99 Jan 2040 12:00:07 GMT"] {
            assert_eq!(of(&[("retry-after", nothing)]), None, "{nothing}");
        }
        assert_eq!(of(&[]), None);
    }
}
