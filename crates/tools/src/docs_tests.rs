//! `docs/tools.md`, made from the definitions. Run with `TRAINYARD_WRITE_DOCS=1` to write it anew.

use std::{fmt::Write, path::Path};

use serde_json::Value;
use trainyard_contract::{Behind, Ceiling, Offer, ToolDef};
use trainyard_dispatch::{Registry, Selection, View};

use crate::{App, TOOLSETS};

#[test]
fn the_page_about_the_tools_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tools.md");
    let page = page();
    #[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
    if std::env::var_os("TRAINYARD_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/tools.md is out of date: run TRAINYARD_WRITE_DOCS=1 cargo test -p trainyard-tools docs"
    );
}

fn page() -> String {
    let selection = Selection { toolsets: vec!["all".into()], ..Selection::default() };
    let registry = Registry::new(TOOLSETS, &selection, Ceiling { write: true, sensitive: true }).unwrap();
    let mut page = String::from(
        "# The tools\n\nMade from the definitions by a test. A parameter with * is required. `dry_run` and `confirm` belong to every tool \
         that changes something: see [Safety](../README.md#safety).\n",
    );
    for set in TOOLSETS {
        let on = match set.by_default {
            Offer::All => "offered by default",
            Offer::Reads => "reads are offered by default, the rest with --toolsets",
            Offer::Tools(_) => "its most used reads are offered by default, the rest with --toolsets",
            Offer::Nothing => "offered with --toolsets",
        };
        write!(page, "\n## {}\n\n{} ({on}).\n", set.name, set.about).unwrap();
        for view in registry.views().iter().filter(|view| view.toolset == set.name) {
            page.push_str(&section(view, registry.definition(view.name).unwrap()));
        }
    }
    page
}

fn section(view: &View, tool: &ToolDef<App>) -> String {
    let mut text = format!("\n### {}\n\n{}.\n\n", view.name, view.description.trim_end_matches('.'));
    let effects: Vec<_> = tool.calls().iter().map(|call| call.effect.to_string()).collect();
    match &tool.behind {
        Behind::ByOperation { calls, .. } => {
            for call in *calls {
                writeln!(text, "- `{}` {}", call.name, call.effect).unwrap();
            }
        }
        _ => writeln!(text, "Effect: {}.", effects.join(", ")).unwrap(),
    }
    if !tool.former.is_empty() {
        writeln!(text, "\nAlso called: `{}`.", tool.former.join("`, `")).unwrap();
    }
    for (name, arguments) in tool.presets {
        writeln!(text, "\nAlso called, with `{arguments}`: `{name}`.").unwrap();
    }
    text.push_str("\n| parameter | type | about |\n|---|---|---|\n");
    let required: Vec<_> = view.input.get("required").and_then(Value::as_array).into_iter().flatten().collect();
    for (name, property) in view.input["properties"].as_object().unwrap() {
        if matches!(name.as_str(), "dry_run" | "confirm") {
            continue;
        }
        let star = if required.iter().any(|other| *other == name) { "*" } else { "" };
        let about = property["description"].as_str().unwrap_or_default().replace('|', "\\|");
        writeln!(text, "| `{name}`{star} | {} | {about} |", kind(property)).unwrap();
    }
    text
}

fn kind(property: &Value) -> String {
    if let Some(values) = property["enum"].as_array() {
        return values
            .iter()
            .filter_map(Value::as_str)
            .map(|value| format!("`{value}`"))
            .collect::<Vec<_>>()
            .join(", ");
    }
    match property["type"].as_str() {
        Some("array") => format!("list of {}", kind(&property["items"])),
        Some(other) => other.to_owned(),
        None => "any".to_owned(),
    }
}
