//! Malformed calls of `mcp-fuzzer`: none may get an answer that looks like a success.

use std::{process::Command, time::Duration};

use trainyard_harness::{Trainyard, run, venv};

use crate::{BINARY, with_moto};

/// Fuzzes every tool that is listed, over one road, and looks at what the fuzzer counted.
fn fuzz(at: &Trainyard, road: &[&str], token: Option<&str>) {
    let mut command = Command::new(venv().join("bin/mcp-fuzzer"));
    command.args(["--mode", "tools", "--runs", "5", "--phase", "aggressive", "--seed", "1", "--log-level", "ERROR"]);
    command.args(["--output-dir", "out"]).args(road).env_clear().envs(at.variables()).current_dir(at.home());
    if let Some(token) = token {
        command.arg("--auth-env").env("MCP_API_KEY", token);
    }
    let ended = run(&mut command, "", Duration::from_mins(4)).unwrap();
    let of = |what: &str| -> u32 {
        let line =
            ended.stdout.lines().find_map(|line| line.strip_prefix(what)).and_then(|rest| rest.strip_prefix(": "));
        let number = line.and_then(|number| number.trim().parse().ok());
        number.unwrap_or_else(|| panic!("no {what} in {}{}", ended.stdout, ended.stderr))
    };
    let (runs, rejected) = (of("Total Fuzzing Runs"), of("Total Server-Rejected Inputs"));
    println!("{rejected} of {runs} malformed calls rejected");
    assert_eq!(of("Total Accepted-Malformed Findings"), 0, "{}", ended.stdout);
    assert_eq!((of("Total Transport/Protocol Anomalies"), of("Total Crashes")), (0, 0), "{}", ended.stdout);
    assert!(runs >= 30 && rejected == runs, "{}", ended.stdout);
}

#[test]
fn no_malformed_call_is_accepted() {
    let at = with_moto("sa-east-1");
    fuzz(&at, &["--protocol", "stdio", "--endpoint", &format!("{BINARY} serve"), "--no-network"], None);
}

#[test]
fn nor_over_http() {
    let at = with_moto("sa-east-1");
    let server = at.serve_http(&[]).unwrap();
    fuzz(&at, &["--protocol", "streamablehttp", "--endpoint", &server.url()], server.token());
    assert!(server.stop().unwrap().0.success(), "it lives");
}
