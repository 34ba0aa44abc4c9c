//! For whom a request is made. It stands in the user agent, so that the trail of the account says which call of which tool
//! made it; the audit log has the same id.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextMut, dyn_dispatch_hint},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

tokio::task_local! {
    /// What the requests of this task add.
    static ADDED: Arc<str>;
}

/// Which call of which tool makes a request. It makes no other scope: all are equal.
#[derive(Debug, Clone, Default)]
pub struct AskedBy(Option<Arc<str>>);

impl AskedBy {
    /// A call by its id, and its tool. What is neither letter, digit, `-` nor `_` is left out of both.
    pub fn call(tool: &str, id: &str) -> Self {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
        };
        Self(Some(format!(" md/tool#{} md/call#{}", plain(tool), plain(id)).into()))
    }

    /// Does the work; its requests say for whom.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.0 {
            Some(added) => ADDED.scope(Arc::clone(added), work).await,
            None => work.await,
        }
    }
}

impl PartialEq for AskedBy {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for AskedBy {}

impl Hash for AskedBy {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// Adds it to the user agent, which no signature covers.
#[derive(Debug)]
pub(crate) struct SayWho;

#[dyn_dispatch_hint]
impl Intercept for SayWho {
    fn name(&self) -> &'static str {
        "SayWho"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(added) = ADDED.try_with(Arc::clone) else { return Ok(()) };
        let headers = context.request_mut().headers_mut();
        let agent = headers.get("user-agent").unwrap_or_default();
        // A second attempt begins with the request as it was first made.
        let agent = format!("{agent}{added}");
        headers.try_insert("user-agent", agent)?;
        Ok(())
    }
}
