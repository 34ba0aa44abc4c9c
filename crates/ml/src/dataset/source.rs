//! The bytes of a file: counted, hashed and unpacked while they stream by, within bounds.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trainyard_contract::{Error, ErrorKind, Progress, Result, Unheard};

use super::format::Compression;
use crate::store::disk_full;

/// Most bytes between two rows. An unclosed quote makes the rest of a file one cell.
const MAX_ROW_BYTES: u64 = 16 * 1024 * 1024;

/// What is unpacked before anybody looks at how much larger it is than what it came from.
const UNPACKED_UNJUDGED: u64 = 256 * 1024 * 1024;

/// How many times its own size a packed file may unpack to. Tables come to 3 to 30.
const MAX_RATIO: u64 = 250;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// Somebody who follows a long reading, and may end it.
#[derive(Clone)]
pub struct Watch {
    progress: Arc<dyn Progress>,
    stop: Arc<AtomicBool>,
}

impl Default for Watch {
    fn default() -> Self {
        Self::new(Arc::new(Unheard))
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("stop", &self.stop).finish_non_exhaustive()
    }
}

impl Watch {
    /// Tells this listener how many bytes were read.
    pub fn new(progress: Arc<dyn Progress>) -> Self {
        Self { progress, stop: Arc::default() }
    }

    /// Ends the reading, which then fails with `cancelled`.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Fails once the reading is to end.
    pub(crate) fn ask(&self) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(io::Error::other(Refusal::Stopped)) } else { Ok(()) }
    }
}

/// What a file is, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fingerprint {
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// Size, in bytes.
    pub bytes: u64,
}

/// Reads a whole file for its fingerprint, and writes it to `copy` where there is one.
pub fn fingerprint(path: &Path, copy: Option<&mut dyn Write>, watch: &Watch) -> Result<Fingerprint> {
    let mut tap = Tap::open(path, watch)?;
    let done = match copy {
        Some(copy) => io::copy(&mut tap, copy),
        None => io::copy(&mut tap, &mut io::sink()),
    };
    done.map_err(|error| unreadable(path, error))?;
    tap.tally.finish(path)
}

/// What was read of a file so far.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    shared: Arc<Mutex<Hashed>>,
    /// Size and time of the file when it was opened.
    began: (u64, Option<SystemTime>),
    /// Packed bytes read.
    read: Arc<AtomicU64>,
    /// Bytes handed on since the last row.
    since_row: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Hashed {
    hash: Sha256,
    bytes: u64,
}

impl Tally {
    /// A row is whole.
    pub(crate) fn row(&self) {
        self.since_row.store(0, Ordering::Relaxed);
    }

    /// What the file was, once it was read to its end.
    fn finish(&self, path: &Path) -> Result<Fingerprint> {
        if stamp(path)? != self.began {
            return Err(Error::new(ErrorKind::Conflict, format!("{} was changed while it was read", path.display()))
                .code("ChangedWhileRead")
                .hint("repeat the call once nobody writes to the file any more")
                .retryable(true));
        }
        let mut hashed = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = std::mem::take(&mut hashed.hash).finalize();
        let sha256 = hexadecimal(&hash);
        Ok(Fingerprint { sha256, bytes: hashed.bytes })
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn stamp(path: &Path) -> Result<(u64, Option<SystemTime>)> {
    let about = path.metadata().map_err(|error| unreadable(path, error))?;
    Ok((about.len(), about.modified().ok()))
}

/// Hashes and counts what is read through it.
struct Tap {
    file: File,
    tally: Tally,
    watch: Watch,
    /// Bytes at which the listener hears of it next.
    next_report: u64,
}

impl Tap {
    fn open(path: &Path, watch: &Watch) -> Result<Self> {
        let began = stamp(path)?;
        let file = File::open(path).map_err(|error| unreadable(path, error))?;
        if !file.metadata().is_ok_and(|about| about.is_file()) {
            return Err(Error::validation(format!("{} is not a file", path.display())).code("LocalFile"));
        }
        let tally = Tally { shared: Arc::default(), began, read: Arc::default(), since_row: Arc::default() };
        Ok(Self { file, tally, watch: watch.clone(), next_report: 0 })
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch.ask()?;
        let count = self.file.read(buffer)?;
        let mut hashed = self.tally.shared.lock().unwrap_or_else(PoisonError::into_inner);
        hashed.hash.update(&buffer[..count]);
        hashed.bytes += count as u64;
        self.tally.read.store(hashed.bytes, Ordering::Relaxed);
        if hashed.bytes >= self.next_report {
            self.next_report = hashed.bytes + 4 * 1024 * 1024;
            self.watch.progress.report(hashed.bytes, Some(self.tally.began.0), "bytes read");
        }
        Ok(count)
    }
}

/// Keeps what was unpacked within bounds.
struct Bounded<R> {
    inner: R,
    tally: Tally,
    packed: bool,
    given: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        let since = self.tally.since_row.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        if since > MAX_ROW_BYTES {
            return Err(io::Error::other(Refusal::Row));
        }
        let read = self.tally.read.load(Ordering::Relaxed);
        if self.packed && self.given > UNPACKED_UNJUDGED && self.given / MAX_RATIO > read {
            return Err(io::Error::other(Refusal::Bomb));
        }
        Ok(count)
    }
}

/// Why reading was given up.
#[derive(Debug)]
pub(crate) enum Refusal {
    Stopped,
    Row,
    Bomb,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the reading was stopped",
            Self::Row => "a row is longer than 16 MiB; a quote may not be closed",
            Self::Bomb => "it unpacks to more than 250 times its size",
        })
    }
}

