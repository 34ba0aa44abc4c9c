//! How much of a card a pod uses, counted as the scheduler counts it.

use std::collections::{BTreeMap, BTreeSet};

use super::Used;
use crate::{
    object::{Grant, Pod},
    vendor::CoreUnit,
};

/// How init containers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counting {
    /// From HAMi 2.10: they run one after another, so their largest counts, and only while it exceeds the application.
    #[default]
    Collapsed,
    /// Before: every entry is added.
    Summed,
}

impl Counting {
    /// The counting of a release such as `2.9.0` or `v2.10.1`. What cannot be read is taken for new.
    pub fn of_release(version: &str) -> Self {
        let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().ok());
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor)) if (major, minor) < (2, 10) => Self::Summed,
            _ => Self::Collapsed,
        }
    }
}

/// What `pod` has of each card, by UUID.
pub(crate) fn shares(pod: &Pod, counting: Counting, unit: impl Fn(&Grant) -> CoreUnit) -> BTreeMap<&str, Used> {
    let mut cards: BTreeMap<&str, Vec<&Grant>> = BTreeMap::new();
    for grant in &pod.grants {
        cards.entry(&grant.uuid).or_default().push(grant);
    }
    cards.into_iter().map(|(uuid, grants)| (uuid, share_of(pod, &grants, counting, unit(grants[0])))).collect()
}

/// What the grants of one pod on one card add up to.
fn share_of(pod: &Pod, grants: &[&Grant], counting: Counting, unit: CoreUnit) -> Used {
    let is_init = |grant: &Grant| {
        counting == Counting::Collapsed
            && grant.container.and_then(|at| pod.containers.get(at)).is_some_and(|it| it.kind.starts_first())
    };
    let (mut starting, mut running) = (Used::default(), Used::default());
    let mut entries = BTreeSet::new();
    for grant in grants {
        let share = Used { slots: 0, memory_mib: grant.memory_mib, cores: grant.cores };
        if is_init(grant) {
            starting.memory_mib = starting.memory_mib.max(share.memory_mib);
            starting.cores = starting.cores.max(share.cores);
        } else {
            running.add(share, unit);
            entries.insert(grant.entry);
        }
    }
    running.slots = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    if pod.initialized && !entries.is_empty() {
        return running;
    }
    if pod.initialized && counting == Counting::Collapsed {
        return Used::default();
    }
    Used {
        slots: running.slots.max(1),
        memory_mib: running.memory_mib.max(starting.memory_mib),
        cores: running.cores.max(starting.cores),
    }
}
