//! Progress over several fits, the wish to stop, and the time that is left.

use std::time::{Duration, Instant};

use crate::{Error, Limits, Observer, Phase, Progress};

/// Passed to whatever takes long.
pub(crate) struct Watch<'a> {
    observer: &'a mut dyn Observer,
    phase: Phase,
    /// Fits done, and fits planned.
    done: f64,
    planned: f64,
    shown: f64,
    deadline: Option<Instant>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(observer: &'a mut dyn Observer, limits: &Limits) -> Self {
        let deadline = limits.seconds.and_then(|seconds| {
            Duration::try_from_secs_f64(seconds).ok().and_then(|duration| Instant::now().checked_add(duration))
        });
        Self { observer, phase: Phase::Preparing, done: 0.0, planned: 1.0, shown: 0.0, deadline }
    }

    /// So many fits lie ahead.
    pub(crate) fn plan(&mut self, fits: usize) {
        self.planned = (self.done + super::number(fits)).max(1.0);
    }

    pub(crate) fn phase(&mut self, phase: Phase) -> Result<(), Error> {
        self.phase = phase;
        self.tell(0.0, 0, 0, &[])
    }

    /// A fit is over.
    pub(crate) fn fitted(&mut self) {
        self.done += 1.0;
    }

    pub(crate) fn round(&mut self, round: usize, rounds: usize, metrics: &[(&'static str, f64)]) -> Result<(), Error> {
        let within = super::number(round) / super::number(rounds.max(1));
        self.tell(within, round, rounds, metrics)
    }

    /// Whether the time is over.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn tell(&mut self, within: f64, round: usize, rounds: usize, metrics: &[(&'static str, f64)]) -> Result<(), Error> {
        self.shown = self.shown.max(((self.done + within) / self.planned).min(1.0));
        let progress = Progress { phase: self.phase, fraction: self.shown, round, rounds, metrics };
        if self.observer.progress(&progress).is_break() { Err(Error::cancelled()) } else { Ok(()) }
    }
}
