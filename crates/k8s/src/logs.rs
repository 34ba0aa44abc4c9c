//! Logs of one container.

use trainyard_contract::Result;

use crate::{request::Request, resource::PODS};

/// What of a container's log is wanted.
#[derive(Debug, Clone, Default)]
pub struct LogQuestion {
    /// Which container; the only one where there is none.
    pub container: Option<String>,
    /// Of the container before the last restart.
    pub previous: bool,
    /// Not older than this, in seconds.
    pub since_seconds: Option<u64>,
    /// Not older than this (RFC 3339).
    pub since_time: Option<String>,
    /// The last lines.
    pub tail: Option<u32>,
    /// Most bytes, from the beginning of what is left by the others.
    pub limit_bytes: Option<u64>,
    /// Each line begins with its time.
    pub timestamps: bool,
}

impl LogQuestion {
    pub(crate) fn request(&self, namespace: &str, pod: &str) -> Result<Request> {
        let request = Request::new("get", &PODS, Some(namespace), Some(pod), Some("log"))?
            .ask_some("container", self.container.as_ref())
            .ask_some("previous", self.previous.then_some("true"))
            .ask_some("sinceSeconds", self.since_seconds)
            .ask_some("sinceTime", self.since_time.as_ref())
            .ask_some("tailLines", self.tail)
            .ask_some("limitBytes", self.limit_bytes)
            .ask_some("timestamps", self.timestamps.then_some("true"));
        // The server gives plain text and refuses whoever insists on something else.
        Ok(Request { accept: "*/*", ..request })
    }
}
