//! Appending to the chain: lines of one process at a time, whichever it is.
//!
//! Beside the log stands its head: how far the chain goes, and the hash that its next line has to name. Whoever writes
//! holds the head's lock. A log that ends before its head was cut off; one that goes on behind it was being written
//! when a process died, and the next writer takes those lines up.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::{hex, lines::Lines};
use crate::state;

/// A log that has grown to this many bytes is moved aside, and the chain goes on in a new file.
const LARGEST: u64 = 64 << 20;
/// Longest wait for another process. Each holds the lock for microseconds, unless somebody has stopped it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far the chain goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Files that were moved aside.
    pub(super) files: u64,
    /// Lines in all files.
    pub(super) lines: u64,
    /// Bytes in the newest file.
    pub(super) bytes: u64,
    /// Hash of the last line; empty before the first.
    pub(super) hash: String,
}

impl Head {
    /// Length of its text, always the same, so that one write replaces it.
    const SIZE: usize = 3 * 21 + 64 + 1;

    fn text(&self) -> String {
        format!("{:020} {:020} {:020} {:>64}\n", self.files, self.lines, self.bytes, self.hash)
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let mut number = || words.next()?.parse().ok();
        let (files, lines, bytes) = (number()?, number()?, number()?);
        Some(Self { files, lines, bytes, hash: words.next().unwrap_or_default().to_owned() })
    }
}

/// Where the head of a log is kept.
pub(super) fn head_of(log: &Path) -> PathBuf {
    log.with_extension("head")
}

/// The chain as one process holds it.
pub(super) struct Chain {
    path: PathBuf,
    log: File,
    head: File,
    /// Files that were moved aside when `log` was opened.
    files: u64,
    largest: u64,
}

impl Chain {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            state::folder(folder)?;
        }
        let head = state::private().read(true).write(true).create(true).truncate(false).open(head_of(path))?;
        Ok(Self { path: path.to_owned(), log: open_log(path)?, head, files: 0, largest: LARGEST })
    }

    /// Writes lines, in one go. Returns the number of the last.
    pub(super) fn append(&mut self, lines: &[&Lines], durable: bool) -> io::Result<u64> {
        lock(&self.head)?;
        let written = self.append_locked(lines, durable);
        let unlocked = self.head.unlock();
        let sequence = written?;
        unlocked?;
        Ok(sequence)
    }

    fn append_locked(&mut self, lines: &[&Lines], durable: bool) -> io::Result<u64> {
        let mut head = self.head()?;
        let mut text = String::with_capacity(lines.iter().map(|lines| lines.bytes() + 128 * lines.count()).sum());
        for members in lines.iter().flat_map(|lines| lines.iter()) {
            let start = text.len();
            head.lines += 1;
            for part in ["{\"sequence\":", &head.lines.to_string(), ",\"previous\":\"", &head.hash, "\",", members, "}"]
            {
                text.push_str(part);
            }
            head.hash = hash(&text.as_bytes()[start..]);
            text.push('\n');
        }
        self.log.write_all(text.as_bytes())?;
        if durable {
            self.log.sync_data()?;
        }
        head.bytes += text.len() as u64;
        if head.bytes >= self.largest {
            self.set_aside(&mut head)?;
        }
        self.write_head(&head)?;
        Ok(head.lines)
    }

    /// How far the chain goes, with the lines that a process wrote just before it died.
    fn head(&mut self) -> io::Result<Head> {
        let mut text = [0; Head::SIZE];
        let read = self.head.read_at(&mut text, 0)?;
        let mut head = str::from_utf8(&text[..read]).ok().and_then(Head::read).unwrap_or_default();
        if head.files != self.files {
            self.log = open_log(&self.path)?;
            self.files = head.files;
        }
        let bytes = self.log.metadata()?.len();
        if bytes > head.bytes {
            self.take_up(&mut head)?;
        } else {
            // In a log that was cut off, the next line names a line that is not there: that is how it shows.
            head.bytes = bytes;
        }
        Ok(head)
    }

    fn take_up(&mut self, head: &mut Head) -> io::Result<()> {
        self.log.seek(SeekFrom::Start(head.bytes))?;
        let mut rest = Vec::new();
        self.log.read_to_end(&mut rest)?;
        if rest.last() != Some(&b'\n') {
            self.log.write_all(b"\n")?;
            rest.push(b'\n');
        }
        head.bytes += rest.len() as u64;
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            head.lines += 1;
            head.hash = hash(line.strip_suffix(b"\n").unwrap_or(line));
        }
        Ok(())
    }

    fn set_aside(&mut self, head: &mut Head) -> io::Result<()> {
        std::fs::rename(&self.path, aside(&self.path, head.lines))?;
        self.log = open_log(&self.path)?;
        head.files += 1;
        head.bytes = 0;
        self.files = head.files;
        Ok(())
    }

    fn write_head(&mut self, head: &Head) -> io::Result<()> {
        self.head.write_all_at(head.text().as_bytes(), 0)
    }

    #[cfg(test)]
    pub(super) fn at_most(mut self, bytes: u64) -> Self {
        self.largest = bytes;
        self
    }
}

/// Name of a log that was moved aside after this many lines.
fn aside(log: &Path, lines: u64) -> PathBuf {
    log.with_extension(format!("{lines:020}.jsonl"))
}

fn open_log(path: &Path) -> io::Result<File> {
    state::private().create(true).append(true).read(true).open(path)
}

fn lock(head: &File) -> io::Result<()> {
    let mut end = None;
    loop {
        match head.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {
                let end = *end.get_or_insert_with(|| Instant::now() + PATIENCE);
                if Instant::now() > end {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds its lock"));
                }
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }
}

/// Hash of a line, its end not counted.
pub(super) fn hash(line: &[u8]) -> String {
    hex(&Sha256::digest(line))
}
