//! Instance profiles: how machines get their role.

use serde_json::{Value, json};

use super::{absent, in_use, path, roles::answered, sorted, twice, under, unique};
use crate::aws::{
    account::Cx,
    services::{Operations, ec2::shown},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("iam", "AddRoleToInstanceProfile", add),
    ("iam", "CreateInstanceProfile", create),
    ("iam", "DeleteInstanceProfile", delete),
    ("iam", "GetInstanceProfile", get),
    ("iam", "ListInstanceProfiles", list),
    ("iam", "ListInstanceProfilesForRole", of_role),
    ("iam", "RemoveRoleFromInstanceProfile", remove),
];

fn named<'c>(cx: &'c Cx<'_>) -> Result<(String, &'c Value), Refusal> {
    let name = cx.name("InstanceProfileName");
    let message = format!("Instance Profile {name} cannot be found.");
    let row = cx.get(Table::IamProfiles, &name).ok_or_else(|| Refusal::new(404, "NoSuchEntity", message))?;
    Ok((name, row))
}

fn whole(cx: &Cx<'_>, row: &Value) -> Value {
    let mut profile = shown(row);
    let names = row["_roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    profile["Roles"] = names.filter_map(|name| cx.get(Table::IamRoles, name)).map(answered).collect();
    profile
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, path) = (cx.name("InstanceProfileName"), path(cx)?);
    if cx.get(Table::IamProfiles, &name).is_some() {
        return Err(twice("Instance Profile", &name));
    }
    let row = json!({
        "Path": path, "InstanceProfileName": name, "InstanceProfileId": unique(cx.account, "AIPA"), "CreateDate": cx.account.stamp(),
        "Arn": cx.account.arn("iam", "", &format!("instance-profile{path}{name}")), "_roles": [],
    });
    cx.insert(Table::IamProfiles, &name, row.clone());
    Ok(json!({ "InstanceProfile": whole(cx, &row) }))
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = named(cx)?;
    Ok(json!({ "InstanceProfile": whole(cx, row) }))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let rows = cx.rows(Table::IamProfiles).filter(|row| under(cx, row)).map(|row| whole(cx, row));
    Ok(json!({ "InstanceProfiles": sorted(rows.collect(), "InstanceProfileName"), "IsTruncated": false }))
}

fn of_role(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (role, _) = super::roles::named(cx)?;
    let holds = |row: &&Value| row["_roles"].as_array().is_some_and(|roles| roles.iter().any(|one| one == &role));
    let rows: Vec<Value> = cx.rows(Table::IamProfiles).filter(holds).map(|row| whole(cx, row)).collect();
    Ok(json!({ "InstanceProfiles": rows, "IsTruncated": false }))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, row) = named(cx)?;
    if row["_roles"].as_array().is_some_and(|roles| !roles.is_empty()) {
        return Err(in_use("must remove roles from instance profile first"));
    }
    cx.remove(Table::IamProfiles, &name);
    Ok(json!({}))
}

fn add(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, row) = named(cx)?;
    let (role, _) = super::roles::named(cx)?;
    if row["_roles"].as_array().is_some_and(|roles| !roles.is_empty()) {
        let message = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    cx.put(Table::IamProfiles, &name, "/_roles", json!([role]));
    Ok(json!({}))
}

fn remove(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, row) = named(cx)?;
    let role = cx.name("RoleName");
    if !row["_roles"].as_array().is_some_and(|roles| roles.iter().any(|one| one == &role)) {
        return Err(absent("role", &role));
    }
    cx.put(Table::IamProfiles, &name, "/_roles", json!([]));
    Ok(json!({}))
}
