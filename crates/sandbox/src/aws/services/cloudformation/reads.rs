//! What there is to see of stacks and templates.

use serde_json::{Value, json};

use super::{
    stacks::{find, id, named},
    template::{self, invalid},
};
use crate::aws::{
    account::Cx,
    services::{Operations, ec2::shown},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("cloudformation", "DescribeStackEvents", events),
    ("cloudformation", "DescribeStackResource", resource),
    ("cloudformation", "DescribeStackResources", resources),
    ("cloudformation", "DescribeStacks", describe),
    ("cloudformation", "GetTemplate", text),
    ("cloudformation", "GetTemplateSummary", summary),
    ("cloudformation", "ListExports", exports),
    ("cloudformation", "ListStackResources", list_resources),
    ("cloudformation", "ListStacks", list),
    ("cloudformation", "ValidateTemplate", validate),
];

/// Members of a row, those that it has.
fn members(row: &Value, names: &[&str]) -> Value {
    let there = names.iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone())));
    Value::Object(there.collect())
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    if cx.text("StackName").is_some() {
        return Ok(json!({ "Stacks": [shown(&named(cx)?)] }));
    }
    let there = cx.rows(Table::Stacks).filter(|row| row["StackStatus"] != "DELETE_COMPLETE");
    Ok(json!({ "Stacks": there.map(shown).collect::<Vec<_>>() }))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let wanted = cx.texts("StackStatusFilter");
    let fits = |row: &&Value| wanted.is_empty() || wanted.iter().any(|status| row["StackStatus"] == *status);
    let summary = |row: &Value| {
        let mut summary = members(
            row,
            &[
                "StackId",
                "StackName",
                "CreationTime",
                "LastUpdatedTime",
                "DeletionTime",
                "StackStatus",
                "StackStatusReason",
                "ParentId",
                "RootId",
            ],
        );
        summary["DriftInformation"] = row["DriftInformation"].clone();
        if let Some(about) = row["Description"].as_str() {
            summary["TemplateDescription"] = about.into();
        }
        summary
    };
    // Newest first.
    let mut rows: Vec<Value> = cx.rows(Table::Stacks).filter(fits).map(summary).collect();
    rows.reverse();
    Ok(json!({ "StackSummaries": rows }))
}

fn events(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("StackName");
    let stack = find(cx, &name).ok_or_else(|| invalid(format!("Stack [{name}] does not exist")))?;
    let mut rows: Vec<&Value> = cx.rows(Table::StackEvents).filter(|row| row["StackId"] == stack["StackId"]).collect();
    rows.reverse();
    let window = cx.window(rows.len());
    Ok(json!({ "StackEvents": &rows[window] }))
}

fn of_stack<'c>(cx: &'c Cx<'_>, stack: &Value) -> impl Iterator<Item = &'c Value> {
    let id = id(stack);
    cx.rows(Table::StackResources).filter(move |row| row["StackId"] == id)
}

const RESOURCE: &[&str] =
    &["LogicalResourceId", "PhysicalResourceId", "ResourceType", "ResourceStatus", "ResourceStatusReason"];

/// A resource in one of the three forms that answers have.
fn as_answered(row: &Value, of_stack: bool, stamp: &str) -> Value {
    let mut shown = members(row, RESOURCE);
    if of_stack {
        shown["StackId"] = row["StackId"].clone();
        shown["StackName"] = row["StackName"].clone();
    }
    shown[stamp] = row["Timestamp"].clone();
    shown["DriftInformation"] = json!({ "StackResourceDriftStatus": "NOT_CHECKED" });
    shown
}

fn list_resources(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let stack = named(cx)?;
    let rows: Vec<Value> = of_stack(cx, &stack).map(|row| as_answered(row, false, "LastUpdatedTimestamp")).collect();
    Ok(json!({ "StackResourceSummaries": rows }))
}

fn resources(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let stack = match (cx.text("StackName"), cx.text("PhysicalResourceId")) {
        (Some(_), Some(_)) => return Err(invalid("StackName and PhysicalResourceId cannot both be specified.")),
        (Some(_), None) => named(cx)?,
        (None, Some(physical)) => {
            let of = cx.rows(Table::StackResources).find(|row| row["PhysicalResourceId"] == physical);
            let of = of.and_then(|row| find(cx, row["StackId"].as_str()?));
            of.ok_or_else(|| invalid(format!("Stack for {physical} does not exist")))?
        }
        (None, None) => return Err(invalid("Either StackName or PhysicalResourceId must be specified.")),
    };
    let logical = cx.text("LogicalResourceId");
    let fits = |row: &&Value| logical.is_none_or(|name| row["LogicalResourceId"] == name);
    // 100 and no more: the others are listed.
    let rows = of_stack(cx, &stack).filter(fits).take(100);
    Ok(json!({ "StackResources": rows.map(|row| as_answered(row, true, "Timestamp")).collect::<Vec<_>>() }))
}

fn resource(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let stack = named(cx)?;
    let logical = cx.name("LogicalResourceId");
    let row = of_stack(cx, &stack).find(|row| row["LogicalResourceId"] == logical);
    let name = stack["StackName"].as_str().unwrap_or_default();
    let row = row.ok_or_else(|| invalid(format!("Resource {logical} does not exist for stack {name}")))?;
    Ok(json!({ "StackResourceDetail": as_answered(row, true, "LastUpdatedTimestamp") }))
}

fn text(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let row = match cx.text("ChangeSetName") {
        Some(_) => super::change_sets::named(cx)?,
        None => named(cx)?,
    };
    Ok(json!({ "TemplateBody": row["_template"], "StagesAvailable": ["Original", "Processed"] }))
}

fn given(cx: &Cx<'_>) -> Result<Value, Refusal> {
    let text = template::text(cx)?.ok_or_else(|| invalid("Either Template URL or Template Body must be specified."))?;
    template::read(&text)
}

fn summary(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    if cx.text("StackSetName").is_some() {
        return Err(crate::aws::endpoint::not_here("a set of stacks"));
    }
    let template = if cx.text("StackName").is_some() { named(cx)?["_parsed"].clone() } else { given(cx)? };
    Ok(template::summary(&template, true))
}

fn validate(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    Ok(template::summary(&given(cx)?, false))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn exports(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let of_stack = |row: &Value| -> Vec<Value> {
        let outputs = row["Outputs"].as_array().into_iter().flatten().filter(|output| output["ExportName"].is_string());
        let shown = |output: &Value| json!({ "ExportingStackId": row["StackId"], "Name": output["ExportName"], "Value": output["OutputValue"] });
        outputs.map(shown).collect()
    };
    let there = cx.rows(Table::Stacks).filter(|row| row["StackStatus"] != "DELETE_COMPLETE");
    Ok(json!({ "Exports": there.flat_map(of_stack).collect::<Vec<_>>() }))
}
