//! Values in at most 255 bins a feature, which is what trees are grown on.

use forust_ml::data::JaggedMatrix;

use super::{encoding::cuttable, problem::Problem};
use crate::Feature;

const MOST_BINS: usize = 255;
/// Cuts are found on at most so many rows.
const SAMPLE: usize = 200_000;

/// Cuts of each feature, ascending, the first below and the last above every number: a value is in bin `i` if `i` cuts are not
/// above it. Bin 0 is for missing values.
pub(crate) fn cuts(problem: &Problem<'_>, features: &[Feature], rows: &[usize]) -> JaggedMatrix<f64> {
    let step = rows.len().div_ceil(SAMPLE).max(1);
    let mut sample = Vec::new();
    let columns: Vec<Vec<f64>> = features
        .iter()
        .enumerate()
        .map(|(at, feature)| {
            sample.clear();
            let values = rows.iter().step_by(step).map(|&row| cuttable(feature, problem.value(at, row)));
            sample.extend(values.filter(|value| !value.is_nan()));
            sample.sort_unstable_by(f64::total_cmp);
            column(&sample)
        })
        .collect();
    JaggedMatrix::from_vecs(&columns)
}

/// Halfway between neighbours, where there are few distinct values; else so that bins hold about equally many.
fn column(sorted: &[f64]) -> Vec<f64> {
    let mut distinct = sorted.to_vec();
    distinct.dedup();
    let mut cuts = vec![f64::MIN];
    if distinct.len() <= MOST_BINS {
        cuts.extend(distinct.windows(2).map(|pair| halfway(pair[0], pair[1])));
    } else {
        let picks = (1..MOST_BINS).map(|bin| bin * sorted.len() / MOST_BINS);
        cuts.extend(picks.filter(|&at| at > 0 && sorted[at] > sorted[0]).map(|at| {
            let before = sorted[..at].partition_point(|value| *value < sorted[at]);
            halfway(sorted[before.saturating_sub(1)], sorted[at])
        }));
    }
    cuts.push(f64::MAX);
    cuts.dedup();
    cuts
}

/// Above the first and at most the second.
fn halfway(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle > low && middle <= high { middle } else { high }
}

/// Bins of the rows, column after column.
#[expect(clippy::cast_possible_truncation, reason = "there are at most 257 cuts")]
pub(crate) fn bin(problem: &Problem<'_>, features: &[Feature], rows: &[usize], cuts: &JaggedMatrix<f64>) -> Vec<u16> {
    let mut bins = Vec::with_capacity(features.len() * rows.len());
    for (at, feature) in features.iter().enumerate() {
        let cuts = cuts.get_col(at);
        bins.extend(rows.iter().map(|&row| {
            let value = cuttable(feature, problem.value(at, row));
            if value.is_nan() { 0 } else { cuts.partition_point(|cut| *cut <= value).clamp(1, cuts.len() - 1) as u16 }
        }));
    }
    bins
}
