//! Categories in an order that trees can cut: learnt from the rows that are learnt from, and from no others.
//!
//! Levels are ranked by their mean of the target, drawn towards the mean of all rows by as much as they have few rows; with
//! more than two classes, by the first principal component of their class shares. A cut of that order is a set of
//! categories, which is what LightGBM itself looks for, and what the model file says. Levels with fewer than five rows have no
//! rank and count as missing, as do levels that come later.

use super::{
    number,
    problem::{Problem, Target},
};
use crate::{Feature, FeatureKind, Values, model::file_names};

/// Rows' worth of the overall mean that each level's mean is mixed with.
const PRIOR: f64 = 10.0;
/// Levels with fewer rows have no rank.
const LEAST: usize = 5;

/// The model's view of its inputs.
pub(crate) fn features(problem: &Problem<'_>, rows: &[usize]) -> Vec<Feature> {
    let names = file_names(problem.inputs.iter().map(|input| input.name));
    let inputs = problem.inputs.iter().enumerate().zip(names);
    inputs
        .map(|((at, input), file_name)| {
            let kind = match input.values {
                Values::Boolean(_) => FeatureKind::Boolean,
                Values::Numeric(_) => {
                    let present = rows.iter().map(|&row| problem.value(at, row)).filter(|value| !value.is_nan());
                    let (low, high) = present.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
                    FeatureKind::Numeric { low, high }
                }
                Values::Category { levels, .. } => {
                    FeatureKind::Category { levels: levels.clone(), ranks: ranks(problem, at, levels.len(), rows) }
                }
            };
            Feature { name: input.name.to_owned(), file_name, kind }
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes of categories")]
fn ranks(problem: &Problem<'_>, input: usize, levels: usize, rows: &[usize]) -> Vec<Option<u32>> {
    let width = problem.outputs();
    let mut counts = vec![0_usize; levels];
    let mut sums = vec![0.0; levels * width];
    for &row in rows {
        let code = problem.value(input, row);
        if code.is_nan() {
            continue;
        }
        let level = code as usize;
        counts[level] += 1;
        match &problem.target {
            Target::Numbers(values) => sums[level] += values[row],
            Target::Classes { codes, .. } if width == 1 => sums[level] += f64::from(codes[row]),
            Target::Classes { codes, .. } => sums[level * width + codes[row] as usize] += 1.0,
            Target::None => sums[level] += 1.0,
        }
    }
    let total = number(counts.iter().sum::<usize>()).max(1.0);
    let mean: Vec<f64> =
        (0..width).map(|k| (0..levels).map(|level| sums[level * width + k]).sum::<f64>() / total).collect();
    let counted = matches!(problem.target, Target::None);
    let smooth = |level: usize, k: usize| {
        if counted {
            sums[level]
        } else {
            (sums[level * width + k] + PRIOR * mean[k]) / (number(counts[level]) + PRIOR) - mean[k]
        }
    };
    let direction = if width == 1 { vec![1.0] } else { principal(levels, width, &counts, &smooth) };
    let score = |level: usize| (0..width).map(|k| direction[k] * smooth(level, k)).sum::<f64>();
    let mut order: Vec<usize> = (0..levels).filter(|&level| counts[level] >= LEAST).collect();
    order.sort_by(|&one, &other| score(one).total_cmp(&score(other)).then(one.cmp(&other)));
    let mut ranks = vec![None; levels];
    for (rank, level) in order.into_iter().enumerate() {
        ranks[level] = u32::try_from(rank).ok();
    }
    ranks
}

/// First principal component of the levels' class shares, by power iteration.
fn principal(levels: usize, width: usize, counts: &[usize], share: &dyn Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut direction: Vec<f64> = (0..width).map(|k| 1.0 / number(k + 1)).collect();
    for _ in 0..30 {
        let mut next = vec![0.0; width];
        for (level, &count) in counts.iter().enumerate().take(levels) {
            let along: f64 = (0..width).map(|k| direction[k] * share(level, k)).sum();
            for (k, next) in next.iter_mut().enumerate() {
                *next += number(count) * along * share(level, k);
            }
        }
        let length = next.iter().map(|value| value * value).sum::<f64>().sqrt();
        if length < 1e-12 {
            break;
        }
        direction = next.into_iter().map(|value| value / length).collect();
    }
    direction
}

/// What trees cut: the number itself, or the rank of the category.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes of categories")]
pub(crate) fn cuttable(feature: &Feature, value: f64) -> f64 {
    match &feature.kind {
        FeatureKind::Category { .. } if value.is_nan() => f64::NAN,
        FeatureKind::Category { ranks, .. } => ranks.get(value as usize).copied().flatten().map_or(f64::NAN, f64::from),
        FeatureKind::Numeric { .. } | FeatureKind::Boolean => value,
    }
}
