//! What each preset means.

use super::fits::Choice;
use crate::{
    Algorithm, Engine, Preset, Spec, Task,
    learn::boosting::{Grower, Settings},
};

/// Rounds or trees, learning rate, depth, share of rows, share of columns, patience.
type Shape = (usize, f64, usize, f64, f64, usize);

/// How deep trees of classes may be with so many rows: shallow ones, however many, leave out how columns work together, and deep ones
/// want rows to fill them. Quantities were found to want no deeper ones with more rows.
fn depth(task: Task, rows: usize) -> usize {
    if task == Task::Regression || rows <= 5_000 {
        5
    } else if rows <= 20_000 {
        6
    } else {
        8
    }
}

/// Ways to learn: for fast and balanced at most one of a kind, boosting first; for best, all that are to be compared.
pub(super) fn choices(spec: &Spec, task: Task, rows: usize) -> Vec<Choice> {
    let forest = spec.algorithm == Algorithm::Forest;
    let depth = depth(task, rows);
    let balanced = [(600, 0.1, depth, 0.8, 0.5, 30)];
    let trees: &[Shape] = match spec.preset {
        Preset::Fast if forest => &[(100, 1.0, 12, 0.6, 0.5, 0)],
        Preset::Balanced if forest => &[(300, 1.0, 14, 0.6, 0.5, 0)],
        Preset::Best if forest => &[(500, 1.0, 14, 0.6, 0.3, 0), (500, 1.0, 16, 0.8, 0.6, 0)],
        Preset::Fast => &[(150, 0.3, 6, 1.0, 1.0, 10)],
        Preset::Balanced => &balanced,
        Preset::Best if depth > 5 => {
            &[(1_200, 0.06, 5, 0.8, 0.4, 60), (600, 0.1, 8, 0.8, 0.5, 30), (600, 0.1, 10, 0.8, 0.5, 30)]
        }
        Preset::Best => {
            &[(1_200, 0.06, 3, 0.8, 0.3, 60), (1_200, 0.06, 5, 0.8, 0.4, 60), (1_200, 0.08, 8, 0.9, 0.7, 40)]
        }
    };
    let penalties: &[f64] = if spec.preset == Preset::Best { &[0.1, 1.0, 10.0, 100.0] } else { &[1.0] };
    let mut choices = Vec::new();
    if spec.algorithm != Algorithm::Linear {
        choices.extend(trees.iter().map(|&shape| Choice::Boosting(settings(spec, task, shape))));
    }
    if !matches!(spec.algorithm, Algorithm::Boosting | Algorithm::Forest) {
        choices.extend(penalties.iter().map(|&l2| Choice::Linear { l2: spec.hyperparameters.l2.unwrap_or(l2) }));
    }
    choices.dedup();
    choices
}

fn settings(spec: &Spec, task: Task, shape: Shape) -> Settings {
    let (rounds, learning_rate, max_depth, row_sample, column_sample, patience) = shape;
    let asked = &spec.hyperparameters;
    let forest = spec.algorithm == Algorithm::Forest;
    // Second derivatives: one a row for quantities. For classes a quarter at most, and next to nothing for rows of which
    // the model is sure: with a bound near one, rare classes among several are never told apart.
    let least = if task == Task::Regression { 5.0 } else { 0.03 };
    Settings {
        rounds: asked.rounds.unwrap_or(rounds),
        learning_rate: asked.learning_rate.unwrap_or(learning_rate),
        max_depth: asked.max_depth.unwrap_or(max_depth),
        min_leaf_weight: asked.min_leaf_weight.unwrap_or(least),
        l2: asked.l2.unwrap_or(1.0),
        row_sample: asked.row_sample.unwrap_or(row_sample),
        column_sample: asked.column_sample.unwrap_or(column_sample),
        // More trees never make a forest worse.
        patience: if forest { 0 } else { spec.early_stopping.unwrap_or(patience) },
        seed: spec.seed,
        threads: spec.limits.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
        grower: match spec.engine {
            _ if forest => Grower::Forest,
            Engine::Forust => Grower::Forust,
            Engine::LightGbm => Grower::LightGbm,
        },
    }
}
