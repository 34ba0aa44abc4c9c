//! What the caller said, checked and brought into the tool's own form before anything else happens.
//!
//! Models send numbers as strings, objects as JSON text, one thing where a list is wanted, and names in another
//! spelling. What can be understood in one way only is accepted; everything else is refused with the way to say it.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use trainyard_contract::{Behind, CallDef, Context, Error, Needs, Result, nearest};

use crate::{audit::hex, registry::Entry};

/// Nesting of arguments that is looked at. No tool comes near it.
const MAX_DEPTH: usize = 32;
/// Keyword of a property's schema for the names that other servers give it. Never listed.
pub(crate) const OTHER_NAMES: &str = "x-also";
/// Keyword for the values that other servers take, with what each means here. Never listed.
pub(crate) const OTHER_VALUES: &str = "x-means";
/// Arguments that only say which part of the same answer is wanted.
const PAGING: [&str; 6] = ["cursor", "next_token", "limit", "max_results", "fields", "confirm"];

/// A call that was understood.
pub(crate) struct Said<C: Context> {
    /// Which call of the tool.
    pub(crate) call: &'static CallDef<C>,
    /// Its arguments, in the form of its schema.
    pub(crate) arguments: Value,
    /// What it would do.
    pub(crate) needs: Needs,
    /// Only its plan is wanted.
    pub(crate) dry_run: bool,
    /// Handle of a plan that was agreed to.
    pub(crate) confirm: Option<String>,
    /// Digest of tool and arguments without those about paging.
    pub(crate) binding: String,
    /// Digest of tool and all arguments.
    pub(crate) digest: String,
}

/// Adds the arguments that a narrower name stands for. What the caller says otherwise is a contradiction, not a choice.
pub(crate) fn complete(arguments: &mut Map<String, Value>, preset: &str) -> Result<()> {
    let preset: Map<String, Value> =
        serde_json::from_str(preset).map_err(|error| Error::internal(format!("a preset is no object: {error}")))?;
    for (name, value) in preset {
        match known(arguments, &name).map(str::to_owned) {
            Some(said) if arguments[&said] != value && !arguments[&said].is_null() => {
                return Err(Error::validation(format!("argument {said:?} is always {value} under this tool's name"))
                    .hint("leave it out"));
            }
            Some(_) => {}
            None => {
                arguments.insert(name, value);
            }
        }
    }
    Ok(())
}

pub(crate) fn read<C: Context>(entry: &Entry<C>, mut arguments: Map<String, Value>) -> Result<Said<C>> {
    arguments.retain(|_, value| !value.is_null());
    let (dry_run, confirm) = if entry.tool.most().writes() { reserved(&mut arguments)? } else { (false, None) };
    let index = match &entry.tool.behind {
        Behind::ByOperation { calls, .. } => operation(calls, &mut arguments)?,
        Behind::One(_) | Behind::ByEffect { .. } => 0,
    };
    let writes = entry.call(index).effect.writes();
    drop_foreign(entry, index, &mut arguments, writes)?;
    let mut arguments = Value::Object(arguments);
    fit(entry.schema(index), &mut arguments, "", 0)?;
    let (index, needs) = effect(entry, index, &arguments)?;
    let call = entry.call(index);
    let name = [entry.tool.name, call.name];
    let all = digest(name, &arguments, &[]);
    // Most calls have nothing about paging, and then both are the same.
    let pages = PAGING.iter().any(|name| arguments.get(name).is_some());
    let mut binding = if pages { digest(name, &arguments, &PAGING) } else { all.clone() };
    binding.truncate(16);
    Ok(Said { call, needs, dry_run, confirm, binding, digest: all, arguments })
}

