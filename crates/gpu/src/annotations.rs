//! Which annotations of a node or pod may be shown.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Domains whose annotations are about devices.
const KNOWN: [&str; 16] = [
    "hami.io/",
    "nvidia.com/",
    "amd.com/",
    "aws.amazon.com/neuron",
    "aws.amazon.com/predicate",
    "baidu.com/",
    "birentech.com/",
    "cambricon.com/",
    "enflame.com/",
    "huawei.com/",
    "hygon.com/",
    "iluvatar.ai/",
    "metax-tech.com/",
    "mthreads.com/",
    "mthreads.ai/",
    "vastaitech.com/",
];
/// Keys without a domain that vendors' plugins write.
const BARE: [&str; 10] = [
    "AWS_NEURON_IDS",
    "BAIDU_COM_DEVICE_IDX",
    "CAMBRICON_DSMLU_ASSIGNED",
    "CAMBRICON_DSMLU_PROFILE",
    "NEURON_ALLOCATED",
    "NEURON_ALLOC_TIME",
    "NEURON_RESOURCE_TYPE",
    "assigned-containers",
    "hami-vnpu-core",
    "predicate-time",
];
/// Words in a key that speak of a secret. A bare `key` is none: it would hide too much and stop nothing.
const SECRET: [&str; 6] = ["secret", "token", "password", "passwd", "credential", "private-key"];

/// Annotations about devices, and the names of all others.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Shown {
    /// With their values.
    pub annotations: BTreeMap<String, String>,
    /// Only their keys: what is in them is no business of devices.
    pub others: Vec<String>,
}

/// Parts annotations into those that may be shown and those that are only named.
pub fn shown<'a>(annotations: impl IntoIterator<Item = (&'a str, &'a str)>) -> Shown {
    let mut shown = Shown::default();
    for (key, value) in annotations {
        if is_about_devices(key) {
            shown.annotations.insert(key.to_owned(), value.to_owned());
        } else {
            shown.others.push(key.to_owned());
        }
    }
    shown.others.sort_unstable();
    shown
}

/// Whether an annotation is about devices and its key speaks of no secret.
pub fn is_about_devices(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let known = BARE.contains(&key) || KNOWN.iter().any(|domain| key.starts_with(domain));
    known && !SECRET.iter().any(|word| lower.contains(word))
}
