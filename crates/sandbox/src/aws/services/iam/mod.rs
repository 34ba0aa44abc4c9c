//! IAM: roles with their policies, policies with their versions, instance profiles, users. One account has them in all regions.

mod policies;
mod profiles;
mod role_policies;
mod roles;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Operations;
use crate::aws::{
    account::{Account, Cx},
    services::ec2::shown,
    table::Table,
    wire::Refusal,
};

/// All of it.
pub(super) const ALL: &[Operations] =
    &[policies::OPERATIONS, profiles::OPERATIONS, role_policies::OPERATIONS, roles::OPERATIONS, USERS];

const USERS: Operations = &[("iam", "GetUser", user), ("iam", "ListUsers", users)];

pub(in crate::aws) use self::{policies::build as build_policies, roles::new as new_role};

fn absent(what: &str, name: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("The {what} with name {name} cannot be found."))
}

fn twice(what: &str, name: &str) -> Refusal {
    Refusal::new(409, "EntityAlreadyExists", format!("{what} with name {name} already exists."))
}

fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new(409, "DeleteConflict", message)
}

fn in_use(why: &str) -> Refusal {
    conflict(format!("Cannot delete entity, {why}."))
}

/// A document of a policy as it is kept, if it is one.
fn document(text: &str) -> Result<String, Refusal> {
    let malformed = |why: String| Refusal::new(400, "MalformedPolicyDocument", why);
    let parsed: Value =
        serde_json::from_str(text).map_err(|error| malformed(format!("This policy contains invalid Json: {error}")))?;
    let version = parsed["Version"].as_str();
    if parsed.get("Version").is_some() && !matches!(version, Some("2012-10-17" | "2008-10-17")) {
        return Err(malformed("The policy must contain a valid version string".to_owned()));
    }
    let statements = match &parsed["Statement"] {
        Value::Array(statements) => statements.clone(),
        Value::Object(_) => vec![parsed["Statement"].clone()],
        _ => return Err(malformed("Syntax errors in policy.".to_owned())),
    };
    for statement in &statements {
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return Err(malformed("Syntax errors in policy: every statement has an Effect, Allow or Deny.".to_owned()));
        }
        let actions = statement.get("Action").or_else(|| statement.get("NotAction"));
        if actions.is_none_or(|actions| !actions.is_string() && !actions.is_array()) {
            return Err(malformed("Policy statement must contain actions.".to_owned()));
        }
    }
    Ok(text.to_owned())
}

/// A document as answers have it: escaped.
fn escaped(text: &Value) -> Value {
    utf8_percent_encode(text.as_str().unwrap_or_default(), NON_ALPHANUMERIC).to_string().into()
}

/// `AROAABCDEFGHIJKLMNOP`
pub(super) fn unique(account: &mut Account, prefix: &str) -> String {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".as_bytes();
    let mut letter = || char::from(letters[usize::try_from(account.random.below(32)).unwrap_or(0)]);
    format!("{prefix}{}", (0..16).map(|_| letter()).collect::<String>())
}

/// The path that a call gives, which begins and ends in a slash.
fn path(cx: &Cx<'_>) -> Result<String, Refusal> {
    let path = cx.text("Path").unwrap_or("/");
    if path.starts_with('/') && path.ends_with('/') {
        return Ok(path.to_owned());
    }
    Err(Refusal::new(
        400,
        "ValidationError",
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
    ))
}

/// Whether a row is under the path that a call asks for.
fn under(cx: &Cx<'_>, row: &Value) -> bool {
    cx.text("PathPrefix").is_none_or(|prefix| row["Path"].as_str().is_some_and(|path| path.starts_with(prefix)))
}

/// Rows as a list has them: by name.
fn sorted(mut rows: Vec<Value>, name: &str) -> Vec<Value> {
    rows.sort_by(|one, other| one[name].as_str().cmp(&other[name].as_str()));
    rows
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn users(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let rows: Vec<Value> = cx.rows(Table::IamUsers).filter(|row| under(cx, row)).map(shown).collect();
    Ok(json!({ "Users": sorted(rows, "UserName"), "IsTruncated": false }))
}

fn user(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    // Without a name it is whoever asks.
    let name = cx.text("UserName").unwrap_or("sandbox");
    Ok(json!({ "User": shown(cx.row(Table::IamUsers, name, || absent("user", name))?) }))
}

/// Puts a user into the account.
pub(in crate::aws) fn new_user(account: &mut Account, name: &str) {
    let row = json!({
        "UserName": name, "UserId": unique(account, "AIDA"), "Path": "/", "CreateDate": account.ago(86_400 * 300),
        "Arn": account.arn("iam", "", &format!("user/{name}")),
    });
    account.insert("", Table::IamUsers, name, row);
}
