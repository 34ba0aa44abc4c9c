//! Malformed calls of `mcp-fuzzer`: none may get an answer that looks like a success.

use std::{process::Command, time::Duration};

use trainyard_harness::{run, venv};

use crate::{BINARY, with_moto};

#[test]
fn no_malformed_call_is_accepted() {
    let at = with_moto("sa-east-1");
    let mut command = Command::new(venv().join("bin/mcp-fuzzer"));
    command.args(["--mode", "tools", "--protocol", "stdio", "--endpoint", &format!("{BINARY} serve"), "--runs", "5"]);
    command.args([
        "--phase",
        "aggressive",
        "--no-network",
        "--output-dir",
        "out",
        "--seed",
        "1",
        "--log-level",
        "ERROR",
    ]);
    command.env_clear().envs(at.variables()).current_dir(at.home());
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
