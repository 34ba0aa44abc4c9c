//! Gradient boosting: the trees are forust's, the rounds are ours, so that they can be watched, stopped, and end in several
//! classes at once.

use forust_ml::{
    Matrix,
    binning::TiledBins,
    constraints::ConstraintMap,
    gradientbooster::GrowPolicy,
    sampler::SampleMethod,
    splitter::MissingImputerSplitter,
    tree::{Tree as Grown, split_bins},
};
use rand_xoshiro::rand_core::RngCore;

use serde::{Deserialize, Serialize};

use super::{
    bins, convert, number,
    problem::{Problem, Target},
    split,
    watch::Watch,
};
use crate::{
    CurvePoint, Error, Feature,
    model::ensemble::{Tree, logistic, softmax},
};

/// Rows from which on a second copy of the bins, laid out by rows, pays for itself.
const TILED: usize = 20_000;
/// Cells from which on threads pay for themselves.
const PARALLEL: usize = 500_000;

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
}

/// What boosting came to.
pub(crate) struct Boosted {
    pub(crate) trees: Vec<Tree>,
    pub(crate) rounds: usize,
    pub(crate) curve: Vec<CurvePoint>,
}

/// Rows with their bins, targets and scores.
struct Part<'p> {
    rows: &'p [usize],
    bins: Vec<u16>,
    scores: Vec<f64>,
}

