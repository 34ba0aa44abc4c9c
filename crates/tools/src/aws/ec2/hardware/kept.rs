//! What this process knows of instance types.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Types that are kept; all of one region are about a thousand.
const MOST_KEPT: usize = 10_000;

/// Types that this process has asked about, by region and name. AWS adds types and never changes what one is made of, and
/// it is the same for every account.
#[derive(Debug, Clone, Default)]
pub struct InstanceTypes(Arc<Mutex<BTreeMap<(String, String), Hardware>>>);

impl InstanceTypes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Hardware>> {
        // Nothing that could panic happens under the lock, so a poisoned one still holds a sound map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of these types that are kept.
    pub(super) fn of(&self, region: &str, types: &BTreeSet<String>) -> BTreeMap<String, Hardware> {
        let kept = self.lock();
        let named = types.iter().filter_map(|name| {
            let hardware = kept.get(&(region.to_owned(), name.clone()))?;
            Some((name.clone(), hardware.clone()))
        });
        named.collect()
    }

    pub(super) fn keep(&self, region: &str, types: &BTreeMap<String, Hardware>) {
        let mut kept = self.lock();
        if kept.len() + types.len() > MOST_KEPT {
            kept.clear();
        }
        kept.extend(types.iter().map(|(name, hardware)| ((region.to_owned(), name.clone()), hardware.clone())));
    }
}

/// One instance type.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::aws) struct Hardware {
    pub(in crate::aws) vcpus: Option<u32>,
    pub(in crate::aws) memory_mebibytes: Option<u64>,
    /// GPUs, Neuron devices and inference chips.
    pub(in crate::aws) accelerators: u32,
    /// Memory of all accelerators together.
    pub(in crate::aws) accelerator_mebibytes: Option<u64>,
    /// `8x NVIDIA H100 80 GiB`.
    pub(in crate::aws) words: Option<String>,
    /// Network cards that take an EFA interface; none where the type has no EFA.
    pub(in crate::aws) efa_cards: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_kept_for_its_region() {
        let kept = InstanceTypes::default();
        let hardware = Hardware { vcpus: Some(192), ..Hardware::default() };
        kept.keep("us-east-1", &BTreeMap::from([("p5.48xlarge".to_owned(), hardware.clone())]));
        let wanted = BTreeSet::from(["p5.48xlarge".to_owned(), "p6.48xlarge".to_owned()]);
        assert_eq!(kept.of("us-east-1", &wanted), BTreeMap::from([("p5.48xlarge".to_owned(), hardware)]));
        assert!(kept.of("eu-west-1", &wanted).is_empty());
        let many = (0..MOST_KEPT).map(|number| (number.to_string(), Hardware::default())).collect();
        kept.keep("eu-west-1", &many);
        assert_eq!(kept.lock().len(), MOST_KEPT, "the older ones made room");
    }
}
