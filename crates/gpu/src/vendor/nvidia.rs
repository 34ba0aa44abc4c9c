//! NVIDIA: full cards, shared cards, MIG and MPS.

use super::backend::{Backend, Inventory, Resources, Selectors, Vendor};
use crate::codec::decode_register;

pub(super) fn backend() -> Backend {
    let inventory = Inventory::Register {
        key: "hami.io/node-nvidia-register".to_owned(),
        decode: |value, _| decode_register(value),
    };
    let resources = Resources {
        memory_percentage: Some("nvidia.com/gpumem-percentage".to_owned()),
        priority: Some("nvidia.com/priority".to_owned()),
        ..Resources::new("nvidia.com/gpu", Some("nvidia.com/gpumem"), Some("nvidia.com/gpucores"))
    };
    Backend {
        handshake: Some("hami.io/node-handshake".to_owned()),
        selectors: Selectors {
            mode: Some("nvidia.com/vgpu-mode".to_owned()),
            numa_bind: Some("nvidia.com/numa-bind".to_owned()),
            ..Selectors::with_prefix("nvidia.com/", Some("gputype"), "gpuuuid")
        },
        ..Backend::new(Vendor::Nvidia, "NVIDIA", inventory, "vgpu", resources)
    }
}
