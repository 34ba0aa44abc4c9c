//! LightGBM's text back to an ensemble. The text may come from anybody: whatever it says, the answer is an ensemble that can be
//! evaluated without harm, or an error; nothing is allocated that the text does not have the length for.

use std::{collections::HashMap, str::FromStr};

use super::ensemble::{Child, Ensemble, Leaf, Node, Objective, Test, Tree};
use crate::Error;

/// More than any sensible number of classes.
const MOST_OUTPUTS: usize = 10_000;

/// What a model file says.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) ensemble: Ensemble,
    pub(super) names: Vec<String>,
}

/// A line of the header without a value.
const AVERAGED: &str = "average_output";

type Fields<'a> = HashMap<&'a str, &'a str>;

pub(super) fn parse(text: &str) -> Result<Parsed, Error> {
    let blocks = blocks(text)?;
    if blocks[0].contains_key(AVERAGED) {
        return Err(Error::model_file("random forests of LightGBM, which average, are not read"));
    }
    let header = &blocks[0];
    let outputs: usize = one(header, "num_tree_per_iteration")?;
    let classes: usize = one(header, "num_class")?;
    let features = one::<usize>(header, "max_feature_idx")?.saturating_add(1);
    let names: Vec<String> = header.get("feature_names").unwrap_or(&"").split(' ').map(str::to_owned).collect();
    if names.len() != features {
        return Err(wrong(format!("{} names for {features} features", names.len())));
    }
    let objective = objective(header.get("objective").copied().unwrap_or("regression"), classes)?;
    if objective.outputs() != outputs || outputs > MOST_OUTPUTS {
        return Err(wrong(format!("{outputs} trees a round do not fit its objective")));
    }
    let trees = blocks[1..].iter().map(|fields| tree(fields, features)).collect::<Result<Vec<_>, _>>()?;
    if trees.len() % outputs != 0 {
        return Err(wrong(format!("{} trees are not whole rounds of {outputs}", trees.len())));
    }
    Ok(Parsed { ensemble: Ensemble { objective, features, trees }, names })
}

/// The trees alone, whatever they are for.
#[cfg(feature = "lightgbm")]
pub(super) fn trees(text: &str, features: usize) -> Result<Vec<Tree>, Error> {
    blocks(text)?[1..].iter().map(|fields| tree(fields, features)).collect()
}

/// The header, and each tree.
fn blocks(text: &str) -> Result<Vec<Fields<'_>>, Error> {
    let mut lines = text.lines();
    if lines.next().map(str::trim) != Some("tree") {
        return Err(Error::model_file("the file does not begin as LightGBM's text does")
            .hint("a LightGBM model is saved with booster.save_model(\"model.txt\")"));
    }
    let mut blocks = vec![Fields::new()];
    for line in lines {
        let line = line.trim_end();
        if line == "end of trees" {
            break;
        }
        if line.starts_with("Tree=") {
            blocks.push(Fields::new());
        } else if let (Some((name, value)), Some(fields)) = (line.split_once('='), blocks.last_mut()) {
            fields.insert(name, value);
        } else if let (AVERAGED, Some(fields)) = (line, blocks.last_mut()) {
            fields.insert(AVERAGED, "");
        }
    }
    Ok(blocks)
}

fn objective(text: &str, classes: usize) -> Result<Objective, Error> {
    let words: Vec<&str> = text.split(' ').collect();
    match words[0] {
        "regression" if !words.contains(&"sqrt") => Ok(Objective::Regression),
        "binary" if words.iter().all(|word| !word.starts_with("sigmoid:") || *word == "sigmoid:1") => {
            Ok(Objective::Binary)
        }
        "multiclass" if classes >= 2 => Ok(Objective::Multiclass(classes)),
        _ => Err(Error::model_file(format!("objective {:?} is not read", text.chars().take(60).collect::<String>()))
            .hint("regression, binary and multiclass are")),
    }
}

fn tree(fields: &Fields<'_>, features: usize) -> Result<Tree, Error> {
    let leaves: usize = one(fields, "num_leaves")?;
    if leaves == 0 {
        return Err(wrong("a tree has no leaf"));
    }
    let values: Vec<f64> = many(fields, "leaf_value", leaves)?;
    let rows: Vec<u64> = optional(fields, "leaf_count", leaves)?;
    let mut leaves: Vec<Leaf> =
        values.into_iter().zip(rows).map(|(value, rows)| Leaf { value, rows, ..Leaf::default() }).collect();
    if one::<u8>(fields, "is_linear").unwrap_or(0) == 1 {
        terms(fields, &mut leaves, features)?;
    }
    let nodes = nodes(fields, leaves.len(), features)?;
    Ok(Tree { nodes, leaves })
}

