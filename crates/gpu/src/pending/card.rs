//! Tries a node's cards, in the order of checks in which HAMi's scheduler tries them.

use std::collections::BTreeMap;

use super::{
    CardReason, ContainerAsk, DeviceAsk, MemoryAsk, PodAsk,
    node::{Lift, Lifted},
};
use crate::{
    fleet::{Card, Fleet, FleetNode, Used},
    object::ContainerKind,
    vendor::{Backend, CoreUnit},
};

/// What a pod would take on a node: MiB and units of computing by backend.
pub(super) type Taken = BTreeMap<usize, (i64, i64)>;

/// Against the cards of a node.
pub(super) struct Against {
    pub(super) reasons: BTreeMap<CardReason, usize>,
    pub(super) cards: usize,
}

/// A card while a pod is placed.
#[derive(Clone)]
struct Place<'a> {
    card: &'a Card,
    used: Used,
    /// A MIG card takes one container of the pod here; a second instance on the same card would need the plugin's view.
    cut: bool,
}

/// Whether all containers of a pod find cards on a node.
///
/// Application containers are there together; each init container is tried on its own.
pub(super) fn fit(
    fleet: &Fleet,
    node: &FleetNode,
    ask: &PodAsk,
    lift: &Lift,
    looked_at: &mut usize,
) -> Result<Taken, Against> {
    let fresh: Vec<_> = node.cards.iter().map(|card| Place { card, used: lift.used(card), cut: false }).collect();
    let mut together = fresh.clone();
    let (mut starting, mut running) = (Taken::new(), Taken::new());
    for container in &ask.containers {
        if container.kind == ContainerKind::Init {
            for (backend, memory, cores) in fit_container(fleet, &mut fresh.clone(), container, ask, lift, looked_at)? {
                raise(starting.entry(backend).or_default(), (memory, cores));
            }
        } else {
            for (backend, memory, cores) in fit_container(fleet, &mut together, container, ask, lift, looked_at)? {
                let sum = running.entry(backend).or_default();
                *sum = (sum.0.saturating_add(memory), sum.1.saturating_add(cores));
            }
        }
    }
    for (backend, most) in starting {
        raise(running.entry(backend).or_default(), most);
    }
    Ok(running)
}

fn raise(most: &mut (i64, i64), other: (i64, i64)) {
    *most = (most.0.max(other.0), most.1.max(other.1));
}

