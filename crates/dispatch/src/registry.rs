//! Which tools there are, by name, older name and toolset.

use std::{collections::HashMap, sync::OnceLock};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use trainyard_contract::{Behind, CallDef, Ceiling, Context, Error, Offer, Result, ToolDef, Toolset, nearest};

use crate::{
    arguments::{OTHER_NAMES, OTHER_VALUES},
    audit::hex,
};

/// Which tools this process offers. Fixed for its life.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Toolsets by name; `all` for every one; empty for those that are on by default.
    pub toolsets: Vec<String>,
    /// Only these tools, by name; empty for all of the toolsets.
    pub tools: Vec<String>,
    /// Not these.
    pub exclude: Vec<String>,
    /// Leave out of the list what the ceiling would refuse.
    pub hide_disabled: bool,
}

/// A tool as a client sees it in the list.
#[derive(Debug, Clone)]
pub struct View {
    /// Name.
    pub name: &'static str,
    /// Toolset.
    pub toolset: &'static str,
    /// What it does and when to reach for it.
    pub description: String,
    /// Schema of its arguments.
    pub input: Map<String, Value>,
    /// What it may do, under this process's ceiling.
    pub hints: Hints,
}

/// The protocol's hints about a tool, exact for this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy.
    pub destructive: bool,
}

/// Every tool of this process.
pub struct Registry<C: Context> {
    entries: Vec<Entry<C>>,
    names: HashMap<&'static str, usize>,
    toolsets: &'static [Toolset<C>],
    ceiling: Ceiling,
    hide_disabled: bool,
    views: OnceLock<Vec<View>>,
}

/// One tool with its schemas, made when first asked for.
pub(crate) struct Entry<C: Context> {
    pub(crate) tool: &'static ToolDef<C>,
    pub(crate) toolset: &'static str,
    schemas: Vec<OnceLock<Value>>,
}

impl<C: Context> Registry<C> {
    /// The tools of `toolsets` that `selection` picks.
    pub fn new(toolsets: &'static [Toolset<C>], selection: &Selection, ceiling: Ceiling) -> Result<Self> {
        check_names(toolsets, selection)?;
        let mut registry = Self {
            entries: Vec::new(),
            names: HashMap::new(),
            toolsets,
            ceiling,
            hide_disabled: selection.hide_disabled,
            views: OnceLock::new(),
        };
        for set in toolsets {
            let offer = offer(selection, set);
            for tool in set.nouns.iter().copied().flatten() {
                if offers(offer, tool) && wants_tool(selection, tool) {
                    registry.add(set.name, tool);
                }
            }
        }
        Ok(registry)
    }

    fn add(&mut self, toolset: &'static str, tool: &'static ToolDef<C>) {
        let at = self.entries.len();
        let schemas = tool.calls().iter().map(|_| OnceLock::new()).collect();
        self.entries.push(Entry { tool, toolset, schemas });
        for name in tool.names() {
            self.names.entry(name).or_insert(at);
        }
    }

    pub(crate) fn find(&self, name: &str) -> Result<&Entry<C>> {
        if let Some(at) = self.names.get(name) {
            return Ok(&self.entries[*at]);
        }
        Err(self.unknown(name))
    }

    /// Whether a call may use this name.
    pub fn knows(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    fn unknown(&self, name: &str) -> Error {
        let error = Error::not_found("tool", name).code("UnknownTool");
        let off = all(self.toolsets).find(|(_, tool)| tool.names().any(|known| known == name));
        if let Some((set, _)) = off {
            return error.hint(format!("it is in toolset {set:?}; start the server with --toolsets default,{set}"));
        }
        match nearest(name, self.entries.iter().map(|entry| entry.tool.name)) {
            Some(near) => error.hint(format!("did you mean {near:?}?")),
            None => error.hint("the tool list has the names; aws_search finds any AWS operation"),
        }
    }

    /// SHA-256 over the list as clients are told it: names, descriptions, arguments and hints. Whoever pins it learns of
    /// any change of what an assistant reads, wanted or not.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for View { name, description, input, hints, toolset: _ } in self.views() {
            let told = json!([name, description, input, hints.read_only, hints.destructive]);
            hash.update(told.to_string());
            hash.update("\n");
        }
        hex(&hash.finalize())
    }

    /// The list, in the order of the source: the same bytes each time.
    pub fn views(&self) -> &[View] {
        self.views.get_or_init(|| {
            let listed = |entry: &&Entry<C>| !self.hide_disabled || self.ceiling.permits(entry.tool.least());
            self.entries.iter().filter(listed).map(|entry| self.view(entry)).collect()
        })
    }

    fn view(&self, entry: &Entry<C>) -> View {
        let tool = entry.tool;
        let mut schema = tool.input();
        forget_other_names(&mut schema);
        let Value::Object(mut input) = schema else { unreachable!("a tool is a struct, and so is its schema") };
        let description = match input.remove("description") {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        if tool.most().writes() {
            add_reserved(&mut input);
        }
        let permitted = tool.calls().iter().map(|call| call.effect).filter(|effect| self.ceiling.permits(*effect));
        let most = permitted.max().unwrap_or_else(|| tool.most());
        View {
            name: tool.name,
            toolset: entry.toolset,
            description,
            input,
            hints: Hints { read_only: !most.writes(), destructive: most == trainyard_contract::Effect::Destroys },
        }
    }

    /// The toolsets that this binary has, on or off.
    pub fn toolsets(&self) -> &'static [Toolset<C>] {
        self.toolsets
    }

    /// Names of the toolsets that offer something here.
    pub fn toolset_names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.entries.iter().map(|entry| entry.toolset).collect();
        names.dedup();
        names
    }

    /// The definition behind a name, older ones included.
    pub fn definition(&self, name: &str) -> Result<&'static ToolDef<C>> {
        self.find(name).map(|entry| entry.tool)
    }
}

