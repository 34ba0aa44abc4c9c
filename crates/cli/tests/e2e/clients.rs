//! Clients that others wrote: the Python SDK's, the Inspector and mcpdo, in both eras.

use std::{path::PathBuf, process::Command, time::Duration};

use serde_json::Value;
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

/// The Inspector's client with a memory: connections live in a process of its own, and a person's answers come later.
struct Mcpdo {
    modules: PathBuf,
    home: PathBuf,
}

impl Mcpdo {
    /// Its answer, and whether it took the whole for a success.
    fn say(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(node().expect("`cargo xtask test-data` brings a node"));
        command.arg(self.modules.join(".bin/mcpdo")).args(arguments).env_clear().env("HOME", &self.home);
        let ended = run(&mut command, "", LIMIT).unwrap();
        (ended.status.success(), ended.stdout)
    }

    fn connect(&self, name: &str, url: &str, how: [&str; 2], token: &str) {
        let [era, elicit] = how;
        let header = format!("Authorization: Bearer {token}");
        let connect = ["--connection", name, "connect", url, "--era", era, "--elicit", elicit, "--header", &header];
        let (well, said) = self.say(&connect);
        assert!(well, "{how:?}: {said}");
    }

    fn terminate(&self, connection: &str) -> Value {
        let call = r#"{"service":"ec2","operation":"TerminateInstances","parameters":{"InstanceIds":["i-0123456789abcdef0"]}}"#;
        first(&self.say(&["--connection", connection, "--format", "json", "tools/call", "aws_call", call]).1)
    }

    fn answer(&self, pending: &Value, answer: &str) -> Value {
        let id = pending["elicitationPending"]["elicitationId"].as_str().unwrap_or_else(|| panic!("{pending}"));
        first(&self.say(&["--format", "json", "elicitation/respond", id, answer]).1)
    }
}

impl Drop for Mcpdo {
    fn drop(&mut self) {
        self.say(&["daemon", "stop"]);
    }
}

/// The first of the JSON values that it prints.
fn first(text: &str) -> Value {
    let value = serde_json::Deserializer::from_str(text).into_iter().next();
    value.unwrap_or_else(|| panic!("{text:?}")).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_client_that_can_ask_asks_and_one_that_cannot_is_told_how_to_go_on() {
    let Some(modules) = npm() else { return };
    let at = with_moto("eu-south-2");
    let server = at.serve_http(&["--allow-write"]).unwrap();
    let (url, token) = (server.url(), server.token().unwrap());
    let mcpdo = Mcpdo { modules, home: at.home().to_owned() };
    for era in ["modern", "legacy"] {
        let (asking, silent) = (format!("{era}-asking"), format!("{era}-silent"));
        mcpdo.connect(&asking, &url, [era, "both"], token);
        mcpdo.connect(&silent, &url, [era, "off"], token);

        let question = mcpdo.terminate(&asking);
        let message = question["elicitationPending"]["message"].as_str().unwrap_or_else(|| panic!("{question}"));
        assert!(message.contains("TerminateInstances") && message.contains("i-0123456789abcdef0"), "{message}");
        let declined = mcpdo.answer(&question, "--decline");
        assert_eq!(declined["structuredContent"]["error"]["code"], "Declined", "{era}: {declined}");
        let agreed = mcpdo.answer(&mcpdo.terminate(&asking), "confirm:=true");
        let code = &agreed["structuredContent"]["error"]["code"];
        assert_eq!(code, "InvalidInstanceID.NotFound", "it was sent, {era}: {agreed}");

        let refused = mcpdo.terminate(&silent);
        assert_eq!(refused["structuredContent"]["error"]["code"], "ConfirmationRequired", "{era}: {refused}");
    }
}
