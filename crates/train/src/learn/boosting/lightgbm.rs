//! Rounds and forests whose trees LightGBM's own core grows.
//!
//! The binding runs all rounds of a fit in one call and asks for slopes before each, which is where rounds are watched. Rows
//! that decide when to stop are among the data, with slopes of nothing, so that their scores are known, too; slopes of nothing
//! for all rows end the fit, since no test is worth anything then. It says nothing of categories to LightGBM, so these are
//! numbers in the order of their ranks, and each test of them is turned into the set of categories that it means.

use lightgbm3::{Booster, Dataset};
use serde_json::{Value, json};

use super::{Boosted, Grower, Part, Settings, Work, slopes, start};
use crate::{
    Error, ErrorKind, Feature, FeatureKind,
    learn::{
        convert,
        encoding::cuttable,
        number,
        problem::{Problem, Target},
        watch::Watch,
    },
    model::{
        ensemble::{Leaf, Test, Tree, softmax},
        grown_by_lightgbm,
    },
};

/// Less would let a leaf consist of rows that count for nothing.
const LEAST_WEIGHT: f64 = 1e-3;
/// Trees of a forest that are grown between two looks at clock and observer.
const AT_ONCE: usize = 20;

/// Gradient boosting. The rows of the nodes count those of `held`, too.
pub(super) fn boost(
    problem: &Problem<'_>,
    features: &[Feature],
    rows: &[usize],
    held: &[usize],
    settings: &Settings,
    watch: &mut Watch<'_>,
) -> Result<Boosted, Error> {
    let outputs = problem.outputs();
    let start = start(&problem.target, rows, outputs);
    let all: Vec<usize> = rows.iter().chain(held).copied().collect();
    let data = dataset(problem, features, &all, &vec![0.0; all.len()])?;
    let part = |rows| Part { rows, scores: start.repeat(<[usize]>::len(rows)) };
    let mut rounds = Rounds {
        problem,
        settings,
        start: &start,
        train: part(rows),
        held: part(held),
        work: Work::new(&start),
        asked: 0,
        slopes: (vec![0.0; rows.len()], vec![0.0; rows.len()]),
        ended: None,
    };
    // One more than are wanted: the last one is judged when the next one is about to begin.
    let mut wanted = parameters(settings, settings.rounds + 1);
    merge(&mut wanted, json!({ "num_class": outputs, "boost_from_average": false }));
    let grown = Booster::train_with_custom_objective(data, &wanted, |scores, _, gradients, hessians| {
        rounds.next(scores, gradients, hessians, watch);
    });
    let text = grown.and_then(|booster| booster.save_string()).map_err(refused)?;
    let Rounds { mut work, held, ended, .. } = rounds;
    if let Some(error) = ended {
        return Err(error);
    }
    let mut trees = grown_by_lightgbm(&text, features.len())?;
    trees.iter_mut().for_each(|tree| with_categories(tree, features));
    work.trees.extend(trees);
    Ok(work.finish(!held.rows.is_empty() && settings.patience > 0, outputs, watch))
}

/// The state between two rounds.
struct Rounds<'a> {
    problem: &'a Problem<'a>,
    settings: &'a Settings,
    start: &'a [f64],
    train: Part<'a>,
    held: Part<'a>,
    work: Work,
    /// How often slopes were asked for.
    asked: usize,
    /// Slopes of one output.
    slopes: (Vec<f32>, Vec<f32>),
    /// Why there is to be no model.
    ended: Option<Error>,
}

impl Rounds<'_> {
    /// Judges the round that is done, and gives the slopes for the next one; none, where it was the last. LightGBM's arrays
    /// hold one output after the other.
    fn next(&mut self, scores: &[f64], gradients: &mut [f32], hessians: &mut [f32], watch: &mut Watch<'_>) {
        gradients.fill(0.0);
        hessians.fill(0.0);
        self.take(scores);
        let round = self.asked;
        self.asked += 1;
        if round > 0 {
            self.work.rounds = round;
            let judged = self.work.judge(self.problem, &self.train, &self.held, round, self.settings, watch);
            let over = judged.unwrap_or_else(|error| {
                self.ended = Some(error);
                true
            });
            if over || round >= self.settings.rounds || watch.is_late() {
                return;
            }
        }
        let outputs = self.problem.outputs();
        let mut probabilities = Vec::new();
        if outputs > 1 {
            probabilities.clone_from(&self.train.scores);
            probabilities.chunks_mut(outputs).for_each(softmax);
        }
        let count = self.train.rows.len();
        let all = count + self.held.rows.len();
        let (first, second) = &mut self.slopes;
        for output in 0..outputs {
            slopes(self.problem, &self.train, &probabilities, output, first, second);
            gradients[output * all..][..count].copy_from_slice(first);
            hessians[output * all..][..count].copy_from_slice(second);
        }
    }

    fn take(&mut self, scores: &[f64]) {
        let outputs = self.start.len();
        let count = self.train.rows.len();
        let all = count + self.held.rows.len();
        for (output, start) in self.start.iter().enumerate() {
            let (train, held) = scores[output * all..][..all].split_at(count);
            let into = |part: &mut Part<'_>, scores: &[f64]| {
                let places = part.scores.iter_mut().skip(output).step_by(outputs);
                places.zip(scores).for_each(|(place, score)| *place = start + score);
            };
            into(&mut self.train, train);
            into(&mut self.held, held);
        }
    }
}

