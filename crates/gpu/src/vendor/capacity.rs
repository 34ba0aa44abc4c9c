//! Devices that are known from a node's capacity alone.

use std::collections::BTreeMap;

use crate::{
    codec::Device,
    error::{DecodeError, Result},
    quantity::Quantity,
};

/// More devices than this on one node is a mistake, or somebody's attempt to fill our memory.
const MOST_DEVICES: i64 = 1024;

/// What a node says it has.
#[derive(Debug, Clone, Copy)]
pub struct Capacity<'a> {
    /// The node's name.
    pub node: &'a str,
    /// Its instance type, from the label `node.kubernetes.io/instance-type`.
    pub instance_type: Option<&'a str>,
    /// Resources by name.
    pub resources: &'a BTreeMap<String, Quantity>,
}

impl Capacity<'_> {
    /// The whole amount of a resource, 0 when absent.
    pub(super) fn amount(&self, resource: &str) -> i64 {
        self.resources.get(resource).and_then(|amount| amount.whole()).unwrap_or(0).max(0)
    }

    /// `count` devices, each made from the one given: `name` and the number make its identity.
    pub(super) fn devices(&self, count: i64, name: &str, each: &Device) -> Result<Vec<Device>> {
        if count > MOST_DEVICES {
            return Err(DecodeError::new(format!(
                "a capacity of {count} devices; {MOST_DEVICES} on a node are believed"
            )));
        }
        let count = u32::try_from(count).unwrap_or(0);
        let device =
            |index| Device { id: format!("{}-{name}-{index}", self.node), index, healthy: true, ..each.clone() };
        Ok((0..count).map(device).collect())
    }
}

/// A number for a device's field, at the end of its range at most.
pub(super) fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
