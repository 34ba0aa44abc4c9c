//! Who is told of each call that ended, such as the exporter of traces and metrics.

use std::time::{Duration, Instant, SystemTime};

use trainyard_contract::{Effect, ErrorKind};

use crate::{call::Outcome, caller::Caller};

/// Somebody who is told of each call that ended. Told on the call's own thread, so it must not wait for anything.
pub trait Watch: Send + Sync {
    /// A call ended.
    fn ended(&self, call: &Ended);
}

/// A call that ended, without its arguments and without its answer: both may hold what must not leave.
#[derive(Debug)]
pub struct Ended {
    /// The tool's listed name.
    pub tool: &'static str,
    /// The set that it belongs to.
    pub toolset: &'static str,
    /// What it does, where the arguments were understood.
    pub effect: Option<Effect>,
    /// The way in: `stdio`, `http`, `shell`.
    pub door: &'static str,
    /// The trace that the caller is in, as a `traceparent` of W3C Trace Context. Not checked yet.
    pub trace: Option<String>,
    /// How it ended.
    pub ending: Ending,
    /// When it came in.
    pub started: SystemTime,
    /// How long it took, waiting for its turn included.
    pub took: Duration,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It ran.
    Done,
    /// A person has to agree first.
    Asked,
    /// It was refused, or it failed.
    Failed(ErrorKind),
    /// The caller took it back.
    Cancelled,
}

impl Ending {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Done(_) => Self::Done,
            Outcome::Ask(_) => Self::Asked,
            Outcome::Failed(error, _) => Self::Failed(error.kind()),
        }
    }
}

/// A call under way that somebody watches. Dropped before its end, it was taken back.
pub(crate) struct Watched<'a> {
    watch: &'a dyn Watch,
    begun: Instant,
    call: Ended,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(watch: &'a dyn Watch, (tool, toolset): (&'static str, &'static str), caller: &Caller) -> Self {
        let call = Ended {
            tool,
            toolset,
            effect: None,
            door: caller.door,
            trace: caller.trace.clone(),
            ending: Ending::Cancelled,
            started: SystemTime::now(),
            took: Duration::ZERO,
        };
        Self { watch, begun: Instant::now(), call }
    }

    /// What it does, once that is known.
    pub(crate) fn effect(&mut self, effect: Effect) {
        self.call.effect = Some(effect);
    }

    pub(crate) fn close(mut self, ending: Ending) {
        self.call.ending = ending;
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.call.took = self.begun.elapsed();
        self.watch.ended(&self.call);
    }
}
