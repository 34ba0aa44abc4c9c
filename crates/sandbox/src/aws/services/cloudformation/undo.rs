//! How stacks go: resources fail, what was made is taken back, and stacks are deleted.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    kinds::{self, STACK},
    nested,
    run::{changed, told, wait},
    stack::Stack,
};
use crate::aws::{account::Account, setting::StackWork};

/// What it takes to put a resource back to what it was.
const PUT_BACK: Duration = Duration::from_secs(5);

/// Words for what is done.
fn words(work: StackWork) -> (&'static str, &'static str, &'static str) {
    match work {
        StackWork::Create => ("CREATE", "create", "creation"),
        StackWork::Update => ("UPDATE", "update", "update"),
        StackWork::Delete => ("DELETE", "delete", "deletion"),
    }
}

fn status(row: &Value) -> &str {
    row["ResourceStatus"].as_str().unwrap_or_default()
}

fn logical(row: &Value) -> &str {
    row["LogicalResourceId"].as_str().unwrap_or_default()
}

/// The logical ids of those whose work failed.
fn failed(account: &Account, stack: Stack<'_>, endings: &[&str]) -> String {
    let rows = stack.resources(account);
    let failed = rows.iter().filter(|row| endings.contains(&status(row))).map(logical);
    failed.collect::<Vec<_>>().join(", ")
}

/// Ends the work on everything else of a stack.
pub(super) fn cancel(account: &mut Account, stack: Stack<'_>) {
    for row in stack.resources(account) {
        let work = match status(&row) {
            "CREATE_IN_PROGRESS" => StackWork::Create,
            "UPDATE_IN_PROGRESS" => StackWork::Update,
            _ => continue,
        };
        let (state, _, noun) = words(work);
        let reason = format!("Resource {noun} cancelled");
        stack.resource_has(account, logical(&row), &json!({ "_due": null }));
        stack.resource_becomes(account, logical(&row), &format!("{state}_FAILED"), Some(&reason));
        if row["ResourceType"] == STACK
            && let Some(id) = row["PhysicalResourceId"].as_str().filter(|id| !id.is_empty())
        {
            let inner = Stack { region: stack.region, id };
            cancel(account, inner);
            inner.becomes(account, &format!("{state}_FAILED"), Some(&reason));
        }
    }
}

/// A resource could not be made or changed: its stack goes back.
pub(super) fn fail(account: &mut Account, stack: Stack<'_>, name: &str, work: StackWork, reason: &str) {
    let (state, _, _) = words(work);
    stack.resource_has(account, name, &json!({ "_due": null }));
    stack.resource_becomes(account, name, &format!("{state}_FAILED"), Some(reason));
    cancel(account, stack);
    let names = failed(account, stack, &["CREATE_FAILED", "UPDATE_FAILED"]);
    let of_stack = if stack.status(account) == "UPDATE_IN_PROGRESS" { StackWork::Update } else { StackWork::Create };
    let said = format!("The following resource(s) failed to {}: [{names}]. ", words(of_stack).1);
    give_up(account, stack, of_stack, &said);
}

/// A stack goes back, or stays as it is where that is wanted.
pub(super) fn give_up(account: &mut Account, stack: Stack<'_>, work: StackWork, reason: &str) {
    let row = stack.row(account);
    let (state, _, _) = words(work);
    if row["ParentId"].is_string() {
        // What becomes of it is the parent's to say.
        stack.becomes(account, &format!("{state}_FAILED"), Some(reason));
        return nested::ended(account, stack);
    }
    let requested = |what: &str| format!("{}. {what} requested by user.", reason.trim_end().trim_end_matches('.'));
    match (work, row["_on_failure"].as_str().unwrap_or("ROLLBACK")) {
        (_, "DO_NOTHING") => return stack.becomes(account, &format!("{state}_FAILED"), Some(reason)),
        (StackWork::Create, "DELETE") => stack.becomes(account, "DELETE_IN_PROGRESS", Some(&requested("Delete"))),
        (StackWork::Create, _) => stack.becomes(account, "ROLLBACK_IN_PROGRESS", Some(&requested("Rollback"))),
        _ => stack.becomes(account, "UPDATE_ROLLBACK_IN_PROGRESS", Some(reason)),
    }
    stack.look(account);
}

/// Deletes what of a stack can go now; ends where nothing is left, or nothing can go.
pub(super) fn delete(account: &mut Account, stack: Stack<'_>) {
    let all = |_: &Value| true;
    let stands = take_away(account, stack, &all);
    if stands {
        return;
    }
    let names = failed(account, stack, &["DELETE_FAILED"]);
    let back = stack.status(account) == "ROLLBACK_IN_PROGRESS";
    if names.is_empty() {
        stack.becomes(account, if back { "ROLLBACK_COMPLETE" } else { "DELETE_COMPLETE" }, None);
    } else {
        let reason = format!("The following resource(s) failed to delete: [{names}]. ");
        stack.becomes(account, if back { "ROLLBACK_FAILED" } else { "DELETE_FAILED" }, Some(&reason));
    }
    nested::ended(account, stack);
}

/// Begins to delete every doomed resource that nothing needs any more. Whether something is still being done.
fn take_away(account: &mut Account, stack: Stack<'_>, doomed: &dyn Fn(&Value) -> bool) -> bool {
    let gone = |row: &Value| matches!(status(row), "DELETE_COMPLETE" | "DELETE_SKIPPED");
    loop {
        let rows = stack.resources(account);
        let standing: Vec<&Value> = rows.iter().filter(|row| !gone(row) && doomed(row)).collect();
        let needed = |row: &Value| {
            let needs = |other: &&&Value| {
                other["_needs"].as_array().is_some_and(|needs| needs.contains(&row["LogicalResourceId"]))
            };
            standing.iter().any(|other| needs(&other) && logical(other) != logical(row))
        };
        let free = |row: &&&Value| !matches!(status(row), "DELETE_IN_PROGRESS" | "DELETE_FAILED") && !needed(row);
        let free: Vec<Value> = standing.iter().filter(free).map(|row| (*row).clone()).collect();
        let at_work = standing.iter().any(|row| status(row) == "DELETE_IN_PROGRESS");
        if free.is_empty() {
            return at_work;
        }
        for row in free {
            begin_deleting(account, stack, &row);
        }
    }
}

