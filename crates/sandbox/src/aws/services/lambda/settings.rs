//! What a function is set to: taken from calls, with what Lambda makes of it.

use serde_json::{Value, json};

use super::{invalid, refused, text};
use crate::aws::{account::Cx, endpoint::not_here, table::Table, wire::Refusal};

/// Members that are kept as they come.
const KEPT: &[&str] = &[
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "KMSKeyArn",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
];

/// Members that would have to do something that the sandbox has not.
const ABSENT: &[&str] = &[
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "DurableConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "Layers",
    "PublishTo",
    "TenancyConfig",
];

/// Members with the least and the most that they can be.
const BOUNDS: &[(&str, i64, i64)] = &[("MemorySize", 128, 10_240), ("Timeout", 1, 900)];

/// Bytes of all variables of the environment.
const VARIABLES: usize = 4_096;

/// Lays what a call sets over the configuration of a function.
pub(super) fn apply(cx: &Cx<'_>, row: &mut Value) -> Result<(), Refusal> {
    check(cx)?;
    for member in KEPT {
        if !cx.input[*member].is_null() {
            row[*member] = cx.input[*member].clone();
        }
    }
    if cx.input["VpcConfig"].is_object() {
        row["VpcConfig"] = network(cx)?;
    }
    let logging = &cx.input["LoggingConfig"];
    if logging.is_object() {
        if logging["LogFormat"] == "JSON" {
            return Err(not_here("logs of functions as JSON"));
        }
        let usual = format!("/aws/lambda/{}", text(row, "FunctionName"));
        row["LoggingConfig"] =
            json!({ "LogFormat": "Text", "LogGroup": logging["LogGroup"].as_str().unwrap_or(&usual) });
    }
    Ok(())
}

fn check(cx: &Cx<'_>) -> Result<(), Refusal> {
    if let Some(member) =
        ABSENT.iter().find(|member| !matches!(&cx.input[**member], Value::Null) && !is_empty(&cx.input[**member]))
    {
        return Err(not_here(&format!("{member} of Lambda functions")));
    }
    if cx.input["SnapStart"]["ApplyOn"] == "PublishedVersions" {
        return Err(not_here("SnapStart"));
    }
    for (member, least, most) in BOUNDS {
        if let Some(value) = cx.input[*member].as_i64().filter(|value| !(least..=most).contains(&value)) {
            let (bound, which) = if value < *least { (least, "greater") } else { (most, "less") };
            let place = format!("{}{}", member[..1].to_lowercase(), &member[1..]);
            return Err(invalid(format!(
                "1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: Member must have value {which} \
                 than or equal to {bound}"
            )));
        }
    }
    let variables = &cx.input["Environment"]["Variables"];
    if variables.is_object() && variables.to_string().len() > VARIABLES {
        return Err(invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             exceeded the 4KB limit.",
        ));
    }
    cx.text("Role").map_or(Ok(()), |role| trusted(cx, role))
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Refuses a role that there is not, or that Lambda may not take on.
fn trusted(cx: &Cx<'_>, arn: &str) -> Result<(), Refusal> {
    if !(arn.starts_with("arn:") && arn.contains(":iam::") && arn.contains(":role/")) {
        let message = format!(
            "1 validation error detected: Value '{arn}' at 'role' failed to satisfy constraint: Member must satisfy regular expression \
             pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{{12}}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"
        );
        return Err(refused(400, "ValidationException", message));
    }
    let trusts = |row: &Value| {
        let trust = percent_encoding::percent_decode_str(text(row, "AssumeRolePolicyDocument")).decode_utf8_lossy();
        trust.contains("lambda.amazonaws.com")
    };
    let role = cx.rows(Table::IamRoles).find(|row| row["Arn"] == arn);
    if role.is_some_and(trusts) {
        return Ok(());
    }
    Err(invalid("The role defined for the function cannot be assumed by Lambda."))
}

/// The network of a function: its subnets and groups, which must be there, and the VPC that they are in.
fn network(cx: &Cx<'_>) -> Result<Value, Refusal> {
    let given = &cx.input["VpcConfig"];
    let ids = |member: &str| given[member].as_array().cloned().unwrap_or_default();
    let (subnets, groups) = (ids("SubnetIds"), ids("SecurityGroupIds"));
    if subnets.is_empty() && groups.is_empty() {
        return Ok(json!({ "SubnetIds": [], "SecurityGroupIds": [], "VpcId": "" }));
    }
    if subnets.is_empty() || groups.is_empty() {
        return Err(invalid("Both SubnetIds and SecurityGroupIds are needed to place a function in a VPC."));
    }
    let mut vpc = Value::Null;
    for (table, ids, code) in [
        (Table::SecurityGroups, &groups, "InvalidGroup.NotFound"),
        (Table::Subnets, &subnets, "InvalidSubnetID.NotFound"),
    ] {
        for id in ids {
            let id = id.as_str().unwrap_or_default();
            let row = cx.row(table, id, || {
                invalid(format!("Error occurred while looking for '{id}'. EC2 Error Code: {code}."))
            })?;
            vpc = row["VpcId"].clone();
        }
    }
    Ok(json!({ "SubnetIds": subnets, "SecurityGroupIds": groups, "VpcId": vpc }))
}
