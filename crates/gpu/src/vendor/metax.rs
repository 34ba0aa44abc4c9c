//! Metax: shared cards (sGPU) with a register of their own form, and whole ones known from capacity.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    backend::{Backend, Inventory, MemoryUnit, QuotaKinds, Resources, Selectors, Vendor},
    capacity::Capacity,
};
use crate::{
    codec::{Device, Fields},
    error::{DecodeError, Result},
};

pub(super) fn shared() -> Backend {
    let inventory = Inventory::Register {
        key: "metax-tech.com/node-gpu-devices".to_owned(),
        decode: |value, _| decode_shared(value),
    };
    let resources = Resources::new("metax-tech.com/sgpu", Some("metax-tech.com/vmemory"), Some("metax-tech.com/vcore"));
    Backend {
        memory_unit: MemoryUnit::GibOrBytes,
        selectors: Selectors::with_prefix("metax-tech.com/", None, "gpuuuid"),
        ..Backend::new(Vendor::Metax, "Metax-SGPU", inventory, "metax-sgpu", resources)
    }
}

pub(super) fn whole() -> Backend {
    let resources = Resources::new("metax-tech.com/gpu", None, None);
    Backend {
        quota: QuotaKinds::NONE,
        selectors: Selectors::with_prefix("metax-tech.com/", None, "gpuuuid"),
        lock: None,
        ..Backend::new(Vendor::Metax, "Metax-GPU", Inventory::Capacity(whole_cards), "metax-gpu", resources)
    }
}

fn whole_cards(backend: &Backend, capacity: &Capacity<'_>) -> Result<Vec<Device>> {
    let each = Device { count: 1, memory_mib: 65_536, cores: 100, model: backend.word.clone(), ..Device::default() };
    capacity.devices(capacity.amount(&backend.resources.count), "metax", &each)
}

/// The position in the list is the card's number.
fn decode_shared(value: &str) -> Result<Vec<Device>> {
    let cards: Vec<Value> = serde_json::from_str(value)
        .map_err(|error| DecodeError::new(format!("the register value is no JSON array: {error}")))?;
    cards.iter().zip(0..).map(|(card, index)| shared_card(card, index)).collect()
}

fn shared_card(card: &Value, index: u32) -> Result<Device> {
    let fields = Fields::of(card, "a card")?;
    let mut custom = serde_json::Map::new();
    for (key, value) in [
        ("qosPolicy", json!(fields.text("qosPolicy")?)),
        ("linkZone", json!(fields.number::<i32>("linkZone")?)),
        ("bdf", json!(fields.text("bdf")?)),
    ] {
        if value != "" && value != 0 {
            custom.insert(key.to_owned(), value);
        }
    }
    Ok(Device {
        id: fields.text("uuid")?,
        index,
        count: fields.number("totalDevCount")?,
        memory_mib: fields.number("totalVRam")?,
        cores: fields.number("totalCompute")?,
        model: fields.text("model")?,
        numa: fields.number("numa")?,
        healthy: fields.flag("healthy")?,
        custom,
        ..Device::default()
    })
}

/// What the Metax runtime is told about one device of a container.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct MetaxRuntimeDevice {
    /// The device.
    pub uuid: String,
    /// Percent.
    pub compute: i32,
    /// MiB.
    pub memory_mib: i32,
}

impl MetaxRuntimeDevice {
    /// Decodes the value of `metax-tech.com/gpu-devices-allocated`: the outer list goes by container.
    pub fn decode(value: &str) -> Result<Vec<Vec<Self>>> {
        let containers: Vec<Vec<Value>> = serde_json::from_str(value)
            .map_err(|error| DecodeError::new(format!("the runtime's device list is no list of lists: {error}")))?;
        let device = |item: &Value| {
            let fields = Fields::of(item, "a device")?;
            let (uuid, compute) = (fields.text("uuid")?, fields.number("compute")?);
            Ok(Self { uuid, compute, memory_mib: fields.number("vRam")? })
        };
        containers.iter().map(|devices| devices.iter().map(device).collect()).collect()
    }
}
