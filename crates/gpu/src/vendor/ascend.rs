//! Huawei Ascend: one backend for each chip that the configuration names.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::backend::{Backend, Inventory, Resources, Selectors, Vendor};
use crate::{
    codec::{Fields, decode_register},
    error::{DecodeError, Result},
};

/// The chips of the chart's own configuration.
pub(super) const WORDS: [&str; 7] =
    ["Ascend910A", "Ascend910B2", "Ascend910B3", "Ascend910B4-1", "Ascend910B4", "Ascend310P", "Ascend910C"];

/// The backend of one chip. Its register key has the word last, unlike all others.
pub(crate) fn backend(word: &str) -> Backend {
    let inventory =
        Inventory::Register { key: format!("hami.io/node-register-{word}"), decode: |value, _| decode_register(value) };
    let resources = Resources::new(
        &format!("huawei.com/{word}"),
        Some(&format!("huawei.com/{word}-memory")),
        Some(&format!("huawei.com/{word}-core")),
    );
    Backend {
        handshake: Some(format!("hami.io/node-handshake-{word}")),
        selectors: Selectors::with_word(word),
        ..Backend::new(Vendor::Ascend, word, inventory, word, resources)
    }
}

/// What the Ascend runtime is told about one device of a pod (annotation `huawei.com/<word>`).
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct AscendRuntimeDevice {
    /// The device.
    pub uuid: String,
    /// The template that memory was rounded up to, such as `vir08`; "" for a soft split.
    pub template: String,
    /// MiB.
    pub memory_mib: i32,
    /// As asked.
    pub cores: i32,
}

impl AscendRuntimeDevice {
    /// Decodes the annotation's value.
    pub fn decode(value: &str) -> Result<Vec<Self>> {
        let items: Vec<Value> = serde_json::from_str(value)
            .map_err(|error| DecodeError::new(format!("the runtime's device list is no JSON array: {error}")))?;
        let device = |item: &Value| {
            let fields = Fields::of(item, "a device")?;
            Ok(Self {
                uuid: fields.text("UUID")?,
                template: fields.text("temp")?,
                memory_mib: fields.number("memory")?,
                cores: fields.number("core")?,
            })
        };
        items.iter().map(device).collect()
    }
}
