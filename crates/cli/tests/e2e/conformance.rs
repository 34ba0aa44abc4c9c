//! The protocol's own test suite, in both eras, against its fixtures on the product's transport and dispatch.

use std::{path::Path, process::Command, time::Duration};

use trainyard_harness::{Ended, WebServer, node, run, suite};

use crate::BINARY;

/// The example `conformance` of `trainyard-serve`, which cargo builds with the tests of the workspace.
fn fixtures() -> WebServer {
    let example = Path::new(BINARY).with_file_name("examples").join("conformance");
    assert!(example.exists(), "`cargo build -p trainyard-serve --example conformance` first");
    let mut command = Command::new(example);
    command.arg("127.0.0.1:0");
    WebServer::start(command).unwrap()
}

fn check(revision: &str) {
    let Some(modules) = suite() else { return };
    let server = fixtures();
    let out = tempdir(revision);
    let mut command = Command::new(node().expect("`cargo xtask test-data` brings a node"));
    command.arg(modules.join("@modelcontextprotocol/conformance/dist/index.js"));
    command.args(["server", "--url", &server.url(), "--requirements", revision, "-o"]).arg(&out);
    let Ended { status, stdout, stderr, .. } = run(&mut command, "", Duration::from_mins(4)).unwrap();
    let summary = stdout.split("=== SUMMARY ===").nth(1).unwrap_or(&stdout);
    println!("{revision}:{summary}");
    drop(std::fs::remove_dir_all(out));
    // Zero only when every required scenario of the revision passed. There is no list of expected failures.
    assert!(status.success(), "{summary}{stderr}");
    assert!(summary.contains("Total: "), "{stdout}{stderr}");
}

fn tempdir(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("trainyard-conformance-{}-{name}", std::process::id()))
}

#[test]
fn every_required_scenario_of_2026_07_28_passes() {
    check("2026-07-28");
}

#[test]
fn every_required_scenario_of_2025_11_25_passes() {
    check("2025-11-25");
}
