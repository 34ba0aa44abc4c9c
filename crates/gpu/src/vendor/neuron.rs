//! AWS Neuron, known from capacity. A device's cores are the bits of a mask: two cores are 3.

use serde_json::Map;

use super::{
    backend::{Backend, CoreUnit, Inventory, QuotaKinds, Resources, Selectors, Vendor},
    capacity::{Capacity, small},
};
use crate::{codec::Device, error::Result};

/// More cores than this on a device do not fit the mask.
const MOST_CORES: i64 = 30;

pub(super) fn backend() -> Backend {
    let resources = Resources::new("aws.amazon.com/neuron", None, Some("aws.amazon.com/neuroncore"));
    Backend {
        to_allocate: None,
        core_unit: CoreUnit::CoreMask,
        quota: QuotaKinds { memory: false, cores: true },
        selectors: Selectors::with_prefix("aws.amazon.com/", None, "neuron-uuid"),
        lock: None,
        ..Backend::new(Vendor::AwsNeuron, "AWSNeuron", Inventory::Capacity(devices), "aws-neuron", resources)
    }
}

fn devices(backend: &Backend, capacity: &Capacity<'_>) -> Result<Vec<Device>> {
    let count = capacity.amount(&backend.resources.count);
    if count == 0 {
        return Ok(Vec::new());
    }
    let all_cores = backend.resources.cores.as_deref().map_or(0, |name| capacity.amount(name));
    let cores = (all_cores / count).clamp(1, MOST_CORES);
    let custom = capacity.instance_type.map(|name| ("AWSNodeType".to_owned(), name.into()));
    let each = Device {
        count: small(cores),
        cores: small((1_i64 << cores) - 1),
        model: backend.word.clone(),
        custom: custom.into_iter().collect::<Map<_, _>>(),
        ..Device::default()
    };
    capacity.devices(count, "AWSNeuron", &each)
}
