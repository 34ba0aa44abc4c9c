//! What a training will need, before it is begun: by its size, in the open.

use trainyard_train::{Preset, Spec};

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
    pub cpu_seconds: f64,
}

/// Memory of a worker with no data at all.
const EMPTY: u64 = 48 << 20;
/// Bytes that a trainer holds for each cell besides the frame: bins, gradients, the part of a fold.
const BESIDE: u64 = 20;
/// Measured on 150,000 rows of 30 numbers, one thread: 2.4 CPU-seconds for one fit of 100 rounds.
const SECONDS_A_CELL: f64 = 2.4 / 4.5e6;

/// The estimate. Measured figures stand behind it; it is right within a factor of about three.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub fn estimate(dataset: &Dataset, columns: &[&ColumnProfile], spec: &Spec) -> Estimate {
    let (rows, count) = (dataset.rows, columns.len() as u64);
    let width: u64 = columns.iter().map(|column| bytes(column.kind)).sum();
    let memory = EMPTY + rows.saturating_mul(width + BESIDE * count);
    // Fits that a preset makes: one; some folds and a last one; those for each of several settings.
    let fits = match spec.preset {
        Preset::Fast => 1.0,
        Preset::Balanced => 4.0,
        Preset::Best => 16.0,
    };
    let cpu_seconds = 0.2 + rows as f64 * count as f64 * SECONDS_A_CELL * fits;
    Estimate { rows, columns: count, bytes: dataset.fingerprint.bytes, memory, cpu_seconds }
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
        let expected = estimate(&dataset, &columns, &order.training).cpu_seconds;
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
