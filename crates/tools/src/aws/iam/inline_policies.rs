//! A new inline policy on a role. One that is there is never changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{
    Access, Changes, Covers, Error, ErrorKind, Headed, Preview, Reads, Result, Target, Tool, ToolDef,
};

use super::{
    permissions,
    role_policies::{
        document, inline_documents,
        wire::{GetRole, GetRolePolicy},
    },
};
use crate::{
    App, Cx,
    aws::replies::Nothing,
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::changes::<AddPolicy>()];

/// Characters that the inline policies of a role may have together, blanks not counted.
const MOST: usize = 10_240;

/// Add an inline policy to an IAM role
///
/// Never changes a policy that is there. dry_run shows what it would allow besides what the role may do, and warns of
/// wildcards.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddPolicy {
    /// Name of the new policy.
    policy_name: String,
    /// Name of the role, not its ARN.
    role_name: String,
    /// IAM statements: Effect, Action, Resource, Condition.
    permissions: Vec<Map<String, Value>>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl AddPolicy {
    fn check(&self) -> Result<()> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@_-".contains(letter);
        let name = &self.policy_name;
        if !(1..=128).contains(&name.len()) || !name.chars().all(plain) {
            return Err(Error::validation(format!("{name:?} is not the name of a policy"))
                .hint("letters, digits and +=,.@_-, at most 128"));
        }
        permissions::check(&self.permissions)?;
        let length = self.document().to_string().chars().filter(|letter| !letter.is_whitespace()).count();
        if length > MOST {
            return Err(Error::validation(format!(
                "the policy has {length} characters, and a role has room for {MOST}"
            )));
        }
        Ok(())
    }

    fn document(&self) -> Value {
        json!({ "Version": "2012-10-17", "Statement": self.permissions })
    }

    /// The policy of that name, if there is one. A refusal is an error, never "there is none".
    async fn existing<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<Option<Value>> {
        let question = GetRolePolicy { role_name: self.role_name.clone(), policy_name: self.policy_name.clone() };
        match aws.send(&question).await {
            Ok(found) => Ok(Some(document(&found.policy_document.unwrap_or_default()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // The role itself may be what is not there.
                aws.send(&GetRole { role_name: self.role_name.clone() }).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn refuse(&self, there: &Value) -> Error {
        let (old, new) = (permissions::lines(&permissions::statements(there)), permissions::lines(&self.permissions));
        let more: Vec<_> = new.difference(&old).map(|line| format!("+ {line}")).collect();
        let less: Vec<_> = old.difference(&new).map(|line| format!("- {line}")).collect();
        let compared = match (more.is_empty(), less.is_empty()) {
            (true, true) => "it says the same".to_owned(),
            _ => format!("compared with it: {}", [less, more].concat().join("; ")),
        };
        let message =
            format!("role {:?} has an inline policy {:?} already; it was left alone", self.role_name, self.policy_name);
        Error::new(ErrorKind::AlreadyExists, message)
            .code("InlinePolicyExists")
            .hint(format!("choose another policy_name; {compared}"))
    }
}

impl Tool<App> for AddPolicy {
    const NAME: &'static str = "add_inline_policy";
    const EXAMPLE: &'static str = r#"{"policy_name": "read-checkpoints", "role_name": "train-pod", "permissions": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::checkpoints/*"]}]}"#;
    type Access = Changes;
    type Output = Headed<Added>;

    async fn run(self, cx: Cx<Changes>) -> Result<Headed<Added>> {
        self.check()?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        if let Some(there) = self.existing(&aws).await? {
            return Err(self.refuse(&there));
        }
        let wanted = self.document();
        aws.send(&PutRolePolicy {
            role_name: self.role_name.clone(),
            policy_name: self.policy_name.clone(),
            policy_document: wanted.to_string(),
        })
        .await?;
        // IAM has no way to put only what is not there. Who came between is found out, not undone.
        if let Ok(Some(now)) = self.existing(&aws).await
            && now != wanted
        {
            let message =
                format!("somebody else put another policy {:?} on the role at the same moment", self.policy_name);
            return Err(Error::new(ErrorKind::Conflict, message)
                .code("PolicyRace")
                .hint("get_policies_for_role shows what is there now")
                .partial(["the policy was put, and replaced by somebody else's".to_owned()]));
        }
        let warnings = permissions::warnings(&self.permissions);
        let summary = format!("Inline policy {} is on role {}", self.policy_name, self.role_name);
        let facts = Added {
            policy_name: self.policy_name,
            role_name: self.role_name,
            permissions_added: self.permissions,
            warnings,
        };
        Ok(Headed { summary, facts })
    }
}

impl Preview<App> for AddPolicy {
    type Plan = Plan;

    fn target(&self) -> Target {
        aws_target("iam role", vec![self.role_name.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Plan> {
        self.check()?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        if let Some(there) = self.existing(&aws).await? {
            return Err(self.refuse(&there));
        }
        let others = inline_documents(&aws, &self.role_name).await?;
        let granted = |line: &String| {
            let holds = |(_, document): &&(String, Value)| {
                permissions::lines(&permissions::statements(document)).contains(line)
            };
            others.iter().find(holds).map(|(name, _)| format!("{line} (in {name})"))
        };
        let (mut adds, mut already) = (Vec::new(), Vec::new());
        for line in permissions::lines(&self.permissions) {
            match granted(&line) {
                Some(known) => already.push(known),
                None => adds.push(line),
            }
        }
        Ok(Plan { policy_document: self.document(), adds, already, warnings: permissions::warnings(&self.permissions) })
    }
}

#[derive(Serialize, JsonSchema)]
struct Added {
    policy_name: String,
    role_name: String,
    permissions_added: Vec<Map<String, Value>>,
    /// What is wider than it looks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// What the role would be allowed.
#[derive(Serialize, JsonSchema)]
struct Plan {
    policy_document: Value,
    /// New to the role's inline policies.
    adds: Vec<String>,
    /// In one of them already, word for word.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    already: Vec<String>,
    /// What is wider than it looks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct PutRolePolicy {
    role_name: String,
    policy_name: String,
    policy_document: String,
}

impl Operation for PutRolePolicy {
    const SERVICE: &'static str = "iam";
    const ACTION: &'static str = "PutRolePolicy";
    type Needs = Changes;
    type Reply = Nothing;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<PutRolePolicy>();
    }

    #[test]
    fn a_policy_that_is_there_is_compared_and_left_alone() {
        let policy: AddPolicy = serde_json::from_str(AddPolicy::EXAMPLE).unwrap();
        let same = policy.document();
        assert!(policy.refuse(&same).to_string().contains("says the same"));
        let other = json!({ "Statement": { "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*" } });
        let told = policy.refuse(&other).to_string();
        assert!(
            told.contains("- Allow s3:PutObject on *; + Allow s3:GetObject on arn:aws:s3:::checkpoints/*"),
            "{told}"
        );
    }
}
