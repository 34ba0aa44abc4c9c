//! Cambricon MLU, known from capacity: a card has 100 virtual cores and memory in units of 256 MiB.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    backend::{Backend, Inventory, MemoryUnit, Resources, Selectors, Vendor},
    capacity::{Capacity, small},
};
use crate::{
    codec::Device,
    error::{DecodeError, Result, quoted},
};

const CORES_OF_CARD: i64 = 100;
const UNIT_MIB: i64 = 256;

pub(super) fn backend() -> Backend {
    let resources = Resources::new(
        "cambricon.com/vmlu",
        Some("cambricon.com/mlu.smlu.vmemory"),
        Some("cambricon.com/mlu.smlu.vcore"),
    );
    Backend {
        memory_unit: MemoryUnit::Mib(UNIT_MIB),
        selectors: Selectors::with_prefix("cambricon.com/", Some("mlutype"), "gpuuuid"),
        lock: Some("cambricon.com/dsmlu.lock"),
        ..Backend::new(Vendor::Cambricon, "MLU", Inventory::Capacity(cards), "cambricon-mlu", resources)
    }
}

fn cards(backend: &Backend, capacity: &Capacity<'_>) -> Result<Vec<Device>> {
    let of = |name: &Option<String>| name.as_deref().map_or(0, |name| capacity.amount(name));
    let count = of(&backend.resources.cores) / CORES_OF_CARD;
    if count == 0 {
        return Ok(Vec::new());
    }
    let memory = of(&backend.resources.memory).saturating_mul(UNIT_MIB) / count;
    let each = Device {
        count: 100,
        memory_mib: small(memory),
        cores: small(CORES_OF_CARD),
        model: backend.word.clone(),
        ..Device::default()
    };
    capacity.devices(count, "cambricon-mlu", &each)
}

/// What the Cambricon runtime is told of a pod's device (annotation `CAMBRICON_DSMLU_PROFILE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
pub struct CambriconProfile {
    /// Number of the card on the node.
    pub index: u32,
    /// Percent.
    pub cores: i64,
    /// MiB.
    pub memory_mib: i64,
}

impl CambriconProfile {
    /// Decodes `<index>_<cores>_<memory in 256 MiB>`.
    pub fn decode(value: &str) -> Result<Self> {
        let wrong = || DecodeError::new(format!("{} must be card, cores and memory parted by `_`", quoted(value)));
        let mut parts = value.split('_');
        let (Some(index), Some(cores), Some(memory), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
        let (cores, memory) = (i64::from(number(cores)?), i64::from(number(memory)?));
        Ok(Self { index: number(index)?, cores, memory_mib: memory * UNIT_MIB })
    }
}
