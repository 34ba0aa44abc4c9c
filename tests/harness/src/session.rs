//! A client of the protocol over standard input and output, as thin as it can be: nothing is hidden from the test.

use std::{
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{Result, process::Guard};

/// Longest time for one answer.
const LIMIT: Duration = Duration::from_mins(1);

/// How the session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Opens with `initialize` (2025-11-25).
    Legacy,
    /// Every request on its own (2026-07-28).
    Modern,
}

/// A session under way.
#[derive(Debug)]
pub struct Session {
    guard: Guard,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    // Messages that came while another was waited for.
    others: Vec<Value>,
    era: Era,
    last: u64,
}

impl Session {
    /// Starts the command; says nothing yet.
    pub fn open(mut command: Command, era: Era) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { guard: Guard(child), input, lines, others: Vec::new(), era, last: 0 })
    }

    /// Opens the session as the era does; the server's answer.
    pub fn hello(&mut self) -> Result<Value> {
        if self.era == Era::Modern {
            return self.ask("server/discover", json!({}));
        }
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "harness", "version": "1" }
        });
        let answer = self.ask("initialize", hello)?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(answer)
    }

    /// Process id of the server.
    pub fn id(&self) -> u32 {
        self.guard.0.id()
    }

    /// Sends a line as it is.
    pub fn line(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().ok_or("the input is closed")?;
        input.write_all(line.as_bytes())?;
        input.write_all(b"\n")?;
        Ok(input.flush()?)
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Value) -> Result<()> {
        self.line(&message.to_string())
    }

    /// Sends a request; its id.
    pub fn request(&mut self, method: &str, mut params: Value) -> Result<u64> {
        self.last += 1;
        if self.era == Era::Modern {
            for (name, value) in [
                ("protocolVersion", json!("2026-07-28")),
                ("clientInfo", json!({ "name": "harness", "version": "1" })),
                ("clientCapabilities", json!({})),
            ] {
                let meta = &mut params["_meta"][format!("io.modelcontextprotocol/{name}")];
                if meta.is_null() {
                    *meta = value;
                }
            }
        }
        self.send(&json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params }))?;
        Ok(self.last)
    }

    /// The answer to a request, its envelope included.
    pub fn answer(&mut self, id: u64) -> Result<Value> {
        self.find(LIMIT, |message| message["id"] == id && message.get("method").is_none())
    }

    /// The next message that fits, within `limit`. What does not fit is kept for later.
    pub fn find(&mut self, limit: Duration, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        if let Some(at) = self.others.iter().position(&fits) {
            return Ok(self.others.remove(at));
        }
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).map_err(|error| format!("no such message came: {error}"))?;
            let message: Value =
                serde_json::from_str(&line).map_err(|error| format!("{line:?} on standard output: {error}"))?;
            if fits(&message) {
                return Ok(message);
            }
            self.others.push(message);
        }
    }

    /// The result of a request that has to succeed.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.request(method, params)?;
        let mut answer = self.answer(id)?;
        match answer.get("error") {
            Some(error) => Err(format!("{method}: {error}").into()),
            None => Ok(answer["result"].take()),
        }
    }

    /// The result of a call of a tool.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Result<Value> {
        let mut params = json!({ "name": tool });
        params["arguments"] = arguments;
        self.ask("tools/call", params)
    }

    /// Closes the input and waits for the end: how, after how long, and what was still said.
    pub fn close(mut self) -> Result<(ExitStatus, Duration, Vec<Value>)> {
        let started = Instant::now();
        drop(self.input.take());
        let status = self.guard.wait(LIMIT)?;
        let took = started.elapsed();
        let mut said = std::mem::take(&mut self.others);
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(5)) {
            said.push(serde_json::from_str(&line)?);
        }
        Ok((status, took, said))
    }
}
