//! Asks as an assistant would, and shows what it sees.

use std::sync::Arc;

use serde_json::Value;
use trainyard_contract::{Error, Result, Unheard};
use trainyard_dispatch::{Caller, Dispatch, Outcome, Request};
use trainyard_tools::App;

use super::plot;
use crate::output;

/// Lines of an answer that are shown.
const LINES: usize = 18;
/// Columns of a line that are shown.
const COLUMNS: usize = 112;
/// How long a heading is.
const RULE: usize = 116;

/// A tour of tools, called by the same road as an assistant's calls.
pub(super) struct Guide(Arc<Dispatch<App>>);

impl Guide {
    pub(super) fn new(dispatch: Arc<Dispatch<App>>) -> Self {
        Self(dispatch)
    }

    /// What a tool answers, without a word.
    pub(super) async fn answer(&self, tool: &str, arguments: &Value) -> Result<Value> {
        match self.call(tool, arguments).await {
            Outcome::Done(done) => Ok(done.value),
            Outcome::Failed(error, _) => Err(error),
            Outcome::Ask(_) => Err(Error::internal(format!("{tool} asked for agreement"))),
        }
    }

    /// A question that is answered.
    pub(super) async fn shows(&self, question: &str, tool: &str, arguments: &Value) -> Result<Value> {
        asked(question, tool, arguments)?;
        let value = self.answer(tool, arguments).await?;
        answered(&output::for_people(&value))?;
        Ok(value)
    }

    /// A question that is answered by a curve, which is drawn here.
    pub(super) async fn draws(&self, question: &str, tool: &str, arguments: &Value) -> Result<()> {
        asked(question, tool, arguments)?;
        let value = self.answer(tool, arguments).await?;
        let curve = &value["curves"][0];
        let points = curve["points"].as_array().into_iter().flatten();
        let heights: Vec<f64> = points.filter_map(|point| point[1].as_f64()).collect();
        let name = curve["name"].as_str().ok_or_else(|| Error::internal("the training left no curve"))?;
        answered(&format!("{name}\n{}", plot::columns(&heights)))
    }

    /// A change that is refused, with what would have to be said at the start of the server.
    pub(super) async fn is_refused(&self, question: &str, tool: &str, arguments: &Value) -> Result<()> {
        asked(question, tool, arguments)?;
        match self.call(tool, arguments).await {
            Outcome::Failed(error, _) => {
                let hint = error.hint_str().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                answered(&format!("refused: {}{hint}", error.message()))
            }
            _ => Err(Error::internal(format!("{tool} was not refused"))),
        }
    }

    /// A change that a person is asked about. Nobody agrees here.
    pub(super) async fn asks(&self, question: &str, tool: &str, arguments: &Value) -> Result<()> {
        asked(question, tool, arguments)?;
        match self.call(tool, arguments).await {
            Outcome::Ask(plan) => {
                answered(&output::for_people(&plan.plan))?;
                output::text(
                    "  A person is asked now, by the assistant's own dialogue. Here nobody says yes, so nothing happens.\n",
                )
            }
            Outcome::Failed(error, _) => Err(error),
            Outcome::Done(_) => Err(Error::internal(format!("{tool} asked nobody"))),
        }
    }

    async fn call(&self, tool: &str, arguments: &Value) -> Outcome {
        let request = Request {
            tool: tool.to_owned(),
            arguments: arguments.as_object().cloned().unwrap_or_default(),
            caller: Caller { door: "demo", ..Caller::default() },
            person: true,
            agreed: None,
            progress: Arc::new(Unheard),
        };
        self.0.call(request).await
    }
}

/// A heading, and what it is about.
pub(super) fn chapter(title: &str, about: &str) -> Result<()> {
    let rule = "=".repeat(RULE.saturating_sub(title.len() + 4));
    output::text(&format!("\n== {title} {rule}\n{about}\n"))
}

/// What an answer means, for whoever is new to its words.
pub(super) fn means(text: &str) -> Result<()> {
    text.lines().try_for_each(|line| output::text(&format!("  * {line}\n")))
}

fn asked(question: &str, tool: &str, arguments: &Value) -> Result<()> {
    let call = format!("{tool} {}", words(arguments));
    output::text(&format!("\n> {question}\n$ {}\n", cut(call.trim_end())))
}

/// Arguments as one types them at the shell.
fn words(arguments: &Value) -> String {
    let members = arguments.as_object().into_iter().flatten();
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    };
    members.map(|(name, value)| format!("{name}={}", word(value))).collect::<Vec<_>>().join(" ")
}

fn answered(text: &str) -> Result<()> {
    let all: Vec<&str> = text.lines().collect();
    for line in all.iter().take(LINES) {
        output::text(&format!("  | {}\n", cut(line)))?;
    }
    if all.len() > LINES {
        output::text(&format!("  | … {} more lines\n", all.len() - LINES))?;
    }
    Ok(())
}

/// A line that is not too wide.
fn cut(line: &str) -> String {
    if line.chars().count() <= COLUMNS {
        return line.to_owned();
    }
    line.chars().take(COLUMNS - 1).chain(['…']).collect()
}
