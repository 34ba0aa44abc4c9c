//! Python's `kubernetes` client: what it does stands in `client.py`, a function for each of these tests.

use std::{process::Command, time::Duration};

use trainyard_harness::{kubernetes_venv, root, run};

use crate::alive;

/// Far longer than any theme takes.
const PATIENCE: Duration = Duration::from_mins(3);

fn theme(name: &str) {
    // Over HTTPS, as clusters are.
    let (_server, home) = alive(true);
    let mut command = Command::new(kubernetes_venv().join("bin/python3"));
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
    command.arg(root().join("crates/sandbox/tests/others/client.py")).arg(name).arg(home.path().join("config"));
    let ended = run(&mut command, "", PATIENCE).unwrap();
    assert!(ended.status.success(), "{name}: {}{}", ended.stdout, ended.stderr);
}

#[test]
fn typed_objects_are_made_listed_changed_and_deleted() {
    theme("objects");
}

#[test]
fn lists_come_in_pages_that_agree_with_each_other() {
    theme("pages");
}

#[test]
fn watches_tell_what_happens_in_its_order() {
    theme("watches");
}

#[test]
fn server_side_apply_knows_who_owns_what() {
    theme("applies");
}

#[test]
fn a_deployment_lives_and_its_budget_is_respected() {
    theme("workloads");
}

#[test]
fn custom_kinds_are_equals() {
    theme("custom");
}

#[test]
fn versions_kinds_rights_and_usage_are_told() {
    theme("questions");
}
