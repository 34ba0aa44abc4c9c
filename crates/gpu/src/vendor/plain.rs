//! Accelerators that nodes offer without HAMi: extended resources of the vendors' own device plugins.

use schemars::JsonSchema;
use serde::Serialize;

use super::Vendor;

/// What one unit of an extended resource is.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "unit")]
pub enum PlainResource {
    /// A card, or a share of one where the plugin replicates cards.
    Card {
        /// Who makes it.
        vendor: Vendor,
    },
    /// A MIG instance of a profile.
    MigInstance {
        /// Such as `1g.5gb`.
        profile: String,
        /// GB of memory, as its name says.
        memory_gb: u32,
    },
    /// A core of a device that the card resource counts as well.
    Core {
        /// Who makes it.
        vendor: Vendor,
    },
}

impl PlainResource {
    /// Who makes it.
    pub fn vendor(&self) -> Vendor {
        match self {
            Self::Card { vendor } | Self::Core { vendor } => *vendor,
            Self::MigInstance { .. } => Vendor::Nvidia,
        }
    }
}

/// What an extended resource is, if it is an accelerator that is handed out by number.
pub fn plain_resource(name: &str) -> Option<PlainResource> {
    if let Some(profile) = name.strip_prefix("nvidia.com/mig-") {
        let profile = profile.strip_suffix(".shared").unwrap_or(profile);
        let memory_gb = profile.split_once('.')?.1.split("gb").next()?.parse().ok()?;
        return Some(PlainResource::MigInstance { profile: profile.to_owned(), memory_gb });
    }
    let card = |vendor| Some(PlainResource::Card { vendor });
    match name {
        "nvidia.com/gpu" | "nvidia.com/gpu.shared" => card(Vendor::Nvidia),
        "amd.com/gpu" => card(Vendor::Amd),
        // `neurondevice` is what older plugins call a device.
        "aws.amazon.com/neuron" | "aws.amazon.com/neurondevice" => card(Vendor::AwsNeuron),
        "aws.amazon.com/neuroncore" => Some(PlainResource::Core { vendor: Vendor::AwsNeuron }),
        "gpu.intel.com/i915" | "gpu.intel.com/xe" => card(Vendor::Intel),
        "habana.ai/gaudi" => card(Vendor::Gaudi),
        "cambricon.com/mlu" => card(Vendor::Cambricon),
        "kunlunxin.com/xpu" => card(Vendor::Kunlun),
        "metax-tech.com/gpu" => card(Vendor::Metax),
        "enflame.com/gcu" => card(Vendor::Enflame),
        "mthreads.com/gpu" => card(Vendor::Mthreads),
        "vastaitech.com/va" => card(Vendor::Vastai),
        "birentech.com/gpu" => card(Vendor::Biren),
        _ => match name.strip_prefix("huawei.com/Ascend") {
            Some(rest) if !rest.ends_with("-memory") && !rest.ends_with("-core") => card(Vendor::Ascend),
            _ => None,
        },
    }
}
