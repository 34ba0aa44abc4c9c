//! One device, and what is left of it.

use std::sync::Arc;

use crate::{
    codec::{Device, MigSlot, Placement},
    vendor::{CoreUnit, Vendor},
};

/// A device of a node with what is promised of it.
#[derive(Debug, Clone)]
pub struct Card {
    /// Who makes it.
    pub vendor: Vendor,
    /// HAMi's word.
    pub word: Arc<str>,
    /// What its cores mean.
    pub core_unit: CoreUnit,
    /// As the node registers it.
    pub device: Device,
    /// Takes no new pods.
    pub cordoned: bool,
    /// What is promised.
    pub used: Used,
    /// To whom.
    pub holders: Vec<Holder>,
    /// Where MIG instances lie, from HAMi 2.10.
    pub mig: Vec<Placement>,
    /// Which slots of its geometry are taken, before HAMi 2.10.
    pub mig_slots: Vec<MigSlot>,
}

/// An amount of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Tasks.
    pub slots: i64,
    /// MiB.
    pub memory_mib: i64,
    /// Units of computing; a mask where each bit is a core.
    pub cores: i64,
}

/// A pod's share of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its number in [`super::Fleet::pods`].
    pub pod: usize,
    /// How much.
    pub share: Used,
}

impl Used {
    /// Adds what another pod has.
    pub fn add(&mut self, other: Self, unit: CoreUnit) {
        self.slots = self.slots.saturating_add(other.slots);
        self.memory_mib = self.memory_mib.saturating_add(other.memory_mib);
        self.cores = match unit {
            CoreUnit::CoreMask => self.cores | other.cores,
            _ => self.cores.saturating_add(other.cores),
        };
    }
}

impl Card {
    /// A card with nothing on it.
    pub(super) fn new(vendor: Vendor, word: Arc<str>, core_unit: CoreUnit, device: Device, cordoned: bool) -> Self {
        let used = Used::default();
        Self { vendor, word, core_unit, device, cordoned, used, holders: vec![], mig: vec![], mig_slots: vec![] }
    }

    /// Whether new pods may come to it at all.
    pub fn is_usable(&self) -> bool {
        self.device.healthy && !self.cordoned
    }

    /// Whether it is cut into MIG instances.
    pub fn is_mig(&self) -> bool {
        self.device.mode == "mig"
    }

    /// Tasks that it may still take.
    pub fn free_slots(&self) -> i64 {
        i64::from(self.device.count).saturating_sub(self.used.slots).max(0)
    }

    /// MiB that nobody was promised.
    pub fn free_memory_mib(&self) -> i64 {
        i64::from(self.device.memory_mib).saturating_sub(self.used.memory_mib).max(0)
    }

    /// Number of units of computing.
    pub fn total_cores(&self) -> i64 {
        self.core_unit.amount(self.device.cores.into())
    }

    /// Number of units of computing that were promised.
    pub fn used_cores(&self) -> i64 {
        self.core_unit.amount(self.used.cores)
    }

    /// Number of units of computing that nobody was promised.
    pub fn free_cores(&self) -> i64 {
        match self.core_unit {
            CoreUnit::CoreMask => self.core_unit.amount(i64::from(self.device.cores) & !self.used.cores),
            _ => self.total_cores().saturating_sub(self.used.cores).max(0),
        }
    }

    /// Computing in use as a percentage, the one unit that all vendors share.
    pub fn cores_percent(&self) -> i64 {
        self.used_cores().saturating_mul(100).checked_div(self.total_cores()).unwrap_or(0)
    }

    /// The most memory in MiB that one container can get here: what is free, or the largest MIG instance with a place.
    pub fn largest_request_mib(&self) -> i64 {
        if self.is_mig() && !(self.device.mig_profiles.is_empty() && self.device.mig_geometries.is_empty()) {
            return self.mig_instances().max().unwrap_or(0);
        }
        self.free_memory_mib()
    }

    /// The smallest MIG instance with a place that has at least this much memory, in MiB.
    pub fn mig_instance_for(&self, memory_mib: i64) -> Option<i64> {
        self.mig_instances().filter(|instance| *instance >= memory_mib).min()
    }

    /// Memory in MiB of the kinds of instances that still have a place.
    fn mig_instances(&self) -> impl Iterator<Item = i64> {
        let profiles = self.device.mig_profiles.iter();
        let placed =
            profiles.filter(|profile| profile.place(&self.mig).is_some()).map(|profile| profile.memory_mib.into());
        placed.chain(self.geometry_slots())
    }

    /// Memory of the free slots: of the geometry in use, or of any where none is in use.
    fn geometry_slots(&self) -> impl Iterator<Item = i64> {
        let in_use = self.mig_slots.first().map(|slot| slot.geometry as usize);
        let geometries = self.device.mig_geometries.iter().enumerate();
        let possible = geometries.filter(move |(number, _)| in_use.is_none_or(|used| used == *number));
        possible.flat_map(move |(_, geometry)| {
            let mut first: u32 = 0;
            geometry.iter().filter_map(move |slot| {
                let (from, count) = (first, u32::try_from(slot.count).unwrap_or(0));
                first = first.saturating_add(count);
                let taken = self.mig_slots.iter().filter(|used| (from..first).contains(&used.slot)).count();
                ((taken as u64) < u64::from(count)).then_some(slot.memory_mib.into())
            })
        })
    }

    /// Puts a share on the card, as the scheduler would.
    pub(crate) fn take(&mut self, share: Used) {
        self.used.add(share, self.core_unit);
    }
}
