//! What is kept of a column while it streams by: of a fixed size, and two of them make one.

use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use datasketches::{
    frequencies::{ErrorType, FrequentItemsSketch},
    hll::{HllSketch, HllType, HllUnion},
    tdigest::TDigestMut,
};

use crate::dataset::value::Meaning;

/// How much is kept of each column. Sketches of one table have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Precision {
    /// Different values that are counted one by one, before they are estimated.
    pub(crate) exact: usize,
    /// Binary logarithm of the registers that estimate them afterwards.
    registers: u8,
    /// Bound on the clusters that quantiles are taken from.
    clusters: u16,
    /// Values that are counted as candidates for the most frequent; a power of two.
    frequent: usize,
}

impl Precision {
    /// For a table of so many columns: all of them share some hundred megabytes at most.
    pub(crate) fn of(columns: usize) -> Self {
        match columns {
            0..=64 => Self { exact: 2048, registers: 14, clusters: 200, frequent: 256 },
            65..=512 => Self { exact: 512, registers: 12, clusters: 100, frequent: 64 },
            513..=4096 => Self { exact: 128, registers: 10, clusters: 60, frequent: 32 },
            _ => Self { exact: 64, registers: 9, clusters: 40, frequent: 16 },
        }
    }

    /// For whole rows, of which there is one count a table.
    pub(crate) fn of_rows() -> Self {
        Self { exact: 1 << 17, ..Self::of(1) }
    }

    /// Relative standard error of a count that is estimated.
    fn error(self) -> f64 {
        1.04 / f64::from(1_u32 << self.registers).sqrt()
    }
}

/// The same number for the same value in every process.
pub(crate) fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The same number for equal values, however they are written: 1, 1.0 and 1e0 are one.
#[expect(clippy::cast_possible_truncation, reason = "compared with what it came from")]
#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "only what is whole is taken for whole")]
pub(crate) fn hash_of_number(meaning: Meaning) -> Option<u64> {
    match meaning {
        Meaning::Integer(value) => Some(hash_of(&value)),
        Meaning::Number(value) if (value as i64) as f64 == value => Some(hash_of(&(value as i64))),
        Meaning::Number(value) | Meaning::Huge(value) => Some(hash_of(&value.to_bits())),
        _ => None,
    }
}

/// How many different values there are.
#[derive(Debug, Clone)]
pub(crate) enum Distinct {
    /// All of them.
    Exact(HashSet<u64>, Precision),
    /// An estimate.
    Estimated(Box<HllSketch>, Precision),
}

impl Distinct {
    pub(crate) fn new(precision: Precision) -> Self {
        Self::Exact(HashSet::new(), precision)
    }

    pub(crate) fn add(&mut self, hash: u64) {
        match self {
            Self::Exact(values, precision) => {
                values.insert(hash);
                if values.len() > precision.exact {
                    *self = Self::Estimated(Box::new(Self::sketch(values, *precision)), *precision);
                }
            }
            Self::Estimated(sketch, _) => sketch.update(hash),
        }
    }

    fn sketch(values: &HashSet<u64>, precision: Precision) -> HllSketch {
        let mut sketch =
            HllSketch::new(precision.registers, HllType::Hll8).expect("the registers are within its bounds");
        for hash in values {
            sketch.update(*hash);
        }
        sketch
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Exact(values, _)) => {
                for hash in values {
                    self.add(*hash);
                }
            }
            (Self::Exact(values, precision), Self::Estimated(sketch, _)) => {
                let merged = Self::union(&Self::sketch(values, *precision), sketch, *precision);
                *self = Self::Estimated(Box::new(merged), *precision);
            }
            (Self::Estimated(mine, precision), Self::Estimated(theirs, _)) => {
                **mine = Self::union(mine, theirs, *precision);
            }
        }
    }

    fn union(one: &HllSketch, other: &HllSketch, precision: Precision) -> HllSketch {
        let mut union = HllUnion::new(precision.registers).expect("the registers are within its bounds");
        union.update(one);
        union.update(other);
        union.to_sketch(HllType::Hll8)
    }

    /// Whether at least this share of so many are different, as far as can be told.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub(crate) fn is_share(&self, share: f64, of: u64) -> bool {
        let slack = match self {
            Self::Exact(..) => 0.0,
            Self::Estimated(_, precision) => 3.0 * precision.error(),
        };
        self.count().0 as f64 >= (share - slack) * of as f64
    }

    /// The number, and whether it is exact.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate is a count")]
    pub(crate) fn count(&self) -> (u64, bool) {
        match self {
            Self::Exact(values, _) => (values.len() as u64, true),
            // Not the estimate that goes by the order of arrival: sketches that were merged have none.
            Self::Estimated(sketch, _) => (sketch.composite_estimate().round().max(0.0) as u64, false),
        }
    }
}

