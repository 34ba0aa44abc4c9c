//! Ridge regression and logistic regression.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};

use super::{
    design::Design,
    minimise::minimise,
    number,
    problem::{Problem, Target},
    split,
};
use crate::{Error, Feature, model::ensemble::Tree};

/// Numbers in the matrix, 8 bytes each.
const MOST_CELLS: usize = 12_000_000;
/// The same for a baseline, which is to cost little.
const BASELINE_CELLS: usize = 600_000;

/// How careful to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// A sample of the rows is enough.
    Baseline,
    /// All rows that fit into memory.
    Model,
}

/// A linear model as trees, with the weight of each feature.
pub(crate) struct Linear {
    pub(crate) trees: Vec<Tree>,
    pub(crate) importance: Vec<f64>,
    /// Rows learnt from.
    pub(crate) rows: usize,
}

pub(crate) fn fit(
    problem: &Problem<'_>,
    features: &[Feature],
    rows: &[usize],
    l2: f64,
    seed: u64,
    care: Care,
) -> Result<Linear, Error> {
    let design = Design::new(problem, features, rows, true);
    if design.width() == 0 {
        return Err(Error::data("no feature varies enough for a linear model"));
    }
    let cells = if care == Care::Baseline { BASELINE_CELLS } else { MOST_CELLS };
    let most = (cells / design.width()).max(1_000);
    let rows = sample(problem, rows, most, seed);
    let (weights, intercepts) = match &problem.target {
        Target::Numbers(values) => ridge(&design, problem, &rows, values, l2),
        Target::Classes { codes, names } => {
            let labels: Vec<usize> = rows.iter().map(|&row| codes[row] as usize).collect();
            logistic(&design.matrix(problem, &rows), &labels, names.len(), l2)
        }
        Target::None => return Err(Error::spec("a linear model wants a target")),
    };
    if weights.iter().flatten().chain(&intercepts).any(|weight| !weight.is_finite()) {
        return Err(Error::data("the linear model did not converge"));
    }
    let (trees, importance) = design.trees(&weights, &intercepts);
    Ok(Linear { trees, importance, rows: rows.len() })
}

fn sample(problem: &Problem<'_>, rows: &[usize], most: usize, seed: u64) -> Vec<usize> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    split::hold_out(&problem.target, rows, number(most) / number(rows.len()), seed).1
}

type Weights = (Vec<Vec<f64>>, Vec<f64>);

/// Columns up to which the normal equations are solved as they are; their matrix is that wide and high.
const SOLVED: usize = 1_500;
/// Rows that are laid out at once.
const BLOCK: usize = 2_048;
/// The least penalty: columns may say the same, and nothing else would choose between them.
const LEAST_PENALTY: f64 = 1e-6;
/// Where the mean loss changes by less with every coefficient, the solution is found.
const FLAT: f64 = 1e-6;

/// Least squares with a penalty on all but the intercept.
fn ridge(design: &Design, problem: &Problem<'_>, rows: &[usize], values: &[f64], l2: f64) -> Weights {
    let (width, count, l2) = (design.width(), number(rows.len()), l2.max(LEAST_PENALTY));
    let mean = rows.iter().map(|&row| values[row]).sum::<f64>() / count;
    let mut sums = Array1::<f64>::zeros(width);
    let mut products = Array1::<f64>::zeros(width);
    let mut squares = Array2::<f64>::zeros(if width <= SOLVED { (width, width) } else { (0, 0) });
    for rows in rows.chunks(BLOCK) {
        let block = design.matrix(problem, rows);
        let targets = Array1::from_iter(rows.iter().map(|&row| values[row] - mean));
        sums += &block.sum_axis(Axis(0));
        products += &block.t().dot(&targets);
        if width <= SOLVED {
            general_mat_mul(1.0, &block.t(), &block, 1.0, &mut squares);
        }
    }
    let means = &sums / count;
    let weights = if width <= SOLVED {
        for ((row, column), cell) in squares.indexed_iter_mut() {
            *cell -= count * means[row] * means[column];
            if row == column {
                *cell += l2;
            }
        }
        cholesky(squares, products.to_vec())
    } else {
        descend(design, problem, rows, &means, &products, l2)
    };
    let intercept = mean - weights.iter().zip(&means).map(|(weight, mean)| weight * mean).sum::<f64>();
    (vec![weights], vec![intercept])
}

