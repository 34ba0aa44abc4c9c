//! Functions: made, described, changed, deleted.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    LATEST, Named, absent, arn, at_revision, code, conflict, invalid, modified, nothing, settings, text, touch,
    versions,
};
use crate::aws::{
    account::{Account, Cx, Then},
    services::{Operations, ec2::shown, within},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("lambda", "CreateFunction", create),
    ("lambda", "DeleteFunction", delete),
    ("lambda", "GetAccountSettings", limits),
    ("lambda", "GetFunction", get),
    ("lambda", "GetFunctionConfiguration", get_configuration),
    ("lambda", "ListFunctions", list),
    ("lambda", "UpdateFunctionCode", update_code),
    ("lambda", "UpdateFunctionConfiguration", update_configuration),
];

/// What it takes until a function that is made, or changed, can be called.
const WHILE: Duration = Duration::from_secs(3);
/// Calls that an account may have under way at once, and those that no function may reserve.
pub(super) const CONCURRENCY: i64 = 1_000;
pub(super) const UNRESERVED: i64 = 100;

/// Makes a function by the operation, as another service, or the start, does.
pub(in crate::aws::services) fn new(account: &mut Account, region: &str, input: Value) -> Result<Value, Refusal> {
    within(account, region, "lambda", "CreateFunction", input)
}

/// A configuration as it is answered.
pub(super) fn answered(row: &Value) -> Value {
    shown(row)
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let Named { name, qualifier } = Named::of(cx)?;
    if !is_name(&name) || qualifier.is_some() {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [a-zA-Z0-9-_]{{1,64}}"
        )));
    }
    let package_type = cx.text("PackageType").unwrap_or("Zip").to_owned();
    if package_type == "Zip" && (cx.text("Runtime").is_none() || cx.text("Handler").is_none()) {
        return Err(invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    let mut row = json!({
        "FunctionName": name, "FunctionArn": arn(cx.account, cx.region, &name, None), "Description": "", "Timeout": 3, "MemorySize": 128,
        "Version": LATEST, "PackageType": package_type, "Architectures": ["x86_64"], "EphemeralStorage": { "Size": 512 },
        "TracingConfig": { "Mode": "PassThrough" }, "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}") }, "LastModified": modified(cx.account),
        "State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating",
        "_tags": nothing(), "_policies": nothing(), "_published": 0,
    });
    settings::apply(cx, &mut row)?;
    let of = cx.input["Code"].clone();
    put_code(cx, &mut row, &of)?;
    if cx.get(Table::LambdaFunctions, &name).is_some() {
        return Err(conflict(format!("Function already exist: {name}")));
    }
    for member in ["Architectures", "Tags"] {
        if !cx.input[member].is_null() {
            row[if member == "Tags" { "_tags" } else { member }] = cx.input[member].clone();
        }
    }
    row["RevisionId"] = cx.account.random.uid().into();
    cx.insert(Table::LambdaFunctions, &name, row.clone());
    cx.later(WHILE, Table::LambdaFunctions, &name, Then::Step(ready));
    Ok(published(cx, &name, &row))
}

/// What is answered to a change: the function, or the version that it was to be published as.
fn published(cx: &mut Cx<'_>, name: &str, row: &Value) -> Value {
    if cx.is("Publish") { answered(&versions::publish(cx.account, cx.region, name, "")) } else { answered(row) }
}

fn put_code(cx: &mut Cx<'_>, row: &mut Value, given: &Value) -> Result<(), Refusal> {
    let code = code::read(cx, given, text(row, "PackageType"))?;
    row["CodeSize"] = code.size.into();
    row["CodeSha256"] = code.sha256.into();
    match given["ImageUri"].as_str() {
        Some(image) => row["_image"] = image.into(),
        None => row["_image"] = Value::Null,
    }
    Ok(())
}

/// A function, and its versions, can be called now.
pub(super) fn ready(account: &mut Account, region: &str, name: &str) {
    let settled = |row: &mut Value| {
        row["State"] = "Active".into();
        row["LastUpdateStatus"] = "Successful".into();
        if let Value::Object(row) = row {
            row.retain(|member, _| !member.starts_with("StateReason") && !member.starts_with("LastUpdateStatusReason"));
        }
    };
    if let Some(row) = account.row_mut(region, Table::LambdaFunctions, name) {
        settled(row);
    }
    for id in versions::ids(account, region, name) {
        if let Some(row) = account.row_mut(region, Table::LambdaVersions, &id) {
            settled(row);
        }
    }
}

fn get_configuration(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    Ok(answered(Named::of(cx)?.configuration(cx.account, cx.region)?))
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let named = Named::of(cx)?;
    let row = named.configuration(cx.account, cx.region)?;
    let function = cx.get(Table::LambdaFunctions, &named.name).unwrap_or(row);
    let code = match row["_image"].as_str() {
        Some(image) => json!({ "RepositoryType": "ECR", "ImageUri": image, "ResolvedImageUri": image }),
        None => {
            // Nothing is behind it: code that was given is not given back.
            let place = format!("https://awslambda-{}-tasks.sandbox.invalid/snapshots/{}", cx.region, cx.account.id);
            json!({ "RepositoryType": "S3", "Location": format!("{place}/{}-{}", named.name, text(row, "RevisionId")) })
        }
    };
    let mut output = json!({ "Configuration": answered(row), "Code": code });
    if function["_tags"].as_object().is_some_and(|tags| !tags.is_empty()) {
        output["Tags"] = function["_tags"].clone();
    }
    if !function["_reserved"].is_null() {
        output["Concurrency"] = json!({ "ReservedConcurrentExecutions": function["_reserved"] });
    }
    Ok(output)
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let mut rows: Vec<Value> = cx.rows(Table::LambdaFunctions).map(in_list).collect();
    if cx.text("FunctionVersion") == Some("ALL") {
        rows.extend(cx.rows(Table::LambdaVersions).map(in_list));
    }
    rows.sort_by(|one, other| text(one, "FunctionArn").cmp(text(other, "FunctionArn")));
    Ok(json!({ "Functions": rows }))
}

