//! `device-config.yaml`: what the scheduler knows of each kind of device.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

use super::document;
use crate::{
    error::{DecodeError, Result},
    vendor::Backends,
};

/// What the scheduler knows of each kind of device. What is absent stays as HAMi has it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
#[expect(missing_docs, reason = "one field for each section of the file")]
pub struct DeviceConfig {
    pub nvidia: NvidiaConfig,
    pub cambricon: Names,
    pub hygon: Names,
    pub mthreads: Names,
    pub amd: Names,
    pub awsneuron: Names,
    pub vastai: Names,
    pub biren: Names,
    pub metax: MetaxNames,
    pub enflame: EnflameNames,
    pub kunlun: KunlunNames,
    pub iluvatars: Vec<IluvatarChip>,
    #[serde(deserialize_with = "vnpus")]
    pub vnpus: Vnpus,
}

/// Names of resources, and what a unit of memory is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as in the file")]
pub struct Names {
    pub resource_count_name: Option<String>,
    pub resource_memory_name: Option<String>,
    pub resource_core_name: Option<String>,
    pub memory_factor: Option<i64>,
}

/// NVIDIA's section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as in the file")]
pub struct NvidiaConfig {
    pub resource_count_name: Option<String>,
    pub resource_memory_name: Option<String>,
    pub resource_memory_percentage_name: Option<String>,
    pub resource_core_name: Option<String>,
    pub resource_priority_name: Option<String>,
    /// MiB for a container that names none; 0 is the whole card.
    pub default_memory: Option<i64>,
    /// Percent for a container that names none.
    pub default_cores: Option<i64>,
    /// Cards for a container that names only memory or cores.
    #[serde(rename = "defaultGPUNum")]
    pub default_gpu_num: Option<i64>,
    /// MiB of one unit of the memory resource.
    pub memory_factor: Option<i64>,
    /// Tasks on a card.
    pub device_split_count: Option<i64>,
    pub device_memory_scaling: Option<f64>,
    pub device_core_scaling: Option<f64>,
    /// MB for cards that share the memory of the host.
    pub pre_configured_device_memory: Option<i64>,
    pub enable_numa_topology: Option<bool>,
    pub gpu_core_policy: Option<String>,
    pub disable_core_limit: Option<bool>,
    pub runtime_class_name: Option<String>,
    /// From HAMi 2.10.
    pub mig_profile_allowlist: Vec<MigAllowance>,
    /// Before HAMi 2.10, as it stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_mig_geometries: Vec<Value>,
}

/// MIG profiles that may be made on some models.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
#[expect(missing_docs, reason = "named as in the file")]
pub struct MigAllowance {
    pub models: Vec<String>,
    pub profiles: Vec<String>,
}

/// Metax's section: whole cards, and shared ones with a V.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as in the file")]
pub struct MetaxNames {
    pub resource_count_name: Option<String>,
    #[serde(rename = "resourceVCountName")]
    pub shared_count_name: Option<String>,
    #[serde(rename = "resourceVMemoryName")]
    pub shared_memory_name: Option<String>,
    #[serde(rename = "resourceVCoreName")]
    pub shared_core_name: Option<String>,
    #[serde(rename = "sgpuTopologyAware")]
    pub topology_aware: Option<bool>,
}

/// Enflame's section: whole cards, and slices.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
#[expect(missing_docs, reason = "named as in the file")]
pub struct EnflameNames {
    #[serde(rename = "resourceNameGCU")]
    pub whole_name: Option<String>,
    #[serde(rename = "resourceNameDRSGCU")]
    pub slice_name: Option<String>,
    #[serde(rename = "resourceNameGCUMemory")]
    pub memory_name: Option<String>,
    #[serde(rename = "resourceNameGCUCore")]
    pub core_name: Option<String>,
    #[serde(rename = "resourceNameVGCU")]
    pub old_slice_name: Option<String>,
    #[serde(rename = "resourceNameVGCUPercentage")]
    pub old_percentage_name: Option<String>,
}

/// Kunlun's section: whole cards, and shared ones with a V.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as in the file")]
pub struct KunlunNames {
    pub resource_count_name: Option<String>,
    #[serde(rename = "resourceVCountName")]
    pub shared_count_name: Option<String>,
    #[serde(rename = "resourceVMemoryName")]
    pub shared_memory_name: Option<String>,
}

/// One Iluvatar chip.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as in the file")]
pub struct IluvatarChip {
    pub chip_name: String,
    pub common_word: String,
    pub resource_count_name: Option<String>,
    pub resource_memory_name: Option<String>,
    pub resource_core_name: Option<String>,
}

/// All Ascend chips.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Vnpus {
    /// Whether cards are split softly unless their node says otherwise.
    pub hami_vnpu_core: bool,
    /// The chips.
    pub configs: Vec<AscendChip>,
}

/// One Ascend chip.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as in the file")]
pub struct AscendChip {
    pub chip_name: String,
    pub common_word: String,
    pub resource_name: Option<String>,
    pub resource_memory_name: Option<String>,
    pub resource_core_name: Option<String>,
    /// MiB.
    pub memory_allocatable: i64,
    /// MiB.
    pub memory_capacity: i64,
    pub memory_factor: Option<i64>,
    #[serde(rename = "aiCore")]
    pub ai_core: i64,
    #[serde(rename = "aiCPU")]
    pub ai_cpu: i64,
    pub super_pod: bool,
    pub templates: Vec<AscendTemplate>,
}

/// A size that an Ascend chip can be split into.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
#[expect(missing_docs, reason = "named as in the file")]
pub struct AscendTemplate {
    pub name: String,
    /// MiB.
    pub memory: i64,
    #[serde(rename = "aiCore")]
    pub ai_core: i64,
    #[serde(rename = "aiCPU")]
    pub ai_cpu: i64,
}

/// Older releases have the list of chips where newer ones have a section.
fn vnpus<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vnpus, D::Error> {
    let read = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(Vnpus::default()),
        list @ Value::Array(_) => serde_json::from_value(list).map(|configs| Vnpus { hami_vnpu_core: false, configs }),
        section => serde_json::from_value(section),
    };
    read.map_err(D::Error::custom)
}

/// A key with nothing behind it is as good as absent.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

impl DeviceConfig {
    /// Reads the text under [`super::DEVICE_KEY`].
    pub fn parse(text: &str) -> Result<Self> {
        let mut value = document(text)?;
        drop_nulls(&mut value);
        serde_json::from_value(value)
            .map_err(|error| DecodeError::new(format!("not HAMi's device configuration: {error}")))
    }

    /// The backends with the names and units that the configuration gives them.
    pub fn backends(&self) -> Backends {
        super::backends::configured(self)
    }
}
