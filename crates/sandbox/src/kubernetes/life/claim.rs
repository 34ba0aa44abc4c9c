//! What a pod takes of the node that it has, kept beside its text: nobody reads twenty thousand pods to place one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::hami;
use crate::kubernetes::quantity::Quantity;

/// Amounts by resource; `pods` is one of them.
pub(crate) type Amounts = BTreeMap<String, Quantity>;

/// What a pod takes of its node.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(super) node: Box<str>,
    pub(super) amounts: Amounts,
    /// Parts of cards, as HAMi writes them down.
    pub(super) devices: Box<str>,
}

impl Claim {
    /// What an object takes, if it is a pod that has a node and has not ended.
    pub(crate) fn of(object: &Value) -> Option<Self> {
        let node = object["spec"]["nodeName"].as_str()?;
        let done = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        if done || !object["spec"]["containers"].is_array() {
            return None;
        }
        Some(Self { node: node.into(), amounts: wants(object), devices: hami::devices(object).into() })
    }
}

/// What a pod asks for.
pub(super) fn wants(pod: &Value) -> Amounts {
    let mut wanted = Amounts::from([("pods".to_owned(), Quantity::whole(1))]);
    for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
        for (name, value) in container["resources"]["requests"].as_object().into_iter().flatten() {
            let on_cards = hami::places(pod) && hami::is_on_cards(name);
            if let Some(quantity) = Quantity::of(value).filter(|_| !on_cards) {
                let sum = wanted.entry(name.clone()).or_default();
                *sum = sum.plus(quantity);
            }
        }
    }
    wanted
}
