//! Progress over several fits, the wish to stop, and the time that is left.

use std::time::{Duration, Instant};

use serde::{Serialize, de::DeserializeOwned};

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
    /// Fits begun.
    begun: usize,
    /// When something was last kept.
    kept: Instant,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(observer: &'a mut dyn Observer, limits: &Limits) -> Self {
        let deadline = limits.seconds.and_then(|seconds| {
            Duration::try_from_secs_f64(seconds).ok().and_then(|duration| Instant::now().checked_add(duration))
        });
        let (phase, kept) = (Phase::Preparing, Instant::now());
        Self { observer, phase, done: 0.0, planned: 1.0, shown: 0.0, deadline, begun: 0, kept }
    }

    /// The name of the next fit: its number, and what it is made with, since a run whose time was short may have left some
    /// out.
    pub(crate) fn begin(&mut self, what: &impl std::fmt::Debug, rows: &[usize]) -> String {
        self.begun += 1;
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |byte: u64| hash = (hash ^ byte).wrapping_mul(0x0100_0000_01b3);
        format!("{what:?}").bytes().for_each(|byte| take(u64::from(byte)));
        for &row in rows {
            take(row as u64);
        }
        self.kept = Instant::now();
        format!("fit-{}-{hash:016x}", self.begun)
    }

    /// What was kept under this name, if it can be read.
    pub(crate) fn recall<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        postcard::from_bytes(&self.observer.recall(name)?).ok()
    }

    /// Whether enough was done since something was last kept.
    pub(crate) fn should_keep(&self) -> bool {
        self.observer.is_worth_keeping(self.kept.elapsed())
    }

    /// Whether so much work is worth being kept.
    pub(crate) fn is_worth(&self, work: Duration) -> bool {
        self.observer.is_worth_keeping(work)
    }

    pub(crate) fn keep<T: Serialize>(&mut self, name: &str, value: &T) {
        // A checkpoint that cannot be made costs time at the next start, and nothing else.
        if let Ok(bytes) = postcard::to_stdvec(value) {
            self.observer.keep(name, &bytes);
        }
        self.kept = Instant::now();
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
