//! Where a training would run and why, before anything is stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Access, Json, Reads, Result, Tool};
use trainyard_ml::{
    estimate::Estimate,
    job::{NewJob, local::Local, process, queue},
    store::elsewhere,
};

use super::wanted::Wanted;
use crate::{App, Cx};

/// The seed of this platform sent tables with more rows elsewhere.
const MANY_ROWS: u64 = 100_000;
/// Seconds that it takes at least until a machine of EC2 can begin.
const ELSEWHERE: f64 = 120.0;

/// Where a training would run, why, and what it would need.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Planned {
    dataset_id: String,
    dataset_version: u64,
    model_id: String,
    /// Where it would run.
    backend: &'static str,
    /// Why there.
    reason: String,
    rule: Rule,
    /// This machine, and those that a training may go to one day.
    places: Vec<Place>,
    rows: u64,
    columns: u64,
    bytes: u64,
    /// Expected, within a factor of about three.
    memory_bytes: u64,
    /// Memory that this machine has free, where known.
    memory_available_bytes: Option<u64>,
    cpu_seconds: Seconds,
    cost_usd: f64,
    /// What ends it.
    max_seconds: i64,
    max_memory_bytes: u64,
    threads: u32,
    /// Jobs that have a worker now, and how many may.
    workers: (usize, u32),
    /// What speaks against it.
    blockers: Vec<String>,
}

/// An estimate of the seconds of one processor.
#[derive(Debug, Serialize, JsonSchema)]
struct Seconds {
    /// Likely within a factor of about three.
    estimate: f64,
    /// With early stopping as soon as it may be.
    from: f64,
    /// With every round that may be made.
    to: f64,
    /// What the estimate goes by.
    basis: String,
}

impl Seconds {
    fn of(estimate: &Estimate, basis: String) -> Self {
        let rounded = |seconds: f64| (seconds * 10.0).ceil() / 10.0;
        let cpu = estimate.cpu;
        Self { estimate: rounded(cpu.likely), from: rounded(cpu.least), to: rounded(cpu.most), basis }
    }
}

/// The rule of thumb by rows, which the estimate overrules.
#[derive(Debug, Serialize, JsonSchema)]
struct Rule {
    rows_over: u64,
    applies: bool,
    /// Where it would send the training.
    says: &'static str,
    /// What decides instead.
    decided_by: &'static str,
}

pub(super) fn planned(workers: &Local, estimate: &Estimate, basis: String, job: &NewJob) -> Planned {
    let available = process::memory_available();
    let mut blockers = Vec::new();
    if let Some(available) = available.filter(|available| estimate.memory > *available) {
        blockers.push(format!("needs about {} MiB of memory; {} MiB are free", estimate.memory >> 20, available >> 20));
    }
    if job.limits.memory < estimate.memory {
        blockers.push(format!(
            "may use {} MiB of memory and needs about {}",
            job.limits.memory >> 20,
            estimate.memory >> 20
        ));
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    if estimate.cpu.likely * 1000.0 > job.limits.time as f64 {
        blockers.push(format!("may take {} s and needs about {:.0}", job.limits.time / 1000, estimate.cpu.likely));
    }
    if let Some(free) = process::disk_free(workers.state()).filter(|free| *free < 64 << 20) {
        blockers.push(format!("{} MiB are free on the disk of the state folder", free >> 20));
    }
    let open = workers.database().read_here(queue::open).unwrap_or_default();
    let many = estimate.rows > MANY_ROWS;
    let size = format!("about {} MiB and {:.0} CPU-seconds", estimate.memory >> 20, estimate.cpu.likely.ceil());
    let reason = if many && estimate.cpu.likely < ELSEWHERE {
        format!("more than {MANY_ROWS} rows, and still {size}: less than another machine takes to start")
    } else {
        format!("{size}, which this machine has")
    };
    let reason = if blockers.is_empty() { reason } else { format!("this machine is the only place, and has: {size}") };
    let places = places(estimate, &reason, &blockers);
    Planned {
        dataset_id: job.dataset.clone(),
        dataset_version: job.dataset_version,
        model_id: job.model.clone(),
        backend: "local",
        reason,
        rule: Rule {
            rows_over: MANY_ROWS,
            applies: many,
            says: if many { "ec2" } else { "lambda" },
            decided_by: "the estimate of memory and time",
        },
        places,
        rows: estimate.rows,
        columns: estimate.columns,
        bytes: estimate.bytes,
        memory_bytes: estimate.memory,
        memory_available_bytes: available,
        cpu_seconds: Seconds::of(estimate, basis),
        cost_usd: 0.0,
        max_seconds: job.limits.time / 1000,
        max_memory_bytes: job.limits.memory,
        threads: job.limits.threads,
        workers: (open.iter().filter(|job| job.state.has_worker()).count(), workers.most()),
        blockers,
    }
}

/// A place where a training could be done.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct Place {
    backend: &'static str,
    /// Jobs can be sent there.
    available: bool,
    /// The training, as it is estimated, is within what it allows.
    fits: bool,
    about: String,
}

