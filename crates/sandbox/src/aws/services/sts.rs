//! STS: who is asking, and roles that are taken on.

use serde_json::{Value, json};
use time::Duration;

use super::{Operations, iam};
use crate::{
    aws::{
        account::{Account, Cx},
        signature::AccessKey,
        table::Table,
        wire::Refusal,
    },
    kubernetes::clock,
};

pub(super) const OPERATIONS: Operations = &[("sts", "AssumeRole", assume), ("sts", "GetCallerIdentity", caller)];

/// Seconds that a session lasts, if the caller says nothing.
const USUAL: i64 = 3_600;

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn caller(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let account = &cx.account.id;
    if let Some(session) = cx.account.row("", Table::Sessions, cx.access_key) {
        return Ok(json!({ "UserId": session["UserId"], "Account": account, "Arn": session["Arn"] }));
    }
    let user = format!("AIDA{}", cx.access_key.trim_start_matches("AKIA"));
    Ok(json!({ "UserId": user, "Account": account, "Arn": arn(cx) }))
}

/// Who asks.
fn arn(cx: &Cx<'_>) -> String {
    let session = cx.account.row("", Table::Sessions, cx.access_key);
    let known = session.and_then(|session| session["Arn"].as_str()).map(str::to_owned);
    known.unwrap_or_else(|| cx.account.arn("iam", "", "user/sandbox"))
}

/// Refuses the key of a session that has ended, or never was.
pub(super) fn session(account: &Account, access_key: &str) -> Result<(), Refusal> {
    if !AccessKey::is_of_session(access_key) {
        return Ok(());
    }
    let ends = account.row("", Table::Sessions, access_key).and_then(|session| session["Expiration"].as_str());
    match ends.and_then(clock::parse) {
        Some(ends) if ends > account.now() => Ok(()),
        Some(_) => Err(Refusal::new(403, "ExpiredToken", "The security token included in the request is expired")),
        None => {
            Err(Refusal::new(403, "InvalidClientTokenId", "The security token included in the request is invalid."))
        }
    }
}

fn assume(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (role_arn, name) = (cx.name("RoleArn"), cx.name("RoleSessionName"));
    let who = arn(cx);
    let denied = || {
        let message = format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {role_arn}");
        Refusal::new(403, "AccessDenied", message)
    };
    let role = cx.rows(Table::IamRoles).find(|role| role["Arn"] == role_arn).cloned().ok_or_else(denied)?;
    if !trusts(&cx.account.id, &role, &who) {
        return Err(denied());
    }
    let seconds = cx.input["DurationSeconds"].as_i64().unwrap_or(USUAL);
    if seconds > role["MaxSessionDuration"].as_i64().unwrap_or(USUAL) {
        let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(Refusal::new(400, "ValidationError", message));
    }
    let key = AccessKey::of_session(&iam::unique(cx.account, "ASIA"));
    let role_name = role["RoleName"].as_str().unwrap_or_default();
    let arn = cx.account.arn("sts", "", &format!("assumed-role/{role_name}/{name}"));
    let id = format!("{}:{name}", role["RoleId"].as_str().unwrap_or_default());
    let expiration = clock::stamp(cx.account.now() + Duration::seconds(seconds));
    let row = json!({ "AccessKeyId": key.id, "Arn": arn, "UserId": id, "Expiration": expiration });
    cx.account.insert("", Table::Sessions, &key.id, row);
    Ok(json!({
        "Credentials": {
            "AccessKeyId": key.id, "SecretAccessKey": key.secret, "SessionToken": key.token(), "Expiration": expiration,
        },
        "AssumedRoleUser": { "AssumedRoleId": id, "Arn": arn },
    }))
}

/// Whether a role lets somebody of the account take it on. Conditions are not looked at: one that has some lets nobody.
fn trusts(account: &str, role: &Value, who: &str) -> bool {
    let trust: Value =
        role["AssumeRolePolicyDocument"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let is_caller = |principal: &Value| {
        let root = format!("arn:aws:iam::{account}:root");
        principal.as_str().is_some_and(|name| name == "*" || name == account || name == root || name == who)
    };
    let allows = |statement: &Value| {
        let named = list(&statement["Principal"]["AWS"]).iter().any(is_caller) || is_caller(&statement["Principal"]);
        let acts = list(&statement["Action"])
            .iter()
            .any(|action| matches!(action.as_str(), Some("sts:AssumeRole" | "sts:*" | "*")));
        named && acts && statement.get("Condition").is_none()
    };
    let statements = list(&trust["Statement"]);
    let is = |effect: &str| statements.iter().any(|statement| statement["Effect"] == effect && allows(statement));
    is("Allow") && !is("Deny")
}
