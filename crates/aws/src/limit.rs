//! The size of an answer is bounded while it is read, whatever the other side sends.

use std::error::Error as StdError;

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeDeserializationInterceptorContextMut, InterceptorContext},
            dyn_dispatch_hint,
        },
        retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Storable, StoreReplace},
};
use http_body_util::{LengthLimitError, Limited};

/// Set for an answer that is a stream of events, each of which is bounded by who reads it.
#[derive(Debug)]
pub(crate) struct Endless;

impl Storable for Endless {
    type Storer = StoreReplace<Self>;
}

/// Breaks off an answer that grows past so many bytes.
#[derive(Debug)]
pub(crate) struct ResponseLimit(pub(crate) usize);

#[dyn_dispatch_hint]
impl Intercept for ResponseLimit {
    fn name(&self) -> &'static str {
        "ResponseLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if cfg.load::<Endless>().is_some() && context.response().status().is_success() {
            return Ok(());
        }
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, self.0));
        Ok(())
    }
}

/// An answer that was too large once will be too large again.
#[derive(Debug)]
pub(crate) struct NeverTwice;

impl ClassifyRetry for NeverTwice {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = cause {
            if error.is::<LengthLimitError>() {
                return RetryAction::RetryForbidden;
            }
            cause = error.source();
        }
        RetryAction::NoActionIndicated
    }

    fn name(&self) -> &'static str {
        "NeverTwice"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
