//! Features as columns of numbers for linear models and clusters, and such models back as trees.
//!
//! Numbers are standardised, and missing ones are the mean, with a column that says so; each frequent category is a
//! column of its own, and a missing or rare one is none of them.

use ndarray::Array2;

use super::{number, problem::Problem};
use crate::{
    Feature, FeatureKind,
    model::ensemble::{Child, Leaf, Node, Test, Tree},
};

/// Most frequent categories of a feature that get a column.
const MOST_LEVELS: usize = 50;

enum Part {
    Scaled { mean: f64, deviation: f64 },
    Missing,
    Level(f64),
}

/// Columns, learnt from the rows that are learnt from.
pub(crate) struct Design {
    columns: Vec<(usize, Part)>,
    features: usize,
}

impl Design {
    pub(crate) fn new(problem: &Problem<'_>, features: &[Feature], rows: &[usize], flag_missing: bool) -> Self {
        let mut columns = Vec::new();
        for (at, feature) in features.iter().enumerate() {
            if let FeatureKind::Category { levels, ranks } = &feature.kind {
                let mut counts = vec![0_usize; levels.len()];
                for code in rows.iter().map(|&row| problem.value(at, row)).filter(|code| !code.is_nan()) {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a code of a category")]
                    let level = code as usize;
                    counts[level] += 1;
                }
                let mut order: Vec<usize> = (0..levels.len()).filter(|&level| ranks[level].is_some()).collect();
                order.sort_by_key(|&level| std::cmp::Reverse(counts[level]));
                order.truncate(MOST_LEVELS);
                columns.extend(order.into_iter().map(|level| (at, Part::Level(number(level)))));
                continue;
            }
            let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
            for value in rows.iter().map(|&row| problem.value(at, row)).filter(|value| !value.is_nan()) {
                count += 1.0;
                let apart = value - mean;
                mean += apart / count;
                squares += apart * (value - mean);
            }
            let deviation = (squares / f64::max(count, 1.0)).sqrt();
            if deviation > 0.0 && deviation.is_finite() {
                columns.push((at, Part::Scaled { mean, deviation }));
            }
            if flag_missing && count < number(rows.len()) && count > 0.0 {
                columns.push((at, Part::Missing));
            }
        }
        Self { columns, features: features.len() }
    }

    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The rows.
    pub(crate) fn matrix(&self, problem: &Problem<'_>, rows: &[usize]) -> Array2<f64> {
        let mut matrix = Array2::zeros((rows.len(), self.columns.len()));
        for (place, (at, part)) in self.columns.iter().enumerate() {
            for (cell, &row) in matrix.column_mut(place).iter_mut().zip(rows) {
                let value = problem.value(*at, row);
                *cell = match part {
                    Part::Scaled { .. } if value.is_nan() => 0.0,
                    Part::Scaled { mean, deviation } => (value - mean) / deviation,
                    Part::Missing => f64::from(u8::from(value.is_nan())),
                    #[expect(clippy::float_cmp, reason = "codes are whole numbers")]
                    Part::Level(level) => f64::from(u8::from(value == *level)),
                };
            }
        }
        matrix
    }

    /// Weights (by output, then column) and intercepts (by output) as trees of one feature each, and the weight of each
    /// feature: the deviation of what it adds, about.
    pub(crate) fn trees(&self, weights: &[Vec<f64>], intercepts: &[f64]) -> (Vec<Tree>, Vec<f64>) {
        let mut starts = intercepts.to_vec();
        let mut importance = vec![0.0; self.features];
        let mut trees = Vec::new();
        for (feature, importance) in importance.iter_mut().enumerate() {
            let columns: Vec<usize> =
                (0..self.columns.len()).filter(|&place| self.columns[place].0 == feature).collect();
            if columns.is_empty() {
                continue;
            }
            for (output, weights) in weights.iter().enumerate() {
                *importance += columns.iter().map(|&place| weights[place].abs()).sum::<f64>();
                trees.push(self.tree(feature, &columns, weights, &mut starts[output]));
            }
        }
        let mut all: Vec<Tree> = starts.into_iter().map(Tree::constant).collect();
        all.append(&mut trees);
        (all, importance)
    }

    fn tree(&self, feature: usize, columns: &[usize], weights: &[f64], start: &mut f64) -> Tree {
        let (mut slope, mut missing) = (0.0, 0.0);
        let mut levels = Vec::new();
        for &place in columns {
            match &self.columns[place].1 {
                Part::Scaled { mean, deviation } => {
                    slope = weights[place] / deviation;
                    missing += slope * mean;
                    *start -= slope * mean;
                }
                Part::Missing => missing += weights[place],
                Part::Level(level) => levels.push((*level, weights[place])),
            }
        }
        if levels.is_empty() { Tree::line(feature, slope, missing) } else { chain(feature, &levels) }
    }
}

/// Asks for one category after the other.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes of categories")]
fn chain(feature: usize, levels: &[(f64, f64)]) -> Tree {
    let mut tree = Tree { nodes: Vec::new(), leaves: Vec::new() };
    for (at, (level, weight)) in levels.iter().enumerate() {
        let code = *level as usize;
        let mut bits = vec![0; code / 32 + 1];
        bits[code / 32] = 1 << (code % 32);
        let last = at + 1 == levels.len();
        let right = if last { Child::Leaf(levels.len()) } else { Child::Node(at + 1) };
        tree.nodes.push(Node {
            feature,
            test: Test::In(bits),
            left: Child::Leaf(at),
            right,
            gain: 0.0,
            value: 0.0,
            rows: 0,
        });
        tree.leaves.push(Leaf { value: *weight, ..Leaf::default() });
    }
    tree.leaves.push(Leaf::default());
    tree
}
