//! The schemas of the built-in kinds, as the library of their types has them.

use std::sync::LazyLock;

use serde_json::{Map, Value};

/// Where schemas refer to each other.
pub(crate) const REFERENCE: &str = "#/components/schemas/";

/// Made by the tests of `generate`: the library's own code for it would be a third of the sandbox.
const PACKED: &[u8] = include_bytes!("schemas.json.zst");

/// All schemas by name, such as `io.k8s.api.core.v1.Pod`.
pub(crate) fn schemas() -> &'static Map<String, Value> {
    static SCHEMAS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
        let plain = zstd::decode_all(PACKED).expect("the blob was compressed by us");
        serde_json::from_slice(&plain).expect("the blob was written by us")
    });
    &SCHEMAS
}