/// A configuration in a list, which says nothing of its state.
pub(super) fn in_list(row: &Value) -> Value {
    let mut row = answered(row);
    if let Value::Object(members) = &mut row {
        members.retain(|member, _| !member.starts_with("State") && !member.starts_with("LastUpdate"));
    }
    row
}

/// Refuses to change, or to call, what is not ready.
pub(super) fn is_ready(row: &Value) -> Result<(), Refusal> {
    if row["State"] == "Active" && row["LastUpdateStatus"] != "InProgress" {
        return Ok(());
    }
    let message = if row["State"] == "Active" {
        format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {}",
            text(row, "FunctionArn")
        )
    } else {
        format!(
            "The operation cannot be performed at this time. The function is currently in the following state: {}",
            text(row, "State")
        )
    };
    Err(conflict(message))
}

/// A function that a call changes, as it is.
fn changing(cx: &Cx<'_>) -> Result<(String, Value), Refusal> {
    let name = Named::whole(cx)?;
    let row = cx.get(Table::LambdaFunctions, &name).cloned().unwrap_or_default();
    at_revision(cx, &row)?;
    is_ready(&row)?;
    Ok((name, row))
}

/// Puts a changed function in its place, where it is ready after a while.
fn changed(cx: &mut Cx<'_>, name: &str, mut row: Value) -> Value {
    row["LastUpdateStatus"] = "InProgress".into();
    row["_changed"] = true.into();
    row["_warm"] = Value::Null;
    cx.insert(Table::LambdaFunctions, name, row);
    touch(cx.account, cx.region, name);
    cx.later(WHILE, Table::LambdaFunctions, name, Then::Step(ready));
    cx.get(Table::LambdaFunctions, name).cloned().unwrap_or_default()
}

fn update_code(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, mut row) = changing(cx)?;
    let given = cx.input.clone();
    put_code(cx, &mut row, &given)?;
    if !given["Architectures"].is_null() {
        row["Architectures"] = given["Architectures"].clone();
    }
    if cx.is("DryRun") {
        return Ok(answered(&row));
    }
    let row = changed(cx, &name, row);
    Ok(published(cx, &name, &row))
}

fn update_configuration(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, mut row) = changing(cx)?;
    settings::apply(cx, &mut row)?;
    Ok(answered(&changed(cx, &name, row)))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let named = Named::of(cx)?;
    match named.qualifier.as_deref() {
        None => {
            cx.row(Table::LambdaFunctions, &named.name, || named.absent(cx.account, cx.region))?;
            forget(cx.account, cx.region, &named.name);
        }
        Some(LATEST) => return Err(invalid("$LATEST version cannot be deleted without deleting the function.")),
        Some(version) => versions::delete(cx, &named.name, version)?,
    }
    Ok(json!({ "StatusCode": 204 }))
}

/// Takes a function away with all that is of it; its logs stay.
pub(in crate::aws::services) fn forget(account: &mut Account, region: &str, name: &str) {
    let begin = format!("{name}/");
    for (table, member) in [(Table::LambdaVersions, "Version"), (Table::LambdaAliases, "Name")] {
        let of_it = |row: &&Value| row["FunctionName"] == name || row["_function"] == name;
        let ids = account.rows(region, table).filter(of_it).map(|row| format!("{begin}{}", text(row, member)));
        for id in ids.collect::<Vec<_>>() {
            account.remove(region, table, &id);
        }
    }
    account.remove(region, Table::LambdaRuns, name);
    account.remove(region, Table::LambdaFunctions, name);
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn limits(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let reserved: i64 = cx.rows(Table::LambdaFunctions).filter_map(|row| row["_reserved"].as_i64()).sum();
    let sizes = |table| -> u64 { cx.rows(table).filter_map(|row| row["CodeSize"].as_u64()).sum() };
    Ok(json!({
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800_u64, "CodeSizeUnzipped": 262_144_000, "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": CONCURRENCY, "UnreservedConcurrentExecutions": CONCURRENCY - reserved,
        },
        "AccountUsage": {
            "TotalCodeSize": sizes(Table::LambdaFunctions) + sizes(Table::LambdaVersions),
            "FunctionCount": cx.rows(Table::LambdaFunctions).count(),
        },
    }))
}

/// The function that an ARN without a qualifier names, for tags.
pub(super) fn by_arn(cx: &Cx<'_>, named: &str) -> Result<String, Refusal> {
    let name = named.rsplit(':').next().unwrap_or_default();
    let is = |row: &Value| row["FunctionArn"] == named;
    if cx.get(Table::LambdaFunctions, name).is_some_and(is) {
        return Ok(name.to_owned());
    }
    Err(absent(format!("Function not found: {named}")))
}
