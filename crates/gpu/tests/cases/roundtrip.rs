//! What HAMi encodes, decoded again.

use proptest::prelude::*;
use trainyard_gpu::codec::{
    ContainerDevice, Device, GeometrySlot, MigProfile, Placement, decode_containers, decode_register,
    encode_containers, encode_json, encode_text,
};

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_./ -]{0,24}"
}

fn placement() -> impl Strategy<Value = Placement> {
    (any::<u32>(), any::<u32>()).prop_map(|(start, size)| Placement { start, size })
}

fn profile() -> impl Strategy<Value = MigProfile> {
    (word(), any::<[i32; 3]>(), prop::collection::vec(placement(), 0..4)).prop_map(
        |(name, [memory_mib, cores, slices], placements)| MigProfile { name, memory_mib, cores, slices, placements },
    )
}

fn slot() -> impl Strategy<Value = GeometrySlot> {
    (word(), any::<[i32; 3]>()).prop_map(|(name, [cores, memory_mib, count])| GeometrySlot {
        name,
        cores,
        memory_mib,
        count,
    })
}

fn card() -> impl Strategy<Value = Device> {
    (word(), word(), word(), any::<u32>(), any::<[i32; 4]>(), any::<bool>()).prop_map(
        |(id, model, mode, index, [count, memory_mib, cores, numa], healthy)| Device {
            id,
            model,
            mode,
            index,
            count,
            memory_mib,
            cores,
            numa,
            healthy,
            ..Device::default()
        },
    )
}

fn share() -> impl Strategy<Value = ContainerDevice> {
    (word(), word(), any::<i32>(), any::<i32>()).prop_map(|(uuid, kind, memory_mib, cores)| ContainerDevice {
        uuid,
        kind,
        memory_mib,
        cores,
    })
}

proptest! {
    #[test]
    fn text_registers(cards in prop::collection::vec(card(), 0..6)) {
        prop_assert_eq!(decode_register(&encode_text(&cards).unwrap()).unwrap(), cards);
    }

    #[test]
    fn json_registers(
        cards in prop::collection::vec(card(), 0..6),
        profiles in prop::collection::vec(profile(), 0..4),
        geometries in prop::collection::vec(prop::collection::vec(slot(), 0..3), 0..3),
        zone in any::<i32>(),
    ) {
        let mut cards = cards;
        if let Some(card) = cards.first_mut() {
            card.mig_profiles = profiles;
            card.mig_geometries = geometries;
            card.custom.insert("NetworkID".to_owned(), zone.into());
        }
        prop_assert_eq!(decode_register(&encode_json(&cards)).unwrap(), cards);
    }

    #[test]
    fn containers(containers in prop::collection::vec(prop::collection::vec(share(), 0..4), 0..6)) {
        prop_assert_eq!(decode_containers(&encode_containers(&containers).unwrap()).unwrap(), containers);
    }

    #[test]
    fn key_case_is_nothing_to_a_register(cards in prop::collection::vec(card(), 0..4)) {
        // Only keys: values hold no quote before a colon here.
        let upper = encode_json(&cards).replace("\"devmem\":", "\"DevMem\":").replace("\"id\":", "\"ID\":");
        prop_assert_eq!(decode_register(&upper).unwrap(), cards);
    }
}

#[test]
fn blanks_at_the_ends_are_part_of_a_text() {
    let card = Device { id: " ".to_owned(), ..Device::default() };
    assert_eq!(decode_register(&encode_text(std::slice::from_ref(&card)).unwrap()).unwrap(), [card]);
}

#[test]
fn zeros_are_left_out_of_json() {
    let card = Device { id: "GPU-0".to_owned(), healthy: true, count: 10, ..Device::default() };
    assert_eq!(encode_json(&[card]), r#"[{"id":"GPU-0","count":10,"health":true}]"#);
    assert_eq!(encode_json(&[Device::default()]), "[{}]");
}

#[test]
fn what_the_notation_cannot_express_is_not_encoded() {
    let card = Device { model: "a,b".to_owned(), ..Device::default() };
    assert_eq!(encode_text(&[card]), None);
    let share = ContainerDevice { uuid: "a;b".to_owned(), kind: String::new(), memory_mib: 0, cores: 0 };
    assert_eq!(encode_containers(&[vec![share]]), None);
}
