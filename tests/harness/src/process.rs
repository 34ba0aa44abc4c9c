//! Processes: bounded in time, ended by their own id, never outliving us.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::Result;

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// What it wrote on standard output.
    pub stdout: String,
    /// What it wrote on standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

/// Runs a command to its end, with `input`, for at most `limit`.
pub fn run(command: &mut Command, input: &str, limit: Duration) -> Result<Ended> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    let text = input.to_owned();
    // A process that does not read its input is its own business.
    let writer = thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let stdout = collect(child.stdout.take().ok_or("no standard output")?);
    let stderr = collect(child.stderr.take().ok_or("no standard error")?);
    let mut guard = Guard(child);
    let status = guard.wait(limit)?;
    let took = started.elapsed();
    let join = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    drop(writer.join());
    Ok(Ended { status, stdout: join(stdout), stderr: join(stderr), took })
}

fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A process that is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Guard(pub(crate) Child);

impl Guard {
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > end {
                return Err(format!("a process did not end within {limit:?}").into());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A command that ends when this process does, however it ends: a shell waits for our end of its input to close.
pub(crate) fn watched(program: &Path, arguments: &[&str]) -> Command {
    let script = "\"$@\" & server=$!; cat >/dev/null; kill $server; wait $server";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(program).args(arguments).stdin(Stdio::piped());
    command
}