impl std::error::Error for Refusal {}

/// An error of reading, for its reader.
#[expect(clippy::needless_pass_by_value, reason = "the form of `map_err`")]
pub(crate) fn unreadable(path: &Path, error: io::Error) -> Error {
    // Of what is only read nobody says that.
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return disk_full(&format!("no space left for a copy of {}", path.display()));
    }
    let refusal = error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>());
    let kind = match (refusal, error.kind()) {
        (Some(Refusal::Stopped), _) => ErrorKind::Cancelled,
        (None, io::ErrorKind::NotFound) => ErrorKind::NotFound,
        (None, io::ErrorKind::PermissionDenied) => ErrorKind::AccessDenied,
        _ => ErrorKind::Validation,
    };
    Error::new(kind, format!("{}: {error}", path.display())).code("LocalFile")
}

/// The unpacked bytes of a file.
pub(crate) struct Source {
    reader: Box<dyn Read + Send>,
    tally: Tally,
    tap: Arc<Mutex<Tap>>,
}

/// Lets the tap be read through by a decoder, and to the end of the file afterwards.
struct Through(Arc<Mutex<Tap>>);

impl Read for Through {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(buffer)
    }
}

impl Source {
    pub(crate) fn open(path: &Path, compression: Compression, watch: &Watch) -> Result<Self> {
        let tap = Tap::open(path, watch)?;
        let tally = tap.tally.clone();
        let tap = Arc::new(Mutex::new(tap));
        let raw = BufReader::with_capacity(CHUNK, Through(Arc::clone(&tap)));
        let unpacked: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(raw),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(raw).map_err(|error| unreadable(path, error))?;
                // A frame may ask for a window of gigabytes; what tools write by default stays far below this.
                decoder.window_log_max(27).map_err(|error| unreadable(path, error))?;
                Box::new(decoder)
            }
        };
        let packed = compression != Compression::None;
        let reader = Box::new(Bounded { inner: unpacked, tally: tally.clone(), packed, given: 0 });
        Ok(Self { reader, tally, tap })
    }

    /// What is told of each row.
    pub(crate) fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// The reader, and what tells the fingerprint once it was read.
    pub(crate) fn split(self) -> (Box<dyn Read + Send>, Rest) {
        (self.reader, Rest { tally: self.tally, tap: self.tap })
    }
}

/// What is left of a file once its rows were read.
pub(crate) struct Rest {
    tally: Tally,
    tap: Arc<Mutex<Tap>>,
}

impl Rest {
    /// Reads on to the end of the file and tells what the whole was.
    pub(crate) fn fingerprint(self, path: &Path) -> Result<Fingerprint> {
        io::copy(&mut Through(self.tap), &mut io::sink()).map_err(|error| unreadable(path, error))?;
        self.tally.finish(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_to_hundreds_of_times_its_size_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bomb.csv.zst");
        let mut packed = zstd::Encoder::new(File::create(&path).unwrap(), 1).unwrap();
        let zeros = b"0\n".repeat(1 << 19);
        (0..300).for_each(|_| packed.write_all(&zeros).unwrap());
        packed.finish().unwrap();
        let source = Source::open(&path, Compression::Zstd, &Watch::default()).unwrap();
        let tally = source.tally();
        let (mut reader, _) = source.split();
        let mut buffer = vec![0; 1 << 20];
        let error = loop {
            match reader.read(&mut buffer) {
                Ok(0) => panic!("it was unpacked whole"),
                Ok(_) => tally.row(),
                Err(error) => break unreadable(&path, error),
            }
        };
        assert!(error.message().contains("250 times"), "{error}");
    }
}
