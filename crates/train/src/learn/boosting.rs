//! Gradient boosting: the rounds are ours, so that they can be watched, stopped, and end in several classes at once; the trees
//! of a round are grown by forust, or by LightGBM where it is built in.

mod forust;
#[cfg(feature = "lightgbm")]
mod lightgbm;

use serde::{Deserialize, Serialize};

use super::{
    number,
    problem::{Problem, Target},
    watch::Watch,
};
use crate::{
    CurvePoint, Error, Feature,
    model::ensemble::{Tree, logistic, softmax},
};

/// Who grows the trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grower {
    Forust,
    LightGbm,
    /// LightGBM, each tree on a sample of its own; their mean is the model.
    Forest,
}

/// How to boost; all decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    pub(crate) learning_rate: f64,
    pub(crate) max_depth: usize,
    pub(crate) min_leaf_weight: f64,
    pub(crate) l2: f64,
    pub(crate) row_sample: f64,
    pub(crate) column_sample: f64,
    /// Rounds without progress; 0 for all rounds.
    pub(crate) patience: usize,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    pub(crate) grower: Grower,
}

/// What boosting came to.
pub(crate) struct Boosted {
    pub(crate) trees: Vec<Tree>,
    pub(crate) rounds: usize,
    pub(crate) curve: Vec<CurvePoint>,
}

/// Rows and their scores, those of a row following each other.
struct Part<'p> {
    rows: &'p [usize],
    scores: Vec<f64>,
}

impl Part<'_> {
    fn loss(&self, problem: &Problem<'_>) -> f64 {
        loss(&problem.target, self.rows, &self.scores, problem.outputs())
    }
}

/// Learns from `rows`; `held` decides when to stop. Goes on from where an earlier run left a checkpoint of this name, where the
/// grower can.
pub(crate) fn fit(
    problem: &Problem<'_>,
    features: &[Feature],
    rows: &[usize],
    held: &[usize],
    settings: &Settings,
    checkpoint: &str,
    watch: &mut Watch<'_>,
) -> Result<Boosted, Error> {
    match settings.grower {
        Grower::Forust => forust::fit(problem, features, rows, held, settings, checkpoint, watch),
        #[cfg(feature = "lightgbm")]
        Grower::LightGbm => lightgbm::boost(problem, features, rows, held, settings, watch),
        #[cfg(feature = "lightgbm")]
        Grower::Forest => lightgbm::forest(problem, features, rows, settings, watch),
        #[cfg(not(feature = "lightgbm"))]
        Grower::LightGbm | Grower::Forest => Err(Error::no_lightgbm()),
    }
}

/// Log loss, or the root of the mean squared error.
pub(crate) fn loss(target: &Target, rows: &[usize], scores: &[f64], outputs: usize) -> f64 {
    let mut sum = 0.0;
    let mut work = vec![0.0; outputs];
    for (&row, scores) in rows.iter().zip(scores.chunks(outputs)) {
        sum += match target {
            Target::Numbers(values) => (values[row] - scores[0]).powi(2),
            Target::Classes { codes, .. } if outputs == 1 => {
                let margin = if codes[row] == 1 { scores[0] } else { -scores[0] };
                // ln(1 + e^-m) without overflow.
                if margin > 0.0 { (-margin).exp().ln_1p() } else { margin.exp().ln_1p() - margin }
            }
            Target::Classes { codes, .. } => {
                work.copy_from_slice(scores);
                softmax(&mut work);
                -work[codes[row] as usize].max(1e-15).ln()
            }
            Target::None => 0.0,
        };
    }
    let mean = sum / number(rows.len()).max(1.0);
    if matches!(target, Target::Numbers(_)) { mean.sqrt() } else { mean }
}

/// Trees so far, and how good they are.
#[derive(Clone, Serialize, Deserialize)]
struct Work {
    trees: Vec<Tree>,
    curve: Vec<CurvePoint>,
    best: usize,
    least: f64,
    /// Rounds made.
    rounds: usize,
}

impl Work {
    fn new(start: &[f64]) -> Self {
        Self {
            trees: start.iter().map(|&value| Tree::constant(value)).collect(),
            curve: Vec::new(),
            best: 0,
            least: f64::INFINITY,
            rounds: 0,
        }
    }

