//! The one form of every model: trees of tests, whose leaves are numbers or linear functions, added up.

use serde::{Deserialize, Serialize};

/// What the sum means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// The value itself.
    Regression,
    /// The logit of the second class.
    Binary,
    /// One score a class; probabilities by softmax.
    Multiclass(usize),
}

impl Objective {
    /// Scores a row.
    pub fn outputs(self) -> usize {
        match self {
            Self::Regression | Self::Binary => 1,
            Self::Multiclass(classes) => classes,
        }
    }
}

/// A question about one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Test {
    /// Left if the value is at most this; missing goes as told.
    AtMost {
        /// The bound.
        bound: f64,
        /// Where a missing value goes.
        missing_left: bool,
    },
    /// Left if the category's code is in this set of bits; missing and unknown go right.
    In(Vec<u32>),
}

impl Test {
    fn left(&self, value: f64) -> bool {
        match self {
            Self::AtMost { missing_left, .. } if value.is_nan() => *missing_left,
            Self::AtMost { bound, .. } => value <= *bound,
            // The cast saturates, so no number is out of range; a fraction belongs to the code below it, as in LightGBM.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "negative and NaN are asked first"
            )]
            Self::In(bits) => value >= 0.0 && contains(bits, value as u32),
        }
    }
}

/// Whether the bit is set.
pub(super) fn contains(bits: &[u32], code: u32) -> bool {
    bits.get(code as usize / 32).is_some_and(|word| word >> (code % 32) & 1 == 1)
}

/// Where a test leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Child {
    /// To a further test, later in the list.
    Node(usize),
    /// To an end.
    Leaf(usize),
}

/// A test and its two ways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Index of the feature.
    pub feature: usize,
    /// What is asked.
    pub test: Test,
    /// If so.
    pub left: Child,
    /// If not.
    pub right: Child,
    /// How much the loss fell by it while learning.
    pub gain: f64,
    /// What the tree would say if it ended here.
    pub value: f64,
    /// Rows that came by.
    pub rows: u64,
}

/// An end of a tree.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Leaf {
    /// What it adds; with terms, only where one of their features is missing.
    pub value: f64,
    /// Rows that ended here.
    pub rows: u64,
    /// What the terms add to.
    pub constant: f64,
    /// Feature and coefficient.
    pub terms: Vec<(usize, f64)>,
}

impl Leaf {
    fn evaluate(&self, row: &[f64]) -> f64 {
        if self.terms.is_empty() {
            return self.value;
        }
        let mut sum = self.constant;
        for &(feature, coefficient) in &self.terms {
            let value = row[feature];
            if value.is_nan() {
                return self.value;
            }
            sum += coefficient * value;
        }
        sum
    }
}

/// Tests, the first of which is the root, and ends. Without tests there is one end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// Tests; ways lead forward only.
    pub nodes: Vec<Node>,
    /// Ends.
    pub leaves: Vec<Leaf>,
}

impl Tree {
    /// Always the same.
    pub(crate) fn constant(value: f64) -> Self {
        Self { nodes: Vec::new(), leaves: vec![Leaf { value, ..Leaf::default() }] }
    }

    /// `coefficient · feature`, and `missing` where the feature is missing.
    pub(crate) fn line(feature: usize, coefficient: f64, missing: f64) -> Self {
        let leaf = Leaf { value: missing, terms: vec![(feature, coefficient)], ..Leaf::default() };
        Self { nodes: Vec::new(), leaves: vec![leaf] }
    }

    pub(crate) fn is_linear(&self) -> bool {
        self.leaves.iter().any(|leaf| !leaf.terms.is_empty())
    }

    /// The end that a row comes to.
    fn leaf(&self, row: &[f64]) -> usize {
        let mut at = if self.nodes.is_empty() { Child::Leaf(0) } else { Child::Node(0) };
        loop {
            match at {
                Child::Leaf(leaf) => return leaf,
                Child::Node(node) => {
                    let node = &self.nodes[node];
                    at = if node.test.left(row[node.feature]) { node.left } else { node.right };
                }
            }
        }
    }

    /// What the tree adds for a row.
    pub(crate) fn evaluate(&self, row: &[f64]) -> f64 {
        self.leaves[self.leaf(row)].evaluate(row)
    }
}

/// Trees that are added up; tree `i` counts for output `i % outputs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    /// What the sum means.
    pub objective: Objective,
    /// How many features a row has.
    pub features: usize,
    /// The trees.
    pub trees: Vec<Tree>,
}

impl Ensemble {
    /// Adds the scores of rows that follow each other to `scores`, which has one place a row and output. Tree by tree: a tree
    /// is near at hand for all rows, where a whole model would be fetched from far away for each of them.
    pub fn add_scores(&self, rows: &[f64], scores: &mut [f64]) {
        let (outputs, width) = (self.objective.outputs(), self.features);
        for (at, tree) in self.trees.iter().enumerate() {
            let scores = scores.iter_mut().skip(at % outputs).step_by(outputs);
            // A model of no features has rows without values.
            for (number, score) in scores.enumerate() {
                *score += tree.evaluate(&rows[number * width..][..width]);
            }
        }
    }

    /// Scores to what is asked: probabilities of the classes, or the value.
    pub fn transform(&self, scores: &mut [f64]) {
        match self.objective {
            Objective::Regression => {}
            Objective::Binary => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Objective::Multiclass(_) => softmax(scores),
        }
    }
}

/// The probability whose logit this is.
pub(crate) fn logistic(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

/// Scores to probabilities.
pub(crate) fn softmax(scores: &mut [f64]) {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score /= sum;
    }
}