/// Which call the effect of the arguments picks.
fn effect<C: Context>(entry: &Entry<C>, index: usize, arguments: &Value) -> Result<(usize, Needs)> {
    let Behind::ByEffect { needs, calls } = &entry.tool.behind else {
        let index = raised(entry.tool.calls(), index, arguments);
        return Ok((index, Needs { effect: entry.call(index).effect, reveals: false, spends: entry.tool.spends }));
    };
    let needs = needs(arguments)?;
    let index = calls.iter().position(|call| call.effect == needs.effect);
    let index =
        index.ok_or_else(|| Error::internal(format!("{} has no call that {}", entry.tool.name, needs.effect)))?;
    Ok((index, needs))
}

/// The other call of the same name, where the arguments mean that one.
fn raised<C: Context>(calls: &[CallDef<C>], index: usize, arguments: &Value) -> usize {
    let call = &calls[index];
    let other = || calls.iter().position(|other| other.name == call.name && other.effect != call.effect);
    call.unless.filter(|so| so(arguments)).and_then(|_| other()).unwrap_or(index)
}

fn reserved(arguments: &mut Map<String, Value>) -> Result<(bool, Option<String>)> {
    let dry_run = match arguments.remove("dry_run") {
        None => false,
        Some(Value::Bool(value)) => value,
        Some(Value::String(text)) if text == "true" => true,
        Some(Value::String(text)) if text == "false" => false,
        Some(other) => return Err(Error::validation(format!("dry_run is true or false, not {other}"))),
    };
    let confirm = match arguments.remove("confirm") {
        None => None,
        Some(Value::String(handle)) => Some(handle),
        Some(other) => return Err(Error::validation(format!("confirm is the handle of a plan, not {other}"))),
    };
    Ok((dry_run, confirm))
}

fn operation<C: Context>(calls: &[CallDef<C>], arguments: &mut Map<String, Value>) -> Result<usize> {
    let names: Vec<_> = calls.iter().map(|call| call.name).collect();
    let known = format!("operations: {}", names.join(", "));
    let Some(said) = arguments.remove("operation") else {
        return Err(Error::validation("argument \"operation\" is missing").hint(known));
    };
    let said = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
    names.iter().position(|name| *name == said).ok_or_else(|| {
        let error = Error::validation(format!("no operation {said:?}"));
        match nearest(&said, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean {near:?}? {known}")),
            None => error.hint(known.clone()),
        }
    })
}

/// Arguments of a sibling call. Clients of the older servers send every parameter with its default, so in a call that
/// reads they are dropped; in one that changes something, an argument without effect would be a misunderstanding.
fn drop_foreign<C: Context>(
    entry: &Entry<C>,
    index: usize,
    arguments: &mut Map<String, Value>,
    writes: bool,
) -> Result<()> {
    let Behind::ByOperation { calls, .. } = &entry.tool.behind else { return Ok(()) };
    let own = properties(entry.schema(index));
    let foreign: Vec<_> = arguments.keys().filter(|name| known(own, name).is_none()).cloned().collect();
    for name in foreign {
        let owner = (0..calls.len()).find_map(|other| Some((other, known(properties(entry.schema(other)), &name)?)));
        let Some((other, spelling)) = owner else { continue };
        let default = properties(entry.schema(other)).get(spelling).and_then(|property| property.get("default"));
        if writes && default != arguments.get(&name) {
            return Err(Error::validation(format!("operation {:?} takes no {name:?}", calls[index].name))
                .hint(format!("it takes: {}", own.keys().cloned().collect::<Vec<_>>().join(", "))));
        }
        arguments.remove(&name);
    }
    Ok(())
}

fn properties(schema: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    schema.get("properties").and_then(Value::as_object).unwrap_or(&NONE)
}

/// The property that is meant by `name`: the same one, the same words joined otherwise (`InstanceIds`), the list of
/// what `name` is one of (`instance_id`), or the one that other servers call so.
fn known<'a>(properties: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    if let Some((exact, _)) = properties.get_key_value(name) {
        return Some(exact);
    }
    let folded = fold(name);
    let several = format!("{folded}s");
    let list = |property: &Value| property["type"] == "array";
    let same = properties.keys().find(|key| fold(key) == folded);
    let listed = || properties.iter().find(|(key, property)| fold(key) == several && list(property));
    let called_so = |property: &Value| {
        property[OTHER_NAMES].as_array().is_some_and(|names| names.iter().any(|other| other == name))
    };
    let elsewhere = || properties.iter().find(|(_, property)| called_so(property));
    same.or_else(|| listed().or_else(elsewhere).map(|(key, _)| key)).map(String::as_str)
}

