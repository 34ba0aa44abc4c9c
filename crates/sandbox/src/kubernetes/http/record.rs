//! What was asked, for tests to look at, and what goes wrong because a test wants it.

use std::{collections::VecDeque, time::Duration};

/// Requests that are remembered.
const MOST: usize = 10_000;

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// What stands behind the question mark, as it came.
    pub query: String,
    /// The `User-Agent`.
    pub agent: String,
    /// The `Accept` header.
    pub accept: String,
    /// The `Content-Type` of the body.
    pub content_type: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The body.
    pub body: String,
    /// The status that was answered.
    pub status: u16,
}

/// Something that goes wrong with requests.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Only requests with this method.
    pub method: Option<String>,
    /// Only requests whose path, with its query, contains this.
    pub contains: String,
    /// How often; `None` for always.
    pub times: Option<usize>,
    /// What goes wrong.
    pub harm: Harm,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Harm {
    /// The answer is a `Status` with this code and message, and a `Retry-After` in seconds if there is one.
    Status {
        /// HTTP status: 429, 500, 503, …
        code: u16,
        /// The reason, such as `TooManyRequests`.
        reason: String,
        /// The message.
        message: String,
        /// Seconds that the client is told to wait.
        retry_after: Option<u64>,
    },
    /// The answer comes late.
    Late(Duration),
    /// The answer never comes; the connection stays open.
    Never,
    /// The connection breaks before the answer.
    Broken,
}

impl Fault {
    /// A fault of the requests whose path, with its query, contains `text`, each time.
    pub fn when(text: impl Into<String>, harm: Harm) -> Self {
        Self { method: None, contains: text.into(), times: None, harm }
    }

    /// The same for one method only.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// The same for the first `times` requests only.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }
}

/// Faults to come and requests that came.
#[derive(Debug, Default)]
pub(crate) struct Record {
    faults: Vec<Fault>,
    requests: VecDeque<Recorded>,
}

impl Record {
    pub(crate) fn fail(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(crate) fn heal(&mut self) {
        self.faults.clear();
    }

    /// The harm that comes to a request, which counts as done.
    pub(crate) fn harm(&mut self, method: &str, target: &str) -> Option<Harm> {
        let fault = self.faults.iter_mut().find(|fault| {
            fault.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && target.contains(&fault.contains)
                && fault.times != Some(0)
        })?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.harm.clone())
    }

    pub(crate) fn note(&mut self, request: Recorded) {
        if self.requests.len() == MOST {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.requests.iter().cloned().collect()
    }

    pub(crate) fn forget(&mut self) {
        self.requests.clear();
    }
}
