//! What EC2 instance types are made of.

mod kept;

use std::collections::{BTreeMap, BTreeSet};

use trainyard_aws::{Aws, Wanted};
use trainyard_contract::{Access, Covers, Reads, Result};

pub(in crate::aws) use self::kept::Hardware;
pub use self::kept::InstanceTypes;
use super::instances::wire::{Accelerator, DescribeInstanceTypes, Filter, InstanceTypeInfo};
use crate::Cx;

/// Types that one question may name.
const TYPES_AT_ONCE: usize = 100;

/// What these types are made of, from memory where it was asked before. A type that the region does not know is not in
/// the answer.
pub(in crate::aws) async fn known<A: Access + Covers<Reads>>(
    cx: &Cx<A>,
    aws: &Aws<A>,
    types: &BTreeSet<String>,
) -> Result<BTreeMap<String, Hardware>> {
    if types.is_empty() {
        return Ok(BTreeMap::new());
    }
    let region = aws.region().await?;
    let mut known = cx.instance_types().of(&region, types);
    let missing: BTreeSet<_> = types.iter().filter(|name| !known.contains_key(*name)).cloned().collect();
    let found = of(aws, &missing).await?;
    cx.instance_types().keep(&region, &found);
    known.extend(found);
    Ok(known)
}

/// What these types are made of. A type that the region does not know is not in the answer.
pub(in crate::aws) async fn of<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    types: &BTreeSet<String>,
) -> Result<BTreeMap<String, Hardware>> {
    let types: Vec<_> = types.iter().cloned().collect();
    let mut found = BTreeMap::new();
    for some in types.chunks(TYPES_AT_ONCE) {
        let wanted = Wanted { limit: TYPES_AT_ONCE, cursor: None, binding: "" };
        let known = match aws.list(&DescribeInstanceTypes::named(some), wanted).await {
            // One unknown name among several fails the whole question. By filter, which makes EC2 look through all
            // types, it does not.
            Err(error) if error.code_str() == "InvalidInstanceType" => {
                let filters = vec![Filter::new("instance-type", some.to_vec())];
                aws.list(&DescribeInstanceTypes::matching(filters), wanted).await?
            }
            known => known?,
        };
        found.extend(known.items.into_iter().map(|info| (info.instance_type.clone(), Hardware::from(&info))));
    }
    Ok(found)
}

impl From<&InstanceTypeInfo> for Hardware {
    fn from(info: &InstanceTypeInfo) -> Self {
        let gpus = info.gpu_info.iter().flat_map(|info| &info.gpus);
        let chips = info.inference_accelerator_info.iter().flat_map(|info| &info.accelerators);
        let neurons = info.neuron_info.iter().flat_map(|info| &info.neuron_devices);
        let count = gpus.clone().chain(chips.clone()).map(|it| it.count.unwrap_or(1)).sum::<u32>()
            + neurons.clone().map(|it| it.count.unwrap_or(1)).sum::<u32>();
        let neuron_words = neurons.map(Accelerator::from).map(|device| device.to_string());
        let words: Vec<_> = gpus.chain(chips).map(ToString::to_string).chain(neuron_words).collect();
        let network = info.network_info.as_ref();
        let efa = network.filter(|network| network.efa_supported == Some(true));
        let efa_cards = efa.map_or(0, |network| {
            let cards = network.maximum_network_cards.unwrap_or(1);
            network.efa_info.as_ref().and_then(|efa| efa.maximum_efa_interfaces).unwrap_or(1).min(cards)
        });
        Self {
            vcpus: info.v_cpu_info.as_ref().and_then(|cpus| cpus.default),
            memory_mebibytes: info.memory_info.as_ref().and_then(|memory| memory.mebibytes),
            accelerators: count,
            accelerator_mebibytes: info
                .gpu_info
                .as_ref()
                .and_then(|gpus| gpus.total_mebibytes)
                .or_else(|| info.neuron_info.as_ref().and_then(|neurons| neurons.total_mebibytes)),
            words: (!words.is_empty()).then(|| words.join(" + ")),
            efa_cards,
        }
    }
}

/// The letters that a type's family starts with: `p` of `p5en.48xlarge`, `u` of `u-6tb1.metal`.
pub(super) fn family(instance_type: &str) -> &str {
    let end = instance_type.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(instance_type.len());
    &instance_type[..end]
}

/// Whether a type's family has accelerators. Saves a question where none is there.
pub(super) fn accelerated(instance_type: &str) -> bool {
    matches!(family(instance_type), "p" | "g" | "gr" | "trn" | "inf" | "dl" | "vt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_with_accelerators_are_known_by_their_name() {
        for yes in
            ["p5.48xlarge", "p4de.24xlarge", "g6e.xlarge", "g5g.metal", "trn2.48xlarge", "inf2.xlarge", "dl1.24xlarge"]
        {
            assert!(accelerated(yes), "{yes}");
        }
        for no in
            ["m7i.large", "t3.micro", "c7gn.xlarge", "hpc7g.16xlarge", "mac2.metal", "u-6tb1.metal", "i4i.large", ""]
        {
            assert!(!accelerated(no), "{no}");
        }
    }

    #[test]
    fn a_type_is_what_aws_says_of_it() {
        let info: InstanceTypeInfo = serde_json::from_str(
            r#"{"InstanceType": "p5.48xlarge", "VCpuInfo": {"DefaultVCpus": 192}, "MemoryInfo": {"SizeInMiB": 2097152},
                "NetworkInfo": {"MaximumNetworkCards": 32, "EfaSupported": true,
                                "EfaInfo": {"MaximumEfaInterfaces": 32}},
                "GpuInfo": {"TotalGpuMemoryInMiB": 655360, "Gpus": [{"Name": "H100", "Manufacturer": "NVIDIA",
                            "Count": 8, "MemoryInfo": {"SizeInMiB": 81920}}]}}"#,
        )
        .unwrap();
        let hardware = Hardware::from(&info);
        assert_eq!((hardware.accelerators, hardware.accelerator_mebibytes), (8, Some(655_360)));
        assert_eq!((hardware.vcpus, hardware.efa_cards), (Some(192), 32));
        assert_eq!(hardware.words.as_deref(), Some("8x NVIDIA H100 80 GiB"));
    }
}
