//! How to learn: what the data is, how rows are split, and three kinds of models that all end as trees.

pub(crate) mod bins;
pub(crate) mod boosting;
pub(crate) mod clusters;
pub(crate) mod convert;
pub(crate) mod design;
pub(crate) mod encoding;
pub(crate) mod linear;
mod minimise;
pub(crate) mod problem;
pub(crate) mod split;
pub(crate) mod warnings;
pub(crate) mod watch;

/// Counts as numbers: exact below 2^52, which rows in memory are.
#[expect(clippy::cast_precision_loss, reason = "rows, classes and levels are far below 2^52")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}