fn fold(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// Brings `value` into the form that `schema` asks for, or says what is wrong with it.
fn fit(schema: &Value, value: &mut Value, path: &str, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::validation(format!("{} is nested too deeply", named(path))));
    }
    let Some(kind) = schema.get("type").and_then(Value::as_str) else { return Ok(()) };
    understand(schema, kind, value);
    if !is(kind, value) {
        return Err(Error::validation(format!("{} must be {}, not {}", named(path), article(kind), describe(value))));
    }
    match value {
        Value::Object(members) => fit_object(schema, members, path, depth),
        Value::Array(items) => match schema.get("items") {
            Some(item) => items
                .iter_mut()
                .enumerate()
                .try_for_each(|(index, value)| fit(item, value, &format!("{path}[{index}]"), depth + 1)),
            None => Ok(()),
        },
        Value::String(text) => check_choice(schema, text, path),
        Value::Number(number) => check_bounds(schema, number, path),
        Value::Bool(_) | Value::Null => Ok(()),
    }
}

fn fit_object(schema: &Value, members: &mut Map<String, Value>, path: &str, depth: usize) -> Result<()> {
    let properties = properties(schema);
    let mut others = Vec::new();
    for (name, value) in members.iter_mut() {
        match properties.get(name) {
            // Spelt as the schema has it, as nearly all are.
            Some(property) if !value.is_null() => fit(property, value, &join(path, name), depth + 1)?,
            _ => others.push(name.clone()),
        }
    }
    for name in others {
        let Some(spelling) = known(properties, &name) else {
            if let Some(rest) = schema.get("additionalProperties").filter(|rest| rest.is_object()) {
                let value = members.get_mut(&name).expect("the name was just read from the map");
                fit(rest, value, &join(path, &name), depth + 1)?;
            } else if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
                return Err(unknown(properties, &name, path));
            }
            continue;
        };
        let mut value = members.remove(&name).expect("the name was just read from the map");
        if value.is_null() {
            continue;
        }
        fit(&properties[spelling], &mut value, &join(path, spelling), depth + 1)?;
        if members.insert(spelling.to_owned(), value).is_some() {
            return Err(Error::validation(format!("argument {spelling:?} is given twice, once as {name:?}")));
        }
    }
    for required in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(required) {
            let about = properties.get(required).and_then(|property| property["description"].as_str());
            let error = Error::validation(format!("{} is missing", named(&join(path, required))));
            return Err(match about {
                Some(about) => error.hint(about),
                None => error,
            });
        }
    }
    Ok(())
}

fn unknown(properties: &Map<String, Value>, name: &str, path: &str) -> Error {
    let place = if path.is_empty() { String::new() } else { format!(" in {}", named(path)) };
    let error = Error::validation(format!("no argument {name:?}{place}"));
    match nearest(name, properties.keys().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near:?}?")),
        None => error.hint(format!("arguments: {}", properties.keys().cloned().collect::<Vec<_>>().join(", "))),
    }
}

/// Other ways in which models write a value of this kind.
fn understand(schema: &Value, kind: &str, value: &mut Value) {
    let understood = match (kind, &*value) {
        ("integer", Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
        ("integer", Value::Number(number)) => whole(number).map(Value::from),
        ("number", Value::String(text)) => text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from),
        ("boolean", Value::String(text)) => text.trim().parse::<bool>().ok().map(Value::from),
        ("string", Value::Number(number)) => Some(number.to_string().into()),
        ("string", Value::Bool(truth)) => Some(truth.to_string().into()),
        ("object", Value::String(text)) => serde_json::from_str(text).ok().filter(Value::is_object),
        ("array", Value::String(text)) => {
            let read: Option<Value> = serde_json::from_str(text).ok();
            let read = read.filter(|read| read.is_array() || read.is_object());
            match read {
                Some(read) if read.is_array() => Some(read),
                read => read.and_then(|one| alone(schema, &one)).or_else(|| alone(schema, value)),
            }
        }
        ("array", Value::Number(_) | Value::Bool(_) | Value::Object(_)) => alone(schema, value),
        _ => None,
    };
    if let Some(understood) = understood {
        *value = understood;
    }
}

