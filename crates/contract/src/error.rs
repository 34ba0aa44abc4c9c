//! The one error: a kind for the program, a message for the reader, a hint when the next step is known.

use std::{borrow::Cow, fmt};

use serde::Serialize;

/// What every fallible function of ours returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The call itself is malformed; nothing was sent.
    Validation,
    /// What was named does not exist.
    NotFound,
    /// What should be made exists already.
    AlreadyExists,
    /// The target is in a state that does not allow it.
    Conflict,
    /// The identity may not do this.
    AccessDenied,
    /// Too many calls.
    Throttled,
    /// A limit of the account is reached.
    Quota,
    /// The provider has none left.
    Capacity,
    /// No usable credentials, or they were refused.
    Credentials,
    /// The other side could not be reached.
    Network,
    /// No answer in time.
    Timeout,
    /// Known, but not possible here.
    Unsupported,
    /// This server's operator does not allow it; nothing was sent.
    PolicyDenied,
    /// The caller took the call back.
    Cancelled,
    /// Our fault, or an answer that makes no sense.
    Internal,
}

impl ErrorKind {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::AccessDenied => "access_denied",
            Self::Throttled => "throttled",
            Self::Quota => "quota",
            Self::Capacity => "capacity",
            Self::Credentials => "credentials",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Unsupported => "unsupported",
            Self::PolicyDenied => "policy_denied",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error as every audience gets it: a model reads `message` and `hint`, a program the rest.
///
/// Messages are lowercase, carry no full stop and read after "could not …".
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Error(Box<Facts>);

/// Boxed, so that a `Result` stays small on the way that nearly always succeeds.
#[derive(Debug, Clone, Serialize)]
struct Facts {
    /// Kind of failure.
    #[serde(rename = "category")]
    kind: ErrorKind,
    /// The remote side's own code (`UnauthorizedOperation`), or ours where there was no remote side.
    code: Cow<'static, str>,
    /// For the reader.
    message: String,
    /// The next step, when we know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Whether the same call may succeed later.
    retryable: bool,
    /// Service that was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// Operation that was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// Region that was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// Request id that the provider's support asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    /// What a call of several steps had already done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    partial: Vec<String>,
}

impl Error {
    /// An error of this kind, its code being the kind's name.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            kind,
            code: Cow::Borrowed(kind.as_str()),
            message: message.into(),
            hint: None,
            retryable: matches!(kind, ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Network),
            service: None,
            operation: None,
            region: None,
            request_id: None,
            http_status: None,
            partial: Vec::new(),
        }))
    }

    /// The call is malformed.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    /// The thing of this kind and id does not exist.
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("no {what} {id:?}"))
    }

    /// Known, but not possible here.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// The operator of this server does not allow it.
    pub fn policy_denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::PolicyDenied, message)
    }

    /// Our fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Sets the remote side's code.
    #[must_use]
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.code = code.into();
        self
    }

    /// Says whether the same call may succeed later.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Says which operation of which service failed.
    #[must_use]
    pub fn operation(mut self, service: impl Into<String>, operation: impl Into<String>) -> Self {
        self.0.service = Some(service.into());
        self.0.operation = Some(operation.into());
        self
    }

    /// Says in which region.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.0.region = Some(region.into());
        self
    }

    /// Keeps the provider's request id.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// Keeps the status of the answer.
    #[must_use]
    pub fn http_status(mut self, status: u16) -> Self {
        self.0.http_status = Some(status);
        self
    }

    /// Says what had already been done when a call of several steps stopped half way.
    #[must_use]
    pub fn partial(mut self, done: impl IntoIterator<Item = String>) -> Self {
        self.0.partial.extend(done);
        self
    }

    /// Kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Text for the reader, without code and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Code of the remote side, or the kind's name.
    pub fn code_str(&self) -> &str {
        &self.0.code
    }

    /// The next step, when known.
    pub fn hint_str(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Request id that the provider's support asks for.
    pub fn request_id_str(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Status of the answer, where there was one.
    pub fn http_status_code(&self) -> Option<u16> {
        self.0.http_status
    }

    /// Rewrites the texts that a reader sees, for redaction and cleaning.
    #[must_use]
    pub fn map_text(mut self, mut clean: impl FnMut(&str) -> String) -> Self {
        self.0.message = clean(&self.0.message);
        self.0.hint = self.0.hint.take().map(|hint| clean(&hint));
        for step in &mut self.0.partial {
            *step = clean(step);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if self.0.code != self.0.kind.as_str() {
            write!(f, " ({})", self.0.code)?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "; {hint}")?;
        }
        if !self.0.partial.is_empty() {
            write!(f, " [{}]", self.0.partial.join("; "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
