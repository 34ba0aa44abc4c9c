//! The one database of the platform: a file in the state folder that several processes share.
//!
//! `SQLite` in WAL mode with `synchronous = FULL`: what was acknowledged survives a killed process and a lost power supply.
//! Whoever reads in order to write takes the write lock first (`BEGIN IMMEDIATE`), so nobody writes on the ground of what
//! is no longer so. Transactions are short; large things are files, and only their names stand here.

mod areas;
mod failure;

use std::{
    fs::DirBuilder,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

pub use rusqlite::Transaction;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use trainyard_contract::{Error, Result};

pub(crate) use self::areas::Area;
pub use self::failure::Failure;
pub(crate) use self::failure::disk_full;

/// How long one process waits for the others. `SQLite`'s lock is not fair: with eight processes that wrote without pause
/// the longest wait was 2.9 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// The database. Cloning it is cheap; nothing is opened before the first question.
#[derive(Debug, Clone)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl Database {
    /// The database of this state folder. Neither folder nor file has to exist.
    pub fn of(state: &Path) -> Self {
        let path = folder(state).join("platform.sqlite");
        Self(Arc::new(Inner { path, connection: Mutex::new(None) }))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Asks something, on a thread where waiting hurts nobody. One transaction: all of it sees the same state.
    pub async fn read<T, F>(&self, ask: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let this = self.clone();
        elsewhere(move || this.read_here(ask)).await
    }

    /// Changes something, wholly or not at all: nobody else writes between its first line and its last.
    pub async fn write<T, F>(&self, change: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let this = self.clone();
        elsewhere(move || this.write_here(change)).await
    }

    /// Like [`Self::read`], on the calling thread, which waits.
    pub fn read_here<T>(&self, ask: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T> {
        self.transaction(TransactionBehavior::Deferred, ask)
    }

    /// Like [`Self::write`], on the calling thread, which waits.
    pub fn write_here<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T> {
        self.transaction(TransactionBehavior::Immediate, change)
    }

    fn transaction<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T> {
        // A transaction that panicked was rolled back when it was dropped, so the connection is sound.
        let mut held = self.0.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match &mut *held {
            Some(connection) => connection,
            empty => empty.insert(open(&self.0.path)?),
        };
        let failed = |error: rusqlite::Error| Failure::from(error).about(&self.0.path);
        let transaction = connection.transaction_with_behavior(behavior).map_err(failed)?;
        let done = work(&transaction).map_err(|failure| failure.about(&self.0.path))?;
        transaction.commit().map_err(failed)?;
        Ok(done)
    }
}

/// Everything of the platform lies in this folder of the state folder.
pub fn folder(state: &Path) -> PathBuf {
    state.join("ml")
}

/// Runs what blocks on a thread of its own.
pub async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::internal(format!("the work in the background stopped: {error}"))))
}

/// Makes a folder, for its owner alone, with those above it.
pub fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| failure::of_file(&error, folder))
}

/// What a failure to read or write a file means to a caller: a full disk is told apart.
pub fn file_error(error: &std::io::Error, path: &Path) -> Error {
    failure::of_file(error, path)
}

fn open(path: &Path) -> Result<Connection> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let begun = Instant::now();
    loop {
        match prepare(path) {
            // Two processes that open a new file at once: changing it to WAL does not wait as other things do.
            Err(failure) if failure.is_busy() && begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
            other => return other.map_err(|failure| failure.about(path)),
        }
    }
}

fn prepare(path: &Path) -> Result<Connection, Failure> {
    // Without SQLITE_OPEN_URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(Error::unsupported("this file system cannot hold a database that several processes share")
            .hint("choose a --state-dir on a local disk")
            .into());
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    areas::bring_up_to_date(&mut connection)?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
