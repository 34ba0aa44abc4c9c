//! forust's trees to ours, exactly.

use forust_ml::tree::Tree as Grown;

use crate::{
    Feature, FeatureKind,
    model::ensemble::{Child, Leaf, Node, Test, Tree},
};

/// `rows` counts the rows of each of forust's nodes.
pub(crate) fn convert(grown: &Grown, features: &[Feature], rows: &[u64]) -> Tree {
    let mut places = Vec::with_capacity(grown.nodes.len());
    let (mut nodes, mut leaves) = (0, 0);
    for node in &grown.nodes {
        places.push(if node.is_leaf {
            leaves += 1;
            Child::Leaf(leaves - 1)
        } else {
            nodes += 1;
            Child::Node(nodes - 1)
        });
    }
    let mut tree = Tree { nodes: Vec::with_capacity(nodes), leaves: Vec::with_capacity(leaves) };
    for (node, &rows) in grown.nodes.iter().zip(rows) {
        let value = f64::from(node.weight_value);
        if node.is_leaf {
            tree.leaves.push(Leaf { value, rows, ..Leaf::default() });
            continue;
        }
        let (left, right) = (places[node.left_child], places[node.right_child]);
        let missing_left = node.missing_node == node.left_child;
        let (test, left, right) = match &features[node.split_feature].kind {
            FeatureKind::Category { ranks, .. } => {
                let (set, named) = categories(ranks, node.split_value, missing_left);
                if named { (set, left, right) } else { (set, right, left) }
            }
            FeatureKind::Numeric { .. } | FeatureKind::Boolean => {
                (Test::AtMost { bound: bound(node.split_value), missing_left }, left, right)
            }
        };
        let gain = f64::from(node.split_gain);
        tree.nodes.push(Node { feature: node.split_feature, test, left, right, gain, value, rows });
    }
    tree
}

/// `value < split` as `value <= bound`. The outermost cuts are below and above every number.
#[expect(clippy::float_cmp, reason = "the outermost cuts are these very numbers")]
fn bound(split: f64) -> f64 {
    if split == f64::MAX || split == f64::MIN { split } else { split.next_down() }
}

/// The set of categories on the side where missing values do not go, and whether that is the left side: in LightGBM, what is
/// in no set goes right.
pub(super) fn categories(ranks: &[Option<u32>], split: f64, missing_left: bool) -> (Test, bool) {
    let mut bits = vec![0_u32; ranks.len().div_ceil(32).max(1)];
    for (code, rank) in ranks.iter().enumerate() {
        if rank.is_some_and(|rank| (f64::from(rank) < split) != missing_left) {
            bits[code / 32] |= 1 << (code % 32);
        }
    }
    (Test::In(bits), !missing_left)
}
