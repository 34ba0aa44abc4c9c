//! All backends, found by the keys and resource names that they use.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    amd, ascend,
    backend::{Backend, CoreUnit, Inventory, MemoryUnit, QuotaKinds, Resources, Selectors, Vendor},
    biren, cambricon, enflame, hygon, iluvatar, kunlun, metax, mthreads, neuron, nvidia, vastai,
};
use crate::codec::decode_register;

/// What a resource name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the fields of `Resources`")]
pub enum ResourceRole {
    Count,
    Memory,
    MemoryPercentage,
    Cores,
    Priority,
}

/// The backends in use, with the names that the operator gave to their resources.
#[derive(Debug, Clone)]
pub struct Backends {
    list: Vec<Backend>,
    registers: HashMap<String, usize>,
    handshakes: HashMap<String, usize>,
    allocated: HashMap<String, usize>,
    words: HashMap<String, usize>,
    resources: HashMap<String, (usize, ResourceRole)>,
}

impl Default for Backends {
    /// All that HAMi knows, with the names of its chart.
    fn default() -> Self {
        let mut list = vec![
            nvidia::backend(),
            amd::backend(),
            biren::backend(),
            cambricon::backend(),
            enflame::slices(),
            enflame::whole(),
            hygon::backend(),
            kunlun::shared(),
            kunlun::whole(),
            metax::shared(),
            metax::whole(),
            mthreads::backend(),
            neuron::backend(),
            vastai::backend(),
        ];
        list.extend(ascend::WORDS.iter().map(|word| ascend::backend(word)));
        list.extend(iluvatar::WORDS.iter().map(|word| iluvatar::backend(word)));
        Self::new(list)
    }
}

impl Backends {
    /// A registry of these backends. Where two claim one name, the first has it.
    pub fn new(list: Vec<Backend>) -> Self {
        let mut all = Self {
            registers: HashMap::new(),
            handshakes: HashMap::new(),
            allocated: HashMap::new(),
            words: HashMap::new(),
            resources: HashMap::new(),
            list: Vec::new(),
        };
        for (at, backend) in list.iter().enumerate() {
            if let Some(key) = backend.register_key() {
                all.registers.entry(key.to_owned()).or_insert(at);
            }
            if let Some(key) = &backend.handshake {
                all.handshakes.entry(key.clone()).or_insert(at);
            }
            all.allocated.entry(backend.allocated.clone()).or_insert(at);
            all.words.entry(backend.word.clone()).or_insert(at);
            for (name, role) in named_roles(&backend.resources) {
                all.resources.entry(name.to_owned()).or_insert((at, role));
            }
        }
        // Left by old Cambricon plugins; nothing writes it any more, and it reads like any other.
        if let Some(at) = list.iter().position(|backend| backend.vendor == Vendor::Cambricon) {
            all.handshakes.entry("hami.io/node-handshake-mlu".to_owned()).or_insert(at);
        }
        all.list = list;
        all
    }

    /// Every backend.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Backend> {
        self.list.iter()
    }

    /// The backends, to be changed and given to [`Backends::new`] again.
    pub fn into_list(self) -> Vec<Backend> {
        self.list
    }

    /// The backend at a number that this registry gave out.
    pub(crate) fn get(&self, at: usize) -> &Backend {
        &self.list[at]
    }

    /// The backend of a register annotation.
    pub fn by_register(&self, key: &str) -> Option<&Backend> {
        self.registers.get(key).map(|at| &self.list[*at])
    }

    /// The backend of a handshake annotation.
    pub fn by_handshake(&self, key: &str) -> Option<&Backend> {
        self.handshakes.get(key).map(|at| &self.list[*at])
    }

    /// The backend of HAMi's common word.
    pub fn by_word(&self, word: &str) -> Option<&Backend> {
        self.words.get(word).map(|at| &self.list[*at])
    }

    /// The number of the backend of HAMi's common word.
    pub(crate) fn number_of(&self, word: &str) -> Option<usize> {
        self.words.get(word).copied()
    }

    /// The number of the backend of an annotation with what a pod was given.
    pub(crate) fn by_allocated(&self, key: &str) -> Option<usize> {
        self.allocated.get(key).copied()
    }

    /// The number of the backend of a resource, and what the resource stands for.
    pub(crate) fn by_resource(&self, name: &str) -> Option<(usize, ResourceRole)> {
        self.resources.get(name).copied()
    }

    /// The table for people: one row a backend.
    pub fn rows(&self) -> Vec<VendorRow> {
        self.list.iter().map(VendorRow::of).collect()
    }
}