/// One thing where a list of such things is wanted.
fn alone(schema: &Value, value: &Value) -> Option<Value> {
    let item = schema.get("items").and_then(|items| items.get("type")).and_then(Value::as_str)?;
    is(item, value).then(|| Value::Array(vec![value.clone()]))
}

fn whole(number: &serde_json::Number) -> Option<i64> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    // 2^53: beyond it a float no longer says which integer was meant.
    let exact = float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    exact.then_some(float as i64)
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => true,
    }
}

fn check_choice(schema: &Value, text: &mut String, path: &str) -> Result<()> {
    let Some(choices) = schema.get("enum").and_then(Value::as_array) else { return Ok(()) };
    let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    if choices.contains(&text.as_str()) {
        return Ok(());
    }
    if let Some(meant) = schema.get(OTHER_VALUES).and_then(|values| values[text.as_str()].as_str()) {
        meant.clone_into(text);
        return Ok(());
    }
    if let Some(choice) = choices.iter().find(|choice| fold(choice) == fold(text)) {
        (*choice).clone_into(text);
        return Ok(());
    }
    let error = Error::validation(format!("{} may not be {text:?}", named(path)));
    let known = format!("one of: {}", choices.join(", "));
    Err(match nearest(text, choices.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near:?}? {known}")),
        None => error.hint(known),
    })
}

fn check_bounds(schema: &Value, number: &serde_json::Number, path: &str) -> Result<()> {
    let value = number.as_f64().unwrap_or(f64::NAN);
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    if least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most) {
        let range = match (least, most) {
            (Some(least), Some(most)) => format!("from {least} to {most}"),
            (Some(least), None) => format!("{least} or more"),
            (None, most) => format!("{} or less", most.unwrap_or(f64::INFINITY)),
        };
        return Err(Error::validation(format!("{} must be {range}, not {number}", named(path))));
    }
    Ok(())
}

fn named(path: &str) -> String {
    if path.is_empty() { "the arguments".into() } else { format!("argument {path:?}") }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn article(kind: &str) -> &'static str {
    match kind {
        "object" => "an object",
        "array" => "a list",
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "another type",
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".into(),
        Value::Array(_) => "a list".into(),
        Value::String(text) if text.chars().count() > 60 => "a long string".into(),
        other => other.to_string(),
    }
}

fn digest([tool, call]: [&str; 2], arguments: &Value, without: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash.update(tool);
    hash.update(b" ");
    hash.update(call);
    let members = arguments.as_object().into_iter().flatten();
    let mut kept: Vec<_> = members.filter(|(name, _)| !without.contains(&name.as_str())).collect();
    kept.sort_by_key(|(name, _)| *name);
    for (name, value) in kept {
        hash.update([0]);
        hash.update(name);
        hash.update([1]);
        canonical(value, &mut hash);
    }
    hex(&hash.finalize())
}

/// The same bytes for the same value, whatever the order of its members.
fn canonical(value: &Value, hash: &mut Sha256) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            hash.update(b"{");
            for (name, value) in members {
                hash.update(Value::from(name.as_str()).to_string());
                canonical(value, hash);
            }
            hash.update(b"}");
        }
        Value::Array(items) => {
            hash.update(b"[");
            for item in items {
                canonical(item, hash);
                hash.update(b",");
            }
            hash.update(b"]");
        }
        Value::String(text) if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') => {
            hash.update(b"\"");
            hash.update(text);
            hash.update(b"\"");
        }
        other => hash.update(other.to_string()),
    }
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
