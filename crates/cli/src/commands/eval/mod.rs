//! `trainyard eval`: how an assistant handled an incident of the sandbox.

mod grade;

use std::{process::ExitCode, sync::Arc};

use serde_json::json;
use trainyard_contract::{Ceiling, Error, Result};
use trainyard_dispatch::{Dispatch, Selection};
use trainyard_sandbox::scenario::Scenario;
use trainyard_tools::App;

use self::grade::{Grade, grade};
use super::call::source;
use crate::{
    args::EvalArguments,
    config::Config,
    output,
    transcript::{self, Concluded, Line},
};

/// What it ends with where the assistant did not pass.
const FAILED: u8 = 1;

pub(crate) fn run(config: &Config, arguments: &EvalArguments) -> Result<ExitCode> {
    let (Some(name), Some(file)) = (&arguments.scenario, &arguments.transcript) else {
        return list(arguments.json).map(|()| ExitCode::SUCCESS);
    };
    let scenario = scenario(name)?;
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::validation(format!("could not read {}: {error}", file.display())))?;
    let mut lines = transcript::read(&text)?;
    if let Some(conclusion) = &arguments.conclusion {
        lines.push(Line::Conclusion(Concluded { conclusion: source(conclusion)? }));
    }
    let dispatch = everything(config)?;
    let effect = |tool: &str, given| dispatch.needs(tool, given).map(|(_, needs)| needs.effect).ok();
    let grade = grade(name, &scenario.truth, &lines, effect)?;
    show(&grade, &scenario, arguments.json)?;
    Ok(if grade.passed() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn scenario(name: &str) -> Result<Scenario> {
    Scenario::named(name).map_err(|why| Error::validation(why).hint("trainyard eval --list shows what each is about"))
}

/// All tools, to find out what calls of them do; none is called.
fn everything(config: &Config) -> Result<Arc<Dispatch<App>>> {
    let mut config = config.clone();
    config.selection = Selection { toolsets: vec!["all".to_owned()], ..Selection::default() };
    config.ceiling = Ceiling { write: true, sensitive: true };
    // Nothing is written down anywhere.
    config.state_dir = None;
    super::dispatch(&config, None)
}

fn list(as_json: bool) -> Result<()> {
    let all = Scenario::names().map(|name| Ok((name, scenario(name)?))).collect::<Result<Vec<_>>>()?;
    if as_json {
        let rows: Vec<_> = all
            .iter()
            .map(|(name, known)| json!({ "name": name, "title": known.title, "question": known.question }))
            .collect();
        return output::text(&format!("{:#}\n", json!(rows)));
    }
    let mut text = String::new();
    for (name, known) in &all {
        text.push_str(&format!("{name}: {}\n  {}\n\n", known.title, known.question));
    }
    text.push_str(
        "trainyard serve --sandbox --scenario NAME --toolsets all --transcript FILE      then ask the assistant that\n",
    );
    output::text(&text)
}

fn show(grade: &Grade, scenario: &Scenario, as_json: bool) -> Result<()> {
    if as_json {
        let story = &scenario.truth.story;
        let value = json!({ "scenario": grade.scenario, "passed": grade.passed(), "calls": grade.calls,
            "criteria": grade.criteria, "truth": story });
        return output::text(&format!("{value:#}\n"));
    }
    let headings = ["", "criterion", "what of it"].map(str::to_owned);
    let rows = grade.criteria.iter().map(|criterion| {
        let mark = if criterion.passed { "ok" } else { "no" };
        vec![mark.to_owned(), criterion.name.clone(), criterion.details.clone()]
    });
    let verdict = if grade.passed() { "passed" } else { "not passed" };
    let table = output::table(&headings, rows.collect());
    output::text(&format!(
        "{table}\n{}: {verdict}, {} calls\nWhat was so: {}\n",
        grade.scenario, grade.calls, scenario.truth.story
    ))
}
