//! Enflame: slices of cards (DRS) with a register of their own form, and whole cards (GCU) known from capacity.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    backend::{Backend, Inventory, MemoryUnit, QuotaKinds, Resources, Selectors, Vendor},
    capacity::{Capacity, small},
};
use crate::{
    codec::{Device, Fields},
    error::{DecodeError, Result, quoted},
    quantity::Quantity,
};

pub(super) fn slices() -> Backend {
    let inventory = Inventory::Register { key: "enflame.com/gcu-drs-capacity".to_owned(), decode: decode_slices };
    let resources = Resources::new("enflame.com/drs-gcu", Some("enflame.com/gcu-memory"), Some("enflame.com/gcu-core"));
    Backend {
        to_allocate: None,
        memory_unit: MemoryUnit::GbOrMib,
        selectors: Selectors::with_prefix("enflame.com/", None, "gpuuuid"),
        lock: None,
        ..Backend::new(Vendor::Enflame, "Enflame", inventory, "enflame-vgpu", resources)
    }
}

pub(super) fn whole() -> Backend {
    let resources = Resources::new("enflame.com/gcu", None, None);
    Backend {
        quota: QuotaKinds::NONE,
        selectors: Selectors::with_prefix("enflame.com/", None, "gpuuuid"),
        lock: None,
        ..Backend::new(Vendor::Enflame, "GCU", Inventory::Capacity(whole_cards), "enflame-gcu", resources)
    }
}

/// HAMi gives a whole card a memory of 100, which is a share and no MiB: nothing says how much there is.
fn whole_cards(backend: &Backend, capacity: &Capacity<'_>) -> Result<Vec<Device>> {
    let each = Device { count: 1, cores: 100, model: backend.word.clone(), ..Device::default() };
    capacity.devices(capacity.amount(&backend.resources.count), "GCU", &each)
}

/// A card's memory is that of its largest profile.
fn decode_slices(value: &str, node: &str) -> Result<Vec<Device>> {
    let value: Value = serde_json::from_str(value)
        .map_err(|error| DecodeError::new(format!("the register value is not JSON: {error}")))?;
    let fields = Fields::of(&value, "the register value")?;
    let memory_mib = match fields.get("profiles") {
        Some(Value::Object(profiles)) => profiles.keys().filter_map(|name| profile_gb(name)).max().unwrap_or(0) * 1024,
        _ => 0,
    };
    fields.list("devices")?.iter().map(|device| slice_card(device, node, memory_mib)).collect()
}

fn slice_card(device: &Value, node: &str, memory_mib: i64) -> Result<Device> {
    let fields = Fields::of(device, "a device")?;
    let index = fields.text("index")?;
    let count = fields.get("capacity").map_or(Ok(Quantity::default()), Quantity::from_json)?;
    Ok(Device {
        id: format!("{node}-enflame-drs-{index}"),
        index: index.parse().map_err(|_| DecodeError::new(format!("index {} is not a number", quoted(&index))))?,
        count: small(count.ceil()),
        memory_mib: small(memory_mib),
        cores: 100,
        model: "Enflame".to_owned(),
        healthy: true,
        ..Device::default()
    })
}

/// The 20 of `3g.20gb`.
fn profile_gb(name: &str) -> Option<i64> {
    let gb: i64 = name.split_once('.')?.1.strip_suffix("gb")?.parse().ok()?;
    (0..=1 << 20).contains(&gb).then_some(gb)
}

/// The slice of a card that one container has (annotation `assigned-containers`).
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct EnflameSlice {
    /// The plugin has made it.
    pub allocated: bool,
    /// Such as `1g.6gb`.
    pub profile: String,
    /// Once it was made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instance_uuid: String,
}

impl EnflameSlice {
    /// Decodes the annotation's value: slices by the name of their container.
    pub fn decode(value: &str) -> Result<BTreeMap<String, Self>> {
        let containers: BTreeMap<String, Value> = serde_json::from_str(value)
            .map_err(|error| DecodeError::new(format!("the slices by container are no JSON object: {error}")))?;
        let slice = |(container, slice): (String, Value)| {
            let fields = Fields::of(&slice, "a slice")?;
            let (allocated, profile) = (fields.flag("allocated")?, fields.text("profileName")?);
            Ok((container, Self { allocated, profile, instance_uuid: fields.text("instanceUUID")? }))
        };
        containers.into_iter().map(slice).collect()
    }
}
