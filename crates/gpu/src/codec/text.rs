//! The register value as text: devices end with `:`, fields are parted by `,`. HAMi before 2.8, and some vendors to this day.

use std::str::FromStr;

use super::Device;
use crate::error::{DecodeError, Result, quoted};

/// The mode of a device that does not say.
const DEFAULT_MODE: &str = "hami-core";

pub(super) fn decode(value: &str) -> Result<Vec<Device>> {
    if !value.contains(':') {
        return Err(DecodeError::new(format!("{} has no `:`, which ends each device", quoted(value))));
    }
    value.split(':').filter(|segment| !segment.is_empty()).map(device).collect()
}

/// `id,count,memory,cores,model,numa,healthy[,index,mode]`.
fn device(segment: &str) -> Result<Device> {
    // One more than the longest form, so that a hostile value is not split to pieces first.
    let fields: Vec<_> = segment.splitn(10, ',').collect();
    let (index, mode) = match fields[..] {
        [_, _, _, _, _, _, _] => (0, DEFAULT_MODE),
        [_, _, _, _, _, _, _, index, mode] => (number(index, "index")?, mode),
        _ => {
            let message = format!("device {} has a wrong number of fields; 7 and 9 are known", quoted(segment));
            return Err(DecodeError::new(message));
        }
    };
    Ok(Device {
        id: fields[0].to_owned(),
        index,
        count: number(fields[1], "count")?,
        memory_mib: number(fields[2], "memory")?,
        cores: number(fields[3], "cores")?,
        model: fields[4].to_owned(),
        numa: number(fields[5], "NUMA node")?,
        healthy: flag(fields[6])?,
        mode: mode.to_owned(),
        ..Device::default()
    })
}

pub(super) fn number<N: FromStr>(text: &str, what: &str) -> Result<N> {
    text.parse().map_err(|_| DecodeError::new(format!("{what} {} is not a whole number in range", quoted(text))))
}

/// The words that Go takes for true and false.
fn flag(text: &str) -> Result<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(DecodeError::new(format!("health {} is neither true nor false", quoted(text)))),
    }
}

/// The value with nine fields a device, as HAMi 2.5 to 2.7 writes it. `None` where a field holds a separator, which the
/// notation cannot express.
pub fn encode(devices: &[Device]) -> Option<String> {
    let mut value = String::new();
    for device in devices {
        if [&device.id, &device.model, &device.mode].into_iter().any(|field| field.contains([',', ':'])) {
            return None;
        }
        let Device { id, count, memory_mib, cores, model, numa, healthy, index, mode, .. } = device;
        value.push_str(&format!("{id},{count},{memory_mib},{cores},{model},{numa},{healthy},{index},{mode}:"));
    }
    // No device at all still has its separator, or readers would call it malformed.
    Some(if value.is_empty() { ":".to_owned() } else { value })
}
