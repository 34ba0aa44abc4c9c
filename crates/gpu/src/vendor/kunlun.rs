//! Kunlun: shared cards (vXPU), and whole ones known from capacity.

use super::{
    backend::{Backend, Inventory, MemoryUnit, QuotaKinds, Resources, Selectors, Vendor},
    capacity::Capacity,
};
use crate::{
    codec::{Device, decode_register},
    error::Result,
};

/// MiB of a card.
const CARD_MIB: i32 = 98_304;

pub(super) fn shared() -> Backend {
    let inventory =
        Inventory::Register { key: "hami.io/node-register-xpu".to_owned(), decode: |value, _| decode_register(value) };
    let resources = Resources::new("kunlunxin.com/vxpu", Some("kunlunxin.com/vxpu-memory"), None);
    Backend {
        handshake: Some("hami.io/node-handshake-xpu".to_owned()),
        memory_unit: MemoryUnit::KunlunSteps,
        quota: QuotaKinds { memory: true, cores: false },
        selectors: Selectors::with_word("xpu"),
        ..Backend::new(Vendor::Kunlun, "XPU", inventory, "xpu", resources)
    }
}

pub(super) fn whole() -> Backend {
    let resources = Resources::new("kunlunxin.com/xpu", None, None);
    Backend {
        to_allocate: None,
        allocated: "hami.io/kunlun-allocated".to_owned(),
        quota: QuotaKinds::NONE,
        selectors: Selectors::with_prefix("baidu.com/", None, "gpuuuid"),
        lock: None,
        ..Backend::new(Vendor::Kunlun, "kunlun", Inventory::Capacity(whole_cards), "kunlun", resources)
    }
}

/// The upper half of the cards hangs on the second NUMA node.
fn whole_cards(backend: &Backend, capacity: &Capacity<'_>) -> Result<Vec<Device>> {
    let count = capacity.amount(&backend.resources.count);
    let each =
        Device { count: 100, memory_mib: CARD_MIB, cores: 100, model: backend.word.clone(), ..Device::default() };
    let mut cards = capacity.devices(count, "kunlun", &each)?;
    let half = cards.len() / 2;
    for card in cards.iter_mut().skip(half) {
        card.numa = 1;
    }
    Ok(cards)
}
