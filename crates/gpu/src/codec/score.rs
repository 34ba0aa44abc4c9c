//! How well NVIDIA cards of a node reach each other.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Fields, fields::array};
use crate::error::{DecodeError, Result};

/// Card → other card → score. 0 also stands for a pair whose links differ by direction.
pub type PairScores = BTreeMap<String, BTreeMap<String, i64>>;

/// Decodes the value of `hami.io/node-nvidia-score`.
pub fn decode_scores(value: &str) -> Result<PairScores> {
    array(value, "the pair scores")?.iter().map(card).collect()
}

fn card(value: &Value) -> Result<(String, BTreeMap<String, i64>)> {
    let fields = Fields::of(value, "a card's scores")?;
    let scores = match fields.get("score") {
        None => BTreeMap::new(),
        Some(Value::Object(scores)) => scores.iter().map(score).collect::<Result<_>>()?,
        Some(_) => return Err(DecodeError::new("`score` must be a JSON object")),
    };
    Ok((fields.text("uuid")?, scores))
}

fn score((other, score): (&String, &Value)) -> Result<(String, i64)> {
    let score = score.as_i64().ok_or_else(|| DecodeError::new("a pair's score must be a whole number"))?;
    Ok((other.clone(), score))
}