    /// Whether it is the beginning of the same: it started from the same values.
    fn goes_on(&self, start: &[Tree], rounds: usize) -> bool {
        self.trees.starts_with(start) && self.rounds <= rounds && self.trees.len() == start.len() * (self.rounds + 1)
    }

    /// The trees that count, with the start among them.
    fn finish(mut self, judged: bool, outputs: usize, watch: &mut Watch<'_>) -> Boosted {
        let rounds = if judged { self.best } else { self.trees.len() / outputs - 1 };
        self.trees.truncate((rounds + 1) * outputs);
        fold_start(&mut self.trees, outputs);
        watch.fitted();
        Boosted { trees: self.trees, rounds, curve: self.curve }
    }

    /// Whether to stop.
    fn judge(
        &mut self,
        problem: &Problem<'_>,
        train: &Part<'_>,
        held: &Part<'_>,
        round: usize,
        settings: &Settings,
        watch: &mut Watch<'_>,
    ) -> Result<bool, Error> {
        let judged = !held.rows.is_empty();
        // Thinner and thinner: a curve bends at its beginning, and the loss of all rows takes as long as some part of a tree.
        let every = (round.next_power_of_two() / 32).max(1);
        let validation = if judged { held.loss(problem) } else { f64::NAN };
        if validation < self.least {
            self.least = validation;
            self.best = round;
        }
        if round == 1 || round.is_multiple_of(every) || round == settings.rounds {
            let training = train.loss(problem);
            self.curve.push(CurvePoint {
                round,
                training_loss: training,
                validation_loss: judged.then_some(validation),
            });
            let metrics = [("training_loss", training), ("validation_loss", validation)];
            watch.round(round, settings.rounds, &metrics[..=usize::from(judged)])?;
        } else {
            watch.round(round, settings.rounds, &[("validation_loss", validation)][..usize::from(judged)])?;
        }
        Ok(judged && settings.patience > 0 && round - self.best >= settings.patience)
    }
}

/// What is said before the first tree: the mean, or the logarithms of odds or shares.
pub(crate) fn start(target: &Target, rows: &[usize], outputs: usize) -> Vec<f64> {
    let count = number(rows.len()).max(1.0);
    match target {
        Target::Numbers(values) => vec![rows.iter().map(|&row| values[row]).sum::<f64>() / count],
        Target::Classes { codes, .. } => {
            let mut shares = vec![0.0; outputs.max(2)];
            for &row in rows {
                shares[codes[row] as usize] += 1.0 / count;
            }
            if outputs == 1 {
                vec![(shares[1] / shares[0]).ln()]
            } else {
                shares.into_iter().map(|share: f64| share.max(1e-15).ln()).collect()
            }
        }
        Target::None => vec![0.0; outputs],
    }
}

/// LightGBM starts from nothing, so the start goes into the first round's trees.
fn fold_start(trees: &mut Vec<Tree>, outputs: usize) {
    if trees.len() <= outputs {
        return;
    }
    let start: Vec<f64> = trees.drain(..outputs).map(|tree| tree.leaves[0].value).collect();
    for (tree, start) in trees.iter_mut().zip(start) {
        tree.leaves.iter_mut().for_each(|leaf| leaf.value += start);
        tree.nodes.iter_mut().for_each(|node| node.value += start);
    }
}

/// First and second derivatives of the loss by the scores of one output.
#[expect(clippy::cast_possible_truncation, reason = "growers work in single precision")]
fn slopes(
    problem: &Problem<'_>,
    part: &Part<'_>,
    probabilities: &[f64],
    output: usize,
    gradients: &mut [f32],
    hessians: &mut [f32],
) {
    let outputs = problem.outputs();
    for (at, &row) in part.rows.iter().enumerate() {
        let (gradient, hessian) = match &problem.target {
            Target::Numbers(values) => (part.scores[at] - values[row], 1.0),
            Target::Classes { codes, .. } if outputs == 1 => {
                let p = logistic(part.scores[at]);
                (p - f64::from(codes[row]), p * (1.0 - p))
            }
            Target::Classes { codes, .. } => {
                let p = probabilities[at * outputs + output];
                let is = f64::from(u8::from(codes[row] as usize == output));
                // The factor is Friedman's for classes whose scores are bound to each other.
                (p - is, p * (1.0 - p) * number(outputs) / number(outputs - 1))
            }
            Target::None => (0.0, 0.0),
        };
        gradients[at] = gradient as f32;
        hessians[at] = hessian.max(1e-16) as f32;
    }
}
