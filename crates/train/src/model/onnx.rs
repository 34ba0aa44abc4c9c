//! The model as ONNX. The few messages that are needed are written field by field; a crate with all of ONNX's messages would
//! be generated code of thirty times the size.
//!
//! ```text
//! input [N, F] float64 ─┬─► (categories: code ─► rank) ─► TreeEnsembleRegressor ─┐
//!                       └─► linear leaves: Where(IsNaN, 0, x)·A + IsNaN·M + tables ┴─► Add ─► Sigmoid | Softmax ─► output
//! ```

mod trees;

use super::{
    Feature, FeatureKind, Model,
    ensemble::{Ensemble, Objective, Tree},
};
use crate::{Error, Task};

/// Bytes of a message, field by field.
#[derive(Default, Clone)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push((value & 0x7f) as u8);
    }

    #[expect(clippy::cast_sign_loss, reason = "protobuf writes negative numbers as their two's complement")]
    fn int(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }
}

const INT64: i64 = 7;
const DOUBLE: i64 = 11;
/// Kinds of attributes.
const A_INT: i64 = 2;
const A_STRING: i64 = 3;
const A_TENSOR: i64 = 4;
const A_INTS: i64 = 7;
const A_STRINGS: i64 = 8;
/// The domain of trees and labels.
const ML: &str = "ai.onnx.ml";

fn tensor(name: &str, kind: i64, shape: &[usize], content: &[u8]) -> Message {
    let shape =
        shape.iter().fold(Message::default(), |message, &size| message.int(1, size.try_into().unwrap_or(i64::MAX)));
    shape.int(2, kind).text(8, name).bytes(9, content)
}

fn doubles(name: &str, shape: &[usize], values: &[f64]) -> Message {
    let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, DOUBLE, shape, &content)
}

fn integers(name: &str, values: &[i64]) -> Message {
    let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, INT64, &[values.len()], &content)
}

fn attribute(name: &str, kind: i64) -> Message {
    Message::default().text(1, name).int(20, kind)
}

fn whole(name: &str, value: i64) -> Message {
    attribute(name, A_INT).int(3, value)
}

fn wholes(name: &str, values: impl IntoIterator<Item = i64>) -> Message {
    values.into_iter().fold(attribute(name, A_INTS), |message, value| message.int(8, value))
}

fn value_info(name: &str, kind: i64, width: usize) -> Message {
    let rows = Message::default().text(2, "rows");
    let width = Message::default().int(1, width.try_into().unwrap_or(i64::MAX));
    let shape = Message::default().message(1, &rows).message(1, &width);
    let kind = Message::default().message(1, &Message::default().int(1, kind).message(2, &shape));
    Message::default().text(1, name).message(2, &kind)
}

/// Nodes and constants so far.
#[derive(Default)]
struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    made: usize,
}

impl Graph {
    /// Adds a node with one output, and gives the output's name.
    fn node(&mut self, domain: &str, kind: &str, inputs: &[&str], attributes: &[Message]) -> String {
        self.made += 1;
        let output = format!("value_{}", self.made);
        let mut node = inputs.iter().fold(Message::default(), |message, input| message.text(1, input));
        node = node.text(2, &output).text(3, &output).text(4, kind);
        node = attributes.iter().fold(node, |message, attribute| message.message(5, attribute));
        self.nodes.push(if domain.is_empty() { node } else { node.text(7, domain) });
        output
    }

    fn constant(&mut self, make: impl FnOnce(&str) -> Message) -> String {
        self.made += 1;
        let name = format!("constant_{}", self.made);
        self.constants.push(make(&name));
        name
    }

    fn cast(&mut self, input: &str, kind: i64) -> String {
        self.node("", "Cast", &[input], &[whole("to", kind)])
    }

    fn add(&mut self, sum: Option<String>, term: String) -> String {
        match sum {
            Some(sum) => self.node("", "Add", &[&sum, &term], &[]),
            None => term,
        }
    }
}

pub(super) fn write(model: &Model) -> Result<Vec<u8>, Error> {
    let ensemble = &model.ensemble;
    let outputs = ensemble.objective.outputs();
    let mut graph = Graph::default();
    let (lines, trees): (Vec<_>, Vec<_>) = ensemble.trees.iter().enumerate().partition(|(_, tree)| of_one_line(tree));
    let trees: Vec<(usize, &Tree)> = trees.into_iter().map(|(at, tree)| (at % outputs, tree)).collect();
    let lines: Vec<(usize, &Tree)> = lines.into_iter().map(|(at, tree)| (at % outputs, tree)).collect();
    let mut sum = None;
    if !lines.is_empty() {
        let term = linear(&mut graph, &lines, ensemble.features, outputs)?;
        sum = Some(term);
    }
    if !trees.is_empty() {
        let inputs = ranked(&mut graph, &model.metadata.features)?;
        let attributes = trees::regressor(&trees, &model.metadata.features, outputs)?;
        let term = graph.node(ML, "TreeEnsembleRegressor", &[&inputs], &attributes);
        let term = graph.cast(&term, DOUBLE);
        sum = Some(graph.add(sum, term));
    }
    let scores = sum.ok_or_else(|| Error::model_file("the model has no trees"))?;
    let (output, width) = finish(&mut graph, model, &scores, outputs);
    Ok(file(&graph, ensemble, &output, width).0)
}

fn of_one_line(tree: &Tree) -> bool {
    tree.nodes.is_empty()
}

