//! The policies of roles: their own, and those that are attached.

use serde_json::{Value, json};

use super::{absent, document, escaped, policies, roles::named};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[
    ("iam", "AttachRolePolicy", attach),
    ("iam", "DeleteRolePolicy", delete),
    ("iam", "DetachRolePolicy", detach),
    ("iam", "GetRolePolicy", get),
    ("iam", "ListAttachedRolePolicies", attached),
    ("iam", "ListRolePolicies", list),
    ("iam", "PutRolePolicy", put),
];

fn put(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (role, _) = named(cx)?;
    let (name, text) = (cx.name("PolicyName"), document(&cx.name("PolicyDocument"))?);
    if let Some(row) = cx.row_mut(Table::IamRoles, &role) {
        row["_inline"][name.as_str()] = text.into();
    }
    Ok(json!({}))
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (role, row) = named(cx)?;
    let name = cx.name("PolicyName");
    let text = row["_inline"].get(&name).ok_or_else(|| absent("role policy", &name))?;
    Ok(json!({ "RoleName": role, "PolicyName": name, "PolicyDocument": escaped(text) }))
}

fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = named(cx)?;
    let mut names: Vec<&String> = row["_inline"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    names.sort();
    Ok(json!({ "PolicyNames": names, "IsTruncated": false }))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (role, _) = named(cx)?;
    let name = cx.name("PolicyName");
    let inline = cx.row_mut(Table::IamRoles, &role).and_then(|row| row["_inline"].as_object_mut());
    inline.and_then(|inline| inline.shift_remove(&name)).ok_or_else(|| absent("role policy", &name))?;
    Ok(json!({}))
}

fn attach(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (role, row) = named(cx)?;
    let arn = cx.name("PolicyArn");
    policies::known(cx, &arn)?;
    let mut attached = row["_attached"].as_array().cloned().unwrap_or_default();
    if !attached.iter().any(|known| known == &arn) {
        attached.push(arn.into());
    }
    cx.put(Table::IamRoles, &role, "/_attached", attached.into());
    Ok(json!({}))
}

fn detach(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (role, row) = named(cx)?;
    let arn = cx.name("PolicyArn");
    let mut attached = row["_attached"].as_array().cloned().unwrap_or_default();
    let before = attached.len();
    attached.retain(|known| known != &arn);
    if attached.len() == before {
        return Err(Refusal::new(404, "NoSuchEntity", format!("Policy {arn} was not found.")));
    }
    cx.put(Table::IamRoles, &role, "/_attached", attached.into());
    Ok(json!({}))
}

fn attached(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = named(cx)?;
    let named = |arn: &Value| {
        let arn = arn.as_str().unwrap_or_default();
        json!({ "PolicyName": arn.rsplit('/').next(), "PolicyArn": arn })
    };
    let rows: Vec<Value> = row["_attached"].as_array().into_iter().flatten().map(named).collect();
    Ok(json!({ "AttachedPolicies": rows, "IsTruncated": false }))
}
