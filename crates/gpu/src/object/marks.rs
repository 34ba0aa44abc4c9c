//! The marks that HAMi's scheduler leaves on every pod it places.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What HAMi decided, and how far it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Marks {
    /// The chosen node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When it was chosen, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<i64>,
    /// When the bind began, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_at: Option<i64>,
    /// How far the bind came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_phase: Option<BindPhase>,
}

/// How far the bind came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BindPhase {
    /// The device plugin has not answered for all containers yet.
    Allocating,
    /// All containers have their devices.
    Success,
    /// The device plugin refused.
    Failed,
}

impl Marks {
    pub(super) fn of(annotations: &Map<String, Value>) -> Self {
        let text = |key: &str| annotations.get(key).and_then(Value::as_str);
        let seconds = |key: &str| text(key).and_then(|text| text.parse().ok());
        Self {
            node: text("hami.io/vgpu-node").filter(|node| !node.is_empty()).map(str::to_owned),
            scheduled_at: seconds("hami.io/vgpu-time"),
            bound_at: seconds("hami.io/bind-time"),
            bind_phase: match text("hami.io/bind-phase") {
                Some("allocating") => Some(BindPhase::Allocating),
                Some("success") => Some(BindPhase::Success),
                Some("failed") => Some(BindPhase::Failed),
                _ => None,
            },
        }
    }
}
