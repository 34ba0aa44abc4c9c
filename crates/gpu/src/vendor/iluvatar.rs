//! Iluvatar: one backend for each chip that the configuration names.

use super::backend::{Backend, Inventory, MemoryUnit, Resources, Selectors, Vendor};
use crate::codec::decode_register;

/// The chips of the chart's own configuration.
pub(super) const WORDS: [&str; 4] = ["MR-V100", "MR-V50", "BI-V150", "BI-V100"];

/// The backend of one chip.
pub(crate) fn backend(word: &str) -> Backend {
    let inventory =
        Inventory::Register { key: format!("hami.io/node-{word}-register"), decode: |value, _| decode_register(value) };
    let resources = Resources::new(
        &format!("iluvatar.ai/{word}-vgpu"),
        Some(&format!("iluvatar.ai/{word}.vMem")),
        Some(&format!("iluvatar.ai/{word}.vCore")),
    );
    Backend {
        handshake: Some(format!("hami.io/node-handshake-{word}")),
        memory_unit: MemoryUnit::Mib(256),
        selectors: Selectors::with_word(word),
        ..Backend::new(Vendor::Iluvatar, word, inventory, word, resources)
    }
}