impl<C: Context> Entry<C> {
    /// Schema of the call at `index`.
    pub(crate) fn schema(&self, index: usize) -> &Value {
        self.schemas[index].get_or_init(|| (self.tool.calls()[index].input)())
    }

    /// Schema of this call of the tool.
    pub(crate) fn schema_of(&self, call: &CallDef<C>) -> &Value {
        let index = self.tool.calls().iter().position(|other| other.name == call.name && other.effect == call.effect);
        self.schema(index.unwrap_or_default())
    }

    pub(crate) fn call(&self, index: usize) -> &'static CallDef<C> {
        match &self.tool.behind {
            Behind::One(call) => call,
            Behind::ByOperation { calls, .. } | Behind::ByEffect { calls, .. } => &calls[index],
        }
    }
}

/// Understood in calls, and no business of whoever reads the list.
fn forget_other_names(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.remove(OTHER_NAMES);
            members.remove(OTHER_VALUES);
            members.values_mut().for_each(forget_other_names);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_other_names),
        _ => {}
    }
}

/// Arguments of every tool that changes something. Dispatch takes them; tools never see them.
fn add_reserved(input: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = input.get_mut("properties") else { return };
    properties.insert(
        "dry_run".into(),
        json!({ "type": "boolean", "description": "Show what would happen and change nothing" }),
    );
    properties.insert(
        "confirm".into(),
        json!({ "type": "string", "description": "Handle of a plan that the user agreed to" }),
    );
}

fn all<C: Context>(toolsets: &'static [Toolset<C>]) -> impl Iterator<Item = (&'static str, &'static ToolDef<C>)> {
    toolsets.iter().flat_map(|set| set.nouns.iter().copied().flatten().map(|tool| (set.name, tool)))
}

/// How much of a toolset the selection asks for.
fn offer<C: Context>(selection: &Selection, set: &Toolset<C>) -> Offer {
    let named = |name: &str| selection.toolsets.iter().any(|wanted| wanted == name);
    // Tools asked for by name come from wherever they are.
    let by_name = selection.toolsets.is_empty() && !selection.tools.is_empty();
    if by_name || named("all") || named(set.name) {
        Offer::All
    } else if selection.toolsets.is_empty() || named("default") {
        set.by_default
    } else {
        Offer::Nothing
    }
}

fn offers<C: Context>(offer: Offer, tool: &ToolDef<C>) -> bool {
    match offer {
        Offer::All => true,
        Offer::Reads => !tool.most().writes(),
        Offer::Tools(names) => names.contains(&tool.name),
        Offer::Nothing => false,
    }
}

fn wants_tool<C: Context>(selection: &Selection, tool: &ToolDef<C>) -> bool {
    let among = |names: &[String]| names.iter().any(|name| tool.names().any(|known| known == name));
    (selection.tools.is_empty() || among(&selection.tools)) && !among(&selection.exclude)
}

/// A misspelt name in the selection must not quietly offer less, or more, than was meant.
fn check_names<C: Context>(toolsets: &'static [Toolset<C>], selection: &Selection) -> Result<()> {
    let sets: Vec<_> = toolsets.iter().map(|set| set.name).chain(["all", "default"]).collect();
    for name in &selection.toolsets {
        if !sets.contains(&name.as_str()) {
            return Err(
                Error::validation(format!("no toolset {name:?}")).hint(format!("toolsets: {}", sets.join(", ")))
            );
        }
    }
    for name in selection.tools.iter().chain(&selection.exclude) {
        if !all(toolsets).any(|(_, tool)| tool.names().any(|known| known == name)) {
            let error = Error::validation(format!("no tool {name:?}"));
            return Err(match nearest(name, all(toolsets).map(|(_, tool)| tool.name)) {
                Some(near) => error.hint(format!("did you mean {near:?}?")),
                None => error.hint("`trainyard tools --toolsets all` lists them"),
            });
        }
    }
    Ok(())
}
