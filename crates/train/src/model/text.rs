//! An ensemble as LightGBM's text, version 4.

use std::fmt::{Display, Write};

use super::{
    Feature, FeatureKind,
    ensemble::{Child, Ensemble, Objective, Test, Tree},
};

/// The whole file. Numbers are written so that they read back to the bit.
pub(super) fn write(ensemble: &Ensemble, features: &[Feature]) -> String {
    let outputs = ensemble.objective.outputs();
    let trees: Vec<String> = ensemble.trees.iter().enumerate().map(|(index, tree)| block(index, tree)).collect();
    let objective = match ensemble.objective {
        Objective::Regression => "regression".to_owned(),
        Objective::Binary => "binary sigmoid:1".to_owned(),
        Objective::Multiclass(classes) => format!("multiclass num_class:{classes}"),
    };
    let mut text = format!(
        "tree\nversion=v4\nnum_class={outputs}\nnum_tree_per_iteration={outputs}\nlabel_index=0\nmax_feature_idx={}\nobjective={objective}\n",
        features.len().saturating_sub(1)
    );
    let names: Vec<&str> = features.iter().map(|feature| feature.file_name.as_str()).collect();
    let _ = writeln!(text, "feature_names={}", names.join(" "));
    let _ = writeln!(text, "feature_infos={}", list(features.iter().map(info)));
    let _ = writeln!(text, "tree_sizes={}\n", list(trees.iter().map(String::len)));
    for tree in &trees {
        text.push_str(tree);
    }
    text.push_str("end of trees\n\nfeature_importances:\n");
    for (feature, splits) in used(ensemble, features) {
        let _ = writeln!(text, "{feature}={splits}");
    }
    text.push_str("\nparameters:\nend of parameters\n\n");
    let levels: Vec<&[String]> = features.iter().filter_map(Feature::levels).collect();
    // LightGBM's Python package reads this line to map the categories of a pandas frame to codes.
    let levels = serde_json::to_string(&levels).unwrap_or_else(|_| "null".to_owned());
    let _ = writeln!(text, "pandas_categorical:{levels}");
    text
}

/// Splits by feature, most first.
fn used<'a>(ensemble: &Ensemble, features: &'a [Feature]) -> Vec<(&'a str, usize)> {
    let mut counts = vec![0_usize; features.len()];
    for node in ensemble.trees.iter().flat_map(|tree| &tree.nodes) {
        counts[node.feature] += 1;
    }
    let mut used: Vec<(&str, usize)> =
        features.iter().map(|feature| feature.file_name.as_str()).zip(counts).filter(|(_, count)| *count > 0).collect();
    used.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    used
}

fn info(feature: &Feature) -> String {
    match &feature.kind {
        FeatureKind::Numeric { low, high } if low <= high => format!("[{low:?}:{high:?}]"),
        FeatureKind::Numeric { .. } => "none".to_owned(),
        FeatureKind::Boolean => "[0:1]".to_owned(),
        FeatureKind::Category { levels, .. } if levels.is_empty() => "none".to_owned(),
        FeatureKind::Category { levels, .. } => {
            (0..levels.len()).map(|code| code.to_string()).collect::<Vec<_>>().join(":")
        }
    }
}

/// One tree.
fn block(index: usize, tree: &Tree) -> String {
    let sets: Vec<&[u32]> = tree
        .nodes
        .iter()
        .filter_map(|node| match &node.test {
            Test::In(bits) => Some(bits.as_slice()),
            Test::AtMost { .. } => None,
        })
        .collect();
    let mut text = format!("Tree={index}\nnum_leaves={}\nnum_cat={}\n", tree.leaves.len(), sets.len());
    // Of a linear tree LightGBM wants the lists of tests even where there are none.
    if !tree.nodes.is_empty() || tree.is_linear() {
        let mut set = 0;
        let thresholds = tree.nodes.iter().map(|node| match &node.test {
            Test::AtMost { bound, .. } => format!("{bound:?}"),
            Test::In(_) => {
                set += 1;
                (set - 1).to_string()
            }
        });
        let thresholds = list(thresholds);
        // Bit 0: a set of categories. Bit 1: missing goes left. Bit 3: NaN is what is missing.
        let decisions = tree.nodes.iter().map(|node| match node.test {
            Test::AtMost { missing_left, .. } => 8 + 2 * u8::from(missing_left),
            Test::In(_) => 9,
        });
        line(&mut text, "split_feature", tree.nodes.iter().map(|node| node.feature));
        line(&mut text, "split_gain", tree.nodes.iter().map(|node| exact(node.gain)));
        let _ = writeln!(text, "threshold={thresholds}");
        line(&mut text, "decision_type", decisions);
        line(&mut text, "left_child", tree.nodes.iter().map(|node| child(node.left)));
        line(&mut text, "right_child", tree.nodes.iter().map(|node| child(node.right)));
    }
    line(&mut text, "leaf_value", tree.leaves.iter().map(|leaf| exact(leaf.value)));
    line(&mut text, "leaf_weight", tree.leaves.iter().map(|leaf| leaf.rows));
    line(&mut text, "leaf_count", tree.leaves.iter().map(|leaf| leaf.rows));
    if !tree.nodes.is_empty() {
        line(&mut text, "internal_value", tree.nodes.iter().map(|node| exact(node.value)));
        line(&mut text, "internal_weight", tree.nodes.iter().map(|node| node.rows));
        line(&mut text, "internal_count", tree.nodes.iter().map(|node| node.rows));
    }
    if !sets.is_empty() {
        let mut ends = vec![0];
        for set in &sets {
            ends.push(ends[ends.len() - 1] + set.len());
        }
        line(&mut text, "cat_boundaries", ends);
        line(&mut text, "cat_threshold", sets.iter().copied().flatten());
    }
    let linear = tree.is_linear();
    let _ = writeln!(text, "is_linear={}", u8::from(linear));
    if linear {
        line(&mut text, "leaf_const", tree.leaves.iter().map(|leaf| exact(constant(leaf))));
        line(&mut text, "num_features", tree.leaves.iter().map(|leaf| leaf.terms.len()));
        // One space after each number, and one more after each leaf: the form that LightGBM writes.
        let terms = |pick: &dyn Fn(&(usize, f64)) -> String| {
            let mut text = String::new();
            for leaf in &tree.leaves {
                for term in &leaf.terms {
                    text.push_str(&pick(term));
                    text.push(' ');
                }
                text.push(' ');
            }
            text
        };
        let _ = writeln!(text, "leaf_features={}", terms(&|term| term.0.to_string()));
        let _ = writeln!(text, "leaf_coeff={}", terms(&|term| exact(term.1)));
    }
    text.push_str("shrinkage=1\n\n\n");
    text
}

/// LightGBM adds up constant and terms wherever a tree has linear leaves at all.
fn constant(leaf: &super::ensemble::Leaf) -> f64 {
    if leaf.terms.is_empty() { leaf.value } else { leaf.constant }
}

fn child(child: Child) -> i64 {
    // Indices of nodes and leaves are far below the range of i64.
    match child {
        Child::Node(node) => i64::try_from(node).unwrap_or(i64::MAX),
        Child::Leaf(leaf) => !i64::try_from(leaf).unwrap_or(i64::MAX),
    }
}

/// The shortest text that reads back to the same number.
fn exact(value: f64) -> String {
    format!("{value:?}")
}

fn line<T: Display>(text: &mut String, name: &str, values: impl IntoIterator<Item = T>) {
    let _ = writeln!(text, "{name}={}", list(values));
}

fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push(' ');
        }
        let _ = write!(text, "{value}");
    }
    text
}
