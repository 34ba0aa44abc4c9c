//! `config.json` of the device plugin: what single nodes do differently.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::document;
use crate::{codec::Fields, error::Result};

/// What single nodes do differently.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize)]
pub struct PluginConfig {
    /// One entry a node.
    pub nodes: Vec<NodeOverride>,
}

/// What one node does differently; what is absent is as everywhere.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize)]
pub struct NodeOverride {
    /// The node.
    pub name: String,
    /// `hami-core`, `mig` or `mps`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub operating_mode: String,
    /// Tasks on a card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_split_count: Option<i64>,
    /// Promised memory for each MiB of real memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_memory_scaling: Option<f64>,
    /// Promised computing for each percent of real computing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_core_scaling: Option<f64>,
    /// How MIG instances are named to the kubelet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mig_strategy: String,
    /// Devices that are kept from HAMi.
    #[serde(skip_serializing_if = "FilteredDevices::is_empty")]
    pub filtered: FilteredDevices,
}

/// Devices that are kept from HAMi.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[expect(missing_docs, reason = "named as in the file")]
pub struct FilteredDevices {
    pub uuid: Vec<String>,
    pub index: Vec<i64>,
}

impl FilteredDevices {
    fn is_empty(&self) -> bool {
        self.uuid.is_empty() && self.index.is_empty()
    }
}

impl PluginConfig {
    /// Reads the text under [`super::PLUGIN_KEY`]. Key case does not matter.
    pub fn parse(text: &str) -> Result<Self> {
        let value = document(text)?;
        let fields = Fields::of(&value, "the plugin's configuration")?;
        Ok(Self { nodes: fields.list("nodeconfig")?.iter().map(node).collect::<Result<_>>()? })
    }
}

fn node(value: &Value) -> Result<NodeOverride> {
    let fields = Fields::of(value, "an entry of nodeconfig")?;
    let real = |key| fields.get(key).and_then(Value::as_f64);
    let filtered = match fields.get("filterdevices") {
        None => FilteredDevices::default(),
        Some(devices) => {
            let devices = Fields::of(devices, "filterdevices")?;
            FilteredDevices {
                uuid: devices.list("uuid")?.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                index: devices.list("index")?.iter().filter_map(Value::as_i64).collect(),
            }
        }
    };
    Ok(NodeOverride {
        name: fields.text("name")?,
        operating_mode: fields.text("operatingmode")?,
        device_split_count: fields.get("devicesplitcount").and_then(Value::as_i64),
        device_memory_scaling: real("devicememoryscaling"),
        device_core_scaling: real("devicecorescaling"),
        mig_strategy: fields.text("migstrategy")?,
        filtered,
    })
}
