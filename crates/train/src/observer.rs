//! Who watches a training, and may end it.

use std::{ops::ControlFlow, time::Duration};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Checking the data and splitting the rows.
    Preparing,
    /// Learning on a part of the rows, to be judged on the others.
    Evaluating,
    /// Comparing settings with each other (preset best).
    Searching,
    /// Learning the model that is handed back.
    Fitting,
    /// Computing metrics.
    Measuring,
}

impl Phase {
    /// In lower case, as shown to people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Evaluating => "evaluating",
            Self::Searching => "searching",
            Self::Fitting => "fitting",
            Self::Measuring => "measuring",
        }
    }
}

/// Where a training is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress<'a> {
    /// What is being done.
    pub phase: Phase,
    /// Share of the whole training that is done, 0 to 1; never goes back. Early stopping makes it jump.
    pub fraction: f64,
    /// Boosting round of the present fit, from 1; 0 where there are no rounds.
    pub round: usize,
    /// At most so many rounds in the present fit.
    pub rounds: usize,
    /// Loss of the present fit so far, by name: `training_loss`, `validation_loss` (log loss, or RMSE for regression).
    pub metrics: &'a [(&'static str, f64)],
}

/// Told after each boosting round, and at least once between two phases. Called on the thread that called
/// [`train`](crate::train).
pub trait Observer {
    /// `Break` ends the training with an error of kind [`Cancelled`](crate::ErrorKind::Cancelled).
    fn progress(&mut self, progress: &Progress<'_>) -> ControlFlow<()>;

    /// Whether so much work is worth a checkpoint.
    fn is_worth_keeping(&self, since: Duration) -> bool {
        since >= Duration::from_secs(2)
    }

    /// Is handed what it would take to go on from here: bytes under a name that means the same in every run of the same
    /// frame and spec. The same name comes again with more.
    fn keep(&mut self, _name: &str, _bytes: &[u8]) {}

    /// Gives what was kept under this name by an earlier run. What does not fit is not used.
    fn recall(&mut self, _name: &str) -> Option<Vec<u8>> {
        None
    }
}

/// Nobody watches.
impl Observer for () {
    fn progress(&mut self, _: &Progress<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
