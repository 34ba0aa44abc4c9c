//! How stacks come about: their resources are made one after the other as they need each other, and taken back where one
//! fails. Everything happens over time: each step is something that is due.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    kinds::{self, STACK},
    nested,
    stack::{LOOK, Stack},
    template, undo,
};
use crate::aws::{
    account::{Account, Then},
    setting::StackWork,
    table::Table,
};

/// What is due at a stack.
pub(super) fn step(account: &mut Account, region: &str, id: &str) {
    let stack = Stack { region, id };
    match stack.status(account).as_str() {
        "CREATE_IN_PROGRESS" => make(account, stack, StackWork::Create),
        "UPDATE_IN_PROGRESS" => make(account, stack, StackWork::Update),
        "ROLLBACK_IN_PROGRESS" | "DELETE_IN_PROGRESS" => undo::delete(account, stack),
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" | "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" => {
            undo::clean(account, stack);
        }
        "UPDATE_ROLLBACK_IN_PROGRESS" => undo::restore(account, stack),
        _ => {}
    }
}

/// Begins every resource whose needs are met; ends where all are there.
fn make(account: &mut Account, stack: Stack<'_>, work: StackWork) {
    let row = stack.row(account);
    let wanted = match stack.wanted(account) {
        Ok(wanted) => wanted,
        Err(reason) => return undo::give_up(account, stack, work, &reason),
    };
    let round = &row["_round"];
    let is_done = |account: &Account, logical: &String| {
        let resource = stack.resource(account, logical);
        resource.is_some_and(|resource| {
            resource["_round"] == *round
                && resource["ResourceStatus"].as_str().is_some_and(|status| status.ends_with("_COMPLETE"))
        })
    };
    loop {
        let (mut left, mut again) = (0, false);
        for logical in &wanted {
            if is_done(account, logical) {
                continue;
            }
            left += 1;
            let needs = template::needs(&row["_parsed"], logical);
            let ready = needs.iter().filter(|need| wanted.contains(need)).all(|need| is_done(account, need));
            let begun = stack.resource(account, logical).is_some_and(|resource| resource["_round"] == *round);
            if !ready || begun {
                continue;
            }
            if !begin(account, stack, logical, round) {
                // It could not even be begun, and the stack goes back.
                return;
            }
            // What is as it should be lets others begin at once.
            again |= is_done(account, logical);
        }
        if left == 0 {
            return complete(account, stack, work);
        }
        if !again {
            return;
        }
    }
}

