//! The audit log: one line before and one after each call, each line bound to the one before it.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trainyard_contract::{Error, Result};

/// The log of this process. Several processes may append to one file: each has a chain of its own, by session.
pub struct Audit {
    path: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    file: Option<File>,
    session: String,
    sequence: u64,
    previous: String,
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
        let state = State { file: None, session: String::new(), sequence: 0, previous: String::new() };
        Self { path, state: Mutex::new(state) }
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
        if state.file.is_none() {
            state.file = Some(create(path).map_err(|error| format!("{}: {error}", path.display()))?);
            state.session = session();
        }
        let sequence = state.sequence + 1;
        let mut line = json!({
            "time": OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            "session": state.session,
            "sequence": sequence,
            "event": event,
            "previous": state.previous,
        });
        if let (Some(line), Value::Object(facts)) = (line.as_object_mut(), facts) {
            line.extend(facts);
        }
        let mut text = line.to_string();
        let hash = hex(&Sha256::digest(&text));
        text.push('\n');
        let file = state.file.as_mut().ok_or("the file is gone")?;
        file.write_all(text.as_bytes()).map_err(|error| error.to_string())?;
        if durable {
            file.sync_data().map_err(|error| error.to_string())?;
        }
        state.sequence = sequence;
        state.previous = hash;
        Ok(sequence)
    }
}

impl Record<'_> {
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

fn create(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
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
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
