//! Operations that stand for all, chosen by a seed.

use std::collections::BTreeMap;

use trainyard_aws::catalogue::{
    self,
    model::{Operation, Service},
};

use super::generate::Random;

/// Services with operations of each: those that `always` names, and so many others.
pub(crate) fn of(
    seed: u64,
    always: &[&'static str],
    others: usize,
    operations: usize,
) -> Vec<(&'static Service<'static>, Vec<&'static Operation<'static>>)> {
    let mut random = Random::new(&format!("sample {seed}"));
    let entries = catalogue::services();
    let mut chosen: BTreeMap<&str, _> = BTreeMap::new();
    for name in always {
        chosen.insert(*name, catalogue::service(name).expect("it is there"));
    }
    while chosen.len() < always.len() + others {
        let entry = &entries[random.below(entries.len())];
        chosen.insert(entry.name, entry.service());
    }
    let some = |service: &'static Service<'static>| {
        let mut all: Vec<&Operation<'_>> = service.operations.iter().collect();
        while all.len() > operations {
            all.swap_remove(random.below(all.len()));
        }
        (service, all)
    };
    chosen.into_values().map(some).collect()
}
