//! Roles.

use serde_json::{Value, json};

use super::{absent, document, escaped, in_use, path, sorted, twice, under, unique};
use crate::aws::{
    account::{Account, Cx},
    services::{Operations, ec2::shown},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("iam", "CreateRole", create),
    ("iam", "DeleteRole", delete),
    ("iam", "GetRole", get),
    ("iam", "ListRoleTags", tags),
    ("iam", "ListRoles", list),
    ("iam", "TagRole", tag),
    ("iam", "UntagRole", untag),
    ("iam", "UpdateAssumeRolePolicy", trust),
    ("iam", "UpdateRole", update),
];

/// The role that a call names.
pub(super) fn named<'c>(cx: &'c Cx<'_>) -> Result<(String, &'c Value), Refusal> {
    let name = cx.name("RoleName");
    let row = cx.get(Table::IamRoles, &name).ok_or_else(|| absent("role", &name))?;
    Ok((name, row))
}

/// A role as answers have it.
pub(super) fn answered(row: &Value) -> Value {
    let mut row = shown(row);
    row["AssumeRolePolicyDocument"] = escaped(&row["AssumeRolePolicyDocument"]);
    row
}

/// Puts a role into the account.
pub(in crate::aws) fn new(account: &mut Account, path: &str, name: &str, trust: &str) -> Value {
    let row = json!({
        "Path": path, "RoleName": name, "RoleId": unique(account, "AROA"), "CreateDate": account.stamp(), "MaxSessionDuration": 3_600,
        "Arn": account.arn("iam", "", &format!("role{path}{name}")), "AssumeRolePolicyDocument": trust, "_inline": {}, "_attached": [],
    });
    account.insert("", Table::IamRoles, name, row.clone());
    row
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, path) = (cx.name("RoleName"), path(cx)?);
    if cx.get(Table::IamRoles, &name).is_some() {
        return Err(twice("Role", &name));
    }
    let trust = document(&cx.name("AssumeRolePolicyDocument"))?;
    let mut row = new(cx.account, &path, &name, &trust);
    for member in ["Description", "MaxSessionDuration", "Tags"] {
        if !cx.input[member].is_null() {
            row[member] = cx.input[member].clone();
        }
    }
    if let Some(boundary) = cx.text("PermissionsBoundary") {
        row["PermissionsBoundary"] = json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary });
    }
    cx.insert(Table::IamRoles, &name, row.clone());
    Ok(json!({ "Role": answered(&row) }))
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = named(cx)?;
    let mut role = answered(row);
    role["RoleLastUsed"] = json!({});
    Ok(json!({ "Role": role }))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let rows = cx.rows(Table::IamRoles).filter(|row| under(cx, row)).map(|row| {
        let mut row = answered(row);
        // Lists leave them out.
        row.as_object_mut().map(|row| row.shift_remove("Tags"));
        row
    });
    Ok(json!({ "Roles": sorted(rows.collect(), "RoleName"), "IsTruncated": false }))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, row) = named(cx)?;
    if row["_attached"].as_array().is_some_and(|attached| !attached.is_empty()) {
        return Err(in_use("must detach all policies first"));
    }
    if row["_inline"].as_object().is_some_and(|inline| !inline.is_empty()) {
        return Err(in_use("must delete policies first"));
    }
    let holds =
        |profile: &Value| profile["_roles"].as_array().is_some_and(|roles| roles.iter().any(|role| role == &name));
    if cx.rows(Table::IamProfiles).any(holds) {
        return Err(in_use("must remove roles from instance profile first"));
    }
    cx.remove(Table::IamRoles, &name);
    Ok(json!({}))
}

fn update(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, _) = named(cx)?;
    for member in ["Description", "MaxSessionDuration"] {
        if !cx.input[member].is_null() {
            cx.put(Table::IamRoles, &name, &format!("/{member}"), cx.input[member].clone());
        }
    }
    Ok(json!({}))
}

fn trust(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, _) = named(cx)?;
    let trust = document(&cx.name("PolicyDocument"))?;
    cx.put(Table::IamRoles, &name, "/AssumeRolePolicyDocument", trust.into());
    Ok(json!({}))
}

fn tags(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = named(cx)?;
    Ok(json!({ "Tags": row["Tags"].as_array().cloned().unwrap_or_default(), "IsTruncated": false }))
}

fn tag(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, row) = named(cx)?;
    let given = cx.input["Tags"].as_array().cloned().unwrap_or_default();
    let mut tags = row["Tags"].as_array().cloned().unwrap_or_default();
    tags.retain(|known| !given.iter().any(|tag| tag["Key"] == known["Key"]));
    tags.extend(given);
    cx.put(Table::IamRoles, &name, "/Tags", tags.into());
    Ok(json!({}))
}

fn untag(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, row) = named(cx)?;
    let keys = cx.texts("TagKeys");
    let mut tags = row["Tags"].as_array().cloned().unwrap_or_default();
    tags.retain(|tag| tag["Key"].as_str().is_none_or(|key| !keys.iter().any(|known| known == key)));
    cx.put(Table::IamRoles, &name, "/Tags", tags.into());
    Ok(json!({}))
}
