//! A training job: what it is, and how it lives.
//!
//! The database is the truth; whoever acts changes it first. A worker holds its job by a lease that it renews, so a server
//! may come and go while it works. Only the holder of the newest attempt can end a job with a model, and the model enters
//! the registry in the same transaction: a job is never done twice and never half.

mod checkpoints;
pub mod local;
pub mod process;
pub mod queue;
mod record;
pub mod remaining;
pub mod state;
pub mod worker;

pub(crate) use self::record::{json, text};
pub use self::{
    checkpoints::Checkpoints,
    record::{Failed, Happened, Job, Limits, Made, Measured, NewJob, Progress},
    state::{Event, State},
};
use crate::store::Area;

/// How often a worker says that it lives, in milliseconds.
pub const BEAT: i64 = 1_000;
/// How long a worker may be silent, in milliseconds: three periods of what it promises, which is slower than it beats so
/// that a busy disk does not look like a dead worker.
pub const LEASE: i64 = 15_000;
/// How long a worker that is silent may live on before it is ended, in milliseconds.
pub const STALL: i64 = 60_000;
/// How long a worker may take to end by itself once it is asked to, in milliseconds.
pub const GRACE: i64 = 5_000;

/// A share as whole percent.
pub fn percent(share: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
    let percent = (share.clamp(0.0, 1.0) * 100.0) as u64;
    percent
}

pub(crate) const AREA: Area = Area {
    name: "jobs",
    steps: &["
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            token TEXT UNIQUE,
            request TEXT NOT NULL,
            model TEXT NOT NULL,
            dataset TEXT NOT NULL,
            dataset_version INTEGER NOT NULL,
            spec TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT,
            attempt INTEGER NOT NULL DEFAULT 0,
            max_attempts INTEGER NOT NULL,
            time_limit INTEGER NOT NULL,
            memory_limit INTEGER NOT NULL,
            threads INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            started_at INTEGER,
            ended_at INTEGER,
            deadline_at INTEGER,
            cancel_wanted_at INTEGER,
            beat_at INTEGER,
            lease_until INTEGER,
            worker TEXT,
            progress TEXT NOT NULL DEFAULT '{}',
            made TEXT,
            error TEXT
        ) STRICT;
        CREATE INDEX jobs_by_state ON jobs (state, created_at);
        CREATE TABLE job_events (
            job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            at INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            state TEXT NOT NULL,
            what TEXT NOT NULL,
            PRIMARY KEY (job, number)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE job_metrics (
            job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            attempt INTEGER NOT NULL,
            name TEXT NOT NULL,
            step INTEGER NOT NULL,
            at INTEGER NOT NULL,
            value REAL NOT NULL,
            PRIMARY KEY (job, attempt, name, step)
        ) STRICT, WITHOUT ROWID;
    "],
};
