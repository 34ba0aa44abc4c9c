//! Vastai: whole cards.

use super::backend::{Backend, Inventory, QuotaKinds, Resources, Selectors, Vendor};
use crate::{
    codec::{Device, decode_register},
    error::Result,
};

pub(super) fn backend() -> Backend {
    let inventory =
        Inventory::Register { key: "hami.io/node-va-register".to_owned(), decode: |value, _| whole_cards(value) };
    Backend {
        handshake: Some("hami.io/node-handshake-va".to_owned()),
        quota: QuotaKinds::NONE,
        selectors: Selectors::with_prefix("vastaitech.com/", Some("va"), "gpuuuid"),
        ..Backend::new(Vendor::Vastai, "Vastai", inventory, "Vastai", Resources::new("vastaitech.com/va", None, None))
    }
}

/// A register that leaves out the cores of its cards, each of which has 100.
pub(super) fn whole_cards(value: &str) -> Result<Vec<Device>> {
    let mut devices = decode_register(value)?;
    for device in &mut devices {
        device.cores = 100;
    }
    Ok(devices)
}
