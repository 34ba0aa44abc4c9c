//! What can be wrong with data, a spec or a model file, and what to do about it.

use std::fmt;

/// What kind of thing went wrong, for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The spec contradicts itself or is out of range.
    Spec,
    /// The data cannot be learnt from, or not in the way that was asked for.
    Data,
    /// The rows to predict do not have the columns that the model was trained on.
    Schema,
    /// A model file is not what it says, or is not one that this crate reads.
    ModelFile,
    /// A file could not be read or written.
    Io,
    /// There is no more room on the disk of a file.
    DiskFull,
    /// The observer asked to stop.
    Cancelled,
    /// A limit of the spec was reached before there was a model.
    Limit,
}

/// Why there is no model or no prediction. The message reads after "could not train: "; the hint is the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    pub(crate) fn spec(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Spec, message)
    }

    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    pub(crate) fn schema(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Schema, message)
    }

    pub(crate) fn model_file(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ModelFile, message)
    }

    pub(crate) fn no_lightgbm() -> Self {
        Self::spec("LightGBM is not in this build")
            .hint("leave out engine and algorithm forest, or build with the cargo feature lightgbm")
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "training was cancelled")
    }

    pub(crate) fn io(what: &std::path::Path, error: &std::io::Error) -> Self {
        if matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
            return Self::new(ErrorKind::DiskFull, format!("no space left for {}", what.display()))
                .hint("free some space and repeat the call");
        }
        Self::new(ErrorKind::Io, format!("{}: {error}", what.display()))
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// For a program.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that is known.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
