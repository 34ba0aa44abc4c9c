//! What there is to know of one kind of device under HAMi.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Capacity;
use crate::{
    codec::Device,
    error::{DecodeError, Result},
    quantity::Quantity,
};

/// Who makes the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the vendors'")]
pub enum Vendor {
    Nvidia,
    Amd,
    Ascend,
    AwsNeuron,
    Biren,
    Cambricon,
    Enflame,
    Hygon,
    Iluvatar,
    Kunlun,
    Metax,
    Mthreads,
    Vastai,
    // Both of Intel's are known without HAMi only.
    Intel,
    Gaudi,
    // An annotation of HAMi's form with a word that is in no table.
    Unknown,
}

impl Vendor {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nvidia => "nvidia",
            Self::Amd => "amd",
            Self::Ascend => "ascend",
            Self::AwsNeuron => "aws_neuron",
            Self::Biren => "biren",
            Self::Cambricon => "cambricon",
            Self::Enflame => "enflame",
            Self::Hygon => "hygon",
            Self::Iluvatar => "iluvatar",
            Self::Kunlun => "kunlun",
            Self::Metax => "metax",
            Self::Mthreads => "mthreads",
            Self::Vastai => "vastai",
            Self::Intel => "intel",
            Self::Gaudi => "gaudi",
            Self::Unknown => "unknown",
        }
    }
}

/// One of HAMi's backends: a vendor may have several, for shared and for whole cards.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Who makes the device.
    pub vendor: Vendor,
    /// HAMi's common word, as it stands in annotations.
    pub word: String,
    /// How its devices become known.
    pub inventory: Inventory,
    /// The annotation of the handshake, where there is one.
    pub handshake: Option<String>,
    /// The annotation that the device plugin consumes.
    pub to_allocate: Option<String>,
    /// The annotation that stays: the source of what is in use.
    pub allocated: String,
    /// What pods ask for.
    pub resources: Resources,
    /// What one unit of the memory resource is.
    pub memory_unit: MemoryUnit,
    /// What the numbers of computing mean.
    pub core_unit: CoreUnit,
    /// Which of its resources a quota may limit.
    pub quota: QuotaKinds,
    /// The annotations by which a pod chooses among cards.
    pub selectors: Selectors,
    /// The annotation of the node's lock, where binding takes one.
    pub lock: Option<&'static str>,
    /// Cores that a container gets that names none.
    pub default_cores: i64,
    /// MiB that a container gets that names none; 0 stands for the whole card.
    pub default_memory_mib: i64,
    /// Cards that a container gets that names memory or cores only.
    pub default_count: i64,
}

/// How the devices of a backend become known.
#[derive(Debug, Clone)]
pub enum Inventory {
    /// From an annotation of the node.
    Register {
        /// Its key.
        key: String,
        /// Reads its value; the node's name goes into made-up device names.
        decode: fn(value: &str, node: &str) -> Result<Vec<Device>>,
    },
    /// From the node's capacity alone.
    Capacity(fn(backend: &Backend, capacity: &Capacity<'_>) -> Result<Vec<Device>>),
}

/// The names of extended resources; the operator may rename each.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Resources {
    /// Number of cards.
    pub count: String,
    /// Memory of each card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Memory of each card in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_percentage: Option<String>,
    /// Computing of each card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<String>,
    /// Priority of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
}

impl Resources {
    /// Names for count, memory and cores.
    pub(crate) fn new(count: &str, memory: Option<&str>, cores: Option<&str>) -> Self {
        let owned = |name: Option<&str>| name.map(str::to_owned);
        Self { count: count.to_owned(), memory: owned(memory), cores: owned(cores), ..Self::default() }
    }
}

/// What one unit of a memory resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryUnit {
    /// So many MiB.
    Mib(i64),
    /// A bare number is GiB, one with a suffix bytes (Metax).
    GibOrBytes,
    /// GB, or MiB when it is more than twice the largest profile (Enflame).
    GbOrMib,
    /// MiB, rounded up to a quarter, a half or all of the card (Kunlun).
    KunlunSteps,
}

impl MemoryUnit {
    /// What a limit of a quota is multiplied with to be MiB.
    pub fn quota_factor(self) -> i64 {
        match self {
            Self::Mib(factor) => factor.max(1),
            Self::GibOrBytes => 1024,
            Self::GbOrMib | Self::KunlunSteps => 1,
        }
    }

    /// MiB from one amount that a pod can ask for to the next.
    pub fn step_mib(self) -> i64 {
        match self {
            Self::Mib(factor) => factor.max(1),
            Self::GibOrBytes => 1,
            Self::GbOrMib => 1024,
            Self::KunlunSteps => 24_576,
        }
    }

