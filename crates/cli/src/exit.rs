//! How errors end the process: a sentence on standard error, and a code for scripts.

use std::process::ExitCode;

use trainyard_contract::{Error, ErrorKind};

/// Says what went wrong and chooses the exit code.
pub(crate) fn failed(error: &Error) -> ExitCode {
    eprintln!("error: {}", error.message());
    let mut facts = vec![error.kind().to_string()];
    if error.code_str() != error.kind().as_str() {
        facts.push(error.code_str().to_owned());
    }
    if let Some(id) = error.request_id_str() {
        facts.push(format!("request id {id}"));
    }
    eprintln!("  ({})", facts.join(", "));
    if let Some(hint) = error.hint_str() {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(code(error.kind()))
}

/// 2 the call, 3 not allowed here, 4 identity, 5 try again later, 6 the target, 1 anything else.
fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Validation | ErrorKind::Unsupported => 2,
        ErrorKind::PolicyDenied | ErrorKind::Cancelled => 3,
        ErrorKind::AccessDenied | ErrorKind::Credentials => 4,
        ErrorKind::Throttled | ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Capacity | ErrorKind::Quota => 5,
        ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Conflict => 6,
        ErrorKind::Internal => 1,
    }
}
