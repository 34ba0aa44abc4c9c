//! One way to learn, and what it came to.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::{
    Algorithm, Candidate, CurvePoint, Error, Feature, Hyperparameters,
    learn::{
        boosting::{self, Grower, Settings},
        encoding,
        linear::{self, Care},
        number,
        problem::{Problem, Target},
        split,
        watch::Watch,
    },
    model::{
        BLOCK,
        ensemble::{Ensemble, Objective},
    },
};

/// Share of the rows that decides when to stop.
const STOPPING: f64 = 0.1;
/// Fewer rows are too few to spare any.
const LEAST_TO_STOP: usize = 50;

/// A way to learn with every setting decided. A forest is grown with the settings of boosting.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Choice {
    Boosting(Settings),
    Linear { l2: f64 },
}

/// A learnt model of any kind.
#[derive(Serialize, Deserialize)]
pub(super) struct Fit {
    pub(super) ensemble: Ensemble,
    pub(super) features: Vec<Feature>,
    pub(super) importance: Vec<f64>,
    pub(super) rounds: usize,
    pub(super) curve: Vec<CurvePoint>,
    pub(super) rows: usize,
}

impl Choice {
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Boosting(settings) if settings.grower == Grower::Forest => Algorithm::Forest,
            Self::Boosting(_) => Algorithm::Boosting,
            Self::Linear { .. } => Algorithm::Linear,
        }
    }

    pub(super) fn hyperparameters(&self) -> Hyperparameters {
        match self {
            Self::Boosting(settings) => Hyperparameters {
                rounds: Some(settings.rounds),
                learning_rate: Some(settings.learning_rate),
                max_depth: Some(settings.max_depth),
                min_leaf_weight: Some(settings.min_leaf_weight),
                l2: Some(settings.l2),
                row_sample: Some(settings.row_sample),
                column_sample: Some(settings.column_sample),
                clusters: None,
            },
            Self::Linear { l2 } => Hyperparameters { l2: Some(*l2), ..Hyperparameters::default() },
        }
    }

    /// The same in half the time, to be compared with others: steps twice as large, and half as many of them.
    pub(super) fn quick(&self) -> Self {
        match self {
            Self::Boosting(settings) => Self::Boosting(Settings {
                rounds: settings.rounds.div_ceil(2),
                learning_rate: (settings.learning_rate * 2.0).min(1.0),
                patience: settings.patience.div_ceil(2),
                ..*settings
            }),
            Self::Linear { l2 } => Self::Linear { l2: *l2 },
        }
    }

    pub(super) fn candidate(&self, loss: f64, chosen: bool) -> Candidate {
        Candidate { algorithm: self.algorithm(), hyperparameters: self.hyperparameters(), loss, chosen }
    }

    /// Learns from these rows; boosting sets some of them aside to know when to stop.
    pub(super) fn fit(
        &self,
        problem: &Problem<'_>,
        rows: &[usize],
        seed: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Fit, Error> {
        match self {
            Self::Boosting(settings) if settings.patience > 0 && rows.len() >= LEAST_TO_STOP => {
                let (kept, held) = split::hold_out(&problem.target, rows, STOPPING, seed ^ 1);
                boost(problem, &kept, &held, settings, watch)
            }
            Self::Boosting(settings) => boost(problem, rows, &[], settings, watch),
            Self::Linear { l2 } => line(problem, rows, *l2, seed, Care::Model),
        }
    }

    /// Learns from all rows with as many rounds as those fits needed in the middle.
    pub(super) fn refit(
        &self,
        problem: &Problem<'_>,
        rows: &[usize],
        fits: &[Fit],
        seed: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Fit, Error> {
        match self {
            Self::Boosting(settings) => {
                let mut rounds: Vec<usize> = fits.iter().map(|fit| fit.rounds).collect();
                rounds.sort_unstable();
                let rounds = rounds.get(rounds.len() / 2).copied().unwrap_or(settings.rounds).max(1);
                boost(problem, rows, &[], &Settings { rounds, patience: 0, ..*settings }, watch)
            }
            Self::Linear { .. } => {
                watch.fitted();
                self.fit(problem, rows, seed, watch)
            }
        }
    }
}

fn boost(
    problem: &Problem<'_>,
    rows: &[usize],
    held: &[usize],
    settings: &Settings,
    watch: &mut Watch<'_>,
) -> Result<Fit, Error> {
    let name = watch.begin(settings, rows);
    if let Some(fit) = watch.recall::<Fit>(&name).filter(|fit| fit.rows == rows.len()) {
        watch.fitted();
        return Ok(fit);
    }
    let features = encoding::features(problem, rows);
    let begun = Instant::now();
    let rounds = format!("{name}-rounds");
    let boosted = boosting::fit(problem, &features, rows, held, settings, &rounds, watch)?;
    let mut importance = vec![0.0; features.len()];
    for node in boosted.trees.iter().flat_map(|tree| &tree.nodes) {
        importance[node.feature] += node.gain;
    }
    let ensemble = Ensemble { objective: objective(problem), features: features.len(), trees: boosted.trees };
    let fit = Fit { ensemble, features, importance, rounds: boosted.rounds, curve: boosted.curve, rows: rows.len() };
    if watch.is_worth(begun.elapsed()) {
        watch.keep(&name, &fit);
    }
    Ok(fit)
}

fn line(problem: &Problem<'_>, rows: &[usize], l2: f64, seed: u64, care: Care) -> Result<Fit, Error> {
    let features = encoding::features(problem, rows);
    let found = linear::fit(problem, &features, rows, l2, seed, care)?;
    let ensemble = Ensemble { objective: objective(problem), features: features.len(), trees: found.trees };
    Ok(Fit { ensemble, features, importance: found.importance, rounds: 0, curve: Vec::new(), rows: found.rows })
}

/// A linear model, at little cost.
pub(super) fn baseline(problem: &Problem<'_>, rows: &[usize], seed: u64) -> Result<Fit, Error> {
    line(problem, rows, 1.0, seed, Care::Baseline)
}

/// Scores that know the target only.
pub(super) fn mean(problem: &Problem<'_>, rows: &[usize]) -> Vec<f64> {
    boosting::start(&problem.target, rows, problem.outputs())
}

fn objective(problem: &Problem<'_>) -> Objective {
    match &problem.target {
        Target::Classes { names, .. } if names.len() > 2 => Objective::Multiclass(names.len()),
        Target::Classes { .. } => Objective::Binary,
        Target::Numbers(_) | Target::None => Objective::Regression,
    }
}

impl Fit {
    /// Scores of rows, those of a row following each other.
    pub(super) fn scores(&self, problem: &Problem<'_>, rows: &[usize]) -> Vec<f64> {
        let outputs = problem.outputs();
        let mut scores = vec![0.0; rows.len() * outputs];
        let mut values = Vec::with_capacity(BLOCK * self.features.len());
        for (rows, scores) in rows.chunks(BLOCK).zip(scores.chunks_mut(BLOCK * outputs)) {
            values.clear();
            values.extend(rows.iter().flat_map(|&row| (0..self.features.len()).map(move |at| problem.value(at, row))));
            self.ensemble.add_scores(&values, scores);
        }
        scores
    }

    /// Loss on rows.
    pub(super) fn loss(&self, problem: &Problem<'_>, rows: &[usize]) -> f64 {
        boosting::loss(&problem.target, rows, &self.scores(problem, rows), problem.outputs())
    }

    /// Weight of these rows among others.
    pub(super) fn weigh(rows: &[usize]) -> f64 {
        number(rows.len())
    }
}
