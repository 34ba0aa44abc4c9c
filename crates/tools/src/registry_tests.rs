//! What holds for every tool, held once.

use std::{collections::HashSet, fmt::Write as _, path::Path};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;
use trainyard_aws::{
    Operation,
    catalogue::{
        self,
        model::{Kind, Service, ShapeId},
    },
    effect,
};
use trainyard_contract::{Access, Behind, CallDef, Ceiling, Effect, ToolDef};
use trainyard_dispatch::{Registry, Selection, View};

use crate::{App, TOOLSETS, instructions};

/// Verbs of tools that read, and of tools that change something. The first verb of a name is one of these.
const READS: [&str; 15] = [
    "compare",
    "plan",
    "list",
    "get",
    "describe",
    "search",
    "find",
    "explain",
    "estimate",
    "generate",
    "watch",
    "recommend",
    "report",
    "preview",
    "verify",
];
const CHANGES: [&str; 40] = [
    "archive",
    "resume",
    "set",
    "add",
    "apply",
    "attach",
    "authorize",
    "cancel",
    "copy",
    "cordon",
    "create",
    "delete",
    "deregister",
    "detach",
    "download",
    "drain",
    "invoke",
    "manage",
    "mirror",
    "modify",
    "patch",
    "purchase",
    "push",
    "put",
    "reboot",
    "replace",
    "request",
    "restart",
    "revoke",
    "run",
    "scale",
    "start",
    "stop",
    "sync",
    "tag",
    "terminate",
    "uncordon",
    "undo",
    "update",
    "upload",
];
/// Names that other servers gave, kept so that people can switch; and the one tool that may do anything.
const KEPT: [&str; 9] = [
    "ml_check",
    "ml_selftest",
    "model_predict",
    "manage_hyperpod_cluster_nodes",
    "manage_hyperpod_stacks",
    "describe_hp_cluster",
    "update_hp_cluster",
    "generate_app_manifest",
    "aws_call",
];
/// Names that are the question itself, of tools that read.
const QUESTIONS: [&str; 3] = ["gpu_why_pending", "gpu_fragmentation", "gpu_idle"];

fn all() -> impl Iterator<Item = &'static ToolDef<App>> {
    TOOLSETS.iter().flat_map(|set| set.nouns.iter().copied().flatten())
}

fn registry() -> Registry<App> {
    let selection = Selection { toolsets: vec!["all".into()], ..Selection::default() };
    Registry::new(TOOLSETS, &selection, Ceiling { write: true, sensitive: true }).unwrap()
}

#[test]
fn names_are_unique_and_portable() {
    let mut seen = HashSet::new();
    for tool in all() {
        assert!(tool.name.len() <= 40 && tool.name.starts_with(|c: char| c.is_ascii_lowercase()), "{}", tool.name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(tool.name.chars().all(plain), "{}", tool.name);
        for name in tool.names() {
            assert!(seen.insert(name), "{name} is taken");
        }
    }
}

#[test]
fn the_verb_of_a_name_agrees_with_what_the_tool_does() {
    for tool in all().filter(|tool| QUESTIONS.contains(&tool.name)) {
        assert!(!tool.most().writes(), "{}", tool.name);
    }
    for tool in all().filter(|tool| !KEPT.contains(&tool.name) && !QUESTIONS.contains(&tool.name)) {
        let verb = tool.name.split('_').find(|word| READS.contains(word) || CHANGES.contains(word));
        let verb = verb.unwrap_or_else(|| panic!("{} has no verb that we use", tool.name));
        assert_eq!(CHANGES.contains(&verb), tool.most().writes(), "{}", tool.name);
    }
}

#[test]
fn descriptions_are_short_and_say_what_first() {
    for view in registry().views() {
        let length = view.description.chars().count();
        assert!((20..=300).contains(&length), "{}: {length} characters", view.name);
        let title = view.description.split(". ").next().unwrap();
        assert!(!title.ends_with('.') || title == view.description, "{}: {title}", view.name);
        assert!(title.chars().count() <= 100, "{}: {title}", view.name);
        for (name, property) in view.input["properties"].as_object().unwrap() {
            let about = property["description"].as_str().unwrap_or_default();
            let speaks_for_itself = property.get("enum").is_some();
            assert!(!about.is_empty() || speaks_for_itself, "{}.{name} is not explained", view.name);
            assert!(about.chars().count() <= 160, "{}.{name}: {about}", view.name);
        }
    }
}

#[test]
fn schemas_stay_in_the_subset_that_every_client_takes() {
    for view in registry().views() {
        let schema = Value::Object(view.input.clone());
        assert_eq!(schema["type"], "object", "{}", view.name);
        assert_eq!(schema["additionalProperties"], false, "{}", view.name);
        assert_subset(&schema, view.name);
    }
}

fn assert_subset(schema: &Value, at: &str) {
    let Some(object) = schema.as_object() else { panic!("{at}: {schema}") };
    for keyword in object.keys() {
        let known = [
            "type",
            "description",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "enum",
            "minimum",
            "maximum",
            "default",
        ];
        assert!(known.contains(&keyword.as_str()), "{at}: {keyword}");
    }
    assert!(object.get("type").is_none_or(Value::is_string), "{at}: more than one type");
    let strings = |values: &Value| values.as_array().unwrap().iter().all(Value::is_string);
    assert!(object.get("enum").is_none_or(strings), "{at}: an enum of something else than strings");
    assert_eq!(schema["type"] == "array", object.contains_key("items"), "{at}: items");
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        assert_subset(property, &format!("{at}.{name}"));
    }
    for part in ["items", "additionalProperties"] {
        if let Some(schema) = object.get(part).filter(|schema| schema.is_object()) {
            assert_subset(schema, &format!("{at}.{part}"));
        }
    }
}

