//! The audit log: one line before and one after each call. All lines of all processes form one chain: each names the
//! hash of the line before it, whoever wrote that.

mod chain;
mod read;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trainyard_contract::{Error, Result};

use self::chain::Chain;
pub use self::read::{Fault, Follow, Report, find, tail, verify};

/// The log of this process. Several processes may share it.
pub struct Audit {
    path: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    chain: Option<Chain>,
    session: String,
}

/// A call under way. Dropped without [`Record::close`], it says that the call was taken back.
pub(crate) struct Record<'a> {
    audit: &'a Audit,
    call: u64,
    started: Instant,
    durable: bool,
    closed: bool,
}

impl Audit {
    /// Appends to the file at `path`, which is made, with its folders, when the first line is written.
    pub fn at(path: &Path) -> Self {
        Self::new(Some(path.to_owned()))
    }

    /// Keeps no log. Calls that change something are refused without one.
    pub fn off() -> Self {
        Self::new(None)
    }

    fn new(path: Option<PathBuf>) -> Self {
        Self { path, state: Mutex::new(State { chain: None, session: String::new() }) }
    }

    /// Where the log is, if one is kept.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Writes the line before a call. `durable` for one that may change something: no log, no writes.
    pub(crate) fn open(&self, facts: Value, durable: bool) -> Result<Record<'_>> {
        let call = match self.write("begin", facts, durable) {
            Ok(sequence) => sequence,
            Err(why) if durable => {
                return Err(Error::policy_denied(format!(
                    "the audit log cannot be written ({why}), so nothing is changed"
                ))
                .code("NoAuditLog")
                .hint("start the server with --state-dir pointing to a folder that it may write to"));
            }
            Err(why) => {
                tracing::warn!("no audit line: {why}");
                0
            }
        };
        Ok(Record { audit: self, call, started: Instant::now(), durable, closed: false })
    }

    fn write(&self, event: &str, facts: Value, durable: bool) -> std::result::Result<u64, String> {
        let path = self.path.as_deref().ok_or("none is kept")?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if state.chain.is_none() {
            state.chain = Some(Chain::open(path).map_err(|error| format!("{}: {error}", path.display()))?);
            state.session = session();
        }
        let chain = state.chain.as_mut().ok_or("the file is gone")?;
        let session = &state.session;
        let line = |sequence: u64, previous: &str| {
            let mut line = Map::with_capacity(20);
            line.insert("time".into(), OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default().into());
            line.insert("session".into(), session.as_str().into());
            line.insert("sequence".into(), sequence.into());
            line.insert("event".into(), event.into());
            line.insert("previous".into(), previous.into());
            if let Value::Object(facts) = facts {
                line.extend(facts);
            }
            Value::Object(line).to_string()
        };
        chain.append(line, durable).map_err(|error| error.to_string())
    }
}

impl Record<'_> {
    /// Names the call in the log; 0 where none is kept.
    pub(crate) fn call(&self) -> u64 {
        self.call
    }

    /// Writes the line after a call.
    pub(crate) fn close(mut self, mut outcome: Value) {
        self.closed = true;
        self.finish(&mut outcome);
    }

    fn finish(&self, outcome: &mut Value) {
        if let Some(outcome) = outcome.as_object_mut() {
            outcome.insert("call".into(), self.call.into());
            outcome.insert(
                "milliseconds".into(),
                u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).into(),
            );
        }
        if self.call > 0
            && let Err(why) = self.audit.write("end", outcome.take(), self.durable)
        {
            tracing::error!("no audit line after a call: {why}");
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.closed {
            self.finish(&mut json!({ "outcome": "cancelled" }));
        }
    }
}

fn session() -> String {
    let mut bytes = [0_u8; 8];
    // A session name need not be secret, only different; the process id is the fallback.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = u64::from(std::process::id()).to_be_bytes();
    }
    hex(&bytes)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}