/// Most that a function of AWS Lambda may have: memory, disk, and seconds, of which it needs some to store the model.
const LAMBDA_MEMORY: u64 = 10_240 << 20;
const LAMBDA_DISK: u64 = 10_240 << 20;
const LAMBDA_SECONDS: f64 = 840.0;
/// Memory of this much comes with one more processor there.
const LAMBDA_PROCESSOR: u64 = 1_769 << 20;

fn places(estimate: &Estimate, reason: &str, blockers: &[String]) -> Vec<Place> {
    let local = Place {
        backend: "local",
        available: true,
        fits: blockers.is_empty(),
        about: if blockers.is_empty() { reason.to_owned() } else { blockers.join("; ") },
    };
    vec![local, lambda(estimate), ec2(estimate)]
}

fn lambda(estimate: &Estimate) -> Place {
    let mut against = Vec::new();
    if estimate.memory > LAMBDA_MEMORY {
        against.push(format!("needs about {} MiB of its {}", estimate.memory >> 20, LAMBDA_MEMORY >> 20));
    }
    if estimate.bytes > LAMBDA_DISK {
        against.push(format!("has {} MiB of data for its {} of disk", estimate.bytes >> 20, LAMBDA_DISK >> 20));
    }
    if estimate.cpu.likely > LAMBDA_SECONDS {
        against.push(format!("takes about {:.0} s of its 900", estimate.cpu.likely));
    }
    let fits = against.is_empty();
    let size = estimate.memory.max(LAMBDA_PROCESSOR) >> 20;
    let about = if fits {
        format!("about {:.0} s of a function with {size} MiB", estimate.cpu.likely.ceil())
    } else {
        against.join("; ")
    };
    Place { backend: "lambda", available: false, fits, about: format!("{about}; no jobs are sent there") }
}

fn ec2(estimate: &Estimate) -> Place {
    let about = format!(
        "a machine with {} GiB or more, which takes minutes to start; no jobs are sent there",
        (estimate.memory * 5 / 4).div_ceil(1 << 30) + 1
    );
    Place { backend: "ec2", available: false, fits: true, about }
}

/// Plan a training: where it would run and why, memory, time, cost, what speaks against it
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    #[serde(flatten)]
    wanted: Wanted,
}

impl Tool<App> for Plan {
    const NAME: &'static str = "training_plan";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality", "target": "quality"}"#;
    type Access = Reads;
    type Output = Json<Planned>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Planned>> {
        plan(&cx, self.wanted).await.map(Json)
    }
}

pub(super) async fn plan<A: Access>(cx: &Cx<A>, wanted: Wanted) -> Result<Planned> {
    let workers = cx.workers()?;
    elsewhere(move || Ok(wanted.prepare(&workers, None)?.plan)).await
}

#[cfg(test)]
mod tests {
    use trainyard_ml::estimate::Cost;

    use super::*;

    fn of(memory: u64, likely: f64) -> Estimate {
        let cpu = Cost { least: likely / 3.0, likely, most: likely * 3.0 };
        Estimate { rows: 1_000, columns: 10, bytes: 1 << 20, memory, cpu }
    }

    #[test]
    fn a_place_says_what_speaks_against_it() {
        let small = places(&of(100 << 20, 2.0), "small", &[]);
        assert_eq!(
            small.iter().map(|place| (place.available, place.fits)).collect::<Vec<_>>(),
            [(true, true), (false, true), (false, true)]
        );
        assert!(small[1].about.starts_with("about 2 s of a function with 1769 MiB"), "{}", small[1].about);
        let large = places(&of(40 << 30, 9_000.0), "large", &["needs more memory".to_owned()]);
        assert_eq!(large.iter().map(|place| place.fits).collect::<Vec<_>>(), [false, false, true]);
        assert!(large[1].about.starts_with("needs about 40960 MiB of its 10240; takes about 9000 s of its 900"));
        assert!(large[2].about.starts_with("a machine with 51 GiB or more"), "{}", large[2].about);
    }
}
