//! Moore Threads, known from capacity: a card has 16 cores and memory in units of 512 MiB.

use super::{
    backend::{Backend, CoreUnit, Inventory, MemoryUnit, Resources, Selectors, Vendor},
    capacity::{Capacity, small},
};
use crate::{codec::Device, error::Result};

const CORES_OF_CARD: i64 = 16;
const UNIT_MIB: i64 = 512;

pub(super) fn backend() -> Backend {
    let resources =
        Resources::new("mthreads.com/vgpu", Some("mthreads.com/sgpu-memory"), Some("mthreads.com/sgpu-core"));
    Backend {
        to_allocate: None,
        core_unit: CoreUnit::Sixteenths,
        memory_unit: MemoryUnit::Mib(UNIT_MIB),
        selectors: Selectors::with_prefix("mthreads.ai/", None, "gpuuuid"),
        lock: None,
        ..Backend::new(Vendor::Mthreads, "Mthreads", Inventory::Capacity(cards), "mthreads-vgpu", resources)
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
    capacity.devices(count, "mthreads", &each)
}
