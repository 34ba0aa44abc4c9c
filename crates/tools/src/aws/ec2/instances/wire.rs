//! The operations behind the tool: the members that we send and those that we read.

use std::{fmt, ops::RangeInclusive};

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::Reads;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeInstances {
    pub(super) instance_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Filter {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

impl Filter {
    pub(super) fn new(name: &str, values: Vec<String>) -> Self {
        Self { name: name.to_owned(), values }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Reservations {
    #[serde(default)]
    reservations: Vec<Reservation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Reservation {
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Instance {
    pub(super) instance_id: String,
    pub(super) instance_type: String,
    pub(super) state: InstanceState,
    pub(super) state_reason: Option<StateReason>,
    pub(super) instance_lifecycle: Option<String>,
    pub(super) placement: Option<Placement>,
    pub(super) private_ip_address: Option<String>,
    pub(super) public_ip_address: Option<String>,
    pub(super) vpc_id: Option<String>,
    pub(super) subnet_id: Option<String>,
    pub(super) image_id: Option<String>,
    pub(super) launch_time: Option<String>,
    pub(super) key_name: Option<String>,
    pub(super) architecture: Option<String>,
    pub(super) platform_details: Option<String>,
    pub(super) capacity_reservation_id: Option<String>,
    pub(super) iam_instance_profile: Option<InstanceProfile>,
    pub(super) metadata_options: Option<MetadataOptions>,
    #[serde(default)]
    pub(super) security_groups: Vec<Group>,
    #[serde(default)]
    pub(super) block_device_mappings: Vec<BlockDevice>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct InstanceState {
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct StateReason {
    pub(super) message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Placement {
    pub(super) availability_zone: Option<String>,
    pub(super) group_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct InstanceProfile {
    pub(super) arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct MetadataOptions {
    pub(super) http_tokens: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Group {
    pub(super) group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct BlockDevice {
    pub(super) ebs: Option<EbsDevice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct EbsDevice {
    pub(super) volume_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Tag {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

impl Operation for DescribeInstances {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeInstances";
    type Needs = Reads;
    type Reply = Reservations;
}

impl Paged for DescribeInstances {
    type Item = Instance;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.instance_ids.is_empty().then_some(5..=1000)
    }

    fn items(reply: Reservations) -> Vec<Instance> {
        reply.reservations.into_iter().flat_map(|reservation| reservation.instances).collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeInstanceTypes {
    pub(super) instance_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct InstanceTypes {
    #[serde(default)]
    pub(super) instance_types: Vec<InstanceTypeInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct InstanceTypeInfo {
    pub(super) instance_type: String,
    pub(super) gpu_info: Option<GpuInfo>,
    pub(super) neuron_info: Option<NeuronInfo>,
    pub(super) inference_accelerator_info: Option<InferenceInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct GpuInfo {
    #[serde(default)]
    pub(super) gpus: Vec<Accelerator>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct NeuronInfo {
    #[serde(default)]
    pub(super) neuron_devices: Vec<NeuronDevice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct InferenceInfo {
    #[serde(default)]
    pub(super) accelerators: Vec<Accelerator>,
}

/// A GPU or an inference chip: what they have in common.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Accelerator {
    name: Option<String>,
    manufacturer: Option<String>,
    count: Option<u32>,
    memory_info: Option<AcceleratorMemory>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct AcceleratorMemory {
    size_in_mi_b: Option<u32>,
}

/// A Neuron device, whose maker goes without saying.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct NeuronDevice {
    name: Option<String>,
    count: Option<u32>,
    memory_info: Option<AcceleratorMemory>,
}

impl From<&NeuronDevice> for Accelerator {
    fn from(device: &NeuronDevice) -> Self {
        let memory_info = device.memory_info.as_ref().map(|memory| AcceleratorMemory { ..*memory });
        Self { name: device.name.clone(), manufacturer: Some("AWS".into()), count: device.count, memory_info }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x", self.count.unwrap_or(1))?;
        for word in [&self.manufacturer, &self.name].into_iter().flatten() {
            write!(f, " {word}")?;
        }
        match self.memory_info.as_ref().and_then(|memory| memory.size_in_mi_b) {
            Some(mebibytes) => write!(f, " {} GiB", mebibytes / 1024),
            None => Ok(()),
        }
    }
}

impl Operation for DescribeInstanceTypes {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeInstanceTypes";
    type Needs = Reads;
    type Reply = InstanceTypes;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeInstances>();
        check::<DescribeInstanceTypes>();
    }

    #[test]
    fn an_accelerator_reads_as_a_person_writes_it() {
        let gpu: Accelerator = serde_json::from_str(
            r#"{"Name": "H100", "Manufacturer": "NVIDIA", "Count": 8, "MemoryInfo": {"SizeInMiB": 81559}}"#,
        )
        .unwrap();
        assert_eq!(gpu.to_string(), "8x NVIDIA H100 79 GiB");
    }
}