#[test]
fn narrower_names_stand_for_arguments_that_the_tool_takes() {
    for tool in all() {
        let known = &tool.input()["properties"];
        for (name, arguments) in tool.presets {
            let arguments: Value = serde_json::from_str(arguments).unwrap_or_else(|e| panic!("{name}: {e}"));
            for argument in arguments.as_object().unwrap().keys() {
                assert!(known.get(argument).is_some(), "{name}: {} takes no {argument}", tool.name);
            }
        }
    }
}

#[test]
fn what_a_toolset_offers_by_default_is_in_it() {
    for set in TOOLSETS {
        let trainyard_contract::Offer::Tools(names) = set.by_default else { continue };
        for name in names {
            assert!(
                set.nouns.iter().copied().flatten().any(|tool| tool.name == *name),
                "{name} is not in {}",
                set.name
            );
        }
    }
}

#[test]
fn every_example_is_a_call() {
    for tool in all() {
        for call in tool.calls() {
            let example: Value = serde_json::from_str(call.example).unwrap_or_else(|e| panic!("{}: {e}", call.name));
            if let Err(error) = call.decode(example) {
                panic!("{} {}: {error}", tool.name, call.name);
            }
        }
    }
}

#[test]
fn what_changes_something_says_what_it_is_aimed_at() {
    for tool in all() {
        let calls = tool.calls().iter().filter(|call: &&CallDef<App>| call.effect.writes());
        for call in calls {
            let decoded = call.decode(serde_json::from_str(call.example).unwrap()).unwrap();
            assert!(decoded.target().is_some(), "{} {}", tool.name, call.name);
        }
    }
}

#[test]
fn calls_of_one_tool_are_in_ascending_order_of_effect() {
    for tool in all() {
        if let Behind::ByEffect { calls, .. } = &tool.behind {
            assert!(calls.is_sorted_by_key(|call| call.effect), "{}", tool.name);
        }
    }
}

#[test]
fn every_schema_equals_its_snapshot() {
    for view in registry().views() {
        let facts = serde_json::json!({
            "name": view.name,
            "toolset": view.toolset,
            "description": view.description,
            "input": view.input,
            "read_only": view.hints.read_only,
            "destructive": view.hints.destructive,
        });
        insta::assert_json_snapshot!(format!("tool_{}", view.name), facts);
    }
}

/// Tools of a selection, and tokens of their list as a client gets it.
fn weight(selection: &Selection) -> (usize, usize) {
    let registry = Registry::new(TOOLSETS, selection, Ceiling::READ_ONLY).unwrap();
    let entry = |view: &View| serde_json::json!({ "name": view.name, "description": view.description, "inputSchema": view.input });
    let tokens = |value: Value| tiktoken_rs::o200k_base_singleton().encode_ordinary(&value.to_string()).len();
    for view in registry.views() {
        println!("{:>6} {}", tokens(entry(view)), view.name);
    }
    let list: Vec<Value> = registry.views().iter().map(entry).collect();
    let tools = list.len();
    let tokens = tokens(serde_json::json!({ "tools": list }));
    println!("{tools} tools, {tokens} tokens");
    (tools, tokens)
}

#[test]
fn the_default_list_fits_its_budget() {
    let (tools, tokens) = weight(&Selection::default());
    assert!(tools <= 40 && tokens <= 4000, "{tools} tools, {tokens} tokens");
}

#[test]
fn the_hyperpod_list_is_a_fifth_of_the_older_servers() {
    let (_, tokens) = weight(&Selection { toolsets: vec!["hyperpod".into()], ..Selection::default() });
    assert!(tokens <= 10_033 / 5, "{tokens} tokens");
}

#[test]
fn the_eks_list_is_less_than_half_of_the_older_servers() {
    let (_, tokens) = weight(&Selection { toolsets: vec!["eks".into()], ..Selection::default() });
    assert!(tokens <= 9_688 / 2, "{tokens} tokens");
}

