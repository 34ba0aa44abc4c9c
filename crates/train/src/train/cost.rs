//! What a training costs, before it is begun: by the same presets that it will be made of.
//!
//! The constants were measured on tables of 500 to 150,000 rows and 10 to 40 columns, with trees 3 to 8 deep; on those the
//! likely figure was within a factor of three of what fits took. They are of one thread of a busy two-core cloud machine.

use super::{FOLDED, fits::Choice, presets};
use crate::{
    Algorithm, Preset, Spec, Task,
    learn::{boosting::Settings, number},
};

/// Seconds for a cell and level of a tree: rows are sorted into nodes and added up.
const CELL: f64 = 1.5e-9;
/// Seconds for a bin of a feature in a node: places to split are compared.
const BIN: f64 = 13e-9;
/// Seconds for a row and tree: slopes, scores, losses.
const ROW: f64 = 60e-9;
/// Seconds for a cell that is read, described and put into bins.
const READ: f64 = 60e-9;
/// Seconds for a cell, column and iteration of a linear model, and how many of them there are, about.
const LINE: f64 = 1.5e-9 * 6.0;
/// Parts of the rounds that may be made which are made, by early stopping.
const FEWEST: f64 = 0.08;

/// The size of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub rows: u64,
    /// Columns to learn from.
    pub columns: u64,
    /// Classes; 0 for quantities and clusters.
    pub classes: u64,
}

/// Seconds of one thread of the machine that it was measured on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Where no round soon brings anything new.
    pub least: f64,
    /// In between.
    pub likely: f64,
    /// With every round that may be made.
    pub most: f64,
}

/// What a training costs; the spec is taken to be a sound one.
pub fn cost(spec: &Spec, size: Size) -> Cost {
    let rows = real(size.rows);
    let columns = real(size.columns.max(1));
    let outputs = if size.classes > 2 { real(size.classes) } else { 1.0 };
    let read = rows * columns * READ;
    if spec.target.is_none() {
        // Lloyd's iterations from several starts, for each number of clusters that is tried.
        let tried = spec.hyperparameters.clusters.map_or(54.0, number);
        let likely = read + rows * columns * tried * 100.0 * 1e-9;
        return Cost { least: likely / 3.0, likely, most: likely * 3.0 };
    }
    let task = if size.classes > 0 { Task::Classification } else { Task::Regression };
    let choices = presets::choices(spec, task, usize::try_from(size.rows).unwrap_or(usize::MAX));
    let small = size.rows <= FOLDED as u64;
    let folds = match spec.validation.folds {
        0 if small && spec.preset != Preset::Fast => 5.0,
        0 => 0.0,
        folds => number(folds),
    };
    let best = spec.preset == Preset::Best;
    let evaluated = f64::max(folds, 1.0) + f64::from(u8::from(folds > 0.0 || best));
    // With half the rounds; and those that fall behind on the first part are not tried on the other two.
    let searched = if !best {
        0.0
    } else if small {
        1.0
    } else {
        0.5
    };
    let trees: Vec<f64> = choices.iter().filter_map(|choice| round(choice, rows, columns, outputs)).collect();
    let kinds = |count: usize| if count == 0 { 0.0 } else { searched + evaluated / number(count) };
    let made: f64 = trees.iter().sum::<f64>() * kinds(trees.len());
    let lines = choices.len() - trees.len();
    let line = rows * columns * (columns + outputs) * LINE * kinds(lines) * number(lines);
    let stops = spec.early_stopping != Some(0) && spec.algorithm != Algorithm::Forest;
    let likely = match spec.preset {
        _ if !stops => 1.0,
        Preset::Fast | Preset::Balanced => 0.3,
        Preset::Best => 0.2,
    };
    let fewest = if stops { FEWEST } else { 1.0 / 3.0 };
    Cost { least: read + (line + made) * fewest, likely: read + line + made * likely, most: read + line * 3.0 + made }
}

/// All rounds that may be made of one choice of trees.
fn round(choice: &Choice, rows: f64, columns: f64, outputs: f64) -> Option<f64> {
    let Choice::Boosting(settings) = choice else { return None };
    let Settings { rounds, max_depth, row_sample, column_sample, .. } = *settings;
    let columns = (columns * column_sample).ceil();
    let depth = number(max_depth);
    let leaves = f64::min(depth.exp2(), (rows / 6.0).max(2.0));
    let tree = rows * row_sample * columns * depth * CELL + leaves * columns * f64::min(rows, 255.0) * BIN + rows * ROW;
    Some(number(rounds) * outputs * tree)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(preset: Preset, rows: u64, columns: u64, classes: u64) -> Cost {
        cost(&Spec { target: Some("y".to_owned()), preset, ..Spec::default() }, Size { rows, columns, classes })
    }

    /// Seconds that fits took, alone on one thread.
    #[test]
    fn it_is_right_within_a_factor_of_three_on_what_was_measured() {
        let measured = [
            (Preset::Fast, 4_000, 10, 2, 0.11),
            (Preset::Balanced, 4_000, 10, 2, 0.94),
            (Preset::Best, 4_000, 10, 2, 7.6),
            (Preset::Balanced, 500, 10, 0, 0.67),
            (Preset::Balanced, 500, 60, 2, 1.46),
            (Preset::Best, 500, 10, 2, 2.9),
            (Preset::Fast, 4_000, 40, 3, 1.46),
            (Preset::Balanced, 4_000, 40, 3, 9.6),
            (Preset::Best, 4_000, 40, 3, 63.1),
            (Preset::Fast, 20_000, 10, 2, 0.23),
            (Preset::Balanced, 20_000, 10, 0, 1.0),
            (Preset::Best, 20_000, 10, 0, 6.4),
            (Preset::Balanced, 20_000, 30, 4, 4.4),
        ];
        for (preset, rows, columns, classes, took) in measured {
            let expected = seconds(preset, rows, columns, classes);
            let what = format!("{preset:?}, {rows} x {columns}, {classes} classes took {took} s: {expected:?}");
            assert!(expected.likely < took * 3.0 && took < expected.likely * 3.0, "{what}");
            assert!(expected.least < took && took < expected.most, "{what}");
        }
    }

    #[test]
    fn more_of_anything_costs_more() {
        let all = |cost: Cost| [cost.least, cost.likely, cost.most];
        let base = seconds(Preset::Balanced, 20_000, 20, 3);
        assert!(base.least < base.likely && base.likely < base.most);
        for more in [(40_000, 20, 3), (20_000, 40, 3), (20_000, 20, 6)] {
            let larger = seconds(Preset::Balanced, more.0, more.1, more.2);
            assert!(all(base).iter().zip(all(larger)).all(|(base, larger)| *base < larger), "{more:?}");
        }
        let best = seconds(Preset::Best, 20_000, 20, 3);
        assert!(best.likely > base.likely);
    }
}
