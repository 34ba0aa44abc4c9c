//! Changes of a part of an object.

pub(crate) mod apply;
pub(crate) mod managed;
pub(crate) mod shape;
mod strategic;

use serde_json::Value;

use super::{
    kinds::Kind,
    refusal::{Cause, Refusal, Result},
};

/// A change that came in.
#[derive(Debug)]
pub(crate) enum Patch {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7386.
    Merge(Value),
    /// Lists merge by what their items are known by.
    Strategic(Value),
    /// What a manager wants the object to be.
    Apply(Value),
}

impl Patch {
    pub(crate) fn read(media: &str, body: Value, kind: &Kind) -> Result<Self> {
        match media {
            "application/json-patch+json" => serde_json::from_value(body)
                .map(Self::Json)
                .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}"))),
            "application/merge-patch+json" => Ok(Self::Merge(body)),
            "application/strategic-merge-patch+json" if kind.custom.is_none() => Ok(Self::Strategic(body)),
            "application/apply-patch+yaml" | "application/apply-patch+json" => Ok(Self::Apply(body)),
            other => {
                let mut known = vec!["application/json-patch+json", "application/merge-patch+json"];
                if kind.custom.is_none() {
                    known.push("application/strategic-merge-patch+json");
                }
                known.push("application/apply-patch+yaml");
                Err(Refusal::unsupported_media_type(other, &known))
            }
        }
    }

    /// The object after the change.
    pub(crate) fn apply(&self, kind: &Kind, before: &Value) -> Result<Value> {
        let mut after = before.clone();
        match self {
            Self::Json(patch) => json_patch::patch(&mut after, patch).map_err(|error| {
                let name = before["metadata"]["name"].as_str().unwrap_or_default();
                let cause = Cause::invalid("patch", &Value::Null, &error.to_string());
                Refusal::invalid(kind, name, &[cause])
            })?,
            Self::Merge(patch) | Self::Apply(patch) => json_patch::merge(&mut after, patch),
            Self::Strategic(patch) => strategic::merge(&mut after, patch, shape::Shape::of(kind))?,
        }
        Ok(after)
    }
}
