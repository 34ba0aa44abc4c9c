//! Resources that take more than one operation to make.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::kinds::{Wanted, generated, said};
use crate::aws::{
    account::Account,
    services::{
        event,
        hyperpod_create::{lacking, make},
        lambda, within,
    },
    table::Table,
};

/// Properties of a function that the operation calls the same.
const FUNCTION_MEMBERS: &[&str] = &[
    "Architectures",
    "Code",
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
];

/// Makes a resource and says its id; deletes it by that.
pub(super) struct Maker {
    pub(super) make: fn(&mut Account, &str, &Wanted<'_>) -> Result<String, String>,
    pub(super) delete: fn(&mut Account, &str, &str),
}

pub(super) const ROLE: Maker = Maker { make: role, delete: delete_role };
pub(super) const LOG_GROUP: Maker = Maker { make: log_group, delete: delete_log_group };
pub(super) const FUNCTION: Maker = Maker { make: function, delete: lambda::forget };
pub(super) const HYPERPOD: Maker = Maker { make: hyperpod, delete: delete_hyperpod };

/// One call, with its refusal in the words of an event.
fn call(account: &mut Account, region: &str, service: &str, operation: &str, input: Value) -> Result<Value, String> {
    within(account, region, service, operation, input).map_err(|refusal| said(service, &refusal, account))
}

fn name(account: &mut Account, wanted: &Wanted<'_>, property: &str) -> String {
    let given = wanted.properties[property].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    given.unwrap_or_else(|| generated(account, wanted))
}

fn role(account: &mut Account, region: &str, wanted: &Wanted<'_>) -> Result<String, String> {
    let mut name = name(account, wanted, "RoleName");
    // Longer ones are cut, as CloudFormation does.
    name.truncate(64);
    let properties = wanted.properties;
    let mut input =
        json!({ "RoleName": name, "AssumeRolePolicyDocument": properties["AssumeRolePolicyDocument"].to_string() });
    for member in ["Path", "Description", "Tags"] {
        if !properties[member].is_null() {
            input[member] = properties[member].clone();
        }
    }
    call(account, region, "iam", "CreateRole", input)?;
    let equipped = equip(account, region, &name, properties);
    if equipped.is_err() {
        delete_role(account, region, &name);
    }
    equipped.map(|()| name)
}

/// Gives a role its policies.
fn equip(account: &mut Account, region: &str, name: &str, properties: &Value) -> Result<(), String> {
    for arn in properties["ManagedPolicyArns"].as_array().into_iter().flatten() {
        call(account, region, "iam", "AttachRolePolicy", json!({ "RoleName": name, "PolicyArn": arn }))?;
    }
    for policy in properties["Policies"].as_array().into_iter().flatten() {
        let text = policy["PolicyDocument"].to_string();
        let input = json!({ "RoleName": name, "PolicyName": policy["PolicyName"], "PolicyDocument": text });
        call(account, region, "iam", "PutRolePolicy", input)?;
    }
    Ok(())
}

fn delete_role(account: &mut Account, _: &str, name: &str) {
    account.remove("", Table::IamRoles, name);
}

fn log_group(account: &mut Account, region: &str, wanted: &Wanted<'_>) -> Result<String, String> {
    let name = name(account, wanted, "LogGroupName");
    call(account, region, "logs", "CreateLogGroup", json!({ "logGroupName": name }))?;
    let days = &wanted.properties["RetentionInDays"];
    let days = days.as_i64().or_else(|| days.as_str()?.parse().ok());
    if let Some(days) = days {
        let kept = call(
            account,
            region,
            "logs",
            "PutRetentionPolicy",
            json!({ "logGroupName": name, "retentionInDays": days }),
        );
        if let Err(why) = kept {
            delete_log_group(account, region, &name);
            return Err(why);
        }
    }
    Ok(name)
}

fn delete_log_group(account: &mut Account, region: &str, name: &str) {
    // One that somebody deleted before is gone as well.
    drop(within(account, region, "logs", "DeleteLogGroup", json!({ "logGroupName": name })));
}

/// A Lambda function. Code that stands in the template is a text, which is put into an archive.
fn function(account: &mut Account, region: &str, wanted: &Wanted<'_>) -> Result<String, String> {
    let mut name = name(account, wanted, "FunctionName");
    name.truncate(64);
    let mut input = json!({ "FunctionName": name });
    for member in FUNCTION_MEMBERS {
        if !wanted.properties[*member].is_null() {
            input[*member] = wanted.properties[*member].clone();
        }
    }
    for member in ["MemorySize", "Timeout"] {
        if let Some(number) = input[member].as_str().and_then(|text| text.parse::<i64>().ok()) {
            input[member] = number.into();
        } else if input[member].is_null() {
            input.as_object_mut().map(|input| input.shift_remove(member));
        }
    }
    if let Some(source) = wanted.properties["Code"]["ZipFile"].as_str() {
        let file = if text_of(wanted, "Runtime").starts_with("nodejs") { "index.js" } else { "index.py" };
        input["Code"]["ZipFile"] = BASE64_STANDARD.encode(lambda::archive(file, source.as_bytes())).into();
    }
    let tags = wanted.properties["Tags"].as_array().into_iter().flatten();
    let tags: Map<String, Value> =
        tags.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone()))).collect();
    input["Tags"] = tags.into();
    call(account, region, "lambda", "CreateFunction", input)?;
    Ok(name)
}

