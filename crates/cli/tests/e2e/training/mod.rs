//! Training through the binary: the whole way of a model, what is refused, and jobs whose servers and workers are killed.

mod disk;
mod kills;
#[cfg(feature = "lightgbm")]
mod lightgbm;
mod limits;
mod shell;
mod stores;
mod whole_way;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};

/// Longest that anything is waited for: CI is slow.
const PATIENCE: Duration = Duration::from_mins(4);

/// A server, with a folder whose files it may touch.
fn server(at: &Trainyard) -> Session {
    let files = at.home().display().to_string();
    let gates = ["--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];
    let mut words = vec!["--toolsets", "ml", "--local-paths", &files];
    words.extend(gates);
    at.serve(&words, Era::Modern).unwrap()
}

/// The facts of an answer.
#[expect(clippy::needless_pass_by_value, reason = "what is asked is a literal at every call")]
fn call(session: &mut Session, tool: &str, arguments: Value) -> Value {
    let answer = session.call(tool, arguments.clone()).unwrap();
    let facts = answer["structuredContent"].clone();
    assert_ne!(answer["isError"], true, "{tool} {arguments}: {facts}");
    facts
}

/// The error of an answer.
#[expect(clippy::needless_pass_by_value, reason = "what is asked is a literal at every call")]
fn refused(session: &mut Session, tool: &str, arguments: Value) -> Value {
    let answer = session.call(tool, arguments.clone()).unwrap();
    assert_eq!(answer["isError"], true, "{tool} {arguments}: {answer}");
    answer["structuredContent"]["error"].clone()
}

/// A table in which `label` follows from `x`, and `y` says nothing.
fn table(path: &Path, rows: usize) {
    let mut text = String::from("x,y,label\n");
    for row in 0..rows {
        let x = row * 37 % 101;
        text.push_str(&format!("{x},{},{}\n", row * 13 % 7, if x > 50 { "high" } else { "low" }));
    }
    fs::write(path, text).unwrap();
}

fn register(session: &mut Session, at: &Trainyard, name: &str, rows: usize) {
    let path = at.home().join(format!("{name}.csv"));
    table(&path, rows);
    call(session, "dataset_upload", json!({ "file_path": path, "dataset_id": name }));
}

fn end_of(session: &mut Session, job: &str) -> Value {
    let begun = Instant::now();
    loop {
        let found = call(session, "training_get", json!({ "job_id": job, "wait_seconds": 20 }));
        if found["ended"] == true {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{found}");
    }
}

/// The rows of a list, each as an object.
fn rows(session: &mut Session, tool: &str, arguments: Value) -> Vec<Value> {
    let list = call(session, tool, arguments);
    let columns: Vec<_> = list["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let row = |cells: &Value| {
        let cells = cells.as_array().unwrap().iter().cloned();
        columns.iter().map(ToString::to_string).zip(cells).collect::<serde_json::Map<_, _>>().into()
    };
    list["rows"].as_array().unwrap().iter().map(row).collect()
}

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}
