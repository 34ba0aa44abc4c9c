//! Trees as the attributes of ONNX's tree ensemble.

use super::{
    super::ensemble::{Child, Test, Tree, contains},
    A_STRING, A_STRINGS, A_TENSOR, Error, Feature, FeatureKind, Message, attribute, doubles, whole, wholes,
};

/// The tests of a set of categories as ranges of ranks: in, from, below.
fn ranges(bits: &[u32], ranks: &[Option<u32>]) -> Vec<(u32, u32)> {
    let mut members: Vec<u32> = ranks
        .iter()
        .enumerate()
        .filter(|(code, _)| u32::try_from(*code).is_ok_and(|code| contains(bits, code)))
        .filter_map(|(_, rank)| *rank)
        .collect();
    members.sort_unstable();
    members.dedup();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for rank in members {
        match ranges.last_mut() {
            Some((_, end)) if *end == rank => *end = rank + 1,
            _ => ranges.push((rank, rank + 1)),
        }
    }
    ranges
}

/// Columns of the table that ONNX describes trees by.
#[derive(Default)]
struct Table {
    tree: Vec<i64>,
    id: Vec<i64>,
    feature: Vec<i64>,
    value: Vec<f64>,
    mode: Vec<&'static str>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing_yes: Vec<i64>,
    target_tree: Vec<i64>,
    target_node: Vec<i64>,
    target: Vec<i64>,
    weight: Vec<f64>,
}

/// A node: where a value under (or at) the bound goes, where others go, and whether a missing one goes with the former.
#[derive(Clone, Copy, Default)]
struct Branch {
    id: usize,
    feature: usize,
    bound: f64,
    yes: usize,
    no: usize,
    missing_yes: bool,
}

impl Table {
    #[expect(clippy::cast_possible_wrap, reason = "numbers of nodes in memory")]
    fn row(&mut self, tree: usize, mode: &'static str, branch: &Branch) {
        self.tree.push(tree as i64);
        self.id.push(branch.id as i64);
        self.feature.push(branch.feature as i64);
        self.value.push(branch.bound);
        self.mode.push(mode);
        self.yes.push(branch.yes as i64);
        self.no.push(branch.no as i64);
        self.missing_yes.push(i64::from(branch.missing_yes));
    }
}

#[expect(clippy::cast_possible_wrap, reason = "numbers of trees and outputs in memory")]
pub(super) fn regressor(trees: &[(usize, &Tree)], features: &[Feature], outputs: usize) -> Result<Vec<Message>, Error> {
    let mut table = Table::default();
    for (number, (output, tree)) in trees.iter().enumerate() {
        if tree.is_linear() {
            return Err(Error::model_file("trees with linear leaves are not exported to ONNX"));
        }
        rows(&mut table, number, tree, features);
        let ends = (0..tree.leaves.len()).map(|leaf| tree.nodes.len() + leaf);
        for (leaf, end) in ends.enumerate() {
            table.target_tree.push(number as i64);
            table.target_node.push(end as i64);
            table.target.push(*output as i64);
            table.weight.push(tree.leaves[leaf].value);
        }
    }
    let modes = table.mode.iter().fold(attribute("nodes_modes", A_STRINGS), |message, mode| message.text(9, mode));
    let numbers =
        |name: &str, values: &[f64]| attribute(name, A_TENSOR).message(5, &doubles(name, &[values.len()], values));
    Ok(vec![
        whole("n_targets", outputs as i64),
        wholes("nodes_treeids", table.tree),
        wholes("nodes_nodeids", table.id),
        wholes("nodes_featureids", table.feature),
        numbers("nodes_values_as_tensor", &table.value),
        modes,
        wholes("nodes_truenodeids", table.yes),
        wholes("nodes_falsenodeids", table.no),
        wholes("nodes_missing_value_tracks_true", table.missing_yes),
        wholes("target_treeids", table.target_tree),
        wholes("target_nodeids", table.target_node),
        wholes("target_ids", table.target),
        numbers("target_weights_as_tensor", &table.weight),
        attribute("post_transform", A_STRING).text(4, "NONE"),
    ])
}

/// The nodes of a tree, then its leaves, then what sets of several ranges need beside.
fn rows(table: &mut Table, number: usize, tree: &Tree, features: &[Feature]) {
    let id = |child: Child| match child {
        Child::Node(node) => node,
        Child::Leaf(leaf) => tree.nodes.len() + leaf,
    };
    let mut extra = tree.nodes.len() + tree.leaves.len();
    let mut more = Vec::new();
    for (at, node) in tree.nodes.iter().enumerate() {
        let (left, right) = (id(node.left), id(node.right));
        let branch = Branch { id: at, feature: node.feature, ..Branch::default() };
        match &node.test {
            Test::AtMost { bound, missing_left } => {
                let branch = Branch { bound: *bound, yes: left, no: right, missing_yes: *missing_left, ..branch };
                table.row(number, "BRANCH_LEQ", &branch);
            }
            Test::In(bits) => {
                let ranks = match &features[node.feature].kind {
                    FeatureKind::Category { ranks, .. } => ranks.as_slice(),
                    FeatureKind::Numeric { .. } | FeatureKind::Boolean => &[],
                };
                // Range by range from below: under its begin, out; under its end, in; else on to the next. NaN goes out.
                let mut steps = Vec::new();
                for (begin, end) in ranges(bits, ranks) {
                    steps.push((f64::from(begin), false));
                    steps.push((f64::from(end), true));
                }
                if steps.is_empty() {
                    let out = Branch { bound: f64::MIN, yes: right, no: right, missing_yes: true, ..branch };
                    table.row(number, "BRANCH_LT", &out);
                }
                let mut here = at;
                let last = steps.len().saturating_sub(1);
                for (step, (bound, inside)) in steps.into_iter().enumerate() {
                    let otherwise = if step == last { right } else { extra };
                    let yes = if inside { left } else { right };
                    // NaN leaves at the first step, which is a way out.
                    let branch = Branch { id: here, bound, yes, no: otherwise, missing_yes: !inside, ..branch };
                    if here == at {
                        table.row(number, "BRANCH_LT", &branch);
                    } else {
                        more.push(branch);
                    }
                    here = extra;
                    extra += usize::from(step != last);
                }
            }
        }
    }
    for leaf in 0..tree.leaves.len() {
        table.row(number, "LEAF", &Branch { id: tree.nodes.len() + leaf, ..Branch::default() });
    }
    more.sort_by_key(|branch| branch.id);
    for branch in &more {
        table.row(number, "BRANCH_LT", branch);
    }
}