/// Trees without tests are sums of `a·x`, of what they say where x is missing, and of constants.
fn linear(graph: &mut Graph, lines: &[(usize, &Tree)], features: usize, outputs: usize) -> Result<String, Error> {
    let mut slopes = vec![0.0; features * outputs];
    let mut missing = vec![0.0; features * outputs];
    let mut constants = vec![0.0; outputs];
    for &(output, tree) in lines {
        let leaf = &tree.leaves[0];
        match leaf.terms.as_slice() {
            [] => constants[output] += leaf.value,
            &[(feature, slope)] => {
                slopes[feature * outputs + output] += slope;
                // The constant stays where x is missing, so it is taken back there.
                missing[feature * outputs + output] += leaf.value - leaf.constant;
                constants[output] += leaf.constant;
            }
            _ => return Err(Error::model_file("linear leaves of several features are not exported to ONNX")),
        }
    }
    let slopes = graph.constant(|name| doubles(name, &[features, outputs], &slopes));
    let missing = graph.constant(|name| doubles(name, &[features, outputs], &missing));
    let constants = graph.constant(|name| doubles(name, &[1, outputs], &constants));
    let zero = graph.constant(|name| doubles(name, &[1], &[0.0]));
    let is_missing = graph.node("", "IsNaN", &["input"], &[]);
    let known = graph.node("", "Where", &[&is_missing, &zero, "input"], &[]);
    let flags = graph.cast(&is_missing, DOUBLE);
    let present = graph.node("", "MatMul", &[&known, &slopes], &[]);
    let absent = graph.node("", "MatMul", &[&flags, &missing], &[]);
    let sum = graph.node("", "Add", &[&present, &absent], &[]);
    Ok(graph.node("", "Add", &[&sum, &constants], &[]))
}

/// The input with ranks in place of codes.
fn ranked(graph: &mut Graph, features: &[Feature]) -> Result<String, Error> {
    if features.iter().all(|feature| feature.levels().is_none()) {
        return Ok("input".to_owned());
    }
    let mut columns = Vec::new();
    for (at, feature) in features.iter().enumerate() {
        let at = i64::try_from(at).map_err(|_| Error::model_file("too many features"))?;
        let index = graph.constant(|name| integers(name, &[at]));
        let column = graph.node("", "Gather", &["input", &index], &[whole("axis", 1)]);
        columns.push(match &feature.kind {
            FeatureKind::Category { levels, .. } => ranks(graph, levels.len(), feature, &column),
            FeatureKind::Numeric { .. } | FeatureKind::Boolean => column,
        });
    }
    let inputs: Vec<&str> = columns.iter().map(String::as_str).collect();
    Ok(graph.node("", "Concat", &inputs, &[whole("axis", 1)]))
}

/// A code to its rank by a table; codes that are not in it, and missing ones, to NaN.
fn ranks(graph: &mut Graph, levels: usize, feature: &Feature, column: &str) -> String {
    let FeatureKind::Category { ranks, .. } = &feature.kind else { return column.to_owned() };
    let mut table: Vec<f64> = (0..levels).map(|code| place(ranks, code)).collect();
    table.push(f64::NAN);
    let last = f64::from(u32::try_from(levels).unwrap_or(u32::MAX));
    let table = graph.constant(|name| doubles(name, &[levels + 1], &table));
    let (zero, last) =
        (graph.constant(|name| doubles(name, &[1], &[0.0])), graph.constant(|name| doubles(name, &[1], &[last])));
    // NaN is neither at least zero nor below the last, so it comes to the last place of the table.
    let low = graph.node("", "GreaterOrEqual", &[column, &zero], &[]);
    let high = graph.node("", "Less", &[column, &last], &[]);
    let inside = graph.node("", "And", &[&low, &high], &[]);
    let safe = graph.node("", "Where", &[&inside, column, &last], &[]);
    let code = graph.cast(&safe, INT64);
    graph.node("", "Gather", &[&table, &code], &[whole("axis", 0)])
}

/// Ranked levels by rank; those without a rank are never in a boosted tree's set, and come after all, each alone, for chains
/// of single categories.
fn place(ranks: &[Option<u32>], code: usize) -> f64 {
    ranks.get(code).copied().flatten().map_or(f64::NAN, f64::from)
}

/// Scores to what the model says.
fn finish(graph: &mut Graph, model: &Model, scores: &str, outputs: usize) -> (String, usize) {
    match (model.task(), model.ensemble.objective) {
        (Task::Clustering, _) | (_, Objective::Regression) => (scores.to_owned(), outputs),
        (_, Objective::Binary) => {
            let second = graph.node("", "Sigmoid", &[scores], &[]);
            let one = graph.constant(|name| doubles(name, &[1], &[1.0]));
            let first = graph.node("", "Sub", &[&one, &second], &[]);
            (graph.node("", "Concat", &[&first, &second], &[whole("axis", 1)]), 2)
        }
        (_, Objective::Multiclass(_)) => (graph.node("", "Softmax", &[scores], &[whole("axis", 1)]), outputs),
    }
}

fn file(graph: &Graph, ensemble: &Ensemble, output: &str, width: usize) -> Message {
    let last = Message::default().text(1, output).text(2, "output").text(3, "output").text(4, "Identity");
    let nodes = graph.nodes.iter().chain([&last]);
    let mut body = nodes.fold(Message::default(), |message, node| message.message(1, node));
    body = body.text(2, "model");
    body = graph.constants.iter().fold(body, |message, constant| message.message(5, constant));
    body = body
        .message(11, &value_info("input", DOUBLE, ensemble.features))
        .message(12, &value_info("output", DOUBLE, width));
    let operators = |domain: &str, version: i64| Message::default().text(1, domain).int(2, version);
    Message::default()
        .int(1, 8)
        .text(2, "trainyard")
        .message(7, &body)
        .message(8, &operators("", 17))
        .message(8, &operators(ML, 3))
}
