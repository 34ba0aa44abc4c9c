//! Who is calling.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Json, Reads, Result, Tool, ToolDef};

use crate::{
    App, Cx,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::reads::<GetCallerIdentity>().formerly(&["sts_get_caller_identity", "sts.get_caller_identity"])];

/// Show which AWS account and identity calls are made with
///
/// Use it first when access is denied or the account is in doubt. Needs no permission.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetCallerIdentity {
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for GetCallerIdentity {
    const NAME: &'static str = "iam_get_caller_identity";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Identity>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Identity>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let (caller, region) = aws.send_whole(&AskWhoCalls {}).await?;
        Ok(Json(Identity {
            account: caller.account,
            kind: kind(&caller.arn),
            arn: caller.arn,
            user_id: caller.user_id,
            region,
            profile: self.profile,
        }))
    }
}

/// An identity as AWS sees it.
#[derive(Debug, Serialize, JsonSchema)]
struct Identity {
    /// Account number, 12 digits.
    account: String,
    arn: String,
    kind: Kind,
    user_id: String,
    /// Region that answered, which is the one that calls go to by default.
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// The account itself.
    Root,
    User,
    AssumedRole,
    FederatedUser,
    Other,
}

fn kind(arn: &str) -> Kind {
    match arn.splitn(6, ':').nth(5).unwrap_or_default().split('/').next() {
        Some("root") => Kind::Root,
        Some("user") => Kind::User,
        Some("assumed-role") => Kind::AssumedRole,
        Some("federated-user") => Kind::FederatedUser,
        _ => Kind::Other,
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct AskWhoCalls {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Caller {
    account: String,
    arn: String,
    user_id: String,
}

impl Operation for AskWhoCalls {
    const SERVICE: &'static str = "sts";
    const ACTION: &'static str = "GetCallerIdentity";
    type Needs = Reads;
    type Reply = Caller;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<AskWhoCalls>();
    }

    #[test]
    fn the_kind_is_read_from_the_arn() {
        assert_eq!(kind("arn:aws:iam::123456789012:root"), Kind::Root);
        assert_eq!(kind("arn:aws-cn:iam::123456789012:user/path/me"), Kind::User);
        assert_eq!(kind("arn:aws:sts::123456789012:assumed-role/admin/me"), Kind::AssumedRole);
        assert_eq!(kind("nonsense"), Kind::Other);
    }
}
