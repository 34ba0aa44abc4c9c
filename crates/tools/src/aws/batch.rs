//! The same change for several things, where the service takes one at a time.

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use trainyard_contract::{Access, Error, Result};

use crate::Cx;

/// Changes under way at the same time.
const AT_ONCE: usize = 8;

/// What became of several changes.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::aws) struct Batch<T> {
    pub(in crate::aws) succeeded: Vec<T>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::aws) failed: Vec<Failed>,
}

/// One that did not succeed.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::aws) struct Failed {
    id: String,
    error: Value,
}

/// Changes each, and says what became of each, in their order. Where none succeeded it is an error, not an answer.
pub(in crate::aws) async fn each<A, T, F, C>(cx: &Cx<A>, ids: Vec<String>, change: F) -> Result<Batch<T>>
where
    A: Access,
    F: Fn(String) -> C,
    C: Future<Output = Result<T>>,
{
    let count = ids.len();
    let changes = stream::iter(ids).map(|id| {
        let changed = change(id.clone());
        async move { (id, changed.await) }
    });
    let mut changes = changes.buffered(AT_ONCE);
    let (mut batch, mut first, mut done) = (Batch { succeeded: Vec::new(), failed: Vec::new() }, None, 0);
    while let Some((id, changed)) = changes.next().await {
        done += 1;
        cx.progress().report(done, Some(count as u64), "done");
        match changed {
            Ok(one) => batch.succeeded.push(one),
            Err(error) => {
                batch.failed.push(Failed { id, error: json!(error) });
                first = first.or(Some(error));
            }
        }
    }
    match first {
        Some(error) if batch.succeeded.is_empty() => Err(error),
        _ => Ok(batch),
    }
}

/// The ids, without those that are named twice; an error where there are none.
pub(in crate::aws) fn some(argument: &str, ids: &[String], where_to_look: &str) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Err(Error::validation(format!("`{argument}` is empty")).hint(where_to_look));
    }
    let mut unique: Vec<String> = Vec::with_capacity(ids.len());
    for id in ids {
        if !unique.contains(id) {
            unique.push(id.clone());
        }
    }
    Ok(unique)
}