impl Part<'_> {
    fn loss(&self, problem: &Problem<'_>) -> f64 {
        loss(&problem.target, self.rows, &self.scores, problem.outputs())
    }

    /// Number of the node where the tree ends for a row.
    fn end(&self, grown: &Grown, splits: &[u16], row: usize) -> usize {
        let mut at = 0;
        loop {
            let node = &grown.nodes[at];
            if node.is_leaf {
                return at;
            }
            let bin = self.bins[node.split_feature * self.rows.len() + row];
            at = match bin {
                0 => node.missing_node,
                bin if bin < splits[at] => node.left_child,
                _ => node.right_child,
            };
        }
    }

    /// Adds the values of trees that were made before, in the same order.
    fn replay(&mut self, problem: &Problem<'_>, trees: &[Tree], outputs: usize) {
        let mut values = vec![0.0; problem.inputs.len()];
        for (&row, scores) in self.rows.iter().zip(self.scores.chunks_mut(outputs)) {
            for (at, value) in values.iter_mut().enumerate() {
                *value = problem.value(at, row);
            }
            for trees in trees.chunks(outputs) {
                scores.iter_mut().zip(trees).for_each(|(score, tree)| *score += tree.evaluate(&values));
            }
        }
    }

    /// Adds the tree's values to one output; tells how many rows came by each node.
    fn add(&mut self, grown: &Grown, splits: &[u16], output: usize, outputs: usize) -> Vec<u64> {
        let mut counts = vec![0_u64; grown.nodes.len()];
        for row in 0..self.rows.len() {
            let end = self.end(grown, splits, row);
            counts[end] += 1;
            self.scores[row * outputs + output] += f64::from(grown.nodes[end].weight_value);
        }
        // Children come after their parents.
        for at in (0..grown.nodes.len()).rev() {
            let node = &grown.nodes[at];
            if !node.is_leaf {
                counts[at] = counts[node.left_child] + counts[node.right_child];
            }
        }
        counts
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

/// Learns from `rows`; `held` decides when to stop. Goes on from where an earlier run left a checkpoint of this name.
pub(crate) fn fit(
    problem: &Problem<'_>,
    features: &[Feature],
    rows: &[usize],
    held: &[usize],
    settings: &Settings,
    checkpoint: &str,
    watch: &mut Watch<'_>,
) -> Result<Boosted, Error> {
    let outputs = problem.outputs();
    let cuts = bins::cuts(problem, features, rows);
    let start = start(&problem.target, rows, outputs);
    let part = |rows| Part { rows, bins: bins::bin(problem, features, rows, &cuts), scores: start.repeat(rows.len()) };
    let (mut train, mut held) = (part(rows), part(held));
    let splitter = splitter(settings);
    let pool = pool(settings.threads.min(rows.len() * features.len() / PARALLEL))?;
    let parallel = pool.is_some();
    let tiles = (rows.len() >= TILED)
        .then(|| TiledBins::new(&Matrix::new(&train.bins, rows.len(), features.len()), &cuts, parallel));
    let mut random = split::random(settings.seed, 3);
    let (mut gradients, mut hessians) = (vec![0.0_f32; rows.len()], vec![0.0_f32; rows.len()]);
    let mut work = Work {
        trees: start.iter().map(|&value| Tree::constant(value)).collect(),
        curve: Vec::new(),
        best: 0,
        least: f64::INFINITY,
        rounds: 0,
    };
    if let Some(kept) = watch.recall::<Work>(checkpoint).filter(|kept| kept.goes_on(&work.trees, settings.rounds)) {
        work = kept;
        train.replay(problem, &work.trees[outputs..], outputs);
        held.replay(problem, &work.trees[outputs..], outputs);
        // The same choices are made again, so that the next ones are those that would have come.
        for _ in outputs..work.trees.len() {
            let _ = sample_rows(rows.len(), settings.row_sample, &mut random);
            let _ = sample_columns(features.len(), settings.column_sample, &mut random);
        }
    }
    let every = settings.rounds.div_ceil(200);
    let mut probabilities = Vec::new();
    for round in work.rounds + 1..=settings.rounds {
        if outputs > 1 {
            probabilities.clone_from(&train.scores);
            probabilities.chunks_mut(outputs).for_each(softmax);
        }
        for output in 0..outputs {
            slopes(problem, &train, &probabilities, output, &mut gradients, &mut hessians);
            let (index, method) = sample_rows(rows.len(), settings.row_sample, &mut random);
            let columns = sample_columns(features.len(), settings.column_sample, &mut random);
            let mut grown = Grown::new();
            let bins = Matrix::new(&train.bins, rows.len(), features.len());
            let grow = || {
                let depth = settings.max_depth;
                let (policy, tiles) = (GrowPolicy::DepthWise, tiles.as_ref());
                grown.fit_with_tiles(
                    &bins,
                    index,
                    &columns,
                    &cuts,
                    &gradients,
                    &hessians,
                    &splitter,
                    usize::MAX,
                    depth,
                    parallel,
                    &method,
                    &policy,
                    tiles,
                )
            };
            // The rows of each node are told as well; walking the tree finds them for all rows, sampled or not.
            let _ = match &pool {
                Some(pool) => pool.install(grow),
                None => grow(),
            };
            let splits = split_bins(&grown, &cuts);
            let counts = train.add(&grown, &splits, output, outputs);
            held.add(&grown, &splits, output, outputs);
            work.trees.push(convert::convert(&grown, features, &counts));
        }
        work.rounds = round;
        let judged = work.judge(problem, &train, &held, round, every, settings, watch);
        // Before it ends because somebody wants it to, too: it may be wanted again.
        if watch.should_keep() {
            watch.keep(checkpoint, &work);
        }
        if judged? || watch.is_late() {
            break;
        }
    }
    let rounds =
        if held.rows.is_empty() || settings.patience == 0 { work.trees.len() / outputs - 1 } else { work.best };
    work.trees.truncate((rounds + 1) * outputs);
    fold_start(&mut work.trees, outputs);
    watch.fitted();
    Ok(Boosted { trees: work.trees, rounds, curve: work.curve })
}

/// Threads of its own; none where one is enough.
fn pool(threads: usize) -> Result<Option<rayon::ThreadPool>, Error> {
    if threads < 2 {
        return Ok(None);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map(Some).map_err(|error| Error::new(crate::ErrorKind::Limit, format!("threads cannot be started: {error}")))
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
    /// Whether it is the beginning of the same: it started from the same values.
    fn goes_on(&self, start: &[Tree], rounds: usize) -> bool {
        self.trees.starts_with(start) && self.rounds <= rounds && self.trees.len() == start.len() * (self.rounds + 1)
    }

    /// Whether to stop.
    #[expect(clippy::too_many_arguments, reason = "one step of `fit`, kept apart to be read")]
    fn judge(
        &mut self,
        problem: &Problem<'_>,
        train: &Part<'_>,
        held: &Part<'_>,
        round: usize,
        every: usize,
        settings: &Settings,
        watch: &mut Watch<'_>,
    ) -> Result<bool, Error> {
        let judged = !held.rows.is_empty();
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

#[expect(clippy::cast_possible_truncation, reason = "forust works in single precision")]
fn splitter(settings: &Settings) -> MissingImputerSplitter {
    let least = settings.min_leaf_weight as f32;
    MissingImputerSplitter::new(
        0.0,
        settings.l2 as f32,
        0.0,
        0.0,
        least,
        settings.learning_rate as f32,
        true,
        ConstraintMap::new(),
    )
}

/// First and second derivatives of the loss by the scores of one output.
#[expect(clippy::cast_possible_truncation, reason = "forust works in single precision")]
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

fn sample_rows(rows: usize, share: f64, random: &mut impl RngCore) -> (Vec<usize>, SampleMethod) {
    if share >= 1.0 {
        return ((0..rows).collect(), SampleMethod::None);
    }
    let chosen: Vec<usize> = (0..rows).filter(|_| uniform(random) < share).collect();
    if chosen.is_empty() { ((0..rows).collect(), SampleMethod::None) } else { (chosen, SampleMethod::Random) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn sample_columns(columns: usize, share: f64, random: &mut impl RngCore) -> Vec<usize> {
    let mut all: Vec<usize> = (0..columns).collect();
    if share < 1.0 {
        split::shuffle(&mut all, random);
        all.truncate(((number(columns) * share).ceil() as usize).max(1));
        all.sort_unstable();
    }
    all
}

/// From 0 to below 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits")]
fn uniform(random: &mut impl RngCore) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}