fn terms(fields: &Fields<'_>, leaves: &mut [Leaf], features: usize) -> Result<(), Error> {
    let constants: Vec<f64> = many(fields, "leaf_const", leaves.len())?;
    let counts: Vec<usize> = many(fields, "num_features", leaves.len())?;
    let all =
        counts.iter().try_fold(0_usize, |sum, &count| sum.checked_add(count)).ok_or_else(|| wrong("too many terms"))?;
    let used: Vec<usize> = many(fields, "leaf_features", all)?;
    let coefficients: Vec<f64> = many(fields, "leaf_coeff", all)?;
    if used.iter().any(|&feature| feature >= features) {
        return Err(wrong("a linear leaf names a feature that is not there"));
    }
    let mut terms = used.into_iter().zip(coefficients);
    for ((leaf, constant), count) in leaves.iter_mut().zip(constants).zip(counts) {
        leaf.terms = terms.by_ref().take(count).collect();
        leaf.constant = constant;
        if leaf.terms.is_empty() {
            leaf.value = constant;
        }
    }
    Ok(())
}

fn nodes(fields: &Fields<'_>, leaves: usize, features: usize) -> Result<Vec<Node>, Error> {
    let count = leaves - 1;
    if count == 0 {
        return Ok(Vec::new());
    }
    let used: Vec<usize> = many(fields, "split_feature", count)?;
    let thresholds: Vec<f64> = many(fields, "threshold", count)?;
    let decisions: Vec<u8> = many(fields, "decision_type", count)?;
    let left: Vec<i64> = many(fields, "left_child", count)?;
    let right: Vec<i64> = many(fields, "right_child", count)?;
    let gains: Vec<f64> = optional(fields, "split_gain", count)?;
    let values: Vec<f64> = optional(fields, "internal_value", count)?;
    let rows: Vec<u64> = optional(fields, "internal_count", count)?;
    let sets = sets(fields)?;
    (0..count)
        .map(|at| {
            if used[at] >= features {
                return Err(wrong("a split names a feature that is not there"));
            }
            Ok(Node {
                feature: used[at],
                test: test(decisions[at], thresholds[at], &sets)?,
                left: child(left[at], at, count, leaves)?,
                right: child(right[at], at, count, leaves)?,
                gain: gains[at],
                value: values[at],
                rows: rows[at],
            })
        })
        .collect()
}

/// The sets of categories of a tree.
fn sets(fields: &Fields<'_>) -> Result<Vec<Vec<u32>>, Error> {
    let count: usize = one(fields, "num_cat")?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let ends: Vec<usize> = many(fields, "cat_boundaries", count.saturating_add(1))?;
    let words: Vec<u32> = list(fields, "cat_threshold")?;
    ends.windows(2)
        .map(|pair| {
            words.get(pair[0]..pair[1]).map(<[u32]>::to_vec).ok_or_else(|| wrong("a set of categories is cut off"))
        })
        .collect()
}

fn test(decision: u8, threshold: f64, sets: &[Vec<u32>]) -> Result<Test, Error> {
    if decision & 1 == 1 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is then out of range"
        )]
        let set =
            sets.get(threshold as usize).ok_or_else(|| wrong("a split names a set of categories that is not there"))?;
        return Ok(Test::In(set.clone()));
    }
    let missing_left = match decision >> 2 & 3 {
        // NaN counts as zero where the file says that nothing was missing while learning.
        0 => 0.0 <= threshold,
        2 => decision & 2 == 2,
        _ => return Err(Error::model_file("zero as missing (zero_as_missing) is not read")),
    };
    Ok(Test::AtMost { bound: threshold, missing_left })
}

/// Ways lead forward, so that every walk ends.
fn child(child: i64, from: usize, nodes: usize, leaves: usize) -> Result<Child, Error> {
    let found = if child >= 0 {
        usize::try_from(child).ok().filter(|&node| node > from && node < nodes).map(Child::Node)
    } else {
        usize::try_from(!child).ok().filter(|&leaf| leaf < leaves).map(Child::Leaf)
    };
    found.ok_or_else(|| wrong("a split leads nowhere, or back"))
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::model_file(format!("the model's text is damaged: {what}"))
}

fn one<T: FromStr>(fields: &Fields<'_>, name: &str) -> Result<T, Error> {
    fields
        .get(name)
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| wrong(format!("no {name} that can be read")))
}

fn list<T: FromStr>(fields: &Fields<'_>, name: &str) -> Result<Vec<T>, Error> {
    let text = fields.get(name).ok_or_else(|| wrong(format!("no {name}")))?;
    let values = text.split_ascii_whitespace().map(str::parse).collect::<Result<Vec<T>, _>>();
    values.map_err(|_| wrong(format!("a value of {name} cannot be read")))
}

fn many<T: FromStr>(fields: &Fields<'_>, name: &str, count: usize) -> Result<Vec<T>, Error> {
    let values = list(fields, name)?;
    if values.len() != count {
        return Err(wrong(format!("{} values of {name} where {count} belong", values.len())));
    }
    Ok(values)
}

/// `count` is the length of another list already read, so the default is as bounded as that.
fn optional<T: FromStr + Default + Clone>(fields: &Fields<'_>, name: &str, count: usize) -> Result<Vec<T>, Error> {
    if fields.contains_key(name) { many(fields, name, count) } else { Ok(vec![T::default(); count]) }
}
