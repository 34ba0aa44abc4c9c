//! Rounds whose trees forust grows.

use forust_ml::{
    Matrix,
    binning::TiledBins,
    constraints::ConstraintMap,
    data::JaggedMatrix,
    gradientbooster::GrowPolicy,
    sampler::SampleMethod,
    splitter::MissingImputerSplitter,
    tree::{Tree as Grown, TreeRows, split_bins},
};
use rand_xoshiro::rand_core::RngCore;

use super::{Boosted, Part, Settings, Work, slopes, start};
use crate::{
    Error, Feature,
    learn::{bins, convert, number, problem::Problem, split, watch::Watch},
    model::ensemble::{Tree, softmax},
};

/// Rows from which on a second copy of the bins, laid out by rows, pays for itself.
const TILED: usize = 20_000;
/// Cells from which on threads pay for themselves.
const PARALLEL: usize = 500_000;

/// Rows with their bins and scores.
struct Binned<'p> {
    part: Part<'p>,
    bins: Vec<u16>,
}

impl<'p> Binned<'p> {
    fn new(
        problem: &Problem<'_>,
        features: &[Feature],
        rows: &'p [usize],
        cuts: &JaggedMatrix<f64>,
        start: &[f64],
    ) -> Self {
        let part = Part { rows, scores: start.repeat(rows.len()) };
        Self { part, bins: bins::bin(problem, features, rows, cuts) }
    }

    /// Number of the node where the tree ends for a row.
    fn end(&self, grown: &Grown, splits: &[u16], row: usize) -> usize {
        let mut at = 0;
        loop {
            let node = &grown.nodes[at];
            if node.is_leaf {
                return at;
            }
            let bin = self.bins[node.split_feature * self.part.rows.len() + row];
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
        for (&row, scores) in self.part.rows.iter().zip(self.part.scores.chunks_mut(outputs)) {
            for (at, value) in values.iter_mut().enumerate() {
                *value = problem.value(at, row);
            }
            for trees in trees.chunks(outputs) {
                scores.iter_mut().zip(trees).for_each(|(score, tree)| *score += tree.evaluate(&values));
            }
        }
    }

    /// Adds the tree's values to one output; tells how many rows came by each node. `ended` says where the rows are that the
    /// tree was grown on, so that only the `others` have to walk it.
    fn add(
        &mut self,
        grown: &Grown,
        splits: &[u16],
        (ended, others): (Option<&TreeRows>, &[usize]),
        output: usize,
        outputs: usize,
    ) -> Vec<u64> {
        let mut counts = vec![0_u64; grown.nodes.len()];
        let ranges = ended.iter().flat_map(|ended| &ended.ranges);
        for ((node, &(first, end)), count) in grown.nodes.iter().zip(ranges).zip(&mut counts) {
            if let (true, Some(ended)) = (node.is_leaf, ended) {
                *count = (end - first) as u64;
                let value = f64::from(node.weight_value);
                ended.index[first..end].iter().for_each(|row| self.part.scores[row * outputs + output] += value);
            }
        }
        for &row in others {
            let end = self.end(grown, splits, row);
            counts[end] += 1;
            self.part.scores[row * outputs + output] += f64::from(grown.nodes[end].weight_value);
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

/// As [`super::fit`] says.
pub(super) fn fit(
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
    let part = |rows| Binned::new(problem, features, rows, &cuts, &start);
    let (mut train, mut held) = (part(rows), part(held));
    let splitter = splitter(settings);
    let pool = pool(settings.threads.min(rows.len() * features.len() / PARALLEL))?;
    let parallel = pool.is_some();
    let tiles = (rows.len() >= TILED)
        .then(|| TiledBins::new(&Matrix::new(&train.bins, rows.len(), features.len()), &cuts, parallel));
    let mut random = split::random(settings.seed, 3);
    let (mut gradients, mut hessians) = (vec![0.0_f32; rows.len()], vec![0.0_f32; rows.len()]);
    let mut work = Work::new(&start);
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
    let all: Vec<usize> = (0..rows.len()).collect();
    let all_held: Vec<usize> = (0..held.part.rows.len()).collect();
    let mut probabilities = Vec::new();
    for round in work.rounds + 1..=settings.rounds {
        if outputs > 1 {
            probabilities.clone_from(&train.part.scores);
            probabilities.chunks_mut(outputs).for_each(softmax);
        }
        for output in 0..outputs {
            slopes(problem, &train.part, &probabilities, output, &mut gradients, &mut hessians);
            let (index, rest, method) = sample_rows(rows.len(), settings.row_sample, &mut random);
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
            let ended = match &pool {
                Some(pool) => pool.install(grow),
                None => grow(),
            };
            let splits = split_bins(&grown, &cuts);
            let others = if ended.is_some() { &rest } else { &all };
            let counts = train.add(&grown, &splits, (ended.as_ref(), others), output, outputs);
            held.add(&grown, &splits, (None, &all_held), output, outputs);
            work.trees.push(convert::convert(&grown, features, &counts));
        }
        work.rounds = round;
        let judged = work.judge(problem, &train.part, &held.part, round, settings, watch);
        // Before it ends because somebody wants it to, too: it may be wanted again.
        if watch.should_keep() {
            watch.keep(checkpoint, &work);
        }
        if judged? || watch.is_late() {
            break;
        }
    }
    Ok(work.finish(!held.part.rows.is_empty() && settings.patience > 0, outputs, watch))
}

/// Threads of its own; none where one is enough.
fn pool(threads: usize) -> Result<Option<rayon::ThreadPool>, Error> {
    if threads < 2 {
        return Ok(None);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map(Some).map_err(|error| Error::new(crate::ErrorKind::Limit, format!("threads cannot be started: {error}")))
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

/// Those to grow a tree on, and the others.
fn sample_rows(rows: usize, share: f64, random: &mut impl RngCore) -> (Vec<usize>, Vec<usize>, SampleMethod) {
    if share < 1.0 {
        let (chosen, rest): (Vec<usize>, Vec<usize>) = (0..rows).partition(|_| uniform(random) < share);
        if !chosen.is_empty() {
            return (chosen, rest, SampleMethod::Random);
        }
    }
    ((0..rows).collect(), Vec::new(), SampleMethod::None)
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
