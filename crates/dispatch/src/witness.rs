//! Who sees calls whole: for transcripts of rehearsals, where nothing is secret.

use serde_json::{Map, Value};

use crate::call::Outcome;

/// Somebody who sees each call with its arguments and what became of it. Both may hold what must not leave, so there is one
/// only where calls reach the sandbox and nothing else. Told on the call's own thread, so it must not wait for long.
pub trait Witness: Send + Sync {
    /// A call has ended. One that was taken back has not.
    fn saw(&self, tool: &str, arguments: &Map<String, Value>, outcome: &Outcome);
}