fn fit_container(
    fleet: &Fleet,
    places: &mut [Place<'_>],
    container: &ContainerAsk,
    ask: &PodAsk,
    lift: &Lift,
    looked_at: &mut usize,
) -> Result<Vec<(usize, i64, i64)>, Against> {
    let mut shares = Vec::new();
    for device in &container.devices {
        let backend = fleet.backends.get(device.backend);
        if !places.iter().any(|place| *place.card.word == *backend.word) {
            // Handed out by number on this node, which is judged there.
            continue;
        }
        let (memory, cores) = if backend.core_unit == CoreUnit::CoreMask && device.count == 0 {
            fit_cores(places, backend, device)?
        } else {
            fit_devices(places, backend, device, ask, lift, looked_at)?
        };
        shares.push((device.backend, memory, cores));
    }
    Ok(shares)
}

/// Takes `count` cards of the kind, from one NUMA node where the pod is bound to one.
fn fit_devices(
    places: &mut [Place<'_>],
    backend: &Backend,
    device: &DeviceAsk,
    ask: &PodAsk,
    lift: &Lift,
    looked_at: &mut usize,
) -> Result<(i64, i64), Against> {
    let mut reasons = BTreeMap::new();
    let mut fitting: Vec<(i64, usize, Used)> = Vec::new();
    let mut cards = 0;
    for (number, place) in places.iter().enumerate().filter(|(_, place)| *place.card.word == *backend.word) {
        cards += 1;
        *looked_at += 1;
        match check(place, backend, device, ask, lift) {
            Ok(share) => fitting.push((place.card.free_memory_mib(), number, share)),
            Err(reason) => *reasons.entry(reason).or_default() += 1,
        }
    }
    let count = usize::try_from(device.count.max(1)).unwrap_or(usize::MAX);
    if cards < count {
        reasons.insert(CardReason::NodeInsufficientDevice, cards);
        return Err(Against { reasons, cards });
    }
    // The tightest card first, so that one pod's containers do not take each other's room.
    fitting.sort_unstable_by_key(|(free, number, _)| (*free, *number));
    let bound = backend.selectors.numa_bind.as_ref().and_then(|key| ask.annotations.get(key));
    if bound.is_some_and(|bound| bound == "true") {
        let of = |(_, number, _): &(i64, usize, Used)| places[*number].card.device.numa;
        let mut by_numa: BTreeMap<i32, usize> = BTreeMap::new();
        for fit in &fitting {
            *by_numa.entry(of(fit)).or_default() += 1;
        }
        match by_numa.into_iter().find(|(_, fits)| *fits >= count) {
            Some((numa, _)) => fitting.retain(|fit| of(fit) == numa),
            None if fitting.len() >= count => {
                reasons.insert(CardReason::NumaNotFit, fitting.len());
                return Err(Against { reasons, cards });
            }
            None => {}
        }
    }
    if fitting.len() < count {
        if !fitting.is_empty() {
            reasons.insert(CardReason::AllocatedCardsInsufficientRequest, fitting.len());
        }
        return Err(Against { reasons, cards });
    }
    let mut sum = (0_i64, 0_i64);
    for (_, number, share) in fitting.into_iter().take(count) {
        let place = &mut places[number];
        place.used.add(share, backend.core_unit);
        place.cut |= place.card.is_mig();
        sum = (sum.0.saturating_add(share.memory_mib), sum.1.saturating_add(share.cores));
    }
    Ok(sum)
}

/// Takes single cores from whichever devices have some.
fn fit_cores(places: &mut [Place<'_>], backend: &Backend, device: &DeviceAsk) -> Result<(i64, i64), Against> {
    let (mut missing, mut masks, mut cards) = (device.cores, 0_i64, 0);
    for place in places.iter_mut().filter(|place| *place.card.word == *backend.word && place.card.is_usable()) {
        cards += 1;
        let free = i64::from(place.card.device.cores) & !place.used.cores;
        for bit in CoreUnit::cores_of_mask(free) {
            if missing > 0 {
                missing -= 1;
                masks = masks.saturating_add(1 << bit);
                place.used.cores |= 1 << bit;
            }
        }
    }
    if missing > 0 {
        return Err(Against { reasons: BTreeMap::from([(CardReason::CardInsufficientCore, cards)]), cards });
    }
    Ok((0, masks))
}

/// What a container would have of one card, or the first thing that speaks against it.
fn check(
    place: &Place<'_>,
    backend: &Backend,
    device: &DeviceAsk,
    ask: &PodAsk,
    lift: &Lift,
) -> Result<Used, CardReason> {
    let card = place.card;
    if !card.device.healthy {
        return Err(CardReason::CardNotHealth);
    }
    if card.cordoned && !lift.lifts(Lifted::DeviceCordon) {
        return Err(CardReason::CardCordoned);
    }
    selected(card, backend, ask)?;
    let share = share(card, backend, device);
    if i64::from(card.device.count) <= place.used.slots {
        return Err(CardReason::CardTimeSlicingExhausted);
    }
    if backend.core_unit == CoreUnit::CoreMask {
        // A whole device: none of its cores may be taken.
        return if place.used.cores == 0 { Ok(share) } else { Err(CardReason::CardInsufficientCore) };
    }
    let (memory, cores) = (i64::from(card.device.memory_mib), i64::from(card.device.cores));
    if memory.saturating_sub(place.used.memory_mib) < share.memory_mib {
        return Err(CardReason::CardInsufficientMemory);
    }
    if cores.saturating_sub(place.used.cores) < share.cores {
        return Err(CardReason::CardInsufficientCore);
    }
    if cores == 100 && share.cores == 100 && place.used.slots > 0 {
        return Err(CardReason::ExclusiveDeviceAllocateConflict);
    }
    if cores != 0 && place.used.cores >= cores && share.cores == 0 {
        return Err(CardReason::CardComputeUnitsExhausted);
    }
    if card.is_mig() && !(card.device.mig_profiles.is_empty() && card.device.mig_geometries.is_empty()) {
        let instance = if place.cut { None } else { lift.mig_instance(card, share.memory_mib) };
        let memory_mib = instance.ok_or(CardReason::CardMigTopologyInfeasible)?;
        return Ok(Used { memory_mib, ..share });
    }
    Ok(share)
}

/// Whether the pod's annotations choose the card.
fn selected(card: &Card, backend: &Backend, ask: &PodAsk) -> Result<(), CardReason> {
    let selectors = &backend.selectors;
    let wanted = |key: &Option<String>| {
        let value = key.as_ref().and_then(|key| ask.annotations.get(key)).map(String::as_str).unwrap_or_default();
        let words: Vec<_> = value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        (!words.is_empty()).then_some(words)
    };
    let model = card.device.model.to_lowercase();
    let of_type = |words: Vec<&str>| words.iter().any(|word| model.contains(&word.to_lowercase()));
    if wanted(&selectors.use_type).is_some_and(|words| !of_type(words))
        || wanted(&selectors.avoid_type).is_some_and(of_type)
    {
        return Err(CardReason::CardTypeMismatch);
    }
    if wanted(&selectors.mode).is_some_and(|modes| !modes.iter().any(|mode| mode.contains(&card.device.mode))) {
        return Err(CardReason::ModeNotFit);
    }
    let named = |words: Vec<&str>| words.contains(&card.device.id.as_str());
    if wanted(&selectors.use_uuid).is_some_and(|words| !named(words))
        || wanted(&selectors.avoid_uuid).is_some_and(named)
    {
        return Err(CardReason::CardUuidMismatch);
    }
    Ok(())
}

/// What the ask means on this card.
fn share(card: &Card, backend: &Backend, device: &DeviceAsk) -> Used {
    let total = i64::from(card.device.memory_mib);
    let memory_mib = match device.memory {
        // A whole MIG card cannot be had: the smallest instance is what such a pod gets.
        MemoryAsk::Card if card.is_mig() => 0,
        MemoryAsk::Card => total,
        MemoryAsk::Percent(percent) => total.saturating_mul(percent.clamp(0, 100)) / 100,
        MemoryAsk::Units(amount) => backend.memory_unit.mib(amount, total),
        MemoryAsk::Mib(mib) => mib,
    };
    let cores = match backend.core_unit {
        CoreUnit::CoreMask => i64::from(card.device.cores),
        // A MIG instance brings its own computing.
        _ if card.is_mig() && device.memory == MemoryAsk::Card => 0,
        CoreUnit::Sixteenths if device.cores == 100 => card.total_cores(),
        CoreUnit::Percent | CoreUnit::Sixteenths => device.cores,
        CoreUnit::ComputeUnits if device.cores == 0 => 0,
        CoreUnit::ComputeUnits => (device.cores.saturating_mul(card.total_cores()) / 100).max(1),
    };
    Used { slots: 1, memory_mib, cores }
}
