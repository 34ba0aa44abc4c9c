//! The states of a job, and what leads from one to another. Pure: whoever writes a state asks here first.

use std::fmt;

use serde::{Deserialize, Serialize};
use trainyard_contract::{Error, ErrorKind, Result};

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for its turn.
    Queued,
    /// A worker is being started.
    Starting,
    /// A worker trains.
    Running,
    /// A worker stores the model.
    Uploading,
    /// The worker lives, but has not been heard of for three periods.
    Stalled,
    /// The worker is gone before its time; another one will go on.
    Interrupted,
    /// Somebody wants it to end; the worker has not ended yet.
    Cancelling,
    /// The model is stored.
    Completed,
    /// It ended with an error.
    Failed,
    /// Somebody wanted it to end, and it did.
    Cancelled,
    /// It ran longer than it was allowed.
    TimedOut,
    /// Nobody saw how its last worker ended.
    Lost,
}

/// Every state.
pub const STATES: [State; 12] = [
    State::Queued,
    State::Starting,
    State::Running,
    State::Uploading,
    State::Stalled,
    State::Interrupted,
    State::Cancelling,
    State::Completed,
    State::Failed,
    State::Cancelled,
    State::TimedOut,
    State::Lost,
];

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A worker is about to be started.
    Launched,
    /// The worker has taken the job.
    Claimed,
    /// The worker was heard of.
    Heard,
    /// The worker has a model and begins to store it.
    Stores,
    /// The model is stored.
    Stored,
    /// The work cannot be done.
    Failed,
    /// Somebody wants it to end.
    CancelWanted,
    /// The worker ended because somebody wanted it to.
    Stopped,
    /// The time is over.
    OutOfTime,
    /// The worker lives and has not been heard of for too long.
    Silent,
    /// The worker is gone without a word of its own.
    WorkerGone {
        /// Somebody saw that it is gone.
        seen: bool,
        /// Another one may try.
        again: bool,
    },
}

impl State {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Uploading => "uploading",
            Self::Stalled => "stalled",
            Self::Interrupted => "interrupted",
            Self::Cancelling => "cancelling",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }

    /// The state of this name.
    pub fn of(name: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state.as_str() == name)
    }

    /// Nothing happens to it any more.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Lost)
    }

    /// It waits for a worker.
    pub const fn waits(self) -> bool {
        matches!(self, Self::Queued | Self::Interrupted)
    }

    /// There is a worker, or should be one.
    pub const fn has_worker(self) -> bool {
        !self.has_ended() && !self.waits()
    }

    /// The state after an event; an error where the event cannot happen here.
    pub fn after(self, event: Event) -> Result<Self> {
        let next = match (self, event) {
            (Self::Queued | Self::Interrupted, Event::Launched) => Self::Starting,
            (Self::Starting | Self::Stalled, Event::Claimed) | (Self::Running | Self::Stalled, Event::Heard) => {
                Self::Running
            }
            (state @ (Self::Uploading | Self::Cancelling), Event::Heard) => state,
            (Self::Running | Self::Stalled, Event::Stores) => Self::Uploading,
            (Self::Uploading | Self::Stalled, Event::Stored) => Self::Completed,
            (state, Event::Failed) if !state.has_ended() => Self::Failed,
            (state, Event::CancelWanted) if state.waits() => Self::Cancelled,
            (state, Event::CancelWanted) if state.has_worker() => Self::Cancelling,
            // Who wanted it to end gets what was wanted, whatever else came of it.
            (Self::Cancelling, Event::Stopped | Event::OutOfTime | Event::WorkerGone { .. }) => Self::Cancelled,
            (state, Event::OutOfTime) if !state.has_ended() => Self::TimedOut,
            (Self::Starting | Self::Running | Self::Uploading | Self::Stalled, Event::Silent) => Self::Stalled,
            (Self::Cancelling, Event::Silent) => Self::Cancelling,
            (state, Event::WorkerGone { again: true, .. }) if state.has_worker() => Self::Interrupted,
            (state, Event::WorkerGone { seen: true, .. }) if state.has_worker() => Self::Failed,
            (state, Event::WorkerGone { seen: false, .. }) if state.has_worker() => Self::Lost,
            _ => return Err(illegal(self, event)),
        };
        Ok(next)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn illegal(state: State, event: Event) -> Error {
    let what = match event {
        Event::CancelWanted => "cancel",
        Event::Launched => "start",
        Event::Stored | Event::Stores => "store the model of",
        _ => "go on with",
    };
    Error::new(ErrorKind::Conflict, format!("cannot {what} a job that is {state}")).code("JobState")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENTS: [Event; 14] = [
        Event::Launched,
        Event::Claimed,
        Event::Heard,
        Event::Stores,
        Event::Stored,
        Event::Failed,
        Event::CancelWanted,
        Event::Stopped,
        Event::OutOfTime,
        Event::Silent,
        Event::WorkerGone { seen: true, again: true },
        Event::WorkerGone { seen: true, again: false },
        Event::WorkerGone { seen: false, again: true },
        Event::WorkerGone { seen: false, again: false },
    ];

    #[test]
    fn an_ended_job_stays_as_it_ended() {
        for state in STATES.into_iter().filter(|state| state.has_ended()) {
            for event in EVENTS {
                assert!(state.after(event).is_err(), "{state} {event:?}");
            }
        }
    }

    #[test]
    fn every_job_can_end_and_names_are_their_own() {
        for state in STATES {
            assert_eq!(State::of(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(u8::from(state.has_ended()) + u8::from(state.waits()) + u8::from(state.has_worker()), 1);
            if !state.has_ended() {
                assert!(state.after(Event::OutOfTime).unwrap().has_ended(), "{state}");
                assert!(state.after(Event::Failed).unwrap().has_ended(), "{state}");
                assert!(state.after(Event::CancelWanted).is_ok(), "{state}");
            }
            if state.has_worker() {
                for (seen, again) in [(true, true), (true, false), (false, true), (false, false)] {
                    let next = state.after(Event::WorkerGone { seen, again }).unwrap();
                    assert!(!next.has_worker(), "{state}: a worker that is gone does not work");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_order_of_events_completes_without_a_model_or_leaves_an_end(
            events in proptest::collection::vec(proptest::sample::select(EVENTS.to_vec()), 0..60)
        ) {
            let (mut state, mut launched, mut wanted, mut stored) = (State::Queued, false, false, 0);
            for event in events {
                let Ok(next) = state.after(event) else { continue };
                prop_assert!(!state.has_ended(), "{} was left by {:?}", state, event);
                launched |= event == Event::Launched;
                wanted |= event == Event::CancelWanted;
                stored += u8::from(event == Event::Stored);
                // What needs a worker comes after one was started.
                prop_assert!(!next.has_worker() || launched);
                prop_assert!(next != State::Cancelled || wanted);
                prop_assert_eq!(next == State::Completed, stored == 1);
                // Once somebody wants it to end it never works on.
                prop_assert!(!wanted || matches!(next, State::Cancelling | State::Cancelled | State::Failed));
                state = next;
            }
        }
    }
}
