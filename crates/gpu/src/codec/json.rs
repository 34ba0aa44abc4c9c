//! The register value as JSON, where every zero is left out: no `index` is card 0, no `health` is an unhealthy card.

use serde_json::{Map, Value, json};

use super::{Device, Fields, Geometry, GeometrySlot, MigProfile, Placement, fields::array};
use crate::error::{DecodeError, Result};

pub(super) fn decode(value: &str) -> Result<Vec<Device>> {
    array(value, "the register value")?.iter().map(device).collect()
}

fn device(value: &Value) -> Result<Device> {
    let fields = Fields::of(value, "a device")?;
    Ok(Device {
        id: fields.text("id")?,
        index: fields.number("index")?,
        count: fields.number("count")?,
        memory_mib: fields.number("devmem")?,
        cores: fields.number("devcore")?,
        model: fields.text("type")?,
        numa: fields.number("numa")?,
        mode: fields.text("mode")?,
        healthy: fields.flag("health")?,
        mig_profiles: fields.list("migProfiles")?.iter().map(profile).collect::<Result<_>>()?,
        mig_geometries: fields.list("migtemplate")?.iter().map(geometry).collect::<Result<_>>()?,
        custom: fields.get("custominfo").and_then(Value::as_object).cloned().unwrap_or_default(),
    })
}

fn profile(value: &Value) -> Result<MigProfile> {
    let fields = Fields::of(value, "a MIG profile")?;
    Ok(MigProfile {
        name: fields.text("name")?,
        memory_mib: fields.number("memoryMB")?,
        cores: fields.number("core")?,
        slices: fields.number("sliceCount")?,
        placements: fields.list("placements")?.iter().map(placement).collect::<Result<_>>()?,
    })
}

pub(super) fn placement(value: &Value) -> Result<Placement> {
    let fields = Fields::of(value, "a MIG placement")?;
    Ok(Placement { start: fields.number("start")?, size: fields.number("size")? })
}

fn geometry(value: &Value) -> Result<Geometry> {
    let slots = value.as_array().ok_or_else(|| DecodeError::new("a MIG geometry must be a list"))?;
    slots
        .iter()
        .map(|slot| {
            let fields = Fields::of(slot, "a MIG template")?;
            Ok(GeometrySlot {
                name: fields.text("Name")?,
                cores: fields.number("Core")?,
                memory_mib: fields.number("Memory")?,
                count: fields.number("Count")?,
            })
        })
        .collect()
}

/// The value as HAMi writes it, zeros left out.
pub fn encode(devices: &[Device]) -> String {
    Value::Array(devices.iter().map(object).collect()).to_string()
}

fn object(device: &Device) -> Value {
    let mut map = Map::new();
    put(&mut map, "id", device.id.as_str().into());
    put(&mut map, "index", device.index.into());
    put(&mut map, "count", device.count.into());
    put(&mut map, "devmem", device.memory_mib.into());
    put(&mut map, "devcore", device.cores.into());
    put(&mut map, "type", device.model.as_str().into());
    put(&mut map, "numa", device.numa.into());
    put(&mut map, "mode", device.mode.as_str().into());
    put(&mut map, "health", device.healthy.into());
    put(&mut map, "migProfiles", device.mig_profiles.iter().map(profile_object).collect());
    put(&mut map, "migtemplate", device.mig_geometries.iter().map(|geometry| geometry_list(geometry)).collect());
    put(&mut map, "custominfo", device.custom.clone().into());
    map.into()
}

fn profile_object(profile: &MigProfile) -> Value {
    let mut map = Map::new();
    put(&mut map, "name", profile.name.as_str().into());
    put(&mut map, "memoryMB", profile.memory_mib.into());
    put(&mut map, "core", profile.cores.into());
    put(&mut map, "sliceCount", profile.slices.into());
    put(
        &mut map,
        "placements",
        profile.placements.iter().map(|at| json!({ "start": at.start, "size": at.size })).collect(),
    );
    map.into()
}

fn geometry_list(geometry: &[GeometrySlot]) -> Value {
    let slot = |slot: &GeometrySlot| json!({ "Name": slot.name, "Core": slot.cores, "Memory": slot.memory_mib, "Count": slot.count });
    geometry.iter().map(slot).collect()
}

/// Puts what is not zero.
fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    let zero = match &value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    };
    if !zero {
        map.insert(key.to_owned(), value);
    }
}
