//! What a query consists of.

use regex::Regex;

/// An expression.
#[derive(Debug)]
pub(in crate::kubernetes::prometheus) enum Expression {
    Number(f64),
    Selector(Selector),
    /// What a selector was within so many seconds before each moment.
    Over(Fold, Selector, i64),
    Replace(Box<Expression>, Replacement),
    Binary(Box<Expression>, Operator, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    /// Series brought together by labels.
    Aggregate(Fold, Vec<String>, Box<Expression>),
}

/// Which series.
#[derive(Debug, Default)]
pub(in crate::kubernetes::prometheus) struct Selector {
    pub(in crate::kubernetes::prometheus) name: Option<String>,
    pub(in crate::kubernetes::prometheus) matchers: Vec<Matcher>,
}

/// What a label has to be; a label that is not there is empty.
#[derive(Debug)]
pub(in crate::kubernetes::prometheus) struct Matcher {
    pub(in crate::kubernetes::prometheus) label: String,
    pub(super) is: Is,
}

#[derive(Debug)]
pub(super) enum Is {
    Equal(String),
    Other(String),
    Like(Regex),
    Unlike(Regex),
}

impl Matcher {
    pub(in crate::kubernetes::prometheus) fn matches(&self, value: &str) -> bool {
        match &self.is {
            Is::Equal(wanted) => value == wanted,
            Is::Other(unwanted) => value != unwanted,
            Is::Like(pattern) => pattern.is_match(value),
            Is::Unlike(pattern) => !pattern.is_match(value),
        }
    }
}

/// How values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kubernetes::prometheus) enum Fold {
    Avg,
    Max,
    Min,
    Sum,
    Count,
    Last,
}

/// `label_replace`.
#[derive(Debug)]
pub(in crate::kubernetes::prometheus) struct Replacement {
    pub(in crate::kubernetes::prometheus) to: String,
    pub(in crate::kubernetes::prometheus) with: String,
    pub(in crate::kubernetes::prometheus) from: String,
    pub(in crate::kubernetes::prometheus) pattern: Regex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kubernetes::prometheus) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Equal,
    Unequal,
    Greater,
    Less,
    AtLeast,
    AtMost,
}

impl Fold {
    /// By its name in PromQL.
    pub(super) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "avg" => Self::Avg,
            "max" => Self::Max,
            "min" => Self::Min,
            "sum" => Self::Sum,
            "count" => Self::Count,
            "last" => Self::Last,
            _ => return None,
        })
    }
}
