//! The audit log. All lines of all processes form one chain: each names the hash of the line before it, whoever wrote
//! that. A call that may change or reveal something has one line before and one after it; a plain read that ends at once
//! has one line (`call`), which is written a few milliseconds later together with those of its neighbours.

mod chain;
mod lines;
mod read;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, OnceLock, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde::Serialize;
use time::OffsetDateTime;
use trainyard_contract::{Error, ErrorKind, Result};

use crate::alive::at_once;

pub(crate) use self::read::newest_of;
pub use self::read::{Fault, Follow, Report, find, tail, verify};
use self::{chain::Chain, lines::Lines};

/// A plain read that ends sooner has one line, written together with those of its neighbours. One that takes longer has
/// a line that says so by then. What changes or reveals something has its line before it begins, always.
const SOON: Duration = Duration::from_millis(10);
/// Time until lines that could not be written are tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Bytes of lines that may wait to be written; then whoever brings the next writes them.
const MOST_WAITING: usize = 1 << 20;

/// The log of this process. Several processes may share it.
pub struct Audit {
    log: Option<Arc<Log>>,
    /// Writes what waits, from the first line that waits on.
    writer: OnceLock<Option<JoinHandle<()>>>,
}

struct Log {
    path: PathBuf,
    session: String,
    /// Taken before `waiting`, so that lines keep their order.
    chain: Mutex<Option<Chain>>,
    waiting: Mutex<Waiting>,
    brought: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Lines,
    /// Nothing more will come.
    ended: bool,
}

/// A call under way. Dropped without [`Record::close`], it says that the call was taken back.
pub(crate) struct Record<'a> {
    audit: &'a Audit,
    /// What was known of the call before it ran, where that has not been written.
    facts: Option<String>,
    call: u64,
    came: OffsetDateTime,
    started: Instant,
    durable: bool,
    closed: bool,
}

/// When the line of a call is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Before it runs, and on the disk before it runs: it may change something. No log, no change.
    Durably,
    /// Before it runs.
    Before,
    /// Once it has ended, or after [`SOON`].
    Soon,
}

/// What became of a call.
#[derive(Default, Serialize)]
pub(crate) struct End<'a> {
    pub(crate) outcome: &'static str,
    /// Handle of the plan that a person is asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) category: Option<ErrorKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<&'a str>,
}

impl Audit {
    /// Appends to the file at `path`, which is made, with its folders, when the first line is written.
    pub fn at(path: &Path) -> Self {
        let log = Log {
            path: path.to_owned(),
            session: session(),
            chain: Mutex::new(None),
            waiting: Mutex::default(),
            brought: Condvar::new(),
        };
        Self { log: Some(Arc::new(log)), writer: OnceLock::new() }
    }

    /// Keeps no log. Calls that change something are refused without one.
    pub fn off() -> Self {
        Self { log: None, writer: OnceLock::new() }
    }

    /// Where the log is, if one is kept.
    pub fn path(&self) -> Option<&Path> {
        self.log.as_deref().map(|log| log.path.as_path())
    }

    /// Writes what waits to be written.
    pub fn settle(&self) {
        if let Some(log) = &self.log {
            log.settle();
        }
    }

    /// Opens the record of a call of which these `facts` are known, a JSON object.
    pub(crate) fn open(&self, facts: &impl Serialize, when: When) -> Result<Record<'_>> {
        let facts = lines::members(facts);
        let durable = when == When::Durably;
        let (came, started) = (OffsetDateTime::now_utc(), Instant::now());
        let mut record = Record { audit: self, facts: None, call: 0, came, started, durable, closed: false };
        if when == When::Soon {
            record.facts = self.log.is_some().then_some(facts);
            return Ok(record);
        }
        match self.write(record.came, "begin", &facts, durable) {
            Ok(sequence) => record.call = sequence,
            Err(why) if durable => {
                record.closed = true;
                return Err(Error::policy_denied(format!(
                    "the audit log cannot be written ({why}), so nothing is changed"
                ))
                .code("NoAuditLog")
                .hint("start the server with --state-dir pointing to a folder that it may write to"));
            }
            Err(why) => tracing::warn!("no audit line: {why}"),
        }
        Ok(record)
    }

    /// Writes a line now, after those that wait. Returns its number.
    fn write(&self, at: OffsetDateTime, event: &str, members: &str, durable: bool) -> std::result::Result<u64, String> {
        let log = self.log.as_deref().ok_or("none is kept")?;
        let mut line = Lines::default();
        line.add(at, &log.session, event, &[members]);
        log.write(&line, durable).map_err(|error| format!("{}: {error}", log.path.display()))
    }

    /// Leaves a line to the writer.
    fn leave(&self, at: OffsetDateTime, event: &str, members: &[&str]) {
        let Some(log) = &self.log else { return };
        let mut waiting = log.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.lines.is_empty();
        waiting.lines.add(at, &log.session, event, members);
        let full = waiting.lines.bytes() > MOST_WAITING;
        drop(waiting);
        let written_behind = self.writer.get_or_init(|| write_behind(log)).is_some();
        if full || !written_behind {
            log.settle();
        } else if first {
            log.brought.notify_one();
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let Some(log) = &self.log else { return };
        log.waiting.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        log.brought.notify_one();
        if let Some(writer) = self.writer.take().flatten()
            && writer.join().is_err()
        {
            tracing::error!("the writer of the audit log had come to a halt");
        }
        log.settle();
    }
}

