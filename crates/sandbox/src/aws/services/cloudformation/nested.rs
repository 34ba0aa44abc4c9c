//! Stacks in stacks: made, changed and ended for the resource that they are in their parent.

use serde_json::{Map, Value, json};

use super::{
    functions::plain,
    kinds::{Wanted, generated},
    run::step,
    stack::Stack,
    stacks::{self, Plan},
    template, undo,
};
use crate::aws::{
    account::{Account, Cx},
    setting::StackWork,
};

/// What a nested stack is to be, by the properties of its resource.
pub(super) fn plan(account: &mut Account, region: &str, properties: &Value, before: &Value) -> Result<Plan, String> {
    let address = properties["TemplateURL"].as_str().ok_or("Property TemplateURL cannot be empty.")?;
    let nothing = json!({});
    let cx = Cx::own(account, region, &nothing);
    let text = template::from_s3(&cx, address).map_err(|refusal| refusal.message)?;
    let parsed = template::read(&text).map_err(|refusal| refusal.message)?;
    let given = properties["Parameters"].as_object().into_iter().flatten().map(|(name, value)| {
        let texts = value.as_array().map(|items| items.iter().filter_map(plain).collect::<Vec<_>>().join(","));
        json!({ "ParameterKey": name, "ParameterValue": texts.or_else(|| plain(value)) })
    });
    let parameters = template::parameters(&parsed, &given.collect(), before).map_err(|refusal| refusal.message)?;
    Ok(Plan { text, parsed, parameters, tags: properties["Tags"].clone() })
}

/// Begins a nested stack, or a change of it. The error is the reason that its event gives.
pub(super) fn begin(account: &mut Account, parent: Stack<'_>, logical: &str, work: StackWork) -> Result<(), String> {
    let resource = parent.resource(account, logical).unwrap_or_default();
    let row = parent.row(account);
    if work == StackWork::Update {
        return change(account, parent, logical, &resource);
    }
    let mut plan = plan(account, parent.region, &resource["_properties"], &Value::Null)?;
    template::acknowledged(&plan.parsed, &row["Capabilities"]).map_err(|refusal| refusal.message)?;
    plan.tags = inherited(&row, &plan.tags);
    let stack_name = row["StackName"].as_str().unwrap_or_default();
    let wanted = Wanted { stack_name, stack_id: parent.id, logical, properties: &Value::Null };
    let promised = row["_nested"][logical].as_str().map(str::to_owned);
    let (name, id) = match promised {
        Some(id) => (id.split('/').nth(1).unwrap_or_default().to_owned(), id),
        None => {
            let name = generated(account, &wanted);
            let id = stacks::new_id(account, parent.region, &name);
            (name, id)
        }
    };
    let root = row["RootId"].as_str().unwrap_or(parent.id).to_owned();
    let more = json!({
        "ParentId": parent.id, "RootId": root, "Capabilities": row["Capabilities"], "_resource": logical, "_token": row["_token"],
    });
    parent.resource_has(account, logical, &json!({ "PhysicalResourceId": id }));
    parent.resource_becomes(account, logical, "CREATE_IN_PROGRESS", Some("Resource creation Initiated"));
    stacks::insert(account, parent.region, (&name, &id), &plan, &more);
    let inner = Stack { region: parent.region, id: &id };
    inner.becomes(account, "CREATE_IN_PROGRESS", None);
    inner.look(account);
    Ok(())
}

/// Tags of a parent are those of its children, too.
fn inherited(parent: &Value, own: &Value) -> Value {
    let own: Vec<Value> = own.as_array().cloned().unwrap_or_default();
    let more = parent["Tags"].as_array().into_iter().flatten();
    let more: Vec<Value> = more.filter(|tag| !own.iter().any(|known| known["Key"] == tag["Key"])).cloned().collect();
    own.into_iter().chain(more).collect()
}

fn change(account: &mut Account, parent: Stack<'_>, logical: &str, resource: &Value) -> Result<(), String> {
    let id = resource["PhysicalResourceId"].as_str().unwrap_or_default();
    let inner = Stack { region: parent.region, id };
    let row = inner.row(account);
    let mut plan = plan(account, parent.region, &resource["_properties"], &row["_parameters"])?;
    plan.tags = inherited(&parent.row(account), &plan.tags);
    if !stacks::differs(account, inner, &plan) {
        parent.resource_becomes(account, logical, "UPDATE_COMPLETE", None);
        return Ok(());
    }
    stacks::begin_update(account, inner, plan, None);
    Ok(())
}

/// Puts a nested stack back to what it was.
pub(super) fn restore(account: &mut Account, parent: Stack<'_>, logical: &str, resource: &Value) {
    let id = resource["PhysicalResourceId"].as_str().unwrap_or_default();
    let inner = Stack { region: parent.region, id };
    let status = inner.status(account);
    if !matches!(status.as_str(), "UPDATE_FAILED" | "UPDATE_COMPLETE") || inner.row(account)["_before"].is_null() {
        return undo::restored(account, parent, logical, resource);
    }
    inner.becomes(account, "UPDATE_ROLLBACK_IN_PROGRESS", None);
    inner.look(account);
}

/// A nested stack has come to an end: so has its resource in the parent.
pub(super) fn ended(account: &mut Account, inner: Stack<'_>) {
    let row = inner.row(account);
    let (Some(parent), Some(logical)) = (row["ParentId"].as_str(), row["_resource"].as_str()) else { return };
    let parent = Stack { region: inner.region, id: parent };
    let Some(resource) = parent.resource(account, logical) else { return };
    let said = |what: &str| {
        let reason = row["StackStatusReason"].as_str().unwrap_or_default();
        format!("Embedded stack {} was not successfully {what}: {reason}", inner.id)
    };
    let under_way = resource["ResourceStatus"].as_str().unwrap_or_default();
    match (under_way, row["StackStatus"].as_str().unwrap_or_default()) {
        ("CREATE_IN_PROGRESS", "CREATE_FAILED") => {
            undo::fail(account, parent, logical, StackWork::Create, &said("created"));
        }
        ("UPDATE_IN_PROGRESS", "UPDATE_FAILED") => {
            undo::fail(account, parent, logical, StackWork::Update, &said("updated"));
        }
        ("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE") => undo::restored(account, parent, logical, &resource),
        ("CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS", "CREATE_COMPLETE" | "UPDATE_COMPLETE") => {
            parent.resource_has(account, logical, &json!({ "_attributes": outputs(&row) }));
            let status = under_way.replace("IN_PROGRESS", "COMPLETE");
            parent.resource_becomes(account, logical, &status, None);
            step(account, parent.region, parent.id);
        }
        ("DELETE_IN_PROGRESS", "DELETE_COMPLETE") => {
            parent.resource_becomes(account, logical, "DELETE_COMPLETE", None);
            step(account, parent.region, parent.id);
        }
        ("DELETE_IN_PROGRESS", "DELETE_FAILED") => {
            parent.resource_becomes(account, logical, "DELETE_FAILED", Some(&said("deleted")));
            step(account, parent.region, parent.id);
        }
        _ => {}
    }
}

fn outputs(row: &Value) -> Value {
    let outputs = row["Outputs"].as_array().into_iter().flatten();
    let named = outputs.map(|output| {
        (format!("Outputs.{}", output["OutputKey"].as_str().unwrap_or_default()), output["OutputValue"].clone())
    });
    named.collect::<Map<String, Value>>().into()
}
