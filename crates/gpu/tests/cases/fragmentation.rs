//! What is free, and the largest pod that still fits.

use serde_json::json;
use trainyard_gpu::fleet::{LargestPod, Obstacle};

use crate::cluster::{NVIDIA, annotated, fleet, labelled, node, nvidia_node, offering, running};

#[test]
fn free_memory_in_many_places_is_no_room_for_a_large_pod() {
    let nodes = [nvidia_node("a", 2), nvidia_node("b", 2)];
    let pods = [
        running("1", "a", NVIDIA, "GPU-a-0,NVIDIA,30960,30:;"),
        running("2", "a", NVIDIA, "GPU-a-1,NVIDIA,20960,60:;"),
        running("3", "b", NVIDIA, "GPU-b-0,NVIDIA,15960,10:;"),
        running("4", "b", NVIDIA, "GPU-b-1,NVIDIA,38960,10:;"),
    ];
    let groups = fleet(&nodes, &pods).fragmentation().groups;
    let group = &groups[0];
    assert_eq!((group.nodes, group.cards, group.empty_cards), (2, 4, 0));
    assert_eq!((group.free_memory_mib, group.free_cores), (57000, 290));
    assert_eq!(
        group.largest_pods,
        [
            LargestPod { cards: 1, memory_mib: 25000, cores: 90, node: "b".to_owned() },
            LargestPod { cards: 2, memory_mib: 10000, cores: 40, node: "a".to_owned() },
        ]
    );
    assert_eq!(group.scattered_percent, (57000 - 25000) * 100 / 57000);
}

#[test]
fn memory_that_no_pod_can_get_is_told_with_the_reason() {
    let register = json!([
        { "id": "sick", "count": 10, "devmem": 1000, "devcore": 100, "type": "T" },
        { "id": "cordoned", "count": 10, "devmem": 2000, "devcore": 100, "type": "T", "health": true },
        { "id": "crowded", "count": 1, "devmem": 4000, "devcore": 100, "type": "T", "health": true },
        { "id": "busy", "count": 10, "devmem": 8000, "devcore": 100, "type": "T", "health": true },
        { "id": "cut", "count": 7, "devmem": 16000, "devcore": 100, "type": "T", "health": true, "mode": "mig",
            "migProfiles": [{ "name": "7g.16gb", "memoryMB": 16000, "placements": [] }] },
    ]);
    let one = annotated(node("one"), "hami.io/node-nvidia-register", &register.to_string());
    let one = annotated(one, "hami.io/device-cordon", "cordoned");
    let mut away = nvidia_node("away", 1);
    away["spec"]["unschedulable"] = true.into();
    let pods = [
        running("1", "one", NVIDIA, "crowded,NVIDIA,1000,10:;"),
        running("2", "one", NVIDIA, "busy,NVIDIA,1000,100:;"),
    ];
    let fleet = fleet(&[one, away], &pods);
    let groups = fleet.fragmentation().groups;
    let stranded = &groups.iter().find(|group| group.model == "T").unwrap().stranded;
    assert_eq!(stranded[&Obstacle::Unhealthy], 1000);
    assert_eq!(stranded[&Obstacle::DeviceCordoned], 2000);
    assert_eq!(stranded[&Obstacle::SlotsExhausted], 3000);
    assert_eq!(stranded[&Obstacle::CoresExhausted], 7000);
    assert_eq!(stranded[&Obstacle::MigPlacement], 16000);
    let away = groups.iter().find(|group| group.model.starts_with("NVIDIA")).unwrap();
    assert_eq!(away.stranded[&Obstacle::NodeUnavailable], 40960);
    assert!(groups.iter().all(|group| group.largest_pods.is_empty()));
    let cards: Vec<_> = fleet.free_cards().collect();
    assert_eq!(cards.len(), 6);
    assert!(cards.iter().all(|card| card.largest_request_mib == 0 && card.obstacle.is_some()));
}

#[test]
fn plain_cards_fit_by_number() {
    let labelled = |name: &str, count: &str| {
        labelled(offering(node(name), "nvidia.com/gpu", count), "nvidia.com/gpu.memory", "81559")
    };
    let mut taken = json!({ "metadata": { "name": "pod" }, "spec": { "nodeName": "big", "containers": [
        { "name": "c", "resources": { "limits": { "nvidia.com/gpu": 6 } } }] }, "status": { "phase": "Running" } });
    taken["metadata"]["namespace"] = "team".into();
    let groups = fleet(&[labelled("big", "8"), labelled("small", "4")], &[taken]).fragmentation().groups;
    assert_eq!(groups[0].free_memory_mib, 6 * 81559);
    assert_eq!(
        groups[0].largest_pods,
        [LargestPod { cards: 4, memory_mib: 81559, cores: 0, node: "small".to_owned() }]
    );
}

#[test]
fn numbers_of_cards_with_the_same_amounts_are_one_row() {
    let pods = [running("a", "one", NVIDIA, "GPU-one-0,NVIDIA,960,10:;")];
    let groups = fleet(&[nvidia_node("one", 8)], &pods).fragmentation().groups;
    let largest = |cards, memory_mib, cores| LargestPod { cards, memory_mib, cores, node: "one".to_owned() };
    assert_eq!(groups[0].largest_pods, [largest(7, 40_960, 100), largest(8, 40_000, 90)]);
}