/// The same for many columns, step by step.
fn descend(
    design: &Design,
    problem: &Problem<'_>,
    rows: &[usize],
    means: &Array1<f64>,
    products: &Array1<f64>,
    l2: f64,
) -> Vec<f64> {
    let matrix = design.matrix(problem, rows);
    let count = number(rows.len());
    minimise(vec![0.0; design.width()], FLAT, |weights, gradient| {
        let weights = ndarray::ArrayView1::from(weights);
        let said = matrix.dot(&weights) - means.dot(&weights);
        let slopes = (matrix.t().dot(&said) - means * said.sum() - products + &weights * l2) / count;
        gradient.iter_mut().zip(&slopes).for_each(|(gradient, slope)| *gradient = *slope);
        (0.5 * said.dot(&said) - products.dot(&weights) + 0.5 * l2 * weights.dot(&weights)) / count
    })
}

/// Solves a symmetric, positive definite system.
fn cholesky(mut matrix: Array2<f64>, mut right: Vec<f64>) -> Vec<f64> {
    let width = right.len();
    for column in 0..width {
        for row in column..width {
            let known: f64 = (0..column).map(|at| matrix[(row, at)] * matrix[(column, at)]).sum();
            let rest = matrix[(row, column)] - known;
            // The penalty keeps the diagonal above zero, but for rounding.
            matrix[(row, column)] =
                if row == column { rest.max(LEAST_PENALTY * 1e-3).sqrt() } else { rest / matrix[(column, column)] };
        }
    }
    for row in 0..width {
        let known: f64 = (0..row).map(|at| matrix[(row, at)] * right[at]).sum();
        right[row] = (right[row] - known) / matrix[(row, row)];
    }
    for row in (0..width).rev() {
        let known: f64 = (row + 1..width).map(|at| matrix[(at, row)] * right[at]).sum();
        right[row] = (right[row] - known) / matrix[(row, row)];
    }
    right
}

/// One score a class, or one in all for two classes, with a penalty on all but the intercepts.
fn logistic(matrix: &Array2<f64>, labels: &[usize], classes: usize, l2: f64) -> Weights {
    let (count, width) = (number(labels.len()), matrix.ncols());
    let outputs = if classes == 2 { 1 } else { classes };
    let mut shares = vec![0.0; classes];
    for &label in labels {
        shares[label] += 1.0 / count;
    }
    // A class that is not among these rows has next to no chance.
    let mut start = vec![0.0; (width + 1) * outputs];
    for (output, start) in start[width * outputs..].iter_mut().enumerate() {
        *start = if outputs == 1 {
            (shares[1].max(1e-13) / shares[0].max(1e-13)).ln()
        } else {
            shares[output].max(1e-13).ln()
        };
    }
    let penalty = l2.max(LEAST_PENALTY) / count;
    let mut scores = Array2::<f64>::zeros((labels.len(), outputs));
    let found = minimise(start, FLAT, |at, gradient| {
        let (weights, intercepts) = at.split_at(width * outputs);
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        let (slopes, starts) = gradient.split_at_mut(width * outputs);
        slopes.iter_mut().zip(weights).for_each(|(slope, weight)| *slope = penalty * weight);
        starts.fill(0.0);
        if let (Ok(weights), Ok(mut slopes)) =
            (ArrayView2::from_shape((width, outputs), weights), ArrayViewMut2::from_shape((width, outputs), slopes))
        {
            times(matrix, &weights, &mut scores);
            let loss = residuals(&mut scores, intercepts, labels, starts);
            transposed_times(matrix, &scores, 1.0 / count, &mut slopes);
            for slope in starts.iter_mut() {
                *slope /= count;
            }
            loss / count + 0.5 * penalty * squares
        } else {
            f64::INFINITY
        }
    });
    let weights = (0..outputs).map(|output| (0..width).map(|at| found[at * outputs + output]).collect()).collect();
    (weights, found[width * outputs..].to_vec())
}

