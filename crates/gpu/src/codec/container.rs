//! Which devices each container of a pod was given: `uuid,type,memory,cores:` a device, `;` after each container.

use schemars::JsonSchema;
use serde::Serialize;

use super::text::number;
use crate::error::{DecodeError, Result, quoted};

/// A container's share of one device.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ContainerDevice {
    /// The device's UUID; with a suffix such as `[1-2]` for a MIG slot before HAMi 2.10.
    pub uuid: String,
    /// The vendor's common word; the product's name for AMD.
    pub kind: String,
    /// MiB.
    pub memory_mib: i32,
    /// Units of computing, as the vendor counts them.
    pub cores: i32,
}

/// The devices of each container, in the order of the value. Empty entries stay, for the position is what names the
/// container.
pub fn decode_containers(value: &str) -> Result<Vec<Vec<ContainerDevice>>> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    let entries = value.strip_suffix(';').unwrap_or(value);
    entries.split(';').map(container).collect()
}

fn container(entry: &str) -> Result<Vec<ContainerDevice>> {
    entry.split(':').filter(|segment| segment.contains(',')).map(device).collect()
}

fn device(segment: &str) -> Result<ContainerDevice> {
    let mut fields = segment.split(',');
    let (Some(uuid), Some(kind), Some(memory), Some(cores)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        let message = format!("device {} must have the fields uuid, type, memory and cores", quoted(segment));
        return Err(DecodeError::new(message));
    };
    Ok(ContainerDevice {
        uuid: uuid.to_owned(),
        kind: kind.to_owned(),
        memory_mib: number(memory, "memory")?,
        cores: number(cores, "cores")?,
    })
}

/// The value as HAMi writes it. `None` where a field holds a separator, which the notation cannot express.
pub fn encode_containers(containers: &[Vec<ContainerDevice>]) -> Option<String> {
    let mut value = String::new();
    for devices in containers {
        for ContainerDevice { uuid, kind, memory_mib, cores } in devices {
            if uuid.contains([',', ':', ';']) || kind.contains([',', ':', ';']) {
                return None;
            }
            value.push_str(&format!("{uuid},{kind},{memory_mib},{cores}:"));
        }
        value.push(';');
    }
    Some(value)
}