fn named_roles(resources: &Resources) -> impl Iterator<Item = (&str, ResourceRole)> {
    let all = [
        (Some(&resources.count), ResourceRole::Count),
        (resources.memory.as_ref(), ResourceRole::Memory),
        (resources.memory_percentage.as_ref(), ResourceRole::MemoryPercentage),
        (resources.cores.as_ref(), ResourceRole::Cores),
        (resources.priority.as_ref(), ResourceRole::Priority),
    ];
    all.into_iter().filter_map(|(name, role)| Some((name?.as_str(), role))).filter(|(name, _)| !name.is_empty())
}

/// The word of a register key of HAMi's form: `hami.io/node-<word>-register` or `hami.io/node-register-<word>`.
pub(crate) fn register_word(key: &str) -> Option<&str> {
    let rest = key.strip_prefix("hami.io/node-")?;
    let word = rest.strip_suffix("-register").or_else(|| rest.strip_prefix("register-"))?;
    // `hami.io/node-devices-to-register` has the form, and was never HAMi's.
    (!word.is_empty() && word != "devices-to").then_some(word)
}

/// The word of an annotation of HAMi's form with what a pod was given.
pub(crate) fn allocated_word(key: &str) -> Option<&str> {
    key.strip_prefix("hami.io/")?.strip_suffix("-devices-allocated").filter(|word| !word.is_empty())
}

/// A backend for a register key with a word that is in no table.
pub(crate) fn unknown(word: &str) -> Backend {
    // The word of the old Cambricon key is known, only not written any more.
    let vendor = if word == "mlu" { Vendor::Cambricon } else { Vendor::Unknown };
    let inventory =
        Inventory::Register { key: format!("hami.io/node-{word}-register"), decode: |value, _| decode_register(value) };
    Backend::new(vendor, word, inventory, word, Resources::default())
}

/// A backend in the table of vendors.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct VendorRow {
    /// Who makes the device.
    pub vendor: Vendor,
    /// HAMi's common word.
    pub word: String,
    /// `annotation` or `capacity`.
    pub devices_from: &'static str,
    /// The annotation of a node with its devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    /// The annotation of the handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<String>,
    /// The annotation of a pod that the device plugin consumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_allocate: Option<String>,
    /// The annotation of a pod with what it was given.
    pub allocated: String,
    /// Names of its resources.
    pub resources: Resources,
    /// One unit of its memory resource.
    pub memory_unit: MemoryUnit,
    /// What its cores mean.
    pub core_unit: CoreUnit,
    /// What a quota may limit.
    pub quota: QuotaKinds,
    /// How a pod chooses among cards.
    pub selectors: Selectors,
    /// The node's lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<&'static str>,
}

impl VendorRow {
    fn of(backend: &Backend) -> Self {
        Self {
            vendor: backend.vendor,
            word: backend.word.clone(),
            devices_from: if backend.register_key().is_some() { "annotation" } else { "capacity" },
            register: backend.register_key().map(str::to_owned),
            handshake: backend.handshake.clone(),
            to_allocate: backend.to_allocate.clone(),
            allocated: backend.allocated.clone(),
            resources: backend.resources.clone(),
            memory_unit: backend.memory_unit,
            core_unit: backend.core_unit,
            quota: backend.quota,
            selectors: backend.selectors.clone(),
            lock: backend.lock,
        }
    }
}
