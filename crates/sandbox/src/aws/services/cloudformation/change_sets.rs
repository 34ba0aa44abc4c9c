//! Change sets: what a stack would become, and making it so.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    kinds::STACK,
    nested,
    stack::Stack,
    stacks::{self, Plan, effects},
    template::{self, invalid},
};
use crate::aws::{
    account::{Account, Cx, Then},
    services::{Operations, ec2::shown},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("cloudformation", "CreateChangeSet", create),
    ("cloudformation", "DeleteChangeSet", delete),
    ("cloudformation", "DescribeChangeSet", describe),
    ("cloudformation", "ExecuteChangeSet", execute),
    ("cloudformation", "ListChangeSets", list),
];

/// What it takes to work one out.
const WORK: Duration = Duration::from_secs(4);
/// Why one fails that would change nothing.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

/// The change set that a call names, by its ARN, or by its name and that of its stack.
pub(super) fn named(cx: &Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("ChangeSetName");
    if let Some(row) = cx.get(Table::ChangeSets, &name) {
        return Ok(row.clone());
    }
    let missing = || Refusal::new(404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist"));
    if name.starts_with("arn:") {
        return Err(missing());
    }
    if cx.text("StackName").is_none() {
        return Err(invalid("StackName must be specified if ChangeSetName is not specified as an ARN."));
    }
    let stack = stacks::named(cx)?;
    let is = |row: &&Value| row["ChangeSetName"] == name && row["StackId"] == stack["StackId"];
    cx.rows(Table::ChangeSets).find(is).cloned().ok_or_else(missing)
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (stack_name, name) = (cx.name("StackName"), cx.name("ChangeSetName"));
    let kind = cx.text("ChangeSetType").unwrap_or("UPDATE");
    if kind == "IMPORT" || cx.is("ImportExistingResources") {
        return Err(crate::aws::endpoint::not_here("the import of resources"));
    }
    let there = stacks::find(cx, &stack_name);
    let reviewed = there.as_ref().is_some_and(|row| row["StackStatus"] == "REVIEW_IN_PROGRESS");
    match (&there, kind) {
        (None, "CREATE") => stacks::free(cx, &stack_name)?,
        (None, _) => return Err(invalid(format!("Stack [{stack_name}] does not exist"))),
        (Some(_), "CREATE") if !reviewed => {
            return Err(invalid(format!(
                "Stack [{stack_name}] already exists and cannot be created again with the changeSet [{name}]."
            )));
        }
        (Some(row), "UPDATE") => stacks::at_rest(row)?,
        _ => {}
    }
    let plan = stacks::planned(cx, there.as_ref())?;
    let stack_id = match &there {
        Some(row) => stacks::id(row),
        None => review(cx, &stack_name, &plan),
    };
    let is = |row: &Value| row["ChangeSetName"] == name && row["StackId"] == stack_id;
    if cx.rows(Table::ChangeSets).any(is) {
        return Err(Refusal::new(400, "AlreadyExistsException", format!("ChangeSet [{name}] already exists")));
    }
    let stack = Stack { region: cx.region, id: &stack_id };
    let more = json!({
        "Capabilities": cx.input["Capabilities"], "Description": cx.input["Description"], "OnStackFailure": cx.input["OnStackFailure"],
        "IncludeNestedStacks": cx.is("IncludeNestedStacks"),
    });
    let id = propose(cx.account, stack, &name, &plan, &more).map_err(invalid)?;
    Ok(json!({ "Id": id, "StackId": stack_id }))
}

/// Makes a stack that so far is only thought about.
fn review(cx: &mut Cx<'_>, name: &str, plan: &Plan) -> String {
    let id = stacks::new_id(cx.account, cx.region, name);
    let empty =
        Plan { text: String::new(), parsed: json!({}), parameters: serde_json::Map::new(), tags: plan.tags.clone() };
    stacks::insert(cx.account, cx.region, (name, &id), &empty, &json!({}));
    Stack { region: cx.region, id: &id }.becomes(cx.account, "REVIEW_IN_PROGRESS", Some("User Initiated"));
    id
}

/// Writes down what a plan would do to a stack, and to the stacks in it where that is wanted. The ARN of the change set.
fn propose(account: &mut Account, stack: Stack<'_>, name: &str, plan: &Plan, more: &Value) -> Result<String, String> {
    let row = stack.row(account);
    let id = {
        let unique = account.random.uid();
        account.arn("cloudformation", stack.region, &format!("changeSet/{name}/{unique}"))
    };
    let effects = effects(account, stack, plan)?;
    let (mut changes, mut inner) = (Vec::new(), json!({}));
    for effect in &effects {
        let mut change = json!({
            "Action": effect.action, "LogicalResourceId": effect.logical, "ResourceType": effect.kind,
            "Scope": if effect.action == "Modify" { json!(["Properties"]) } else { json!([]) }, "Details": [],
        });
        if !effect.physical.is_empty() {
            change["PhysicalResourceId"] = effect.physical.clone().into();
        }
        if effect.action == "Modify" {
            change["Replacement"] = if effect.replaces { "True" } else { "False" }.into();
            let detail = |property: &String| {
                json!({
                    "Target": {
                        "Attribute": if property == "Tags" { "Tags" } else { "Properties" }, "Name": property,
                        "RequiresRecreation": if effect.replaces { "Always" } else { "Never" },
                    },
                    "Evaluation": "Static", "ChangeSource": "DirectModification",
                })
            };
            change["Details"] = effect.changed.iter().map(detail).collect();
        }
        if effect.kind == STACK && effect.action != "Remove" && more["IncludeNestedStacks"] == true {
            let (set, arn) = propose_inner(account, stack, (name, &id), effect, more)?;
            change["ChangeSetId"] = set.into();
            inner[effect.logical.as_str()] = arn.into();
        }
        changes.push(json!({ "Type": "Resource", "ResourceChange": change }));
    }
    let mut set = json!({
        "ChangeSetName": name, "ChangeSetId": id, "StackId": stack.id, "StackName": row["StackName"], "Status": "CREATE_IN_PROGRESS",
        "ExecutionStatus": "UNAVAILABLE", "CreationTime": account.stamp(), "NotificationARNs": [], "RollbackConfiguration": {},
        "Parameters": template::shown(&plan.parsed, &plan.parameters), "Tags": plan.tags.as_array().cloned().unwrap_or_default(),
        "Changes": changes, "_template": plan.text, "_parsed": plan.parsed, "_parameters": plan.parameters, "_nested": inner,
    });
    for (member, value) in more.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        set[member.as_str()] = value.clone();
    }
    let nothing_changes =
        effects.is_empty() && row["Tags"] == set["Tags"] && row["_parsed"]["Outputs"] == plan.parsed["Outputs"];
    account.insert(stack.region, Table::ChangeSets, &id, set);
    let outcome =
        if nothing_changes && row["StackStatus"] != "REVIEW_IN_PROGRESS" && more.get("ParentChangeSetId").is_none() {
            vec![("/Status", json!("FAILED")), ("/StatusReason", json!(NO_CHANGES))]
        } else {
            vec![("/Status", json!("CREATE_COMPLETE")), ("/ExecutionStatus", json!("AVAILABLE"))]
        };
    account.later(WORK, stack.region, Table::ChangeSets, &id, Then::Set(outcome));
    Ok(id)
}