/// Scores of all rows. The product of matrices copies the one, which for a single column costs more than it brings.
fn times(matrix: &Array2<f64>, weights: &ArrayView2<'_, f64>, scores: &mut Array2<f64>) {
    if weights.ncols() == 1 {
        let weights = weights.column(0);
        scores.iter_mut().zip(matrix.rows()).for_each(|(score, row)| *score = row.dot(&weights));
    } else {
        general_mat_mul(1.0, matrix, weights, 0.0, scores);
    }
}

/// Adds what the rest of each row says about the weights, scaled.
fn transposed_times(matrix: &Array2<f64>, rest: &Array2<f64>, scale: f64, slopes: &mut ArrayViewMut2<'_, f64>) {
    if rest.ncols() == 1 {
        let mut slopes = slopes.column_mut(0);
        rest.iter().zip(matrix.rows()).for_each(|(rest, row)| slopes.scaled_add(rest * scale, &row));
    } else {
        general_mat_mul(scale, &matrix.t(), rest, 1.0, slopes);
    }
}

/// Scores become probabilities less the truth; gives the loss, and adds up what remains.
fn residuals(scores: &mut Array2<f64>, intercepts: &[f64], labels: &[usize], sums: &mut [f64]) -> f64 {
    let mut loss = 0.0;
    for (mut row, &label) in scores.rows_mut().into_iter().zip(labels) {
        row.iter_mut().zip(intercepts).for_each(|(score, intercept)| *score += intercept);
        if intercepts.len() == 1 {
            let (score, truth) = (row[0], number(label));
            // ln(1 + e^s) - s y, without overflow.
            loss += score.max(0.0) - score * truth + (-score.abs()).exp().ln_1p();
            row[0] = crate::model::ensemble::logistic(score) - truth;
        } else {
            let most = row.iter().copied().fold(f64::MIN, f64::max);
            let right = row[label] - most;
            row.iter_mut().for_each(|score| *score = (*score - most).exp());
            let sum = row.sum();
            loss += sum.ln() - right;
            row.iter_mut().for_each(|score| *score /= sum);
            row[label] -= 1.0;
        }
        sums.iter_mut().zip(&row).for_each(|(sum, rest)| *sum += rest);
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let matrix = Array2::from_shape_vec((3, 3), vec![4.0, 2.0, 0.4, 2.0, 5.0, 1.0, 0.4, 1.0, 3.0]).unwrap();
        let found = cholesky(matrix.clone(), vec![1.0, -2.0, 3.0]);
        for (said, wanted) in matrix.dot(&Array1::from(found)).iter().zip([1.0, -2.0, 3.0]) {
            assert!((said - wanted).abs() < 1e-12);
        }
    }

    #[test]
    fn two_classes_are_the_same_as_one_of_two() {
        let matrix = Array2::from_shape_fn((60, 2), |(row, column)| number((row * (column + 3)) % 17) / 8.0 - 1.0);
        let labels: Vec<usize> =
            (0..60).map(|row| usize::from(matrix[(row, 0)] + 0.3 * matrix[(row, 1)] > 0.1 * number(row % 5))).collect();
        let (one, start) = logistic(&matrix, &labels, 2, 1.0);
        // With three classes, one of which never comes, the difference of the others is the score, and the penalty is halved.
        let (three, starts) = logistic(&matrix, &labels, 3, 2.0);
        for at in 0..2 {
            let apart = three[1][at] - three[0][at];
            assert!((apart - one[0][at]).abs() < 1e-3, "{apart} {}", one[0][at]);
        }
        assert!((starts[1] - starts[0] - start[0]).abs() < 1e-3);
    }
}
