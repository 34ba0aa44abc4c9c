//! Clients that others wrote: the Python SDK's and the Inspector, in both eras.

use std::{process::Command, time::Duration};

use trainyard_harness::{Ended, Trainyard, node, npm, root, run, venv};

use crate::{BINARY, with_moto};

const LIMIT: Duration = Duration::from_mins(2);

fn python(mode: &str, region: &str, protocol: &str) {
    let at = with_moto(region);
    let script = root().join("crates/cli/tests/e2e/client.py");
    let mut command = Command::new(venv().join("bin/python3"));
    command.arg(script).arg(mode).arg(BINARY).args(["serve", "--allow-write"]);
    let ended = run(command.env_clear().envs(at.variables()), "", LIMIT).unwrap();
    print!("{mode}: {}", ended.stdout);
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains(protocol), "{}", ended.stdout);
}

#[test]
fn the_python_client_that_finds_out_the_era() {
    python("auto", "us-east-2", "2026-07-28");
}

#[test]
fn the_python_client_of_the_older_era() {
    python("legacy", "eu-west-3", "2025-11-25");
}

#[test]
fn the_python_client_of_the_newer_era() {
    python("2026-07-28", "us-west-2", "2026-07-28");
}

#[test]
fn the_python_client_over_http() {
    let at = with_moto("us-west-1");
    let server = at.serve_http(&["--allow-write"]).unwrap();
    for (mode, protocol) in [("auto", "2026-07-28"), ("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")] {
        let script = root().join("crates/cli/tests/e2e/client.py");
        let mut command = Command::new(venv().join("bin/python3"));
        command.arg(script).args([mode, &server.url(), server.token().unwrap()]);
        let ended = run(command.env_clear(), "", LIMIT).unwrap();
        print!("{mode} over HTTP: {}", ended.stdout);
        assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains(protocol), "{}", ended.stdout);
    }
}

/// One run of the Inspector's command line; `None` where it was left out on purpose.
fn inspector(at: &Trainyard, arguments: &[&str]) -> Option<Ended> {
    let modules = npm()?;
    let mut command = Command::new(node().expect("`cargo xtask test-data` brings a node"));
    command.arg(modules.join(".bin/mcp-inspector")).arg("--cli").arg(BINARY).arg("serve").args(arguments);
    // The Inspector hands down only a few variables unless it is told all of them.
    for (name, value) in at.variables() {
        command.arg("-e").arg(format!("{name}={value}"));
    }
    Some(run(command.env_clear().envs(at.variables()), "", LIMIT).unwrap())
}

#[test]
fn the_inspector_finds_nothing_that_a_client_would_stumble_over() {
    let at = with_moto("ca-central-1");
    for era in ["legacy", "modern"] {
        let list = ["--protocol-era", era, "--method", "tools/list", "--strict"];
        let Some(list) = inspector(&at, &list) else { return };
        assert!(list.status.success(), "{era}: {}{}{}", list.status, list.stdout, list.stderr);
        assert!(list.stdout.contains("ec2_list_instances"), "{}", list.stdout);
        let findings: Vec<_> = list.stderr.lines().filter(|line| line.contains("warn")).collect();
        println!("{era}: {} remarks {findings:?}", findings.len());
        let call = ["--protocol-era", era, "--method", "tools/call", "--tool-name", "iam_get_caller_identity"];
        let call = inspector(&at, &call).unwrap();
        assert!(call.status.success() && call.stdout.contains("123456789012"), "{}{}", call.stdout, call.stderr);
    }
}
