//! Malformed calls of `mcp-fuzzer`: none may get an answer that looks like a success.

use std::{process::Command, time::Duration};

use trainyard_harness::{run, venv};

use crate::{BINARY, with_moto};

#[test]
fn no_malformed_call_is_accepted() {
    let at = with_moto("sa-east-1");
    let mut command = Command::new(venv().join("bin/mcp-fuzzer"));
    command.args(["--mode", "tools", "--protocol", "stdio", "--endpoint", &format!("{BINARY} serve"), "--runs", "5"]);
    command.args(["--phase", "aggressive", "--no-network", "--output-dir", "out", "--seed", "1", "--log-level", "ERROR"]);
    command.env_clear().envs(at.variables()).current_dir(at.home());
    let ended = run(&mut command, "", Duration::from_secs(240)).unwrap();
    println!("{}{}", ended.stdout, ended.stderr);
    println!("{}", at.home().display());
}
