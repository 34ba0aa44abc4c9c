//! `trainyard audit`: what was called, and whether the log still says what was written.

use std::{path::Path, process::ExitCode, time::Duration};

use clap::Subcommand;
use serde_json::{Value, json};
use trainyard_contract::{Error, Result};
use trainyard_dispatch::audit;

use crate::{config::Config, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the newest lines
    Tail {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// Go on with lines as they are written
        #[arg(short, long)]
        follow: bool,
        /// As JSON, one line each
        #[arg(long)]
        json: bool,
    },
    /// Check that no line was altered, taken away, moved or cut off
    Verify {
        /// A hash that an earlier check printed: it has to be there still
        #[arg(long, value_name = "HASH")]
        expect: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one call: by its number, or by the id that AWS saw
    Show {
        /// Number or id
        call: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(config: &Config, command: Command) -> Result<ExitCode> {
    let path = config.audit_path().ok_or_else(|| {
        Error::unsupported("there is no state folder").hint("name one with --state-dir, as the server has it")
    })?;
    match command {
        Command::Tail { lines, follow, json } => tail(&path, lines, follow, json || !output::at_terminal()).await,
        Command::Verify { expect, json } => verify(&path, expect.as_deref(), json || !output::at_terminal()),
        Command::Show { call, json } => show(&path, &call, json || !output::at_terminal()),
    }
}

async fn tail(path: &Path, lines: usize, follow: bool, json: bool) -> Result<ExitCode> {
    let mut following = if follow { Some(audit::Follow::open(path)?) } else { None };
    let newest = audit::tail(path, lines)?;
    if json {
        newest.iter().try_for_each(|line| output::text(&format!("{line}\n")))?;
    } else {
        let headings = ["number", "time", "door", "tool", "effect", "verdict", "rule", "target", "outcome", "ms"];
        output::text(&output::table(&headings.map(str::to_owned), newest.iter().map(cells).collect()))?;
    }
    while let Some(following) = &mut following {
        match following.next_line()? {
            Some(line) if json => output::text(&format!("{line}\n"))?,
            Some(line) => output::text(&format!("{}\n", cells(&line).join("  ")))?,
            None => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One line of the log as a row.
fn cells(line: &Value) -> Vec<String> {
    let text = |name: &str| match &line[name] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let ids = line["target"]["ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let target = ids.collect::<Vec<_>>().join(",");
    let number = if line["event"] == "end" { format!("  {}", text("call")) } else { text("sequence") };
    let time = text("time");
    vec![
        number,
        time.get(..19).unwrap_or(&time).to_owned(),
        text("door"),
        text("tool"),
        text("effect"),
        text("verdict"),
        text("rule"),
        if target.is_empty() { "-".to_owned() } else { target },
        match &line["code"] {
            Value::String(code) => format!("{} {code}", text("outcome")),
            _ => text("outcome"),
        },
        text("milliseconds"),
    ]
}

fn verify(path: &Path, expect: Option<&str>, json: bool) -> Result<ExitCode> {
    let report = audit::verify(path, expect)?;
    if json {
        output::text(&format!("{:#}\n", json!(report)))?;
    } else {
        let mut text = format!("{} lines in {} files\n", report.lines, report.files.len());
        if report.first_sequence > 1 {
            text.push_str(&format!("begins with line {}: older files were taken away\n", report.first_sequence));
        }
        for fault in &report.faults {
            text.push_str(&format!("FAULT {}:{}: {}\n", fault.file.display(), fault.line, fault.what));
        }
        for line in &report.unfinished {
            let (call, tool) = (&line["sequence"], line["tool"].as_str().unwrap_or("?"));
            text.push_str(&format!("call {call} ({tool}) has no end: it is under way, or its outcome is unknown\n"));
        }
        text.push_str(if report.sound { "the chain holds; last hash " } else { "the chain is broken; last hash " });
        text.push_str(&format!("{}\n", report.last));
        output::text(&text)?;
    }
    Ok(if report.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(path: &Path, call: &str, json: bool) -> Result<ExitCode> {
    let lines = audit::find(path, call)?;
    // A read that ended at once has one line, which says both.
    let whole = lines.first().is_some_and(|line| line["event"] == "call");
    let end = if whole { lines.first() } else { lines.get(1) };
    let value = json!({ "begin": lines.first(), "end": end, "outcome_unknown": end.is_none() });
    output::answer(&value, json)?;
    Ok(ExitCode::SUCCESS)
}
