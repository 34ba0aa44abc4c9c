//! A call as it runs: time, log, measurements.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    invoke::Target,
    job::{Job, Stop},
    millis, text,
};
use crate::{
    aws::{account::Account, services, table::Table},
    kubernetes::random::digest,
};

/// Calls of a function whose measurements are kept.
const KEPT: usize = 10_000;
/// How long an environment waits for the next call.
const WARM: time::Duration = time::Duration::minutes(10);

/// What came of a call.
pub(super) struct Ran {
    pub(super) payload: Value,
    pub(super) failed: bool,
    /// All that it wrote.
    pub(super) log: String,
}

/// What is measured of a call.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    Throttled,
    Ran { failed: bool, took: Duration },
}

/// Counts a call.
pub(super) fn count(account: &mut Account, region: &str, target: &Target, outcome: Outcome) {
    let at = account.now().unix_timestamp();
    let mut run = json!({ "at": at });
    if let Some(qualifier) = &target.qualifier {
        run["of"] = qualifier.as_str().into();
    }
    match outcome {
        Outcome::Throttled => run["Throttles"] = 1.0.into(),
        Outcome::Ran { failed, took } => {
            run["Invocations"] = 1.0.into();
            run["Throttles"] = 0.0.into();
            run["Errors"] = f64::from(u8::from(failed)).into();
            run["Duration"] = (took.as_secs_f64() * 1_000.0).into();
        }
    }
    if account.row(region, Table::LambdaRuns, &target.name).is_none() {
        account.insert(region, Table::LambdaRuns, &target.name, json!({ "FunctionName": target.name, "runs": [] }));
    }
    if let Some(Value::Array(runs)) =
        account.row_mut(region, Table::LambdaRuns, &target.name).map(|row| &mut row["runs"])
    {
        if runs.len() == KEPT {
            runs.remove(0);
        }
        runs.push(run);
    }
}

/// What was measured of calls: name of the function, version or alias that was named, second, values by metric.
pub(in crate::aws) fn runs<'a>(
    account: &'a Account,
    region: &str,
) -> impl Iterator<Item = (&'a str, Option<&'a str>, i64, &'a Value)> {
    account.rows(region, Table::LambdaRuns).flat_map(|row| {
        let runs = row["runs"].as_array().into_iter().flatten();
        runs.map(move |run| {
            (text(row, "FunctionName"), run["of"].as_str(), run["at"].as_i64().unwrap_or_default(), run)
        })
    })
}

/// The environment that a call runs in: its log stream, and what it took to start, if it had to.
fn environment(account: &mut Account, region: &str, target: &Target) -> (String, Option<Duration>) {
    let now = account.now();
    let warm = account
        .row(region, Table::LambdaFunctions, &target.name)
        .map(|row| row["_warm"][target.version.as_str()].clone());
    let warm = warm.filter(|warm| warm["until"].as_i64() > Some(now.unix_timestamp()));
    let (stream, start) = match warm.as_ref().and_then(|warm| warm["stream"].as_str()) {
        Some(stream) => (stream.to_owned(), None),
        None => {
            let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
            let id = format!("{:016x}{:016x}", account.random.next(), account.random.next());
            let start = Duration::from_micros(38_000 + account.random.below(24_000));
            (format!("{year}/{month:02}/{day:02}/[{}]{id}", target.version), Some(start))
        }
    };
    let until = (now + WARM).unix_timestamp();
    if let Some(row) = account.row_mut(region, Table::LambdaFunctions, &target.name) {
        row["_warm"][target.version.as_str()] = json!({ "stream": stream, "until": until });
    }
    (stream, start)
}

/// Runs a function on an event. It has ended by now: nobody waits for the time that it took.
pub(super) fn run(account: &mut Account, region: &str, target: &Target, event: &Value) -> Ran {
    let (stream, start) = environment(account, region, target);
    let id = account.random.uid();
    let limit = Duration::from_secs(target.configuration["Timeout"].as_u64().unwrap_or(3));
    let base = Duration::from_micros(1_200 + account.random.below(3_800));
    let mut job = Job::new(account, region, limit, base);
    let result = (target.program.run)(&mut job, event);
    let (mut took, lines) = job.end();
    let end = account.now();
    let begin = end - took;
    let mut log = Log { begin, lines: Vec::new() };
    log.line(Duration::ZERO, format!("START RequestId: {id} Version: {}", target.version));
    for (at, line) in lines {
        log.line(at, line);
    }
    let mut status = "";
    let (payload, failed) = match result {
        Ok(payload) => (payload, false),
        Err(Stop::TimedOut) => {
            took = limit;
            status = "\tStatus: timeout";
            let message = format!("Task timed out after {:.2} seconds", limit.as_secs_f64());
            log.line(took, format!("{} {id} {message}", millis(begin + took)));
            (
                json!({ "errorType": "Sandbox.Timedout", "errorMessage": format!("RequestId: {id} Error: {message}") }),
                true,
            )
        }
        Err(Stop::Raised { kind, message, at }) => {
            let trace =
                [format!("{}::{at}", target.program.name.replace('-', "_")), "lambda_runtime::invoke".to_owned()];
            log.line(took, format!("ERROR {kind}: {message}"));
            (json!({ "errorType": kind, "errorMessage": message, "stackTrace": trace }), true)
        }
    };
    log.line(took, format!("END RequestId: {id}"));
    log.line(took, format!("{}{status}", report(target, &id, took, start)));
    let group = target.configuration["LoggingConfig"]["LogGroup"].as_str();
    let group = group.map_or_else(|| format!("/aws/lambda/{}", target.name), str::to_owned);
    services::log(account, region, &group, &stream, &log.lines);
    count(account, region, target, Outcome::Ran { failed, took });
    let log = log.lines.iter().fold(String::new(), |all, (_, line)| all + line + "\n");
    Ran { payload, failed, log }
}

/// The line that says what a call took, and is paid for.
fn report(target: &Target, id: &str, took: Duration, start: Option<Duration>) -> String {
    let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
    let billed = (took + start.unwrap_or_default()).as_micros().div_ceil(1_000);
    let memory = target.configuration["MemorySize"].as_u64().unwrap_or(128);
    let used = (22 + digest(&[&target.name, &target.version]) % 20).min(memory);
    let start = start.map(|start| format!("\tInit Duration: {:.2} ms", millis(start))).unwrap_or_default();
    format!(
        "REPORT RequestId: {id}\tDuration: {:.2} ms\tBilled Duration: {billed} ms\tMemory Size: {memory} MB\tMax Memory Used: {used} MB{start}",
        millis(took)
    )
}

/// Lines with the moments at which they were written.
struct Log {
    begin: OffsetDateTime,
    lines: Vec<(i64, String)>,
}

impl Log {
    fn line(&mut self, after: Duration, line: String) {
        let at = self.begin + after;
        self.lines.push((at.unix_timestamp() * 1_000 + i64::from(at.millisecond()), line));
    }
}
