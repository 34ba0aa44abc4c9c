//! Policies of the account and of AWS, with their versions.

use serde_json::{Value, json};

use super::{conflict, document, escaped, in_use, path, sorted, under, unique};
use crate::aws::{
    account::{Account, Cx},
    endpoint::not_here,
    services::{Operations, ec2::shown},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("iam", "CreatePolicy", create),
    ("iam", "CreatePolicyVersion", create_version),
    ("iam", "DeletePolicy", delete),
    ("iam", "DeletePolicyVersion", delete_version),
    ("iam", "GetPolicy", get),
    ("iam", "GetPolicyVersion", version),
    ("iam", "ListEntitiesForPolicy", entities),
    ("iam", "ListPolicies", list),
    ("iam", "ListPolicyVersions", versions),
    ("iam", "SetDefaultPolicyVersion", choose),
];

/// Versions that a policy can have.
const VERSIONS: usize = 5;

/// AWS's own policies that the fleet and the templates of our tools use. Their texts are AWS's, and only this one's is known:
/// it allows everything.
const OF_AWS: &[(&str, &str)] = &[
    ("/", "AdministratorAccess"),
    ("/", "AmazonEC2ContainerRegistryPullOnly"),
    ("/", "AmazonEC2ContainerRegistryReadOnly"),
    ("/", "AmazonEKSBlockStoragePolicy"),
    ("/", "AmazonEKSClusterPolicy"),
    ("/", "AmazonEKSComputePolicy"),
    ("/", "AmazonEKSLoadBalancingPolicy"),
    ("/", "AmazonEKSNetworkingPolicy"),
    ("/", "AmazonEKSWorkerNodeMinimalPolicy"),
    ("/", "AmazonEKSWorkerNodePolicy"),
    ("/", "AmazonEKS_CNI_Policy"),
    ("/", "AmazonFSxFullAccess"),
    ("/", "AmazonS3ReadOnlyAccess"),
    ("/", "AmazonSSMManagedInstanceCore"),
    ("/", "AmazonSageMakerClusterInstanceRolePolicy"),
    ("/", "CloudWatchAgentServerPolicy"),
    ("/", "ReadOnlyAccess"),
    ("/service-role/", "AWSLambdaBasicExecutionRole"),
    ("/service-role/", "AmazonEBSCSIDriverPolicy"),
    ("/service-role/", "AmazonEFSCSIDriverPolicy"),
];
const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// Puts AWS's policies into the account.
pub(in crate::aws) fn build(account: &mut Account) {
    for (path, name) in OF_AWS {
        let arn = format!("arn:aws:iam::aws:policy{path}{name}");
        let text = if *name == "AdministratorAccess" { json!(EVERYTHING) } else { Value::Null };
        insert(account, &arn, path, name, &text);
    }
}

fn insert(account: &mut Account, arn: &str, path: &str, name: &str, text: &Value) -> Value {
    let row = json!({
        "PolicyName": name, "PolicyId": unique(account, "ANPA"), "Arn": arn, "Path": path, "DefaultVersionId": "v1",
        "IsAttachable": true, "CreateDate": account.stamp(), "UpdateDate": account.stamp(), "_last": 1,
        "_versions": [{ "VersionId": "v1", "CreateDate": account.stamp(), "_document": text }],
    });
    account.insert("", Table::IamPolicies, arn, row.clone());
    row
}

fn absent(arn: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("Policy {arn} does not exist or is not attachable."))
}

/// Refuses an ARN of no policy.
pub(super) fn known(cx: &Cx<'_>, arn: &str) -> Result<(), Refusal> {
    let missing = || {
        // AWS has more of them than the sandbox.
        if own(arn).is_err() { not_here(&format!("AWS's policy {arn}")) } else { absent(arn) }
    };
    cx.get(Table::IamPolicies, arn).map(drop).ok_or_else(missing)
}

fn named(cx: &Cx<'_>) -> Result<(String, Value), Refusal> {
    let arn = cx.name("PolicyArn");
    let row = cx.get(Table::IamPolicies, &arn).cloned();
    row.map(|row| (arn.clone(), row))
        .ok_or_else(|| Refusal::new(404, "NoSuchEntity", format!("Policy {arn} was not found.")))
}

/// Names of the roles that a policy is attached to.
fn roles(cx: &Cx<'_>, arn: &str) -> Vec<Value> {
    let attached =
        |row: &&Value| row["_attached"].as_array().is_some_and(|attached| attached.iter().any(|one| one == arn));
    let role = |row: &Value| json!({ "RoleName": row["RoleName"], "RoleId": row["RoleId"] });
    cx.rows(Table::IamRoles).filter(attached).map(role).collect()
}

fn answered(cx: &Cx<'_>, row: &Value) -> Value {
    let mut answered = shown(row);
    answered["AttachmentCount"] = roles(cx, row["Arn"].as_str().unwrap_or_default()).len().into();
    answered["PermissionsBoundaryUsageCount"] = 0.into();
    answered
}

