//! What a program has while it runs: the account, through calls as its role would make them, a log, and time that passes.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use crate::aws::{
    account::Account,
    services::{cloudwatch::gpu_use, ec2::taken, within},
    table::Table,
};

/// What a call of another service takes.
const CALL: Duration = Duration::from_millis(32);
/// Rows of an answer, after which another call is needed.
const ROWS: usize = 1_000;

/// Why a program ends early.
pub(super) enum Stop {
    TimedOut,
    /// Kind of the error, what it says, and where in the program.
    Raised {
        kind: String,
        message: String,
        at: &'static str,
    },
}

impl Stop {
    pub(super) fn raised(kind: &str, message: impl Into<String>, at: &'static str) -> Self {
        Self::Raised { kind: kind.to_owned(), message: message.into(), at }
    }
}

/// A program under way.
pub(super) struct Job<'a> {
    account: &'a mut Account,
    region: &'a str,
    limit: Duration,
    spent: Duration,
    lines: Vec<(Duration, String)>,
}

impl<'a> Job<'a> {
    pub(super) fn new(account: &'a mut Account, region: &'a str, limit: Duration, spent: Duration) -> Self {
        Self { account, region, limit, spent, lines: Vec::new() }
    }

    /// What it took, and what it wrote, when.
    pub(super) fn end(self) -> (Duration, Vec<(Duration, String)>) {
        (self.spent.min(self.limit), self.lines)
    }

    pub(super) fn region(&self) -> &'a str {
        self.region
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.account.now()
    }

    /// Writes a line into its log.
    pub(super) fn say(&mut self, line: impl Into<String>) {
        self.lines.push((self.spent, line.into()));
    }

    /// Lets time pass. Where there is no more of it the program ends.
    pub(super) fn takes(&mut self, time: Duration) -> Result<(), Stop> {
        self.spent += time;
        if self.spent >= self.limit { Err(Stop::TimedOut) } else { Ok(()) }
    }

    /// Calls an operation. What is refused is an error of the program's.
    pub(super) fn call(
        &mut self,
        service: &str,
        operation: &str,
        input: Value,
        at: &'static str,
    ) -> Result<Value, Stop> {
        self.takes(CALL)?;
        within(self.account, self.region, service, operation, input).map_err(|refusal| {
            let said = format!(
                "An error occurred ({}) when calling the {operation} operation: {}",
                refusal.code, refusal.message
            );
            Stop::raised("ClientError", said, at)
        })
    }

    /// Reads rows without copying them, in the time that the pages of them would take.
    pub(super) fn read<T>(&mut self, table: Table, look: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, Stop> {
        let rows = self.account.rows(self.region, table);
        let mut count = 0;
        let found: Vec<T> = rows.inspect(|_| count += 1).filter_map(look).collect();
        let pages = u32::try_from(count / ROWS + 1).unwrap_or(u32::MAX);
        self.takes(CALL.saturating_mul(pages))?;
        Ok(found)
    }

    /// Virtual CPUs that run under a quota.
    pub(super) fn vcpus(&mut self, quota: &str) -> Result<u64, Stop> {
        self.takes(CALL)?;
        Ok(taken(self.account.rows(self.region, Table::Instances), quota))
    }

    /// How busy the GPUs of an instance are, in percent.
    pub(super) fn gpu_use(&self, instance: &str) -> Option<f64> {
        let second = self.account.now().unix_timestamp();
        gpu_use(self.account, self.region, instance, second - second.rem_euclid(60))
    }
}
