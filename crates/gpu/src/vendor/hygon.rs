//! Hygon DCU.

use super::backend::{Backend, Inventory, Resources, Selectors, Vendor};
use crate::codec::decode_register;

pub(super) fn backend() -> Backend {
    let inventory =
        Inventory::Register { key: "hami.io/node-dcu-register".to_owned(), decode: |value, _| decode_register(value) };
    let resources = Resources::new("hygon.com/dcunum", Some("hygon.com/dcumem"), Some("hygon.com/dcucores"));
    Backend {
        handshake: Some("hami.io/node-handshake-dcu".to_owned()),
        selectors: Selectors::with_prefix("hygon.com/", Some("dcutype"), "gpuuuid"),
        ..Backend::new(Vendor::Hygon, "DCU", inventory, "dcu", resources)
    }
}