#[test]
fn instructions_are_not_cut_by_clients() {
    let names: Vec<_> = TOOLSETS.iter().map(|set| set.name).collect();
    for ceiling in [Ceiling::READ_ONLY, Ceiling { write: true, sensitive: true }] {
        let text = instructions(&names, ceiling);
        assert!(text.chars().count() < 2048, "{} characters", text.chars().count());
    }
}

/// Every source file below `src`, with its path.
pub(crate) fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

#[test]
fn every_operation_is_held_against_the_catalogue() {
    let mut missing = String::new();
    for (path, text) in sources() {
        for line in text.lines().filter_map(|line| line.strip_prefix("impl Operation for ")) {
            let name = line.trim_end_matches(" {");
            if !text.contains(&format!("check::<{name}>()")) {
                writeln!(missing, "{path}: check::<{name}>()").unwrap();
            }
        }
    }
    assert!(missing.is_empty(), "operations without their check:\n{missing}");
}

#[test]
fn no_region_is_written_into_a_tool() {
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for region in ["us-east-", "us-west-", "eu-central-", "ap-south-", "ap-northeast-"] {
            let own_words = path.ends_with("registry_tests.rs") || path.ends_with("hyperpod_stacks/templates.rs");
            assert!(own_words || !code.contains(region), "{path} names a region");
        }
    }
}

/// Holds one operation against the catalogue: it exists, needs what it says, and every member that we send or read is
/// there with its type.
pub(crate) fn check<O>()
where
    O: Operation + JsonSchema,
    O::Reply: JsonSchema,
{
    let service = catalogue::service(O::SERVICE).unwrap();
    let name = format!("{} {}", O::SERVICE, O::ACTION);
    let operation = service.operation(O::ACTION).unwrap_or_else(|| panic!("{name} does not exist"));
    assert_eq!(effect(operation), O::Needs::EFFECT, "{name} needs something else");
    let schema = |settings: SchemaSettings| {
        let settings = settings.with(|settings| settings.inline_subschemas = true);
        settings.into_generator()
    };
    let input = schema(SchemaSettings::draft2020_12().for_serialize()).into_root_schema_for::<O>().to_value();
    let output = schema(SchemaSettings::draft2020_12().for_deserialize()).into_root_schema_for::<O::Reply>().to_value();
    for (schema, shape, way) in [(input, operation.input, "input"), (output, operation.output, "output")] {
        match shape {
            Some(shape) => compare(service, shape, &schema, &format!("{name} {way}")),
            None => {
                assert!(schema["properties"].as_object().is_none_or(serde_json::Map::is_empty), "{name} has no {way}");
            }
        }
    }
}

fn compare(service: &Service<'_>, id: ShapeId, schema: &Value, at: &str) {
    let schema = without_null(schema);
    let kind = match &schema["type"] {
        Value::Array(types) => types.iter().find(|kind| *kind != "null").and_then(Value::as_str),
        kind => kind.as_str(),
    };
    // A choice between fixed strings is a string.
    let kind = kind.unwrap_or(if schema.get("oneOf").is_some() { "string" } else { "any" });
    match (&service.shape(id).kind, kind) {
        (_, "any")
        | (Kind::String(..) | Kind::Timestamp(_) | Kind::Blob { .. }, "string")
        | (Kind::Boolean, "boolean")
        | (Kind::Integer(_) | Kind::Long(_), "integer")
        | (Kind::Float(_) | Kind::Double(_), "number")
        | (Kind::Document, _) => {}
        (Kind::List { item, .. }, "array") => compare(service, item.shape, &schema["items"], &format!("{at}[]")),
        (Kind::Map { value, .. }, "object") => {
            compare(service, value.shape, &schema["additionalProperties"], &format!("{at}{{}}"));
        }
        (Kind::Structure(structure), "object") => {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let member = structure.members.iter().find(|member| member.name == name);
                let member = member.unwrap_or_else(|| panic!("{at} has no member {name}"));
                compare(service, member.shape, property, &format!("{at}.{name}"));
            }
        }
        (other, kind) => panic!("{at} is {other:?}, not {kind}"),
    }
}

fn without_null(schema: &Value) -> Value {
    let Some(choices) = schema.get("anyOf").and_then(Value::as_array) else { return schema.clone() };
    choices.iter().find(|choice| choice["type"] != "null").cloned().unwrap_or_else(|| schema.clone())
}

#[test]
fn effects_are_spread_as_the_gates_expect() {
    // The gate matrix of the binary relies on these: at least one call of each kind exists.
    for effect in [Effect::Reads, Effect::Reveals, Effect::Changes, Effect::Destroys] {
        assert!(all().flat_map(ToolDef::calls).any(|call| call.effect == effect), "{effect}");
    }
}
