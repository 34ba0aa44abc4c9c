//! AMD: cores are compute units, 304 on an MI300X.

use super::backend::{Backend, CoreUnit, Inventory, Resources, Selectors, Vendor};
use crate::codec::decode_register;

pub(super) fn backend() -> Backend {
    let inventory =
        Inventory::Register { key: "hami.io/node-amd-register".to_owned(), decode: |value, _| decode_register(value) };
    let resources = Resources::new("amd.com/gpu", Some("amd.com/gpumem"), Some("amd.com/gpucores"));
    Backend {
        core_unit: CoreUnit::ComputeUnits,
        selectors: Selectors::with_prefix("amd.com/", Some("gputype"), "gpu-uuid"),
        ..Backend::new(Vendor::Amd, "AMD", inventory, "amd", resources)
    }
}
