//! Lists of device numbers that runtimes are told: `0,1`.

use crate::error::{DecodeError, Result, quoted};

/// Decodes `mthreads.com/gpu-index`, `BAIDU_COM_DEVICE_IDX` and `AWS_NEURON_IDS`, whose numbers are those of devices, or of cores where
/// cores were asked for.
pub fn decode_indexes(value: &str) -> Result<Vec<u32>> {
    let numbers = value.split(',').map(str::trim).filter(|number| !number.is_empty());
    let number = |number: &str| {
        number.parse().map_err(|_| DecodeError::new(format!("{} is no number of a device", quoted(number))))
    };
    numbers.map(number).collect()
}