/// A forest: each tree is one step from the mean, on a sample of rows and columns, and the model is the mean of the trees.
pub(super) fn forest(
    problem: &Problem<'_>,
    features: &[Feature],
    rows: &[usize],
    settings: &Settings,
    watch: &mut Watch<'_>,
) -> Result<Boosted, Error> {
    let outputs = problem.outputs();
    // Of quantities LightGBM takes single precision, so that it is given how far they are from their mean.
    let mean = match problem.target {
        Target::Numbers(_) => start(&problem.target, rows, outputs)[0],
        Target::Classes { .. } | Target::None => 0.0,
    };
    let labels: Vec<f32> = rows.iter().map(|&row| label(&problem.target, row, mean)).collect();
    let mut trees = Vec::new();
    let mut done = 0;
    while done < settings.rounds {
        let count = AT_ONCE.min(settings.rounds - done);
        // Each part is a forest with choices of its own.
        let seed = settings.seed.wrapping_add(number_of_part(done).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut wanted = parameters(&Settings { seed, ..*settings }, count);
        merge(&mut wanted, task(outputs, problem));
        let data = dataset(problem, features, rows, &labels)?;
        let grown = Booster::train(data, &wanted).and_then(|booster| booster.save_string()).map_err(refused)?;
        trees.extend(grown_by_lightgbm(&grown, features.len())?);
        done += count;
        watch.round(done, settings.rounds, &[])?;
        if watch.is_late() {
            break;
        }
    }
    let rounds = trees.len() / outputs;
    for tree in &mut trees {
        with_categories(tree, features);
        let share = |value: &mut f64| *value = (*value + mean) / number(rounds);
        tree.leaves.iter_mut().for_each(|leaf: &mut Leaf| share(&mut leaf.value));
        tree.nodes.iter_mut().for_each(|node| share(&mut node.value));
    }
    watch.fitted();
    Ok(Boosted { trees, rounds, curve: Vec::new() })
}

fn number_of_part(done: usize) -> u64 {
    (done / AT_ONCE) as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "labels are single precision; at most 100 classes"
)]
fn label(target: &Target, row: usize, mean: f64) -> f32 {
    match target {
        Target::Numbers(values) => (values[row] - mean) as f32,
        Target::Classes { codes, .. } => codes[row] as f32,
        Target::None => 0.0,
    }
}

fn task(outputs: usize, problem: &Problem<'_>) -> Value {
    let objective = match problem.target {
        Target::Numbers(_) | Target::None => json!({ "objective": "regression" }),
        Target::Classes { .. } if outputs == 1 => json!({ "objective": "binary" }),
        Target::Classes { .. } => json!({ "objective": "multiclass", "num_class": outputs }),
    };
    let mut task = json!({ "boosting": "rf" });
    merge(&mut task, objective);
    task
}

/// One way through the data and one thread, so that nothing is left to be decided by a clock.
fn parameters(settings: &Settings, rounds: usize) -> Value {
    // A forest chooses columns anew at each node.
    let columns = if settings.grower == Grower::Forest { "feature_fraction_bynode" } else { "feature_fraction" };
    json!({
        "num_iterations": rounds,
        "learning_rate": settings.learning_rate,
        "max_depth": settings.max_depth,
        "num_leaves": 1_u64 << settings.max_depth,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": settings.min_leaf_weight.max(LEAST_WEIGHT),
        "lambda_l2": settings.l2,
        "bagging_fraction": settings.row_sample,
        "bagging_freq": u8::from(settings.row_sample < 1.0),
        (columns): settings.column_sample,
        // LightGBM's seeds have 31 bits.
        "seed": (settings.seed ^ settings.seed >> 31) & 0x7FFF_FFFF,
        "deterministic": true,
        "force_col_wise": true,
        "num_threads": 1,
        "metric": "none",
        "verbosity": -1,
    })
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn dataset(problem: &Problem<'_>, features: &[Feature], rows: &[usize], labels: &[f32]) -> Result<Dataset, Error> {
    let mut cells = Vec::with_capacity(rows.len() * features.len());
    for (at, feature) in features.iter().enumerate() {
        cells.extend(rows.iter().map(|&row| cuttable(feature, problem.value(at, row))));
    }
    let columns = i32::try_from(features.len()).map_err(|_| Error::data("there are too many columns for LightGBM"))?;
    Dataset::from_slice(&cells, labels, columns, false).map_err(refused)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn refused(error: lightgbm3::Error) -> Error {
    Error::new(ErrorKind::Data, format!("LightGBM refused it: {error}"))
        .hint("the engine that is always built in may do: leave out engine")
}

/// A test of a rank is a set of categories.
fn with_categories(tree: &mut Tree, features: &[Feature]) {
    for node in &mut tree.nodes {
        let (FeatureKind::Category { ranks, .. }, &Test::AtMost { bound, missing_left }) =
            (&features[node.feature].kind, &node.test)
        else {
            continue;
        };
        let (set, named) = convert::categories(ranks, bound.next_up(), missing_left);
        node.test = set;
        if !named {
            std::mem::swap(&mut node.left, &mut node.right);
        }
    }
}