fn begin_deleting(account: &mut Account, stack: Stack<'_>, row: &Value) {
    let (name, made) = (logical(row), row["PhysicalResourceId"].as_str().is_some_and(|id| !id.is_empty()));
    if row["_retain"] == true && made && stack.status(account) == "DELETE_IN_PROGRESS" {
        return stack.resource_becomes(account, name, "DELETE_SKIPPED", None);
    }
    if !made {
        return stack.resource_becomes(account, name, "DELETE_COMPLETE", None);
    }
    stack.resource_becomes(account, name, "DELETE_IN_PROGRESS", None);
    if row["ResourceType"] == STACK {
        let id = row["PhysicalResourceId"].as_str().unwrap_or_default();
        let inner = Stack { region: stack.region, id };
        inner.becomes(account, "DELETE_IN_PROGRESS", None);
        return inner.look(account);
    }
    let takes = row["ResourceType"].as_str().and_then(kinds::of).map_or(PUT_BACK, kinds::Kind::takes);
    wait(account, stack, name, takes / 2);
}

/// The deletion of a resource ends.
pub(super) fn deleted(account: &mut Account, stack: Stack<'_>, name: &str, row: &Value) {
    let id = row["PhysicalResourceId"].as_str().unwrap_or_default();
    let kind = row["ResourceType"].as_str().and_then(kinds::of);
    let done = match told(account, stack, name, StackWork::Delete) {
        Some(reason) => Err(reason),
        None => kind.map_or(Ok(()), |kind| kind.delete(account, stack.region, id)),
    };
    match done {
        Ok(()) => stack.resource_becomes(account, name, "DELETE_COMPLETE", None),
        Err(reason) => stack.resource_becomes(account, name, "DELETE_FAILED", Some(&reason)),
    }
    super::run::step(account, stack.region, stack.id);
}

/// After an update, or after its undoing: deletes what the template does not have.
pub(super) fn clean(account: &mut Account, stack: Stack<'_>) {
    for row in stack.resources(account) {
        let Some(old) = row["_replaced"].as_str() else { continue };
        let kind = row["ResourceType"].as_str().and_then(kinds::of);
        // What replaced it is in use; the old one that cannot go stays, as at AWS.
        drop(kind.map(|kind| kind.delete(account, stack.region, old)));
        stack.resource_has(account, logical(&row), &json!({ "_replaced": null }));
    }
    let wanted = stack.wanted(account).unwrap_or_default();
    let doomed = |row: &Value| !wanted.iter().any(|name| name == logical(row)) && status(row) != "DELETE_FAILED";
    if take_away(account, stack, &doomed) {
        return;
    }
    let back = stack.status(account) == "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS";
    stack.becomes(account, if back { "UPDATE_ROLLBACK_COMPLETE" } else { "UPDATE_COMPLETE" }, None);
    nested::ended(account, stack);
}

/// Puts back what an update that failed had changed.
pub(super) fn restore(account: &mut Account, stack: Stack<'_>) {
    let row = stack.row(account);
    let touched = |resource: &&Value| {
        resource["_round"] == row["_round"] && resource["_old"].is_object() && resource["_restored"] != row["_round"]
    };
    let resources = stack.resources(account);
    let mut left = false;
    for resource in resources.iter().filter(touched) {
        left = true;
        if resource["_restoring"] == true {
            continue;
        }
        let name = logical(resource);
        stack.resource_has(account, name, &json!({ "_restoring": true }));
        stack.resource_becomes(account, name, "UPDATE_IN_PROGRESS", None);
        if resource["ResourceType"] == STACK {
            nested::restore(account, stack, name, resource);
        } else {
            wait(account, stack, name, PUT_BACK);
        }
    }
    if left {
        return;
    }
    // From here on the template is the one of before.
    for (name, value) in row["_before"].as_object().into_iter().flatten() {
        stack.put(account, name, value.clone());
    }
    stack.becomes(account, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None);
    stack.look(account);
}

/// A resource is again what it was.
pub(super) fn restored(account: &mut Account, stack: Stack<'_>, name: &str, row: &Value) {
    let (old, new) = (&row["_old"], &row["PhysicalResourceId"]);
    if let (Some(id), true) = (new.as_str(), old["id"] != *new)
        && let Some(kind) = row["ResourceType"].as_str().and_then(kinds::of)
    {
        // What was made in its place goes; an own failure would hide the one that led here.
        drop(kind.delete(account, stack.region, id));
    }
    let members = json!({
        "PhysicalResourceId": old["id"], "_attributes": old["attributes"], "_properties": old["properties"], "_replaced": null,
        "_restoring": null, "_restored": row["_round"],
    });
    stack.resource_has(account, name, &members);
    stack.resource_becomes(account, name, "UPDATE_COMPLETE", None);
    super::run::step(account, stack.region, stack.id);
}

/// Whether an update would change anything of a resource, and whether it would make it anew.
pub(super) fn effect(name: &str, before: &Value, after: &Value) -> (Vec<String>, bool) {
    let changed = changed(before, after);
    let replaces =
        kinds::of(name).is_some_and(|kind| changed.iter().any(|name| kind.replacing.contains(&name.as_str())));
    (changed, replaces)
}