fn complete(account: &mut Account, stack: Stack<'_>, work: StackWork) {
    let row = stack.row(account);
    let outputs = stack.evaluate(account, |scope| {
        let mut outputs = Vec::new();
        for (name, output) in row["_parsed"]["Outputs"].as_object().into_iter().flatten() {
            if !output["Condition"].as_str().map_or(Ok(true), |name| scope.named_condition(name))? {
                continue;
            }
            let value = scope.value(&output["Value"])?.unwrap_or_default();
            let text = super::functions::plain(&value).unwrap_or_else(|| value.to_string());
            let mut shown = json!({ "OutputKey": name, "OutputValue": text });
            if let Some(about) = output["Description"].as_str() {
                shown["Description"] = about.into();
            }
            if let Some(export) = scope.value(&output["Export"]["Name"])?.filter(Value::is_string) {
                shown["ExportName"] = export;
            }
            outputs.push(shown);
        }
        Ok::<_, String>(outputs)
    });
    match outputs {
        Err(reason) => undo::give_up(account, stack, work, &reason),
        Ok(outputs) => {
            stack.put(account, "Outputs", outputs.into());
            if work == StackWork::Create {
                stack.becomes(account, "CREATE_COMPLETE", None);
                nested::ended(account, stack);
            } else {
                stack.becomes(account, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
                stack.look(account);
            }
        }
    }
}

/// Begins to make or change a resource; one that is as it should be is left alone. False where that failed at once.
fn begin(account: &mut Account, stack: Stack<'_>, logical: &str, round: &Value) -> bool {
    let row = stack.row(account);
    let declared = &row["_parsed"]["Resources"][logical];
    let name = declared["Type"].as_str().unwrap_or_default();
    let properties = stack.evaluate(account, |scope| scope.value(&declared["Properties"]));
    let there = stack.resource(account, logical).filter(|row| row["ResourceStatus"] != "DELETE_COMPLETE");
    let work = if there.is_some() { StackWork::Update } else { StackWork::Create };
    let evaluated = properties.map(|properties| properties.filter(Value::is_object).unwrap_or_else(|| json!({})));
    let wanted = evaluated.clone().unwrap_or_else(|_| json!({}));
    if there.as_ref().is_some_and(|there| there["_properties"] == wanted && name != STACK && evaluated.is_ok()) {
        stack.resource_has(account, logical, &json!({ "_round": round }));
        return true;
    }
    match &there {
        Some(there) => {
            let old = json!({
                "properties": there["_properties"], "id": there["PhysicalResourceId"], "attributes": there["_attributes"],
            });
            stack.resource_has(account, logical, &json!({ "_round": round, "_properties": wanted, "_old": old }));
        }
        None => {
            let resource = json!({
                "StackId": stack.id, "StackName": row["StackName"], "LogicalResourceId": logical, "PhysicalResourceId": "",
                "ResourceType": name, "Timestamp": account.stamp(), "ResourceStatus": "", "_round": round, "_properties": wanted,
                "_attributes": {}, "_retain": declared["DeletionPolicy"] == "Retain", "_needs": template::needs(&row["_parsed"], logical),
            });
            account.insert(stack.region, Table::StackResources, &stack.of(logical), resource);
        }
    }
    stack.resource_has(account, logical, &json!({ "_needs": template::needs(&row["_parsed"], logical) }));
    stack.resource_becomes(
        account,
        logical,
        if work == StackWork::Create { "CREATE_IN_PROGRESS" } else { "UPDATE_IN_PROGRESS" },
        None,
    );
    if let Err(reason) = evaluated {
        undo::fail(account, stack, logical, work, &reason);
        return false;
    }
    if name == STACK {
        if let Err(refusal) = nested::begin(account, stack, logical, work) {
            undo::fail(account, stack, logical, work, &refusal);
            return false;
        }
        return true;
    }
    let takes = kinds::of(name).map_or(LOOK, kinds::Kind::takes);
    wait(account, stack, logical, takes);
    true
}

/// Lets the work on a resource end after a time.
pub(super) fn wait(account: &mut Account, stack: Stack<'_>, logical: &str, takes: Duration) {
    let due = account.now() + takes / account.haste;
    stack.resource_has(
        account,
        logical,
        &json!({ "_due": due.unix_timestamp() * 1_000 + i64::from(due.millisecond()) }),
    );
    account.later(takes, stack.region, Table::StackResources, &stack.of(logical), Then::Step(finish));
}

/// The work on a resource ends.
fn finish(account: &mut Account, region: &str, id: &str) {
    let Some(row) = account.row(region, Table::StackResources, id).cloned() else { return };
    let now = account.now();
    let early =
        row["_due"].as_i64().is_none_or(|due| due > now.unix_timestamp() * 1_000 + i64::from(now.millisecond()));
    let (Some(stack_id), Some(logical)) = (row["StackId"].as_str(), row["LogicalResourceId"].as_str()) else { return };
    let stack = Stack { region, id: stack_id };
    if early {
        // It was given up since, and something else is under way.
        return;
    }
    match row["ResourceStatus"].as_str().unwrap_or_default() {
        "CREATE_IN_PROGRESS" => finish_making(account, stack, logical, &row, StackWork::Create),
        "UPDATE_IN_PROGRESS" if row["_restoring"] == true => undo::restored(account, stack, logical, &row),
        "UPDATE_IN_PROGRESS" => finish_making(account, stack, logical, &row, StackWork::Update),
        "DELETE_IN_PROGRESS" => undo::deleted(account, stack, logical, &row),
        _ => {}
    }
}

fn finish_making(account: &mut Account, stack: Stack<'_>, logical: &str, row: &Value, work: StackWork) {
    let told = told(account, stack, logical, work);
    let done = match told {
        Some(reason) => Err(reason),
        None if work == StackWork::Create => make_one(account, stack, logical, row),
        None => change_one(account, stack, logical, row),
    };
    match done {
        Err(reason) => undo::fail(account, stack, logical, work, &reason),
        Ok(()) => {
            let status = if work == StackWork::Create { "CREATE_COMPLETE" } else { "UPDATE_COMPLETE" };
            stack.resource_becomes(account, logical, status, None);
            step(account, stack.region, stack.id);
        }
    }
}

fn make_one(account: &mut Account, stack: Stack<'_>, logical: &str, row: &Value) -> Result<(), String> {
    let name = row["ResourceType"].as_str().unwrap_or_default();
    let kind = kinds::of(name).ok_or_else(|| format!("{name} is not in the sandbox"))?;
    let stack_name = row["StackName"].as_str().unwrap_or_default();
    let wanted = kinds::Wanted { stack_name, stack_id: stack.id, logical, properties: &row["_properties"] };
    let made = kind.make(account, stack.region, &wanted)?;
    stack.resource_has(account, logical, &json!({ "PhysicalResourceId": made.id, "_attributes": made.attributes }));
    Ok(())
}

/// Names of the properties that differ.
pub(super) fn changed(before: &Value, after: &Value) -> Vec<String> {
    let names = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let mut all = names(before);
    all.extend(names(after));
    all.sort();
    all.dedup();
    all.retain(|name| before[name.as_str()] != after[name.as_str()]);
    all
}

fn change_one(account: &mut Account, stack: Stack<'_>, logical: &str, row: &Value) -> Result<(), String> {
    let name = row["ResourceType"].as_str().unwrap_or_default();
    let kind = kinds::of(name).ok_or_else(|| format!("{name} is not in the sandbox"))?;
    let changed = changed(&row["_old"]["properties"], &row["_properties"]);
    if changed.iter().any(|name| kind.replacing.contains(&name.as_str())) {
        make_one(account, stack, logical, row)?;
        stack.resource_has(account, logical, &json!({ "_replaced": row["_old"]["id"] }));
        return Ok(());
    }
    match changed.iter().find(|name| *name != "Tags") {
        Some(property) if kind.is_real() => {
            Err(format!("a change of {property} of {name} in place is not in the sandbox"))
        }
        _ => Ok(()),
    }
}

/// The failure that somebody told the account.
pub(super) fn told(account: &Account, stack: Stack<'_>, logical: &str, work: StackWork) -> Option<String> {
    let (mut row, mut path) = (stack.row(account), logical.to_owned());
    while let Some(parent) = row["ParentId"].as_str() {
        path = format!("{}/{path}", row["_resource"].as_str().unwrap_or_default());
        row = account.row(stack.region, Table::Stacks, parent).cloned().unwrap_or_default();
    }
    let known = &account.standing.stack_failures;
    let is = |known: &&crate::aws::setting::StackFailure| {
        row["StackName"] == known.stack && known.resource == path && known.when == work
    };
    known.iter().find(is).map(|known| known.reason.clone())
}