impl Log {
    /// Writes what waits, and then `last`. Returns the number of the last line.
    fn write(&self, last: &Lines, durable: bool) -> std::io::Result<u64> {
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut waiting.lines);
        drop(waiting);
        if before.is_empty() && last.is_empty() {
            return Ok(0);
        }
        let written = open(&mut chain, &self.path).and_then(|chain| chain.append(&[&before, last], durable));
        if written.is_err() && !before.is_empty() {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            // They wait for a better time, as long as there is room for them.
            if before.bytes() > MOST_WAITING {
                tracing::error!("{} audit lines are lost", before.count());
            } else {
                waiting.lines.put_before(before);
            }
        }
        written
    }

    /// Writes what waits. `false` where it cannot be written, and goes on waiting.
    fn settle(&self) -> bool {
        let written = self.write(&Lines::default(), false);
        if let Err(error) = &written {
            tracing::warn!("audit lines cannot be written: {}: {error}", self.path.display());
        }
        written.is_ok()
    }

    /// Writes what comes in batches, until nothing more will come.
    fn write_what_comes(&self) {
        let mut pause = SOON;
        loop {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let nothing = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.ended;
            let waiting = self.brought.wait_while(waiting, nothing).unwrap_or_else(PoisonError::into_inner);
            let more = |waiting: &mut Waiting| !waiting.ended;
            let (waiting, _) =
                self.brought.wait_timeout_while(waiting, pause, more).unwrap_or_else(PoisonError::into_inner);
            let ended = waiting.ended;
            drop(waiting);
            if ended {
                // Who ended it writes the rest.
                return;
            }
            pause = if self.settle() { SOON } else { AGAIN };
        }
    }
}

fn open<'a>(chain: &'a mut Option<Chain>, path: &Path) -> std::io::Result<&'a mut Chain> {
    let open = match chain.take() {
        Some(open) => open,
        None => Chain::open(path)?,
    };
    Ok(chain.insert(open))
}

/// The thread that writes what waits; `None` where the system gives none, and whoever brings a line writes it.
fn write_behind(log: &Arc<Log>) -> Option<JoinHandle<()>> {
    let log = Arc::clone(log);
    let thread = std::thread::Builder::new().name("audit".into()).stack_size(128 << 10);
    thread.spawn(move || log.write_what_comes()).ok()
}

impl Record<'_> {
    /// Names the call in the log; 0 where none is kept, or not yet.
    pub(crate) fn call(&self) -> u64 {
        self.call
    }

    /// Does the work of the call. The line that says that it began is there in time, however long that takes.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        if self.facts.is_some() {
            if let Some(done) = at_once(work.as_mut()).await {
                return done;
            }
            if let Ok(done) = tokio::time::timeout(SOON, &mut work).await {
                return done;
            }
            self.begin();
        }
        work.await
    }

    /// Writes the line of a call that takes its time.
    fn begin(&mut self) {
        if let Some(facts) = self.facts.take() {
            match self.audit.write(self.came, "begin", &facts, false) {
                Ok(call) => self.call = call,
                Err(why) => tracing::warn!("no audit line: {why}"),
            }
        }
    }

    /// Says what became of the call.
    pub(crate) fn close(mut self, end: &End<'_>) {
        self.finish(end);
    }

    fn finish(&mut self, end: &End<'_>) {
        self.closed = true;
        let milliseconds = self.started.elapsed().as_millis();
        let end = lines::members(end);
        if let Some(facts) = self.facts.take() {
            self.audit.leave(self.came, "call", &[&facts, &end, &format!("\"milliseconds\":{milliseconds}")]);
            return;
        }
        if self.call == 0 {
            return;
        }
        let end = format!("{end},\"call\":{},\"milliseconds\":{milliseconds}", self.call);
        if let Err(why) = self.audit.write(OffsetDateTime::now_utc(), "end", &end, self.durable) {
            tracing::error!("no audit line after a call: {why}");
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.closed {
            self.finish(&End { outcome: "cancelled", ..End::default() });
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
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
