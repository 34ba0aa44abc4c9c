//! Stacks: made, changed and deleted.

use serde_json::{Map, Value, json};

use super::{
    functions::Scope,
    kinds, nested,
    run::changed,
    stack::Stack,
    template::{self, invalid},
};
use crate::aws::{
    account::{Account, Cx},
    services::Operations,
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("cloudformation", "CreateStack", create),
    ("cloudformation", "DeleteStack", delete),
    ("cloudformation", "UpdateStack", update),
    ("cloudformation", "UpdateTerminationProtection", protect),
];

/// States in which a stack can be changed.
const AT_REST: &[&str] = &["CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"];

/// What a stack is to be.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) text: String,
    pub(super) parsed: Value,
    pub(super) parameters: Map<String, Value>,
    pub(super) tags: Value,
}

/// The stack that is named, by the name of one that is there or the ARN of any.
pub(super) fn find(cx: &Cx<'_>, name: &str) -> Option<Value> {
    let of_name = |row: &&Value| row["StackName"] == name && row["StackStatus"] != "DELETE_COMPLETE";
    cx.get(Table::Stacks, name).or_else(|| cx.rows(Table::Stacks).find(of_name)).cloned()
}

/// The stack that a call names, or the refusal that says so.
pub(super) fn named(cx: &Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("StackName");
    find(cx, &name).ok_or_else(|| invalid(format!("Stack with id {name} does not exist")))
}

pub(super) fn id(row: &Value) -> String {
    row["StackId"].as_str().unwrap_or_default().to_owned()
}

/// The ARN of a new stack.
pub(super) fn new_id(account: &mut Account, region: &str, name: &str) -> String {
    let unique = account.random.uid();
    account.arn("cloudformation", region, &format!("stack/{name}/{unique}"))
}

/// Puts a new stack into the account, with the members that are its alone.
pub(super) fn insert(account: &mut Account, region: &str, (name, id): (&str, &str), plan: &Plan, more: &Value) {
    let mut row = json!({
        "StackId": id, "StackName": name, "CreationTime": account.stamp(), "StackStatus": "CREATE_IN_PROGRESS",
        "Parameters": template::shown(&plan.parsed, &plan.parameters), "Tags": plan.tags.as_array().cloned().unwrap_or_default(),
        "DisableRollback": false, "RollbackConfiguration": {}, "NotificationARNs": [], "EnableTerminationProtection": false,
        "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" }, "_round": 1, "_template": plan.text, "_parsed": plan.parsed,
        "_parameters": plan.parameters,
    });
    if let Some(about) = row["_parsed"]["Description"].as_str() {
        row["Description"] = about.into();
    }
    for (member, value) in more.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        row[member.as_str()] = value.clone();
    }
    account.insert(region, Table::Stacks, id, row);
}

/// What a call wants a stack to be; `before` is the stack that is there.
pub(super) fn planned(cx: &Cx<'_>, before: Option<&Value>) -> Result<Plan, Refusal> {
    let given = template::text(cx)?;
    let previous = before.filter(|_| cx.is("UsePreviousTemplate")).and_then(|row| row["_template"].as_str());
    let text = given
        .or_else(|| previous.map(str::to_owned))
        .ok_or_else(|| invalid("Either Template URL or Template Body must be specified."))?;
    let parsed = template::read(&text)?;
    template::acknowledged(&parsed, &cx.input["Capabilities"])?;
    let known = before.map_or(Value::Null, |row| row["_parameters"].clone());
    let parameters = template::parameters(&parsed, &cx.input["Parameters"], &known)?;
    let tags = match (&cx.input["Tags"], before) {
        (Value::Null, Some(row)) => row["Tags"].clone(),
        (tags, _) => tags.clone(),
    };
    Ok(Plan { text, parsed, parameters, tags })
}

/// Refuses a name that no stack can have, or that one has.
pub(super) fn free(cx: &Cx<'_>, name: &str) -> Result<(), Refusal> {
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if !plain || !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) || name.len() > 128 {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )));
    }
    if find(cx, name).is_some() {
        return Err(Refusal::new(400, "AlreadyExistsException", format!("Stack [{name}] already exists")));
    }
    Ok(())
}

