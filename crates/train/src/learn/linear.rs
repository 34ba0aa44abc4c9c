//! Ridge regression and logistic regression, by linfa.

use linfa::{Dataset, traits::Fit};
use linfa_linear::LinearRegression;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use ndarray::{Array1, Array2};

use super::{
    design::Design,
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
        Target::Numbers(values) => ridge(&design, problem, &rows, values, l2)?,
        Target::Classes { codes, names } if names.len() == 2 => {
            let labels = Array1::from_iter(rows.iter().map(|&row| codes[row] == 1));
            binary(design.matrix(problem, &rows, 0), labels, l2)?
        }
        Target::Classes { codes, names } => {
            let labels = Array1::from_iter(rows.iter().map(|&row| codes[row] as usize));
            several(design.matrix(problem, &rows, 0), labels, names.len(), l2)?
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

/// Least squares with one further row a column, which is the penalty.
fn ridge(design: &Design, problem: &Problem<'_>, rows: &[usize], values: &[f64], l2: f64) -> Result<Weights, Error> {
    let mut matrix = design.matrix(problem, rows, design.width());
    let mut means = Vec::with_capacity(design.width());
    for (place, mut column) in matrix.columns_mut().into_iter().enumerate() {
        let mean = column.iter().sum::<f64>() / number(rows.len());
        column.iter_mut().take(rows.len()).for_each(|cell| *cell -= mean);
        // Not zero: columns may say the same, and least squares alone has no answer then.
        column[rows.len() + place] = l2.max(1e-6).sqrt();
        means.push(mean);
    }
    let mean = rows.iter().map(|&row| values[row]).sum::<f64>() / number(rows.len());
    let mut targets = Array1::zeros(matrix.nrows());
    targets.iter_mut().zip(rows).for_each(|(target, &row)| *target = values[row] - mean);
    let model = LinearRegression::new()
        .with_intercept(false)
        .fit(&Dataset::new(matrix, targets))
        .map_err(|error| unsolved(&error))?;
    let weights = model.params().to_vec();
    let intercept = mean - weights.iter().zip(means).map(|(weight, mean)| weight * mean).sum::<f64>();
    Ok((vec![weights], vec![intercept]))
}

/// Fits are continued from where the last one ended until that changes nothing: the solver gives up on a line search where a
/// fresh start finds the way on.
const CONTINUED: usize = 12;
const SETTLED: f64 = 1e-3;

fn binary(matrix: Array2<f64>, labels: Array1<bool>, l2: f64) -> Result<Weights, Error> {
    let data = Dataset::new(matrix, labels);
    let mut at: Option<Array1<f64>> = None;
    let mut sign = 1.0;
    for _ in 0..CONTINUED {
        let mut fit = LogisticRegression::default().alpha(l2).max_iterations(100).gradient_tolerance(1e-3);
        if let Some(at) = &at {
            fit = fit.initial_params(at.clone());
        }
        let model = fit.fit(&data).map_err(|error| unsolved(&error))?;
        sign = if model.labels().pos.class { 1.0 } else { -1.0 };
        let next: Array1<f64> = model.params().iter().copied().chain([model.intercept()]).collect();
        let settled = at.as_ref().is_some_and(|at| at.iter().zip(&next).all(|(a, b)| (a - b).abs() < SETTLED));
        at = Some(next);
        if settled {
            break;
        }
    }
    let mut weights: Vec<f64> = at.iter().flatten().map(|weight| sign * weight).collect();
    let intercept = weights.pop().unwrap_or(0.0);
    Ok((vec![weights], vec![intercept]))
}

fn several(matrix: Array2<f64>, labels: Array1<usize>, classes: usize, l2: f64) -> Result<Weights, Error> {
    let width = matrix.ncols();
    let data = Dataset::new(matrix, labels);
    let mut at: Option<Array2<f64>> = None;
    let mut found = Vec::new();
    for _ in 0..CONTINUED {
        let mut fit = MultiLogisticRegression::default().alpha(l2).max_iterations(100).gradient_tolerance(1e-3);
        if let Some(at) = &at {
            fit = fit.initial_params(at.clone());
        }
        let model = fit.fit(&data).map_err(|error| unsolved(&error))?;
        let mut next = Array2::zeros((width + 1, model.classes().len()));
        for (mut to, from) in next.rows_mut().into_iter().zip(model.params().rows()) {
            to.assign(&from);
        }
        next.row_mut(width).assign(model.intercept());
        found = model.classes().to_vec();
        let settled = at.as_ref().is_some_and(|at| at.iter().zip(&next).all(|(a, b)| (a - b).abs() < SETTLED));
        at = Some(next);
        if settled {
            break;
        }
    }
    // A class that is not among these rows has next to no chance.
    let mut weights = vec![vec![0.0; width]; classes];
    let mut intercepts = vec![-30.0; classes];
    if let Some(at) = at {
        for (place, class) in found.into_iter().enumerate() {
            weights[class] = at.column(place).iter().take(width).copied().collect();
            intercepts[class] = at[(width, place)];
        }
    }
    Ok((weights, intercepts))
}

fn unsolved(error: &dyn std::fmt::Display) -> Error {
    Error::data(format!("the linear model has no solution: {error}"))
}
