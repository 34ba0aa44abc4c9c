//! Columns that know the answer.

use super::{
    number,
    problem::{Problem, Target},
};
use crate::{Note, NoteKind, Values};

/// Rows that are looked at: evenly spread, and enough to tell one mistake in five hundred.
const SAMPLE: usize = 20_000;

/// Notes about single columns that order or name the target nearly without mistake.
pub(crate) fn leaks(problem: &Problem<'_>) -> Vec<Note> {
    (0..problem.inputs.len())
        .filter(|&input| match problem.inputs[input].values {
            Values::Category { levels, .. } => names(problem, input, levels.len()),
            Values::Numeric(_) | Values::Boolean(_) => orders(problem, input),
        })
        .map(|input| {
            let name = problem.inputs[input].name;
            let text = format!(
                "{name} alone predicts the target nearly without mistake; if it is only known afterwards, exclude it."
            );
            Note { kind: NoteKind::Leakage, column: Some(name.to_owned()), text }
        })
        .collect()
}

/// Whether each category goes with one class.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes of categories")]
fn names(problem: &Problem<'_>, input: usize, levels: usize) -> bool {
    let Target::Classes { names, codes } = &problem.target else { return false };
    if levels * 10 > problem.len() {
        return false;
    }
    let mut counts = vec![0_usize; levels * names.len()];
    let mut present = 0;
    for row in 0..problem.len() {
        let code = problem.value(input, row);
        if !code.is_nan() {
            counts[code as usize * names.len() + codes[row] as usize] += 1;
            present += 1;
        }
    }
    let right: usize = counts.chunks(names.len()).map(|counts| counts.iter().copied().max().unwrap_or(0)).sum();
    present * 10 > problem.len() * 9 && number(right) >= 0.999 * number(present)
}

/// Whether the column is the target up to scale, or separates two classes.
fn orders(problem: &Problem<'_>, input: usize) -> bool {
    let step = problem.len().div_ceil(SAMPLE).max(1);
    let looked_at = || (0..problem.len()).step_by(step);
    let count = looked_at().count();
    let values = match &problem.target {
        Target::Numbers(values) => values,
        Target::Classes { names, codes } if names.len() == 2 => {
            let rows: Vec<(f64, bool)> = looked_at()
                .map(|row| (problem.value(input, row), codes[row] == 1))
                .filter(|(value, _)| !value.is_nan())
                .collect();
            let auc = crate::metrics::auc(&rows);
            return rows.len() * 10 > count * 9 && auc.is_some_and(|auc| !(0.002..=0.998).contains(&auc));
        }
        Target::Classes { .. } | Target::None => return false,
    };
    let pairs: Vec<(f64, f64)> =
        looked_at().map(|row| (problem.value(input, row), values[row])).filter(|(value, _)| !value.is_nan()).collect();
    if pairs.len() * 10 <= count * 9 {
        return false;
    }
    let count = number(pairs.len());
    let (x, y) = pairs.iter().fold((0.0, 0.0), |(x, y), pair| (x + pair.0 / count, y + pair.1 / count));
    let (xx, yy, xy) = pairs.iter().fold((0.0, 0.0, 0.0), |(xx, yy, xy), (a, b)| {
        (xx + (a - x).powi(2), yy + (b - y).powi(2), xy + (a - x) * (b - y))
    });
    xx > 0.0 && yy > 0.0 && (xy * xy / (xx * yy)) > 0.9998
}