/// What becomes of a stack that fails, as its row keeps it.
pub(super) fn on_failure(cx: &Cx<'_>, member: &str) -> Value {
    if cx.is("DisableRollback") { "DO_NOTHING".into() } else { cx.input[member].clone() }
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("StackName");
    free(cx, &name)?;
    if cx.is("DisableRollback") && cx.text("OnFailure").is_some() {
        return Err(invalid("You can specify either OnFailure or DisableRollback, but not both."));
    }
    let plan = planned(cx, None)?;
    let id = new_id(cx.account, cx.region, &name);
    let mut more = json!({
        "DisableRollback": cx.is("DisableRollback"), "EnableTerminationProtection": cx.is("EnableTerminationProtection"),
        "_on_failure": on_failure(cx, "OnFailure"),
    });
    for member in ["Capabilities", "NotificationARNs", "TimeoutInMinutes", "RoleARN"] {
        more[member] = cx.input[member].clone();
    }
    more["_token"] = cx.input["ClientRequestToken"].clone();
    insert(cx.account, cx.region, (&name, &id), &plan, &more);
    let stack = Stack { region: cx.region, id: &id };
    stack.becomes(cx.account, "CREATE_IN_PROGRESS", Some("User Initiated"));
    stack.look(cx.account);
    Ok(json!({ "StackId": id }))
}

/// Refuses a stack that cannot be changed now.
pub(super) fn at_rest(row: &Value) -> Result<(), Refusal> {
    let status = row["StackStatus"].as_str().unwrap_or_default();
    if AT_REST.contains(&status) {
        return Ok(());
    }
    Err(invalid(format!(
        "Stack:{} is in {status} state and can not be updated.",
        row["StackId"].as_str().unwrap_or_default()
    )))
}

fn update(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("StackName");
    let row = find(cx, &name).ok_or_else(|| invalid(format!("Stack [{name}] does not exist")))?;
    at_rest(&row)?;
    let plan = planned(cx, Some(&row))?;
    let id = id(&row);
    let stack = Stack { region: cx.region, id: &id };
    if !differs(cx.account, stack, &plan) {
        return Err(invalid("No updates are to be performed."));
    }
    if !cx.input["Capabilities"].is_null() {
        stack.put(cx.account, "Capabilities", cx.input["Capabilities"].clone());
    }
    stack.put(cx.account, "_on_failure", on_failure(cx, "OnFailure"));
    stack.put(cx.account, "_token", cx.input["ClientRequestToken"].clone());
    begin_update(cx.account, stack, plan, Some("User Initiated"));
    Ok(json!({ "StackId": id }))
}

/// What a change of a stack would do to one resource.
pub(super) struct Effect {
    pub(super) action: &'static str,
    pub(super) logical: String,
    pub(super) kind: String,
    pub(super) physical: String,
    /// Properties that change, as far as can be known before.
    pub(super) changed: Vec<String>,
    pub(super) replaces: bool,
    /// Properties that it would have.
    pub(super) properties: Value,
}

/// What a plan would do to a stack, resource by resource.
pub(super) fn effects(account: &Account, stack: Stack<'_>, plan: &Plan) -> Result<Vec<Effect>, String> {
    let there: Vec<Value> =
        stack.resources(account).into_iter().filter(|row| row["ResourceStatus"] != "DELETE_COMPLETE").collect();
    let row_of = |logical: &str| there.iter().find(|row| row["LogicalResourceId"] == logical);
    let parameters = template::typed(&plan.parsed, &plan.parameters);
    // What is not there yet has an id only afterwards.
    let resource = |logical: &str| {
        let row = row_of(logical);
        let id = row.map_or_else(|| json!(format!("{{{{{logical}}}}}")), |row| row["PhysicalResourceId"].clone());
        let known = template::resources(&plan.parsed).any(|(name, _)| name == logical);
        known.then(|| (id, row.map_or_else(|| json!({}), |row| row["_attributes"].clone())))
    };
    stack.evaluate(account, |scope| {
        let scope = Scope {
            template: &plan.parsed,
            parameters: &parameters,
            pseudo: scope.pseudo.clone(),
            resource: &resource,
            exported: scope.exported,
            zones: scope.zones.clone(),
        };
        let mut effects = Vec::new();
        for (logical, declared) in template::resources(&plan.parsed) {
            if !declared["Condition"].as_str().map_or(Ok(true), |name| scope.named_condition(name))? {
                continue;
            }
            let kind = declared["Type"].as_str().unwrap_or_default().to_owned();
            // An attribute of something new cannot be known: the property is taken as it stands.
            let properties = scope.value(&declared["Properties"]).ok().flatten();
            let properties = properties.unwrap_or_else(|| declared["Properties"].clone());
            let properties = if properties.is_null() { json!({}) } else { properties };
            let Some(row) = row_of(logical) else {
                let (action, physical) = ("Add", String::new());
                effects.push(Effect {
                    action,
                    logical: logical.clone(),
                    kind,
                    physical,
                    changed: Vec::new(),
                    replaces: false,
                    properties,
                });
                continue;
            };
            let changed = changed(&row["_properties"], &properties);
            if changed.is_empty() && kind != kinds::STACK {
                continue;
            }
            let replaces = super::undo::effect(&kind, &row["_properties"], &properties).1;
            let physical = row["PhysicalResourceId"].as_str().unwrap_or_default().to_owned();
            effects.push(Effect {
                action: "Modify",
                logical: logical.clone(),
                kind,
                physical,
                changed,
                replaces,
                properties,
            });
        }
        for row in &there {
            let logical = row["LogicalResourceId"].as_str().unwrap_or_default();
            let stays = |declared: &Value| {
                declared["Condition"].as_str().is_none_or(|name| scope.named_condition(name).unwrap_or(true))
            };
            if plan.parsed["Resources"].get(logical).is_none_or(|declared| !stays(declared)) {
                let text = |member: &str| row[member].as_str().unwrap_or_default().to_owned();
                effects.push(Effect {
                    action: "Remove",
                    logical: logical.to_owned(),
                    kind: text("ResourceType"),
                    physical: text("PhysicalResourceId"),
                    changed: Vec::new(),
                    replaces: false,
                    properties: json!({}),
                });
            }
        }
        Ok(effects)
    })
}