    /// MiB of this amount on a card with `card_mib`.
    pub fn mib(self, amount: Quantity, card_mib: i64) -> i64 {
        let number = amount.ceil();
        match self {
            Self::Mib(factor) => number.saturating_mul(factor.max(1)),
            Self::GibOrBytes if number >= 1 << 20 => number / (1 << 20),
            Self::GbOrMib if number > 2 * card_mib / 1024 => number,
            Self::GibOrBytes | Self::GbOrMib => number.saturating_mul(1024),
            Self::KunlunSteps => [24_576, 49_152, 98_304].into_iter().find(|step| number <= *step).unwrap_or(number),
        }
    }
}

/// What a number of cores means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CoreUnit {
    /// 100 are a card.
    Percent,
    /// 16 are a card (Mthreads).
    Sixteenths,
    /// The card has so many compute units (AMD).
    ComputeUnits,
    /// A bit for each core of the device (Neuron).
    CoreMask,
}

impl CoreUnit {
    /// Number of cores, where a bit stands for each; the value itself elsewhere.
    pub fn amount(self, value: i64) -> i64 {
        match self {
            Self::CoreMask => i64::from(value.count_ones()),
            _ => value,
        }
    }

    /// The numbers of the cores in a mask.
    pub fn cores_of_mask(mask: i64) -> Vec<u32> {
        (0..i64::BITS - 1).filter(|bit| mask >> bit & 1 == 1).collect()
    }
}

/// Which resources HAMi's quota manager knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[expect(missing_docs, reason = "named as the resources are")]
pub struct QuotaKinds {
    pub memory: bool,
    pub cores: bool,
}

impl QuotaKinds {
    pub(crate) const BOTH: Self = Self { memory: true, cores: true };
    pub(crate) const NONE: Self = Self { memory: false, cores: false };
}

/// The annotations of a pod that choose among cards. Lists are parted by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Selectors {
    /// The card's type must contain one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_type: Option<String>,
    /// The card's type must contain none of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avoid_type: Option<String>,
    /// The card must be one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_uuid: Option<String>,
    /// The card must be none of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avoid_uuid: Option<String>,
    /// The card's mode must be one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// "true" binds all cards of a container to one NUMA node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numa_bind: Option<String>,
}

impl Selectors {
    /// `<prefix>use-<card>` and so on, the form that most vendors follow.
    pub(crate) fn with_prefix(prefix: &str, kind: Option<&str>, uuid: &str) -> Self {
        Self {
            use_type: kind.map(|kind| format!("{prefix}use-{kind}")),
            avoid_type: kind.map(|kind| format!("{prefix}nouse-{kind}")),
            use_uuid: Some(format!("{prefix}use-{uuid}")),
            avoid_uuid: Some(format!("{prefix}nouse-{uuid}")),
            ..Self::default()
        }
    }

    /// `hami.io/use-<word>-uuid`, the form of the vendors that are known by a list of words.
    pub(crate) fn with_word(word: &str) -> Self {
        Self {
            use_uuid: Some(format!("hami.io/use-{word}-uuid")),
            avoid_uuid: Some(format!("hami.io/no-use-{word}-uuid")),
            ..Self::default()
        }
    }
}

/// The lock of all vendors that take one, but Cambricon.
pub(super) const NODE_LOCK: &str = "hami.io/mutex.lock";

impl Backend {
    /// A backend of the common form; vendors change what differs.
    pub(super) fn new(vendor: Vendor, word: &str, inventory: Inventory, allocated: &str, resources: Resources) -> Self {
        let key = |suffix: &str| format!("hami.io/{allocated}-{suffix}");
        Self {
            vendor,
            word: word.to_owned(),
            inventory,
            handshake: None,
            to_allocate: Some(key("devices-to-allocate")),
            allocated: key("devices-allocated"),
            resources,
            memory_unit: MemoryUnit::Mib(1),
            core_unit: CoreUnit::Percent,
            quota: QuotaKinds::BOTH,
            selectors: Selectors::default(),
            lock: Some(NODE_LOCK),
            default_cores: 0,
            default_memory_mib: 0,
            default_count: 1,
        }
    }

    /// The key of the register annotation, where there is one.
    pub fn register_key(&self) -> Option<&str> {
        match &self.inventory {
            Inventory::Register { key, .. } => Some(key),
            Inventory::Capacity(_) => None,
        }
    }

    /// The devices that a register value holds. An error where this backend has no register.
    pub fn decode_register(&self, value: &str, node: &str) -> Result<Vec<Device>> {
        match &self.inventory {
            Inventory::Register { decode, .. } => decode(value, node),
            Inventory::Capacity(_) => Err(DecodeError::new(format!("{} registers no devices", self.word))),
        }
    }
}
