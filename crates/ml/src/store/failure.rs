//! What a failure of the database or of a file means to a caller.

use std::{io, path::Path};

use rusqlite::ErrorCode;
use trainyard_contract::{Error, ErrorKind};

/// Why a transaction was given up: the database failed, or the work itself said no.
#[derive(Debug)]
pub enum Failure {
    /// The database failed.
    Database(rusqlite::Error),
    /// The work said no.
    Refused(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Failure {
    /// Somebody else holds the lock.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Database(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }

    /// As an error about this file.
    pub(super) fn about(self, path: &Path) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Database(error) => of_database(&error, path),
        }
    }
}

fn of_database(error: &rusqlite::Error, path: &Path) -> Error {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => disk_full(&format!("the disk of {path} is full; nothing was stored")),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::new(ErrorKind::Timeout, format!("other processes kept {path} busy")).code("StoreBusy")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::internal(format!("{path} is damaged: {error}"))
                .code("StoreDamaged")
                .hint("put it back from a backup, or move it aside to begin with an empty one")
        }
        Some(
            ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure,
        ) => Error::unsupported(format!("{path} cannot be used: {error}"))
            .code("StoreUnusable")
            .hint("check the owner of the state folder, and that its disk is local and works"),
        _ => Error::internal(format!("{path}: {error}")).code("Store"),
    }
}

pub(super) fn of_file(error: &io::Error, path: &Path) -> Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => disk_full(&format!("no space left for {path}")),
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("no file {path}")).code("LocalFile"),
        _ => Error::unsupported(format!("{path}: {error}")).code("LocalFile"),
    }
}

/// There is no more room on a disk.
pub(crate) fn disk_full(message: &str) -> Error {
    Error::new(ErrorKind::Capacity, message).code("DiskFull").hint("free some space and repeat the call")
}
