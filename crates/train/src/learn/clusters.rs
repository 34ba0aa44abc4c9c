//! k-means, by linfa. The nearest centre is the largest of linear functions, which is how the model is kept.

use linfa::{DatasetBase, traits::Fit};
use linfa_clustering::KMeans;
use ndarray::{Array2, ArrayView1};

use super::{design::Design, number, problem::Problem, split, watch::Watch};
use crate::{Candidate, Error, Feature, Hyperparameters, model::ensemble::Tree};

/// Rows that the silhouette is computed from; its cost is their square.
const SILHOUETTE_ROWS: usize = 2_000;
/// Numbers in the matrix, 8 bytes each.
const MOST_CELLS: usize = 24_000_000;

pub(crate) struct Clustered {
    pub(crate) trees: Vec<Tree>,
    pub(crate) importance: Vec<f64>,
    pub(crate) clusters: usize,
    /// From -1 to 1: how much nearer rows are to their own cluster than to the next.
    pub(crate) silhouette: f64,
    /// Mean squared distance to the centre, in standard deviations.
    pub(crate) inertia: f64,
    pub(crate) rows: usize,
    pub(crate) candidates: Vec<Candidate>,
}

/// With the number of clusters that is asked for, or the one from 2 to 10 with the best silhouette.
pub(crate) fn fit(
    problem: &Problem<'_>,
    features: &[Feature],
    asked: Option<usize>,
    seed: u64,
    watch: &mut Watch<'_>,
) -> Result<Clustered, Error> {
    let all: Vec<usize> = (0..problem.len()).collect();
    let design = Design::new(problem, features, &all, false);
    if design.width() == 0 {
        return Err(Error::data("no feature varies enough to tell rows apart"));
    }
    let most = MOST_CELLS / design.width();
    let rows = if all.len() <= most {
        all
    } else {
        split::hold_out(&problem.target, &all, number(most) / number(all.len()), seed).1
    };
    let choices = asked.map_or_else(|| (2..=10).collect(), |clusters| vec![clusters]);
    let choices: Vec<usize> = choices.into_iter().filter(|&clusters| clusters * 2 <= rows.len()).collect();
    if choices.is_empty() {
        return Err(
            Error::data(format!("{} rows are too few for so many clusters", rows.len())).hint("ask for fewer clusters")
        );
    }
    let data = DatasetBase::from(design.matrix(problem, &rows));
    let step = rows.len().div_ceil(SILHOUETTE_ROWS);
    watch.plan(choices.len());
    let mut best: Option<(f64, Array2<f64>, f64)> = None;
    let mut candidates = Vec::new();
    for clusters in choices {
        watch.round(0, 0, &[])?;
        let model = KMeans::params_with_rng(clusters, split::random(seed, 4))
            .n_runs(5)
            .max_n_iterations(200)
            .tolerance(1e-5)
            .fit(&data)
            .map_err(|error| Error::data(format!("k-means has no solution: {error}")))?;
        let score = silhouette(data.records(), model.centroids(), step);
        let hyperparameters = Hyperparameters { clusters: Some(clusters), ..Hyperparameters::default() };
        candidates.push(Candidate {
            algorithm: crate::Algorithm::KMeans,
            hyperparameters,
            loss: 1.0 - score,
            chosen: false,
        });
        if best.as_ref().is_none_or(|(least, ..)| score > *least) {
            best = Some((score, model.centroids().clone(), model.inertia()));
        }
        watch.fitted();
    }
    let (silhouette, centres, inertia) = best.ok_or_else(|| Error::data("k-means found no clusters"))?;
    for candidate in &mut candidates {
        candidate.chosen = candidate.hyperparameters.clusters == Some(centres.nrows());
    }
    let weights: Vec<Vec<f64>> =
        centres.rows().into_iter().map(|centre| centre.iter().map(|value| 2.0 * value).collect()).collect();
    let intercepts: Vec<f64> = centres.rows().into_iter().map(|centre| -centre.dot(&centre)).collect();
    let (trees, importance) = design.trees(&weights, &intercepts);
    Ok(Clustered { trees, importance, clusters: centres.nrows(), silhouette, inertia, rows: rows.len(), candidates })
}

/// By distances between rows, of a sample.
fn silhouette(rows: &Array2<f64>, centres: &Array2<f64>, step: usize) -> f64 {
    let sample: Vec<(ArrayView1<'_, f64>, usize)> =
        rows.rows().into_iter().step_by(step.max(1)).map(|row| (row, nearest(row, centres))).collect();
    let clusters = centres.nrows();
    let mut sizes = vec![0_usize; clusters];
    for (_, cluster) in &sample {
        sizes[*cluster] += 1;
    }
    let mut total = 0.0;
    for (row, own) in &sample {
        let mut distances = vec![0.0; clusters];
        for (other, cluster) in &sample {
            distances[*cluster] += distance(*row, *other).sqrt();
        }
        if sizes[*own] < 2 {
            continue;
        }
        let within = distances[*own] / number(sizes[*own] - 1);
        let others = (0..clusters).filter(|cluster| cluster != own && sizes[*cluster] > 0);
        let next = others.map(|cluster| distances[cluster] / number(sizes[cluster])).fold(f64::INFINITY, f64::min);
        if next.is_finite() && within.max(next) > 0.0 {
            total += (next - within) / within.max(next);
        }
    }
    total / number(sample.len()).max(1.0)
}

fn nearest(row: ArrayView1<'_, f64>, centres: &Array2<f64>) -> usize {
    let distances: Vec<f64> = centres.rows().into_iter().map(|centre| -distance(row, centre)).collect();
    crate::model::largest(&distances)
}

fn distance(one: ArrayView1<'_, f64>, other: ArrayView1<'_, f64>) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
}