/// Whether a plan would change anything.
pub(super) fn differs(account: &mut Account, stack: Stack<'_>, plan: &Plan) -> bool {
    let row = stack.row(account);
    let empty = json!([]);
    let tags = |tags: &Value| if tags.is_null() { empty.clone() } else { tags.clone() };
    if tags(&row["Tags"]) != tags(&plan.tags) || row["_parsed"]["Outputs"] != plan.parsed["Outputs"] {
        return true;
    }
    let Ok(effects) = effects(account, stack, plan) else { return true };
    effects.into_iter().any(|effect| {
        if effect.action != "Modify" || effect.kind != kinds::STACK {
            return true;
        }
        // Of a nested stack it counts what happens in it.
        let inner = Stack { region: stack.region, id: &effect.physical };
        let before = inner.row(account)["_parameters"].clone();
        match nested::plan(account, stack.region, &effect.properties, &before) {
            Ok(mut plan) => {
                plan.tags = inner.row(account)["Tags"].clone();
                differs(account, inner, &plan)
            }
            Err(_) => true,
        }
    })
}

/// Begins to change a stack.
pub(super) fn begin_update(account: &mut Account, stack: Stack<'_>, plan: Plan, reason: Option<&str>) {
    let row = stack.row(account);
    let mut before = json!({});
    for member in ["_template", "_parsed", "_parameters", "Parameters", "Tags", "Outputs", "Description"] {
        before[member] = row[member].clone();
    }
    let round = row["_round"].as_u64().unwrap_or(1) + 1;
    let mut after = json!({
        "_before": before, "_round": round, "Parameters": template::shown(&plan.parsed, &plan.parameters),
        "Tags": plan.tags.as_array().cloned().unwrap_or_default(),
    });
    if let Some(about) = plan.parsed["Description"].as_str() {
        after["Description"] = about.into();
    }
    after["_parameters"] = plan.parameters.into();
    after["_parsed"] = plan.parsed;
    after["_template"] = plan.text.into();
    for (member, value) in after.as_object().into_iter().flatten() {
        stack.put(account, member, value.clone());
    }
    stack.becomes(account, "UPDATE_IN_PROGRESS", reason);
    stack.look(account);
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("StackName");
    // One that is not there is as good as deleted.
    let Some(row) = find(cx, &name) else { return Ok(json!({})) };
    if row["EnableTerminationProtection"] == true {
        return Err(invalid(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            row["StackName"].as_str().unwrap_or_default()
        )));
    }
    let (id, status) = (id(&row), row["StackStatus"].as_str().unwrap_or_default());
    if matches!(status, "DELETE_IN_PROGRESS" | "DELETE_COMPLETE") {
        return Ok(json!({}));
    }
    if status.ends_with("_IN_PROGRESS") && !matches!(status, "CREATE_IN_PROGRESS" | "REVIEW_IN_PROGRESS") {
        return Err(invalid(format!("Stack [{id}] cannot be deleted while in status {status}")));
    }
    let stack = Stack { region: cx.region, id: &id };
    super::undo::cancel(cx.account, stack);
    for row in stack.resources(cx.account) {
        // A deletion that failed is tried again.
        if row["ResourceStatus"] == "DELETE_FAILED" {
            stack.resource_has(
                cx.account,
                row["LogicalResourceId"].as_str().unwrap_or_default(),
                &json!({ "ResourceStatus": "CREATE_COMPLETE" }),
            );
        }
    }
    stack.put(cx.account, "_token", cx.input["ClientRequestToken"].clone());
    stack.becomes(cx.account, "DELETE_IN_PROGRESS", Some("User Initiated"));
    stack.look(cx.account);
    Ok(json!({}))
}

fn protect(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = id(&named(cx)?);
    let protected = cx.is("EnableTerminationProtection").into();
    cx.put(Table::Stacks, &id, "/EnableTerminationProtection", protected);
    Ok(json!({ "StackId": id }))
}