/// The most frequent values, as they are written.
#[derive(Debug, Clone)]
pub(crate) struct Frequent(FrequentItemsSketch<String>);

/// Longest text that counts as a value that may be frequent, in bytes.
const MAX_FREQUENT: usize = 128;

impl Frequent {
    pub(crate) fn new(precision: Precision) -> Self {
        Self(FrequentItemsSketch::new(precision.frequent).expect("a power of two"))
    }

    pub(crate) fn add(&mut self, text: &str) {
        if text.len() <= MAX_FREQUENT {
            self.0.update_ref(text);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// The first so many with their counts, and whether these are exact.
    pub(crate) fn first(&self, count: usize) -> (Vec<(String, u64)>, bool) {
        let mut rows = self.0.frequent_items(ErrorType::NoFalsePositives);
        // In an order that does not go by hashes.
        rows.sort_by(|one, other| {
            other.lower_bound().cmp(&one.lower_bound()).then_with(|| one.item().cmp(other.item()))
        });
        let first = rows.iter().take(count).map(|row| (row.item().clone(), row.lower_bound())).collect();
        (first, self.0.maximum_error() == 0)
    }
}

/// Mean and spread, exact up to rounding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    squares: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) zeros: u64,
    pub(crate) negative: u64,
}

impl Default for Moments {
    fn default() -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { count: 0, mean: 0.0, squares: 0.0, min, max, zeros: 0, negative: 0 }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts as weights")]
impl Moments {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        let from_mean = value - self.mean;
        self.mean += from_mean / self.count as f64;
        self.squares += from_mean * (value - self.mean);
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
        self.zeros += u64::from(value == 0.0);
        self.negative += u64::from(value < 0.0);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let (mine, theirs) = (self.count as f64, other.count as f64);
        let apart = other.mean - self.mean;
        self.count += other.count;
        self.mean += apart * theirs / (mine + theirs);
        self.squares += other.squares + apart * apart * mine * theirs / (mine + theirs);
        (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        self.zeros += other.zeros;
        self.negative += other.negative;
    }

    /// Of a sample: with one less than the count below.
    pub(crate) fn standard_deviation(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt())
    }
}

/// How two columns go together: correlation, and how many different pairs there are.
#[derive(Debug, Clone)]
pub(crate) struct Together {
    count: f64,
    mean: (f64, f64),
    squares: (f64, f64),
    products: f64,
    pub(crate) pairs: Distinct,
}

impl Together {
    pub(crate) fn new(precision: Precision) -> Self {
        Self { count: 0.0, mean: (0.0, 0.0), squares: (0.0, 0.0), products: 0.0, pairs: Distinct::new(precision) }
    }

    pub(crate) fn add(&mut self, one: f64, other: f64) {
        self.count += 1.0;
        let before = (one - self.mean.0, other - self.mean.1);
        self.mean.0 += before.0 / self.count;
        self.mean.1 += before.1 / self.count;
        let after = (one - self.mean.0, other - self.mean.1);
        self.squares.0 += before.0 * after.0;
        self.squares.1 += before.1 * after.1;
        self.products += before.0 * after.1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.pairs.merge(&other.pairs);
        if other.count == 0.0 {
            return;
        }
        let apart = (other.mean.0 - self.mean.0, other.mean.1 - self.mean.1);
        let count = self.count + other.count;
        let weight = self.count * other.count / count;
        self.mean.0 += apart.0 * other.count / count;
        self.mean.1 += apart.1 * other.count / count;
        self.squares.0 += other.squares.0 + apart.0 * apart.0 * weight;
        self.squares.1 += other.squares.1 + apart.1 * apart.1 * weight;
        self.products += other.products + apart.0 * apart.1 * weight;
        self.count = count;
    }

    /// Pearson's, where both vary.
    pub(crate) fn correlation(&self) -> Option<f64> {
        let spread = (self.squares.0 * self.squares.1).sqrt();
        (self.count > 2.0 && spread > 0.0 && spread.is_finite()).then(|| (self.products / spread).clamp(-1.0, 1.0))
    }
}

/// A digest for quantiles.
pub(crate) fn digest(precision: Precision) -> TDigestMut {
    TDigestMut::new(precision.clusters).expect("more than nine clusters")
}