fn text_of<'w>(wanted: &'w Wanted<'_>, property: &str) -> &'w str {
    wanted.properties[property].as_str().unwrap_or_default()
}

/// A HyperPod cluster with its nodes. Groups come as a list, or as the JSON text of a parameter.
fn hyperpod(account: &mut Account, region: &str, wanted: &Wanted<'_>) -> Result<String, String> {
    let name = name(account, wanted, "ClusterName");
    if account.row(region, Table::HyperPodClusters, &name).is_some() {
        return Err(format!("Resource of type 'AWS::SageMaker::Cluster' with identifier '{name}' already exists."));
    }
    let given = &wanted.properties["InstanceGroups"];
    let read = given
        .as_str()
        .map(|text| serde_json::from_str(text).map_err(|error| format!("InstanceGroups is no JSON: {error}")));
    let groups: Value = read.transpose()?.unwrap_or_else(|| given.clone());
    // Parameters are texts, whatever they stand for; only these are known to be what the API has.
    let count =
        |group: &Value| group["InstanceCount"].as_u64().or_else(|| group["InstanceCount"].as_str()?.parse().ok());
    let row = |group: &Value| {
        json!({
            "InstanceGroupName": group["InstanceGroupName"], "InstanceType": group["InstanceType"],
            "InstanceCount": count(group).unwrap_or(0), "ExecutionRole": group["ExecutionRole"],
        })
    };
    let rows: Vec<Value> = groups.as_array().into_iter().flatten().map(row).collect();
    if let Some(why) = lacking(account, region, &rows) {
        return Err(format!("Insufficient capacity error: {why} (HandlerErrorCode: InsufficientCapacity)"));
    }
    let arn = make(account, region, &name, "InService", &Value::Null, &rows);
    event(account, region, &name, "", "The cluster was created by a stack.");
    Ok(arn)
}

fn delete_hyperpod(account: &mut Account, region: &str, arn: &str) {
    let of_arn = |row: &&Value| row["ClusterArn"] == arn;
    let name = account.rows(region, Table::HyperPodClusters).find(of_arn).and_then(|row| row["ClusterName"].as_str());
    let Some(name) = name.map(str::to_owned) else { return };
    let nodes = account.rows(region, Table::HyperPodNodes).filter(|row| row["cluster"] == name.as_str());
    let ids: Vec<String> = nodes.filter_map(|row| row["InstanceId"].as_str().map(str::to_owned)).collect();
    for id in ids {
        account.remove(region, Table::HyperPodNodes, &id);
    }
    account.remove(region, Table::HyperPodClusters, &name);
}