/// Refuses to change what is AWS's.
fn own(arn: &str) -> Result<(), Refusal> {
    if arn.starts_with("arn:aws:iam::aws:") {
        let message = format!("Policy {arn} is AWS managed and cannot be changed.");
        return Err(Refusal::new(400, "InvalidInput", message));
    }
    Ok(())
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, path) = (cx.name("PolicyName"), path(cx)?);
    let arn = cx.account.arn("iam", "", &format!("policy{path}{name}"));
    if cx.get(Table::IamPolicies, &arn).is_some() {
        let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(Refusal::new(409, "EntityAlreadyExists", message));
    }
    let text = document(&cx.name("PolicyDocument"))?;
    let mut row = insert(cx.account, &arn, &path, &name, &text.into());
    for member in ["Description", "Tags"] {
        if !cx.input[member].is_null() {
            row[member] = cx.input[member].clone();
        }
    }
    cx.insert(Table::IamPolicies, &arn, row.clone());
    Ok(json!({ "Policy": answered(cx, &row) }))
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = named(cx)?;
    Ok(json!({ "Policy": answered(cx, &row) }))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let scope = cx.text("Scope").unwrap_or("All");
    let fits = |row: &&Value| {
        let arn = row["Arn"].as_str().unwrap_or_default();
        let of_aws = arn.starts_with("arn:aws:iam::aws:");
        let in_scope = scope == "All" || (scope == "AWS") == of_aws;
        in_scope && under(cx, row) && (!cx.is("OnlyAttached") || !roles(cx, arn).is_empty())
    };
    let rows: Vec<Value> = cx.rows(Table::IamPolicies).filter(fits).map(|row| answered(cx, row)).collect();
    let mut rows = sorted(rows, "PolicyName");
    for row in &mut rows {
        row.as_object_mut().map(|row| row.shift_remove("Tags"));
    }
    Ok(json!({ "Policies": rows, "IsTruncated": false }))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (arn, row) = named(cx)?;
    own(&arn)?;
    if !roles(cx, &arn).is_empty() {
        return Err(conflict("Cannot delete a policy attached to entities."));
    }
    if row["_versions"].as_array().is_some_and(|versions| versions.len() > 1) {
        return Err(in_use("must delete all its versions first"));
    }
    cx.remove(Table::IamPolicies, &arn);
    Ok(json!({}))
}

fn is_default<'v>(row: &Value, version: &'v Value) -> (&'v Value, bool) {
    (version, version["VersionId"] == row["DefaultVersionId"])
}

fn version_answered(row: &Value, version: &Value, whole: bool) -> Value {
    let (version, default) = is_default(row, version);
    let mut answered = shown(version);
    answered["IsDefaultVersion"] = default.into();
    if whole {
        answered["Document"] = escaped(&version["_document"]);
    }
    answered
}

fn one_version(cx: &Cx<'_>) -> Result<(String, Value, Value), Refusal> {
    let (arn, row) = named(cx)?;
    let id = cx.name("VersionId");
    let versions = row["_versions"].as_array().cloned().unwrap_or_default();
    let version = versions.into_iter().find(|version| version["VersionId"] == id.as_str());
    let message = format!("Policy {arn} version {id} does not exist or is not attachable.");
    version.map(|version| (arn, row, version)).ok_or_else(|| Refusal::new(404, "NoSuchEntity", message))
}

fn version(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (arn, row, version) = one_version(cx)?;
    if version["_document"].is_null() {
        return Err(not_here(&format!("the text of AWS's policy {arn}")));
    }
    Ok(json!({ "PolicyVersion": version_answered(&row, &version, true) }))
}

fn versions(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = named(cx)?;
    let rows =
        row["_versions"].as_array().into_iter().flatten().rev().map(|version| version_answered(&row, version, false));
    Ok(json!({ "Versions": rows.collect::<Vec<_>>(), "IsTruncated": false }))
}

fn create_version(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (arn, mut row) = named(cx)?;
    own(&arn)?;
    let text = document(&cx.name("PolicyDocument"))?;
    if row["_versions"].as_array().map_or(0, Vec::len) >= VERSIONS {
        let message = format!(
            "A managed policy can have up to {VERSIONS} versions. Before you create a new version, you must delete an existing version."
        );
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    let number = row["_last"].as_u64().unwrap_or(1) + 1;
    let version = json!({ "VersionId": format!("v{number}"), "CreateDate": cx.account.stamp(), "_document": text });
    row["_last"] = number.into();
    if cx.is("SetAsDefault") {
        row["DefaultVersionId"] = version["VersionId"].clone();
    }
    if let Some(versions) = row["_versions"].as_array_mut() {
        versions.push(version.clone());
    }
    row["UpdateDate"] = cx.account.stamp();
    let answered = version_answered(&row, &version, false);
    cx.insert(Table::IamPolicies, &arn, row);
    Ok(json!({ "PolicyVersion": answered }))
}

fn delete_version(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (arn, mut row, version) = one_version(cx)?;
    own(&arn)?;
    if is_default(&row, &version).1 {
        return Err(conflict("Cannot delete the default version of a policy."));
    }
    if let Some(versions) = row["_versions"].as_array_mut() {
        versions.retain(|known| known["VersionId"] != version["VersionId"]);
    }
    cx.insert(Table::IamPolicies, &arn, row);
    Ok(json!({}))
}

fn choose(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (arn, mut row, version) = one_version(cx)?;
    own(&arn)?;
    row["DefaultVersionId"] = version["VersionId"].clone();
    cx.insert(Table::IamPolicies, &arn, row);
    Ok(json!({}))
}

fn entities(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (arn, _) = named(cx)?;
    let roles = if matches!(cx.text("EntityFilter"), None | Some("Role")) { roles(cx, &arn) } else { Vec::new() };
    Ok(json!({ "PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": roles, "IsTruncated": false }))
}
