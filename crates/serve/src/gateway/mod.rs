//! Four tools that reach all the others, for clients that cannot carry a long list: find one, read about it, call it.
//! What is called goes down the same road as ever, under the tool's own name.

mod search;
mod synonyms;

use std::sync::Arc;

use rmcp::model::{CallToolRequestParams, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use trainyard_contract::{Context, Error, Result};
use trainyard_dispatch::{Dispatch, View};

pub(crate) use search::Index;

const FIND: &str = "find_tools";
const DESCRIBE: &str = "describe_tools";
const READ: &str = "call_read";
const WRITE: &str = "call_write";
/// Tools found at once.
const FOUND: usize = 8;
/// Tools described at once.
const DESCRIBED: usize = 5;

/// What a call of one of the four comes to.
pub(crate) enum Step {
    /// An answer.
    Answer(Value),
    /// A call of another tool.
    Call(CallToolRequestParams),
}

/// The four tools.
pub(crate) fn tools() -> Vec<Tool> {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let call = json!({
        "name": text("Tool"),
        "arguments": { "type": "object", "description": "Its arguments, as describe_tools shows them" }
    });
    let names =
        json!({ "names": { "type": "array", "items": { "type": "string" }, "description": "Tools, five at most" } });
    vec![
        tool(
            FIND,
            "Find tools for machine-learning infrastructure on AWS and Kubernetes by what they do",
            &json!({ "query": text("What is to be done, in a few words") }),
            &["query"],
            ToolAnnotations::new().read_only(true),
        ),
        tool(
            DESCRIBE,
            "Show parameters and examples of tools",
            &names,
            &["names"],
            ToolAnnotations::new().read_only(true),
        ),
        tool(
            READ,
            "Call a tool that only reads. Names come from find_tools",
            &call,
            &["name"],
            ToolAnnotations::new().read_only(true),
        ),
        tool(
            WRITE,
            "Call a tool that changes something. Its argument dry_run shows what would happen",
            &call,
            &["name"],
            ToolAnnotations::new().read_only(false),
        ),
    ]
}

fn tool(
    name: &'static str,
    about: &'static str,
    properties: &Value,
    required: &[&str],
    hints: ToolAnnotations,
) -> Tool {
    let schema =
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    let Value::Object(schema) = schema else { unreachable!("an object is written above") };
    Tool::new(name, about, Arc::new(schema)).with_annotations(hints)
}

/// Whether a name is one of the four.
pub(crate) fn knows(name: &str) -> bool {
    [FIND, DESCRIBE, READ, WRITE].contains(&name)
}

/// Takes a call of one of the four as far as it goes without a road.
pub(crate) fn step<C: Context>(
    dispatch: &Dispatch<C>,
    index: &Index,
    about: impl Fn(&str) -> Result<Value>,
    params: &CallToolRequestParams,
) -> Result<Step> {
    let mut arguments = params.arguments.clone().unwrap_or_default();
    let allowed: &[&str] = match params.name.as_ref() {
        FIND => &["query"],
        DESCRIBE => &["names"],
        _ => &["name", "arguments"],
    };
    if let Some(other) = arguments.keys().find(|name| !allowed.contains(&name.as_str())) {
        let error = Error::validation(format!("{} takes no {other:?}", params.name));
        return Err(error.hint(format!("it takes {}; what a tool takes goes into arguments", allowed.join(" and "))));
    }
    match params.name.as_ref() {
        FIND => Ok(Step::Answer(found(dispatch.registry().views(), index, &text(&arguments, "query")?))),
        DESCRIBE => described(&arguments, about).map(Step::Answer),
        name => {
            let tool = text(&arguments, "name")?;
            let inner = inner(arguments.remove("arguments"))?;
            let (_, needs) = dispatch.needs(&tool, inner.clone())?;
            if name == READ && needs.effect.writes() {
                let error = Error::policy_denied(format!("{tool} {} something with these arguments", needs.effect));
                return Err(error.code("NotARead").hint("use call_write"));
            }
            let mut call = params.clone();
            call.name = tool.into();
            call.arguments = Some(inner);
            Ok(Step::Call(call))
        }
    }
}

/// The tool's own arguments. Models send objects as JSON text, too.
fn inner(arguments: Option<Value>) -> Result<Map<String, Value>> {
    let wrong = || Error::validation("arguments is not an object").hint("describe_tools shows an example");
    match arguments {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(arguments)) => Ok(arguments),
        Some(Value::String(text)) => serde_json::from_str(&text).map_err(|_| wrong()),
        Some(_) => Err(wrong()),
    }
}

fn text(arguments: &Map<String, Value>, name: &str) -> Result<String> {
    let text = arguments.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| Error::validation(format!("{name} is missing, or not a text")))
}

fn found(views: &[View], index: &Index, query: &str) -> Value {
    let row = |view: &View| {
        let about = view.description.split(". ").next().unwrap_or_default();
        let effect = match (view.hints.read_only, view.hints.destructive) {
            (true, _) => "reads",
            (false, false) => "changes",
            (false, true) => "may destroy",
        };
        json!([view.name, effect, about])
    };
    let rows: Vec<Value> = index.find(query).into_iter().take(FOUND).map(|at| row(&views[at])).collect();
    let mut answer = json!({ "columns": ["name", "effect", "about"], "rows": rows });
    if answer["rows"].as_array().is_some_and(Vec::is_empty) {
        answer["hint"] = "no tool has these words; say it otherwise, or find an AWS operation with aws_search".into();
    }
    answer
}

fn described(arguments: &Map<String, Value>, about: impl Fn(&str) -> Result<Value>) -> Result<Value> {
    let names: Vec<&str> = match arguments.get("names") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if names.is_empty() || names.len() > DESCRIBED {
        return Err(Error::validation(format!("names is a list of 1 to {DESCRIBED} tools")));
    }
    let tools = names.into_iter().map(about).collect::<Result<Vec<_>>>()?;
    Ok(json!({ "tools": tools }))
}