/// The change set of a nested stack, and the ARN that the stack has or will have.
fn propose_inner(
    account: &mut Account,
    parent: Stack<'_>,
    (name, set): (&str, &str),
    effect: &stacks::Effect,
    more: &Value,
) -> Result<(String, String), String> {
    let arn = if effect.physical.is_empty() {
        let row = parent.row(account);
        let wanted = super::kinds::Wanted {
            stack_name: row["StackName"].as_str().unwrap_or_default(),
            stack_id: parent.id,
            logical: &effect.logical,
            properties: &Value::Null,
        };
        let name = super::kinds::generated(account, &wanted);
        stacks::new_id(account, parent.region, &name)
    } else {
        effect.physical.clone()
    };
    let inner = Stack { region: parent.region, id: &arn };
    let before = inner.row(account)["_parameters"].clone();
    let mut plan = nested::plan(account, parent.region, &effect.properties, &before)?;
    plan.tags = inner.row(account)["Tags"].clone();
    let mut more = more.clone();
    more["RootChangeSetId"] = more.get("RootChangeSetId").cloned().unwrap_or_else(|| set.into());
    more["ParentChangeSetId"] = set.into();
    if inner.row(account).is_null() {
        more["StackName"] = arn.split('/').nth(1).unwrap_or_default().into();
    }
    let of_inner = propose(account, inner, &format!("{name}-{}", effect.logical), &plan, &more)?;
    Ok((of_inner, arn))
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    Ok(shown(&named(cx)?))
}

fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let stack = stacks::named(cx)?;
    let names = [
        "StackId",
        "StackName",
        "ChangeSetId",
        "ChangeSetName",
        "ExecutionStatus",
        "Status",
        "StatusReason",
        "CreationTime",
        "Description",
        "IncludeNestedStacks",
        "ParentChangeSetId",
        "RootChangeSetId",
    ];
    let summary = |row: &Value| -> Value {
        Value::Object(names.iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone()))).collect())
    };
    let rows = cx.rows(Table::ChangeSets).filter(|row| row["StackId"] == stack["StackId"]);
    Ok(json!({ "Summaries": rows.map(summary).collect::<Vec<_>>() }))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = match named(cx) {
        Ok(row) => row["ChangeSetId"].as_str().unwrap_or_default().to_owned(),
        // One that is not there is as good as deleted.
        Err(refusal) if refusal.code == "ChangeSetNotFound" => return Ok(json!({})),
        Err(refusal) => return Err(refusal),
    };
    forget(cx, &|row: &Value| row["ChangeSetId"] == id || row["RootChangeSetId"] == id);
    Ok(json!({}))
}

fn forget(cx: &mut Cx<'_>, doomed: &dyn Fn(&Value) -> bool) {
    let rows = cx.rows(Table::ChangeSets).filter(|row| doomed(row));
    let ids: Vec<String> = rows.filter_map(|row| row["ChangeSetId"].as_str().map(str::to_owned)).collect();
    for id in ids {
        cx.remove(Table::ChangeSets, &id);
    }
}

fn execute(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let set = named(cx)?;
    let id = set["ChangeSetId"].as_str().unwrap_or_default().to_owned();
    if set["ExecutionStatus"] != "AVAILABLE" || set["ParentChangeSetId"].is_string() {
        let status = set["Status"].as_str().unwrap_or_default();
        let message = format!("ChangeSet [{id}] cannot be executed in its current status of [{status}]");
        return Err(Refusal::new(400, "InvalidChangeSetStatus", message));
    }
    let stack_id = set["StackId"].as_str().unwrap_or_default().to_owned();
    let stack = Stack { region: cx.region, id: &stack_id };
    let plan = Plan {
        text: set["_template"].as_str().unwrap_or_default().to_owned(),
        parsed: set["_parsed"].clone(),
        parameters: set["_parameters"].as_object().cloned().unwrap_or_default(),
        tags: set["Tags"].clone(),
    };
    let failure = stacks::on_failure(cx, "OnStackFailure");
    let failure = if failure.is_null() { set["OnStackFailure"].clone() } else { failure };
    for (member, value) in [
        ("ChangeSetId", json!(id)),
        ("_nested", set["_nested"].clone()),
        ("_on_failure", failure),
        ("_token", cx.input["ClientRequestToken"].clone()),
    ] {
        stack.put(cx.account, member, value);
    }
    if set["Capabilities"].is_array() {
        stack.put(cx.account, "Capabilities", set["Capabilities"].clone());
    }
    if stack.status(cx.account) == "REVIEW_IN_PROGRESS" {
        let mut row = stack.row(cx.account);
        row["Parameters"] = template::shown(&plan.parsed, &plan.parameters);
        row["Tags"] = plan.tags;
        if let Some(about) = plan.parsed["Description"].as_str() {
            row["Description"] = about.into();
        }
        (row["_template"], row["_parsed"], row["_parameters"]) =
            (plan.text.into(), plan.parsed, plan.parameters.into());
        cx.insert(Table::Stacks, &stack_id, row);
        stack.becomes(cx.account, "CREATE_IN_PROGRESS", Some("User Initiated"));
        stack.look(cx.account);
    } else {
        stacks::at_rest(&stack.row(cx.account))?;
        stacks::begin_update(cx.account, stack, plan, Some("User Initiated"));
    }
    // The others were made for a stack that is no more as they knew it.
    forget(cx, &|row: &Value| row["StackId"] == stack_id && row["ChangeSetId"] != id);
    for (member, value) in [("/Status", "CREATE_COMPLETE"), ("/ExecutionStatus", "EXECUTE_COMPLETE")] {
        cx.put(Table::ChangeSets, &id, member, value.into());
    }
    Ok(json!({}))
}
