//! `trainyard tools`: the list, or one tool's help, both made from the definitions.

use std::process::ExitCode;

use serde_json::{Value, json};
use trainyard_contract::{Ceiling, Effect, Result, ToolDef};
use trainyard_dispatch::{Registry, View};
use trainyard_tools::App;

use crate::{config::Config, output};

pub(crate) fn run(config: &Config, name: Option<&str>, json: bool) -> Result<ExitCode> {
    let registry = super::registry(config)?;
    match name {
        Some(name) => one(&registry, config.ceiling, name, json)?,
        None => all(&registry, config.ceiling, json)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What pins the definitions: nothing that an assistant reads of the tools changes without it.
pub(crate) fn digest(config: &Config, json: bool) -> Result<ExitCode> {
    let registry = super::registry(config)?;
    let (sha256, count) = (registry.digest(), registry.views().len());
    output::text(&if json {
        format!("{:#}\n", json!({ "sha256": sha256, "tools": count }))
    } else {
        format!("{sha256}  {count} tools\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn all(registry: &Registry<App>, ceiling: Ceiling, json: bool) -> Result<()> {
    if json {
        let tools: Vec<_> = registry.views().iter().map(as_json).collect();
        return output::text(&format!("{:#}\n", json!({ "tools": tools })));
    }
    let headings = ["tool", "toolset", "effect", "about"].map(str::to_owned);
    let rows = registry.views().iter().map(|view| {
        let effects = registry.definition(view.name).map(|tool| effects(tool, ceiling)).unwrap_or_default();
        let about = view.description.split(". ").next().unwrap_or_default();
        vec![view.name.to_owned(), view.toolset.to_owned(), effects, about.to_owned()]
    });
    let mut text = output::table(&headings, rows.collect());
    let off: Vec<_> = registry
        .toolsets()
        .iter()
        .map(|set| set.name)
        .filter(|name| !registry.toolset_names().contains(name))
        .collect();
    if !off.is_empty() {
        text.push_str(&format!("\nOther toolsets: {} (--toolsets)\n", off.join(", ")));
    }
    output::text(&text)
}

/// `reads`, or `reads, changes (off)`: what is off needs a flag.
fn effects(tool: &ToolDef<App>, ceiling: Ceiling) -> String {
    let mut seen: Vec<Effect> = tool.calls().iter().map(|call| call.effect).collect();
    seen.sort_unstable();
    seen.dedup();
    let word = |effect: Effect| if ceiling.permits(effect) { effect.to_string() } else { format!("{effect} (off)") };
    seen.into_iter().map(word).collect::<Vec<_>>().join(", ")
}

fn as_json(view: &View) -> Value {
    json!({
        "name": view.name,
        "toolset": view.toolset,
        "description": view.description,
        "inputSchema": view.input,
        "annotations": { "readOnlyHint": view.hints.read_only, "destructiveHint": view.hints.destructive },
    })
}

/// One call behind a tool: what it does, and arguments that show it.
fn call_as_json(tool: &ToolDef<App>, call: &trainyard_contract::CallDef<App>) -> Value {
    let example: Value = serde_json::from_str(&example(tool, call)).unwrap_or_default();
    json!({ "name": call.name, "effect": call.effect, "example": example })
}

fn one(registry: &Registry<App>, ceiling: Ceiling, name: &str, json: bool) -> Result<()> {
    let tool = registry.definition(name)?;
    let Some(view) = registry.views().iter().find(|view| view.name == tool.name) else {
        return Err(trainyard_contract::Error::policy_denied(format!("{} is hidden by --hide-disabled", tool.name)));
    };
    if json {
        let mut value = as_json(view);
        let outputs = tool.calls().iter().map(|call| (call.name.to_owned(), (call.output)())).collect();
        value["outputSchemas"] = Value::Object(outputs);
        value["calls"] = tool.calls().iter().map(|call| call_as_json(tool, call)).collect();
        return output::text(&format!("{value:#}\n"));
    }
    let mut text = format!("{}\n\n{}\n\n", view.name, view.description);
    text.push_str(&format!("Toolset: {}. Effect: {}.\n", view.toolset, effects(tool, ceiling)));
    let others: Vec<_> = tool.names().skip(1).collect();
    if !others.is_empty() {
        text.push_str(&format!("Also called: {}.\n", others.join(", ")));
    }
    text.push_str("\nParameters:\n");
    text.push_str(&parameters(&view.input));
    text.push_str("\nExample:\n");
    for call in tool.calls().iter().take(if matches!(tool.behind, trainyard_contract::Behind::ByEffect { .. }) {
        1
    } else {
        usize::MAX
    }) {
        text.push_str(&format!("  trainyard call {} --args '{}'\n", tool.name, example(tool, call)));
    }
    text.push_str(&format!("\nListed at {}.\n", tool.listed_at));
    output::text(&text)
}

fn example(tool: &ToolDef<App>, call: &trainyard_contract::CallDef<App>) -> String {
    if tool.name == call.name {
        return call.example.to_owned();
    }
    let rest = call.example.trim_start_matches('{');
    let comma = if rest.trim() == "}" { "" } else { ", " };
    format!("{{\"operation\": \"{}\"{comma}{rest}", call.name)
}

fn parameters(input: &serde_json::Map<String, Value>) -> String {
    let required: Vec<_> = input.get("required").and_then(Value::as_array).into_iter().flatten().collect();
    let rows = input.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, property)| {
        let must = if required.iter().any(|other| *other == name) { "*" } else { "" };
        let about = property["description"].as_str().unwrap_or_default().to_owned();
        vec![format!("  {name}{must}"), kind(property), about]
    });
    output::table(&["  name (* required)", "type", "about"].map(str::to_owned), rows.collect())
}

fn kind(property: &Value) -> String {
    if let Some(values) = property["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|");
    }
    let mut kind = match property["type"].as_str() {
        Some("array") => format!("list of {}", kind(&property["items"])),
        Some(other) => other.to_owned(),
        None => "any".to_owned(),
    };
    if let Some(default) = property.get("default") {
        kind.push_str(&format!(" = {default}"));
    }
    kind
}
