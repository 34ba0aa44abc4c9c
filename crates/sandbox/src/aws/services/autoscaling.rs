//! Auto Scaling: the account has no groups, and none can be made in the sandbox.

use serde_json::{Value, json};

use super::Operations;
use crate::aws::{account::Cx, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[("autoscaling", "DescribeAutoScalingGroups", describe)];

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn describe(_: &mut Cx<'_>) -> Result<Value, Refusal> {
    Ok(json!({ "AutoScalingGroups": [] }))
}
