//! A device as a node registers it, in whichever notation its release of HAMi writes.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Geometry, MigProfile, json, text};
use crate::error::Result;

/// One device as its node announces it.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Device {
    /// The device's UUID, or the name that HAMi gives to a device without one.
    pub id: String,
    /// Its number on the node.
    pub index: u32,
    /// How many tasks may share it.
    pub count: i32,
    /// MiB, scaling of the operator included.
    pub memory_mib: i32,
    /// Units of computing; what one is depends on the vendor, 100 are a card for most.
    pub cores: i32,
    /// The model.
    pub model: String,
    /// The NUMA node that it hangs on.
    pub numa: i32,
    /// `hami-core`, `mig`, `mps`, or "" where the vendor knows no modes.
    pub mode: String,
    /// Absent in JSON means unhealthy.
    pub healthy: bool,
    /// What the card may be cut into, from HAMi 2.10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mig_profiles: Vec<MigProfile>,
    /// The ways in which the card may be cut whole, before HAMi 2.10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mig_geometries: Vec<Geometry>,
    /// What the vendor adds: `NetworkID` of Ascend, `DeviceStrategy` and `AIC` of Vastai, `AWSNodeType` of Neuron.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub custom: Map<String, Value>,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            id: String::new(),
            index: 0,
            count: 0,
            memory_mib: 0,
            cores: 0,
            model: String::new(),
            numa: 0,
            mode: String::new(),
            healthy: false,
            mig_profiles: Vec::new(),
            mig_geometries: Vec::new(),
            custom: Map::new(),
        }
    }
}

/// Decodes a register value of any release: JSON when it begins with `[`, else text. A value with one wrong device is wrong as a
/// whole, as it is for HAMi.
pub fn decode_register(value: &str) -> Result<Vec<Device>> {
    // Blanks may be part of a text, so they are looked past and not cut off.
    if value.trim_start().starts_with('[') { json::decode(value) } else { text::decode(value) }
}
