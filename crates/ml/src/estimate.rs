//! What a training will need, before it is begun: by its size, in the open.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

pub use trainyard_train::Cost;
use trainyard_train::{self as train, Algorithm, Cell, FrameBuilder, Preset, Size, Spec, Task};

use crate::{
    dataset::{ColumnProfile, Kind},
    datasets::{Dataset, Datasets},
    job::Job,
    training::{self, Order},
};

/// What a training is expected to need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Rows.
    pub rows: u64,
    /// Columns that are read.
    pub columns: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of memory at the most.
    pub memory: u64,
    /// Seconds of one processor.
    pub cpu: Cost,
}

/// Memory of a worker with no data at all.
const EMPTY: u64 = 48 << 20;
/// Bytes that a trainer holds for each cell besides the frame: bins, gradients, the part of a fold.
const BESIDE: u64 = 20;
/// Seconds of starting a worker.
const START: f64 = 0.2;
/// Whole numbers with so many different values are taken for classes, as training does.
const MOST_NUMBERED_CLASSES: u64 = 20;

/// The estimate, on the machine that it was measured on.
pub fn estimate(dataset: &Dataset, columns: &[&ColumnProfile], spec: &Spec) -> Estimate {
    let (rows, count) = (dataset.rows, columns.len() as u64);
    let width: u64 = columns.iter().map(|column| bytes(column.kind)).sum();
    let memory = EMPTY + rows.saturating_mul(width + BESIDE * count);
    let target = columns.iter().find(|column| spec.target.as_ref() == Some(&column.name));
    let classes = target.map_or(0, |target| classes(target, spec.task));
    let learnt_from = count - u64::from(target.is_some());
    let cpu = train::cost(spec, Size { rows, columns: learnt_from, classes });
    let cpu = Cost { least: START + cpu.least, likely: START + cpu.likely, most: START + cpu.most };
    Estimate { rows, columns: count, bytes: dataset.fingerprint.bytes, memory, cpu }
}

fn classes(target: &ColumnProfile, task: Task) -> u64 {
    let counted = matches!(target.kind, Kind::Text | Kind::Boolean)
        || target.kind == Kind::Integer && target.distinct <= MOST_NUMBERED_CLASSES;
    match task {
        Task::Classification => target.distinct.max(2),
        Task::Auto if counted => target.distinct.max(2),
        Task::Auto | Task::Regression | Task::Clustering => 0,
    }
}

impl Estimate {
    /// The same where everything takes so many times as long.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let Cost { least, likely, most } = self.cpu;
        Self { cpu: Cost { least: least * factor, likely: likely * factor, most: most * factor }, ..self }
    }
}

/// Rows and rounds of the training by which machines are compared.
const BENCHED: (u32, usize) = (2_000, 30);
/// Seconds that it took where the constants of the estimate were measured.
const BENCH: f64 = 0.036;

/// How many times as long as there a small training takes here: the quickest of three, measured once in the life of a process.
/// Other programs that keep the processors busy count, as they will while training.
pub fn slowness() -> f64 {
    static FACTOR: OnceLock<f64> = OnceLock::new();
    *FACTOR.get_or_init(|| {
        let quickest = (0..3).filter_map(|_| bench()).min();
        quickest.map_or(1.0, |time| (time.as_secs_f64() / BENCH).clamp(0.05, 50.0))
    })
}

/// A training that is the same everywhere.
fn bench() -> Option<Duration> {
    let names = ["a", "b", "c", "d", "e", "y"].map(|name| (name.to_owned(), train::Kind::Numeric));
    let mut builder = FrameBuilder::new(names);
    let mut state = 1_u64;
    for _ in 0..BENCHED.0 {
        let mut sum = 0.0;
        for column in 0..5_u8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from((state >> 40) as u32);
            sum += value * f64::from(column);
            builder.push(usize::from(column), Cell::Number(value)).ok()?;
        }
        builder.push(5, Cell::Number(sum)).ok()?;
    }
    let frame = builder.finish().ok()?;
    let mut spec = Spec { target: Some("y".to_owned()), task: Task::Regression, ..Spec::default() };
    (spec.algorithm, spec.preset, spec.early_stopping) = (Algorithm::Boosting, Preset::Fast, Some(0));
    (spec.hyperparameters.rounds, spec.limits.threads) = (Some(BENCHED.1), Some(1));
    let begun = Instant::now();
    train::train(&spec, &frame, &mut ()).ok()?;
    Some(begun.elapsed())
}

/// Earlier trainings that are looked at.
const LOOKED_AT: usize = 20;
/// Seconds of starting and reading, which say nothing about the pace.
const AROUND: f64 = 1.0;

/// How trainings on this machine went beside their estimates: the factor in the middle, and of how many it is. Nothing where
/// there was none that took long enough to tell.
#[expect(clippy::cast_precision_loss, reason = "milliseconds")]
pub fn pace(datasets: &Datasets, jobs: &[Job]) -> Option<(f64, usize)> {
    let factor = |job: &Job| {
        let seconds = (job.ended_at? - job.started_at?) as f64 / 1000.0 * f64::from(job.limits.threads.max(1));
        let order: Order = serde_json::from_value(job.spec.clone()).ok()?;
        let dataset = datasets.get(&job.dataset, Some(job.dataset_version)).ok()?;
        let columns = training::columns(&dataset, &order.training).ok()?;
        let expected = estimate(&dataset, &columns, &order.training).cpu.likely;
        (seconds > AROUND).then_some((seconds - AROUND / 2.0) / expected)
    };
    let mut factors: Vec<f64> = jobs.iter().take(LOOKED_AT).filter_map(factor).collect();
    factors.sort_by(f64::total_cmp);
    Some((factors.get(factors.len() / 2)?.clamp(0.01, 100.0), factors.len()))
}

fn bytes(kind: Kind) -> u64 {
    match kind {
        Kind::Text => 4,
        Kind::Boolean => 1,
        _ => 8,
    }
}
