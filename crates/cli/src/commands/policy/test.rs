//! `trainyard policy test`: calls, and what the operator expects to become of them.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use trainyard_contract::{Error, Found, Result};
use trainyard_dispatch::{Caller, Dispatch, Verdict};
use trainyard_tools::App;

use crate::{config::Config, output};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// One call: who makes it, what would be known of it, and what is expected.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: Option<String>,
    tool: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(default)]
    principal: String,
    account: Option<String>,
    region: Option<String>,
    clusters: Option<Vec<String>>,
    /// Tags of what the call is aimed at.
    tags: Option<BTreeMap<String, String>>,
    expect: Verdict,
    /// The rule that is to decide; any, where none is named.
    rule: Option<String>,
}

pub(super) async fn run(config: &Config, file: &Path, json: bool) -> Result<ExitCode> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::validation(format!("could not read {}: {error}", file.display())))?;
    let cases: Cases = toml::from_str(&text)
        .map_err(|error| Error::validation(format!("{}: {}", file.display(), error.to_string().trim())))?;
    let dispatch = super::open_road(config)?;
    let mut rows = Vec::new();
    let mut failed = 0;
    for case in cases.case {
        let row = held(&dispatch, case).await?;
        failed += usize::from(row["passed"] == false);
        rows.push(row);
    }
    if json || !output::at_terminal() {
        output::text(&format!("{:#}\n", json!({ "cases": rows.len(), "failed": failed, "results": rows })))?;
    } else {
        output::text(&for_people(&rows))?;
    }
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn held(dispatch: &Dispatch<App>, case: Case) -> Result<Value> {
    let found = Found {
        account: case.account,
        region: case.region,
        clusters: case.clusters,
        kinds: None,
        operations: None,
        tags: case.tags.map(|tags| vec![tags]),
    };
    let caller = Caller { door: "shell", principal: case.principal, ..Caller::default() };
    let name = case.name.unwrap_or_else(|| format!("{} {}", case.tool, Value::from(case.arguments.clone())));
    let explained = dispatch.explain(&case.tool, case.arguments, &caller, found).await;
    let explained = explained.map_err(|error| error.map_text(|text| format!("case {name:?}: {text}")))?;
    let by_rule = case.rule.as_ref().is_none_or(|rule| *rule == explained.rule);
    Ok(json!({
        "case": name,
        "passed": explained.verdict == case.expect && by_rule,
        "expected": case.expect,
        "expected_rule": case.rule,
        "verdict": explained.verdict,
        "rule": explained.rule,
        "because": explained.because,
    }))
}

fn for_people(rows: &[Value]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = rows.iter().map(|row| {
        let mark = if row["passed"] == true { "ok" } else { "FAILED" };
        vec![mark.to_owned(), text(&row["case"]), text(&row["expected"]), text(&row["verdict"]), text(&row["rule"])]
    });
    output::table(&["", "case", "expected", "verdict", "by"].map(str::to_owned), lines.collect())
}
