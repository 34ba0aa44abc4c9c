//! STS: who is asking.

use serde_json::{Value, json};

use super::Operations;
use crate::aws::{account::Cx, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[("sts", "GetCallerIdentity", caller)];

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn caller(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let account = &cx.account.id;
    let user = format!("AIDA{}", cx.access_key.trim_start_matches("AKIA"));
    Ok(json!({ "UserId": user, "Account": account, "Arn": format!("arn:aws:iam::{account}:user/sandbox") }))
}
