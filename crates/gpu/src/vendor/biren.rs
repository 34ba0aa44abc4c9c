//! Biren: whole cards.

use super::{
    backend::{Backend, Inventory, QuotaKinds, Resources, Selectors, Vendor},
    vastai::whole_cards,
};

pub(super) fn backend() -> Backend {
    let inventory =
        Inventory::Register { key: "hami.io/node-biren-register".to_owned(), decode: |value, _| whole_cards(value) };
    Backend {
        handshake: Some("hami.io/node-handshake-biren".to_owned()),
        quota: QuotaKinds::NONE,
        selectors: Selectors::with_prefix("birentech.com/", Some("biren"), "gpuuuid"),
        ..Backend::new(Vendor::Biren, "Biren", inventory, "Biren", Resources::new("birentech.com/gpu", None, None))
    }
}
