//! What a role may do: every policy that hangs on it, with its name and document.

pub(super) mod wire;

use std::ops::RangeInclusive;

use futures::{StreamExt, stream};
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, Headed, Reads, Result, Tool, ToolDef, free_text};

use self::wire::{
    AttachedPolicy, GetPolicy, GetPolicyVersion, GetRole, GetRolePolicy, ListAttachedRolePolicies, ListRolePolicies,
};
use crate::{
    App, Cx,
    aws::ec2::tagged::whole,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<RolePolicies>()];

/// Documents that are read at once.
const AT_ONCE: usize = 4;
/// What IAM gives in one page at most.
pub(super) const PAGE: RangeInclusive<u32> = 1..=1000;

/// Get everything that an IAM role may do, and who may take it on
///
/// Managed and inline policies with their names and documents, and the trust policy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RolePolicies {
    /// Name of the role, not its ARN.
    role_name: String,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for RolePolicies {
    const NAME: &'static str = "get_policies_for_role";
    const EXAMPLE: &'static str = r#"{"role_name": "train-node"}"#;
    type Access = Reads;
    type Output = Headed<Role>;

    async fn run(self, cx: Cx<Reads>) -> Result<Headed<Role>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let name = self.role_name;
        let (role, attached, inline) = (
            GetRole { role_name: name.clone() },
            ListAttachedRolePolicies { role_name: name.clone() },
            ListRolePolicies { role_name: name.clone() },
        );
        let (role, attached, inline) =
            futures::try_join!(aws.send(&role), whole(&cx, &aws, &attached), whole(&cx, &aws, &inline))?;
        let managed = attached.into_iter().map(|policy| managed(&aws, policy));
        let inline = inline.into_iter().map(|policy| inline_policy(&aws, &name, policy));
        let managed_policies: Vec<_> = stream::iter(managed).buffered(AT_ONCE).collect().await;
        let inline_policies: Vec<_> = stream::iter(inline).buffered(AT_ONCE).collect().await;
        let summary =
            format!("Role {name}: {} managed and {} inline policies", managed_policies.len(), inline_policies.len());
        let facts = Role {
            role_arn: role.role.arn,
            assume_role_policy_document: role.role.assume_role_policy_document.as_deref().map(document),
            description: role.role.description,
            managed_policies,
            inline_policies,
        };
        Ok(Headed { summary, facts })
    }
}

/// A policy of the account's or of AWS's own. What cannot be read is said, never left out.
async fn managed(aws: &Aws<Reads>, attached: AttachedPolicy) -> Policy {
    let mut policy = Policy::new("Managed", attached.policy_name);
    policy.policy_arn.clone_from(&attached.policy_arn);
    let read = async {
        let policy_arn = attached.policy_arn.unwrap_or_default();
        let facts = aws.send(&GetPolicy { policy_arn: policy_arn.clone() }).await?.policy;
        let version_id = facts.default_version_id.unwrap_or_default();
        let version = aws.send(&GetPolicyVersion { policy_arn, version_id }).await;
        Ok::<_, trainyard_contract::Error>((facts.description, version))
    };
    match read.await {
        Ok((description, version)) => {
            policy.description = description;
            match version {
                Ok(version) => policy.policy_document = version.policy_version.document.as_deref().map(document),
                Err(error) => policy.error = Some(error.to_string()),
            }
        }
        Err(error) => policy.error = Some(error.to_string()),
    }
    policy
}

async fn inline_policy(aws: &Aws<Reads>, role_name: &str, name: String) -> Policy {
    let question = GetRolePolicy { role_name: role_name.to_owned(), policy_name: name.clone() };
    let mut policy = Policy::new("Inline", name);
    match aws.send(&question).await {
        Ok(found) => policy.policy_document = found.policy_document.as_deref().map(document),
        Err(error) => policy.error = Some(error.to_string()),
    }
    policy
}

/// IAM gives a document percent-encoded; one that is no JSON stays a text.
pub(super) fn document(text: &str) -> Value {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    serde_json::from_str(&decoded).unwrap_or_else(|_| Value::from(decoded.as_ref()))
}

/// Every inline policy of a role, by name and document.
pub(super) async fn inline_documents<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    role_name: &str,
) -> Result<Vec<(String, Value)>> {
    let wanted = trainyard_aws::Wanted { limit: 1000, cursor: None, binding: "" };
    let names = aws.list(&ListRolePolicies { role_name: role_name.to_owned() }, wanted).await?.items;
    let mut found = Vec::new();
    for policy_name in names {
        let question = GetRolePolicy { role_name: role_name.to_owned(), policy_name };
        let text = aws.send(&question).await?.policy_document.unwrap_or_default();
        found.push((question.policy_name, document(&text)));
    }
    Ok(found)
}

#[derive(Serialize, JsonSchema)]
struct Role {
    role_arn: String,
    /// Who may take it on.
    assume_role_policy_document: Option<Value>,
    #[serde(serialize_with = "free_text")]
    description: Option<String>,
    managed_policies: Vec<Policy>,
    inline_policies: Vec<Policy>,
}

#[derive(Serialize, JsonSchema)]
struct Policy {
    policy_type: &'static str,
    policy_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_arn: Option<String>,
    #[serde(serialize_with = "free_text")]
    description: Option<String>,
    policy_document: Option<Value>,
    /// Why the document could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Policy {
    fn new(policy_type: &'static str, policy_name: String) -> Self {
        Self { policy_type, policy_name, policy_arn: None, description: None, policy_document: None, error: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_read_in_either_form() {
        assert_eq!(document("%7B%22Version%22%3A%222012-10-17%22%7D"), json!({ "Version": "2012-10-17" }));
        assert_eq!(document(r#"{"a": "100%"}"#), json!({ "a": "100%" }));
        assert_eq!(document("nonsense"), json!("nonsense"));
    }
}
