//! The reasons in the text of an event that HAMi's scheduler left on a pod.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::CardReason;

/// Nodes that are told of; an event holds 1,024 characters, so there are never many.
const MOST_NODES: usize = 64;

/// What an event says of a node.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct NodeEvent {
    /// The node, where the text names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Cards of the node, as far as the text says.
    pub cards: usize,
    /// Cards by what speaks against them.
    pub reasons: BTreeMap<CardReason, usize>,
    /// The node registers no devices.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unregistered: bool,
}

/// Finds `<n>/<cards> <Reason>` wherever it stands; a word that ends with a colon before it names the node. Text of others is never
/// taken for more than that.
pub fn parse_event(message: &str) -> Vec<NodeEvent> {
    let mut nodes: Vec<NodeEvent> = Vec::new();
    let mut name = String::new();
    let words: Vec<&str> = message.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        if let Some(named) = word.strip_suffix(':') {
            named.trim_matches(['"', '\'', '[', '{']).clone_into(&mut name);
            continue;
        }
        let found = share(word).zip(words.get(at + 1).and_then(|next| CardReason::parse(trimmed(next))));
        let unregistered = trimmed(word) == "unregistered" && at > 0 && trimmed(words[at - 1]) == "node";
        if found.is_none() && !unregistered {
            continue;
        }
        if nodes.last().is_none_or(|last| last.node != name) {
            if nodes.len() == MOST_NODES {
                break;
            }
            nodes.push(NodeEvent { node: name.clone(), cards: 0, reasons: BTreeMap::new(), unregistered: false });
        }
        if let Some(node) = nodes.last_mut() {
            node.unregistered |= unregistered;
            if let Some(((count, cards), reason)) = found {
                node.cards = node.cards.max(cards);
                *node.reasons.entry(reason).or_default() += count;
            }
        }
    }
    nodes
}

fn trimmed(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_ascii_alphanumeric())
}

/// `2/8`.
fn share(word: &str) -> Option<(usize, usize)> {
    let (count, cards) = trimmed(word).split_once('/')?;
    // Counts of cards are small; anything else is no count.
    let small = |text: &str| text.parse::<u16>().ok().map(usize::from);
    Some((small(count)?, small(cards)?))
}
