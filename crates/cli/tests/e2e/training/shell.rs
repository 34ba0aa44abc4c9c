//! Words of the shell for the platform, for programs and for people.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use trainyard_harness::{Trainyard, learning_venv};

use super::table;
use crate::BINARY;

/// What is shown to somebody who sits at a terminal.
fn at_a_terminal(at: &Trainyard, words: &[&str]) -> String {
    // Python has terminals everywhere.
    let script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new(learning_venv().join("bin/python3"));
    command.args(["-c", script]).arg(at.binary()).args(words);
    command.env_clear().envs(at.variables()).current_dir(at.home()).stdin(Stdio::null());
    let ended = command.output().unwrap();
    let shown = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{words:?}: {shown}{}", String::from_utf8_lossy(&ended.stderr));
    shown
}

#[test]
fn a_person_at_a_terminal_sees_tables_and_plots() {
    let at = Trainyard::bare(BINARY).unwrap();
    table(&at.home().join("signals.csv"), 200);
    at_a_terminal(&at, &["dataset", "add", "signals.csv", "--allow-write"]);
    let profile = at_a_terminal(&at, &["dataset", "profile", "signals", "fields=column,median,histogram"]);
    assert!(profile.contains("HISTOGRAM") && profile.contains('█'), "{profile}");
    let rows = at_a_terminal(&at, &["dataset", "preview", "signals", "rows=2", "--allow-sensitive-data-access"]);
    let first: Vec<&str> = rows.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(first, ["X", "Y", "LABEL"], "{rows}");
    assert!(!rows.contains("[["), "a table, without marks: {rows}");
    let trained =
        at_a_terminal(&at, &["train", "signals", "label", "preset=fast", "algorithm=boosting", "--allow-write"]);
    for part in ["status: completed", "boosting: accuracy", "boosting round", "predicted class", "share of all gain, %"]
    {
        assert!(trained.contains(part), "{part}: {trained}");
    }
    let shown = at_a_terminal(&at, &["model", "show", "signals-label"]);
    assert!(shown.contains("predicted class") && shown.contains('█'), "{shown}");
    let pictures = || fs::read_dir(at.home().join(".local/state/trainyard/pictures")).map_or(0, Iterator::count);
    assert_eq!(pictures(), 0, "nobody asked for files");
    let asked = at_a_terminal(&at, &["model", "show", "signals-label", "pictures=confusion"]);
    assert!(asked.contains("model_get-1.png") && asked.contains("predicted class"), "{asked}");
    assert_eq!(pictures(), 1);
}

#[test]
fn the_shell_has_words_for_the_platform() {
    let at = Trainyard::bare(BINARY).unwrap();
    table(&at.home().join("signals.csv"), 200);
    let run = |words: &[&str]| {
        let ended = at.run(words).unwrap();
        assert!(ended.status.success(), "{words:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    };
    let json_of = |words: &[&str]| -> Value { serde_json::from_str(&run(words)).unwrap() };
    for noun in ["dataset", "train", "model", "jobs"] {
        let listed = run(&[noun]);
        assert!(listed.contains("COMMAND") && listed.contains(&format!("trainyard {noun} ")), "{listed}");
        let help = run(&[noun, "--help"]);
        let forms =
            listed.lines().filter_map(|line| line.strip_prefix(&format!("trainyard {noun} "))?.split("  ").next());
        assert!(forms.into_iter().all(|form| help.contains(&format!("\n  {form} "))), "{help}{listed}");
    }
    let refusal = at.run(&["dataset", "add", "signals.csv"]).unwrap();
    assert!(!refusal.status.success() && refusal.stderr.contains("--allow-write"), "{}", refusal.stderr);
    // Files are named as they are at a shell, from where one stands.
    let added = json_of(&["dataset", "add", "signals.csv", "--allow-write"]);
    assert_eq!(added["dataset"]["dataset_id"], "signals", "{added}");
    assert_eq!(json_of(&["dataset", "list"])["count"], 1);
    let plan = json_of(&["train", "plan", "signals", "label"]);
    assert_eq!(plan["backend"], "local", "{plan}");
    // It waits for the end of what it starts.
    let done = json_of(&["train", "signals", "label", "preset=fast", "--allow-write"]);
    assert_eq!((&done["status"], &done["model_id"]), (&json!("completed"), &json!("signals-label")), "{done}");
    let job = done["job_id"].as_str().unwrap();
    assert_eq!(json_of(&["jobs", "wait", job])["ended"], true);
    assert_eq!(json_of(&["model", "show", "signals-label"])["version"]["version"], 1);
    run(&[
        "model",
        "predict",
        "signals-label",
        "signals.csv",
        "predicted.csv",
        "--allow-write",
        "--allow-sensitive-data-access",
    ]);
    assert_eq!(fs::read_to_string(at.home().join("predicted.csv")).unwrap().lines().count(), 201);
    let slip = at.run(&["jobs", "stop", job]).unwrap();
    assert!(slip.stderr.contains("cancel"), "{}", slip.stderr);
    let words = at.run(&["dataset", "show", "signals", "extra"]).unwrap();
    assert!(words.stderr.contains("DATASET_ID"), "{}", words.stderr);
}
