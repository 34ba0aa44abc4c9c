//! `cargo xtask bench`: what the release build costs: size, start, calls, load.

mod calls;
mod load;
mod process;
mod start;

use std::fs;

use serde_json::{Value, json};

use crate::{Result, environment, fetch, release};

/// One figure: what was measured, what came out, and what is wanted of it.
struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    wanted: Option<f64>,
}

impl Figure {
    fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, wanted: None }
    }

    fn at_most(self, wanted: f64) -> Self {
        Self { wanted: Some(wanted), ..self }
    }
}

/// Measures everything and prints a table, then the same as JSON on one line.
pub(crate) fn run(peers: bool) -> Result<()> {
    let binary = release::build(release::Engines::Usual)?;
    #[expect(clippy::cast_precision_loss, reason = "sizes of files are far below 2^53")]
    let size = fs::metadata(&binary)?.len() as f64 / 1e6;
    let mut figures = vec![Figure::new("release binary, stripped", size, "MB").at_most(25.0)];
    let ours = start::ours(&binary)?;
    figures.extend(start::figures(&ours));
    let venv = environment::python("bench-venv", "tests/requirements-bench.txt")?;
    figures.extend(calls::services(&binary, &venv)?);
    figures.extend(calls::own_share(&binary)?);
    figures.extend(load::figures(&binary)?);
    if peers {
        figures.extend(start::peers(&ours)?);
    }
    for figure in &figures {
        let wanted = figure.wanted.map(|most| format!("(at most {most})")).unwrap_or_default();
        let mark = if figure.wanted.is_some_and(|most| figure.value > most) { "  <-- over" } else { "" };
        println!("{:<64} {:>10.2} {:<5} {wanted}{mark}", figure.what, figure.value, figure.unit);
    }
    let as_json = |figure: &Figure| json!({ "what": figure.what, "value": figure.value, "unit": figure.unit, "at_most": figure.wanted });
    let all: Value = figures.iter().map(as_json).collect();
    let file = fetch::cache().join("bench.json");
    fs::write(&file, format!("{all}\n"))?;
    println!("{all}");
    Ok(())
}

/// The middle one.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
