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
pub(in crate::aws::ec2) struct DescribeInstances {
    pub(in crate::aws::ec2) instance_ids: Vec<String>,
    pub(in crate::aws::ec2) filters: Vec<Filter>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Filter {
    pub(in crate::aws::ec2) name: String,
    pub(in crate::aws::ec2) values: Vec<String>,
}

impl Filter {
    pub(in crate::aws::ec2) fn new(name: &str, values: Vec<String>) -> Self {
        Self { name: name.to_owned(), values }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Reservations {
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
pub(in crate::aws::ec2) struct Instance {
    pub(in crate::aws::ec2) instance_id: String,
    pub(in crate::aws::ec2) instance_type: String,
    pub(in crate::aws::ec2) state: InstanceState,
    pub(in crate::aws::ec2) state_reason: Option<StateReason>,
    pub(in crate::aws::ec2) instance_lifecycle: Option<String>,
    pub(in crate::aws::ec2) placement: Option<Placement>,
    pub(in crate::aws::ec2) private_ip_address: Option<String>,
    pub(in crate::aws::ec2) public_ip_address: Option<String>,
    pub(in crate::aws::ec2) vpc_id: Option<String>,
    pub(in crate::aws::ec2) subnet_id: Option<String>,
    pub(in crate::aws::ec2) image_id: Option<String>,
    pub(in crate::aws::ec2) launch_time: Option<String>,
    pub(in crate::aws::ec2) key_name: Option<String>,
    pub(in crate::aws::ec2) architecture: Option<String>,
    pub(in crate::aws::ec2) platform_details: Option<String>,
    pub(in crate::aws::ec2) root_device_type: Option<String>,
    pub(in crate::aws::ec2) capacity_reservation_id: Option<String>,
    pub(in crate::aws::ec2) iam_instance_profile: Option<InstanceProfile>,
    pub(in crate::aws::ec2) metadata_options: Option<MetadataOptions>,
    pub(in crate::aws::ec2) cpu_options: Option<CpuOptions>,
    pub(in crate::aws::ec2) spot_instance_request_id: Option<String>,
    #[serde(default)]
    pub(in crate::aws::ec2) network_interfaces: Vec<NetworkInterface>,
    #[serde(default)]
    pub(in crate::aws::ec2) security_groups: Vec<Group>,
    #[serde(default)]
    pub(in crate::aws::ec2) block_device_mappings: Vec<BlockDevice>,
    #[serde(default)]
    pub(in crate::aws::ec2) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct InstanceState {
    pub(in crate::aws::ec2) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct StateReason {
    pub(in crate::aws::ec2) message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Placement {
    pub(in crate::aws::ec2) availability_zone: Option<String>,
    pub(in crate::aws::ec2) group_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct InstanceProfile {
    pub(in crate::aws::ec2) arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct MetadataOptions {
    pub(in crate::aws::ec2) http_tokens: Option<String>,
    pub(in crate::aws::ec2) http_endpoint: Option<String>,
    pub(in crate::aws::ec2) http_put_response_hop_limit: Option<i32>,
    pub(in crate::aws::ec2) http_protocol_ipv6: Option<String>,
    pub(in crate::aws::ec2) instance_metadata_tags: Option<String>,
    pub(in crate::aws::ec2) state: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct CpuOptions {
    core_count: Option<u32>,
    threads_per_core: Option<u32>,
}

impl CpuOptions {
    /// Virtual CPUs, as quotas count them.
    pub(in crate::aws::ec2) fn virtual_cpus(&self) -> Option<u32> {
        Some(self.core_count? * self.threads_per_core?)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct NetworkInterface {
    pub(in crate::aws::ec2) network_interface_id: Option<String>,
    pub(in crate::aws::ec2) subnet_id: Option<String>,
    pub(in crate::aws::ec2) private_ip_address: Option<String>,
    pub(in crate::aws::ec2) interface_type: Option<String>,
    pub(in crate::aws::ec2) association: Option<Association>,
    #[serde(default)]
    pub(in crate::aws::ec2) groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Association {
    pub(in crate::aws::ec2) public_ip: Option<String>,
    pub(in crate::aws::ec2) ip_owner_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Group {
    pub(in crate::aws::ec2) group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct BlockDevice {
    pub(in crate::aws::ec2) ebs: Option<EbsDevice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct EbsDevice {
    pub(in crate::aws::ec2) volume_id: Option<String>,
    pub(in crate::aws::ec2) delete_on_termination: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Tag {
    pub(in crate::aws::ec2) key: String,
    #[serde(default)]
    pub(in crate::aws::ec2) value: String,
}

impl Reservations {
    pub(in crate::aws::ec2) fn into_instances(self) -> impl Iterator<Item = Instance> {
        self.reservations.into_iter().flat_map(|reservation| reservation.instances)
    }
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
        reply.into_instances().collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct DescribeInstanceTypes {
    instance_types: Vec<String>,
    filters: Vec<Filter>,
}

impl DescribeInstanceTypes {
    /// Exactly these, at most 100. One that does not exist fails the question.
    pub(in crate::aws::ec2) fn named(types: &[String]) -> Self {
        Self { instance_types: types.to_vec(), filters: Vec::new() }
    }

    /// All that these filters match.
    pub(in crate::aws::ec2) fn matching(filters: Vec<Filter>) -> Self {
        Self { instance_types: Vec::new(), filters }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct InstanceTypes {
    #[serde(default)]
    pub(in crate::aws::ec2) instance_types: Vec<InstanceTypeInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct InstanceTypeInfo {
    pub(in crate::aws::ec2) instance_type: String,
    pub(in crate::aws::ec2) v_cpu_info: Option<VirtualCpus>,
    pub(in crate::aws::ec2) memory_info: Option<Memory>,
    pub(in crate::aws::ec2) network_info: Option<Network>,
    pub(in crate::aws::ec2) gpu_info: Option<GpuInfo>,
    pub(in crate::aws::ec2) neuron_info: Option<NeuronInfo>,
    pub(in crate::aws::ec2) inference_accelerator_info: Option<InferenceInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct VirtualCpus {
    #[serde(rename = "DefaultVCpus")]
    pub(in crate::aws::ec2) default: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Memory {
    #[serde(rename = "SizeInMiB")]
    pub(in crate::aws::ec2) mebibytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Network {
    pub(in crate::aws::ec2) maximum_network_cards: Option<u32>,
    pub(in crate::aws::ec2) efa_supported: Option<bool>,
    pub(in crate::aws::ec2) efa_info: Option<Efa>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Efa {
    pub(in crate::aws::ec2) maximum_efa_interfaces: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct GpuInfo {
    #[serde(rename = "TotalGpuMemoryInMiB")]
    pub(in crate::aws::ec2) total_mebibytes: Option<u64>,
    #[serde(default)]
    pub(in crate::aws::ec2) gpus: Vec<Accelerator>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct NeuronInfo {
    #[serde(rename = "TotalNeuronDeviceMemoryInMiB")]
    pub(in crate::aws::ec2) total_mebibytes: Option<u64>,
    #[serde(default)]
    pub(in crate::aws::ec2) neuron_devices: Vec<NeuronDevice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct InferenceInfo {
    #[serde(default)]
    pub(in crate::aws::ec2) accelerators: Vec<Accelerator>,
}

/// A GPU or an inference chip: what they have in common.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Accelerator {
    name: Option<String>,
    manufacturer: Option<String>,
    pub(in crate::aws::ec2) count: Option<u32>,
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
pub(in crate::aws::ec2) struct NeuronDevice {
    name: Option<String>,
    pub(in crate::aws::ec2) count: Option<u32>,
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

impl Paged for DescribeInstanceTypes {
    type Item = InstanceTypeInfo;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 does not divide an answer about named types into pages.
        self.instance_types.is_empty().then_some(5..=100)
    }

    fn items(reply: InstanceTypes) -> Vec<InstanceTypeInfo> {
        reply.instance_types
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
