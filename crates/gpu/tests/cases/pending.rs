//! Why a pod waits, and the smallest change that lets it run.

use serde_json::{Value, json};
use trainyard_gpu::{
    Fleet,
    pending::{CardReason, Change, NodeReason, Remedy, Verdict, parse_event},
};

use crate::cluster::{NVIDIA, annotated, fleet, labelled, node, nvidia_node, offering, running, waiting, why};

pub(crate) fn asks(limits: Value) -> Value {
    waiting("pod", limits)
}

/// One change, or a failure that shows what there is instead.
pub(crate) fn only_change(remedy: Option<Remedy>) -> Change {
    let mut changes = remedy.expect("a change helps").changes;
    assert_eq!(changes.len(), 1, "{changes:?}");
    changes.remove(0)
}

/// Two cards with 10,000 and 30,000 MiB left, one task on each.
pub(crate) fn half_full() -> Fleet {
    fleet(
        &[nvidia_node("one", 2)],
        &[
            running("a", "one", NVIDIA, "GPU-one-0,NVIDIA,30960,30:;"),
            running("b", "one", NVIDIA, "GPU-one-1,NVIDIA,10960,50:;"),
        ],
    )
}

#[test]
fn a_pod_that_fits_only_has_to_wait_for_its_turn() {
    let found =
        why(&half_full(), &asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 20000, "nvidia.com/gpucores": 10 })));
    assert_eq!(found.verdict, Verdict::FitsNow { node: "one".to_owned() });
    assert_eq!(found.remedy, None);
}

#[test]
fn scattered_memory_and_the_most_that_fits() {
    let found =
        why(&half_full(), &asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 35000, "nvidia.com/gpucores": 10 })));
    assert_eq!(found.verdict, Verdict::NoNodeFits);
    assert_eq!(found.cards[&CardReason::CardInsufficientMemory], 2);
    assert_eq!(only_change(found.remedy), Change::LowerMemory { from_mib: Some(35000), to_mib: 30000 });
    assert_eq!(found.fits_when_empty.as_deref(), Some("one"));
    assert_eq!(found.wait_for.unwrap().pods, ["team/a"]);
}

#[test]
fn two_cards_with_less_memory_each() {
    let found = why(&half_full(), &asks(json!({ "nvidia.com/gpu": 2, "nvidia.com/gpumem": 12000 })));
    assert_eq!(found.cards[&CardReason::AllocatedCardsInsufficientRequest], 1);
    assert_eq!(only_change(found.remedy), Change::LowerMemory { from_mib: Some(12000), to_mib: 10000 });
}

#[test]
fn computing_and_the_most_that_fits() {
    let found =
        why(&half_full(), &asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 1000, "nvidia.com/gpucores": 80 })));
    assert_eq!(found.cards[&CardReason::CardInsufficientCore], 2);
    assert_eq!(only_change(found.remedy), Change::LowerCores { from: 80, to: 70 });
}

#[test]
fn a_whole_card_takes_less_of_both() {
    let found = why(&half_full(), &asks(json!({ "nvidia.com/gpu": 1 })));
    let remedy = found.remedy.unwrap();
    assert_eq!(remedy.changes.len(), 2, "{remedy:?}");
    assert!(remedy.changes.contains(&Change::LowerMemory { from_mib: None, to_mib: 30000 }), "{remedy:?}");
    assert!(remedy.changes.contains(&Change::LowerCores { from: 100, to: 50 }), "{remedy:?}");
}

#[test]
fn more_cards_than_any_node_has() {
    let found = why(&half_full(), &asks(json!({ "nvidia.com/gpu": 4, "nvidia.com/gpumem": 5000 })));
    assert!(found.cards.contains_key(&CardReason::NodeInsufficientDevice));
    assert_eq!(found.fits_when_empty, None);
    assert_eq!(only_change(found.remedy), Change::LowerCount { from: 4, to: 2 });
}

#[test]
fn slots_and_exclusive_cards_and_exhausted_ones() {
    let register = json!([{ "id": "GPU-0", "count": 1, "devmem": 40960, "devcore": 100, "type": "T", "health": true }]);
    let full = annotated(node("one"), "hami.io/node-nvidia-register", &register.to_string());
    let pod = |devices: &str| running("a", "one", NVIDIA, devices);
    let ask = |memory: i64, cores: i64| {
        asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": memory, "nvidia.com/gpucores": cores }))
    };
    let found = why(&fleet(&[full], &[pod("GPU-0,NVIDIA,1,0:;")]), &ask(1, 0));
    assert_eq!(found.cards[&CardReason::CardTimeSlicingExhausted], 1);
    assert_eq!(found.remedy, None);
    assert_eq!(found.wait_for.unwrap().pods, ["team/a"]);
    let open = nvidia_node("one", 1);
    let found = why(&fleet(std::slice::from_ref(&open), &[pod("GPU-one-0,NVIDIA,1,0:;")]), &ask(1, 100));
    assert_eq!(found.cards[&CardReason::ExclusiveDeviceAllocateConflict], 1);
    assert_eq!(only_change(found.remedy), Change::LowerCores { from: 100, to: 99 });
    let found = why(&fleet(&[open], &[pod("GPU-one-0,NVIDIA,1,100:;")]), &ask(1, 0));
    assert_eq!(found.cards[&CardReason::CardComputeUnitsExhausted], 1);
}

#[test]
fn selectors_by_type_uuid_and_mode() {
    let limits = json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 1000 });
    for (key, value, reason) in [
        ("nvidia.com/use-gputype", "H100,h200", CardReason::CardTypeMismatch),
        ("nvidia.com/nouse-gputype", "a100", CardReason::CardTypeMismatch),
        ("nvidia.com/use-gpuuuid", "GPU-gone", CardReason::CardUuidMismatch),
        ("nvidia.com/nouse-gpuuuid", "GPU-one-0, GPU-one-1", CardReason::CardUuidMismatch),
        ("nvidia.com/vgpu-mode", "mig", CardReason::ModeNotFit),
    ] {
        let found = why(&half_full(), &annotated(asks(limits.clone()), key, value));
        assert_eq!(found.cards[&reason], 2, "{key}");
        assert_eq!(only_change(found.remedy), Change::DropAnnotation { key: key.to_owned() });
    }
    for (key, value) in
        [("nvidia.com/use-gputype", "a100"), ("nvidia.com/use-gpuuuid", ""), ("nvidia.com/nouse-gpuuuid", "GPU-x")]
    {
        let found = why(&half_full(), &annotated(asks(limits.clone()), key, value));
        assert_eq!(found.verdict, Verdict::FitsNow { node: "one".to_owned() }, "{key}");
    }
}

#[test]
fn one_numa_node_for_all_cards() {
    let fleet = fleet(&[nvidia_node("one", 8)], &[]);
    let ask = |count: i64| {
        annotated(asks(json!({ "nvidia.com/gpu": count, "nvidia.com/gpumem": 1 })), "nvidia.com/numa-bind", "true")
    };
    assert_eq!(why(&fleet, &ask(4)).verdict, Verdict::FitsNow { node: "one".to_owned() });
    let found = why(&fleet, &ask(5));
    assert_eq!(found.cards[&CardReason::NumaNotFit], 8);
    assert_eq!(only_change(found.remedy), Change::DropAnnotation { key: "nvidia.com/numa-bind".to_owned() });
}

#[test]
fn sick_and_cordoned_cards() {
    let register = json!([{ "id": "GPU-0", "count": 10, "devmem": 40960, "devcore": 100, "type": "T" },
        { "id": "GPU-1", "count": 10, "devmem": 40960, "devcore": 100, "type": "T", "health": true }]);
    let node = annotated(node("one"), "hami.io/node-nvidia-register", &register.to_string());
    let fleet = fleet(&[annotated(node, "hami.io/device-cordon", "GPU-1")], &[]);
    let found = why(&fleet, &asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 1 })));
    assert_eq!((found.cards[&CardReason::CardNotHealth], found.cards[&CardReason::CardCordoned]), (1, 1));
    assert_eq!(only_change(found.remedy), Change::UncordonDevices);
}

#[test]
fn pods_that_do_not_wait_for_a_node() {
    let fleet = half_full();
    let pod = running("a", "one", NVIDIA, "GPU-one-0,NVIDIA,1,1:;");
    assert_eq!(why(&fleet, &pod).verdict, Verdict::NotWaiting);
    let mut bound = annotated(pod, "hami.io/bind-phase", "failed");
    bound["status"]["phase"] = "Pending".into();
    assert!(matches!(why(&fleet, &bound).verdict, Verdict::Bound { node, bind_phase: Some(_) } if node == "one"));
}

#[test]
fn init_containers_take_turns_with_the_application() {
    let mut pod = asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 25000 }));
    pod["spec"]["initContainers"] =
        json!([{ "name": "init", "resources": { "limits": { "nvidia.com/gpu": 1, "nvidia.com/gpumem": 30000 } } }]);
    assert_eq!(why(&half_full(), &pod).verdict, Verdict::FitsNow { node: "one".to_owned() });
    // Beside the application, there is no room.
    pod["spec"]["initContainers"][0]["restartPolicy"] = "Always".into();
    assert_eq!(why(&half_full(), &pod).verdict, Verdict::NoNodeFits);
}

#[test]
fn mig_instances_need_a_place() {
    let register = json!([{ "id": "GPU-0", "count": 7, "devmem": 40960, "devcore": 100, "type": "A100", "health": true, "mode": "mig",
        "migProfiles": [{ "name": "3g.20gb", "memoryMB": 20480, "placements": [{ "start": 0, "size": 4 }, { "start": 4, "size": 4 }] }] }]);
    let node = annotated(node("one"), "hami.io/node-nvidia-register", &register.to_string());
    let mig = |start: u32| {
        format!(
            r#"[{{"containerIndex":0,"deviceIndex":0,"gpuUUID":"GPU-0","profile":"1g.5gb","placement":{{"start":{start},"size":1}}}}]"#
        )
    };
    let holder = |name: &str, start: u32| {
        annotated(running(name, "one", NVIDIA, "GPU-0,NVIDIA,5120,14:;"), "hami.io/vgpu-mig-allocations", &mig(start))
    };
    let ask = asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 15000 }));
    let one = fleet(std::slice::from_ref(&node), &[holder("a", 0)]);
    assert_eq!(why(&one, &ask).verdict, Verdict::FitsNow { node: "one".to_owned() });
    let found = why(&fleet(&[node], &[holder("a", 0), holder("b", 6)]), &ask);
    assert_eq!(found.cards[&CardReason::CardMigTopologyInfeasible], 1);
    assert_eq!(found.fits_when_empty.as_deref(), Some("one"));
}

#[test]
fn without_hami_numbers_decide() {
    let holder = json!({ "metadata": { "name": "a", "namespace": "x" }, "spec": { "nodeName": "one", "containers": [
        { "name": "c", "resources": { "limits": { "nvidia.com/gpu": 6 } } }] }, "status": { "phase": "Running" } });
    let nodes = [
        offering(node("one"), "nvidia.com/gpu", "8"),
        offering(node("mig"), "nvidia.com/mig-1g.5gb", "7"),
        node("cpu"),
    ];
    let fleet = fleet(&nodes, &[holder]);
    let plain = |limits: Value| {
        let mut pod = asks(limits);
        pod["spec"]["schedulerName"] = "default-scheduler".into();
        why(&fleet, &pod)
    };
    assert_eq!(plain(json!({ "nvidia.com/gpu": 2 })).verdict, Verdict::FitsNow { node: "one".to_owned() });
    let found = plain(json!({ "nvidia.com/gpu": 4 }));
    assert!(
        found
            .nodes
            .iter()
            .any(|reason| reason.reason == NodeReason::Insufficient { resource: "nvidia.com/gpu".to_owned() })
    );
    assert!(
        found.nodes.iter().any(|reason| reason.nodes == 2 && matches!(reason.reason, NodeReason::NoDevices { .. }))
    );
    assert_eq!(only_change(found.remedy), Change::LowerCount { from: 4, to: 2 });
    assert_eq!(plain(json!({ "nvidia.com/mig-1g.5gb": 7 })).verdict, Verdict::FitsNow { node: "mig".to_owned() });
    let found = plain(json!({ "nvidia.com/mig-3g.20gb": 1 }));
    assert_eq!((found.verdict, found.fits_when_empty, found.remedy), (Verdict::NoNodeFits, None, None));
}

#[test]
fn neuron_devices_and_single_cores() {
    let one = offering(offering(node("one"), "aws.amazon.com/neuron", "2"), "aws.amazon.com/neuroncore", "4");
    let held = running("a", "one", "hami.io/aws-neuron-devices-allocated", "one-AWSNeuron-0,AWSNeuron,0,1:;");
    let fleet = fleet(&[one], &[held]);
    let fits = |limits: Value| matches!(why(&fleet, &asks(limits)).verdict, Verdict::FitsNow { .. });
    assert!(fits(json!({ "aws.amazon.com/neuron": 1 })));
    assert!(!fits(json!({ "aws.amazon.com/neuron": 2 })));
    assert!(fits(json!({ "aws.amazon.com/neuroncore": 3 })));
    assert!(!fits(json!({ "aws.amazon.com/neuroncore": 4 })));
}

#[test]
fn two_changes_where_one_is_not_enough() {
    let mut tainted = nvidia_node("one", 1);
    tainted["spec"]["taints"] = json!([{ "key": "gpu", "effect": "NoSchedule" }]);
    let fleet = fleet(&[tainted], &[]);
    let pod = annotated(asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 1 })), "nvidia.com/use-gputype", "H100");
    let remedy = why(&fleet, &pod).remedy.unwrap();
    assert_eq!(
        remedy.changes,
        [
            Change::DropAnnotation { key: "nvidia.com/use-gputype".to_owned() },
            Change::Tolerate { taints: vec!["gpu:NoSchedule".to_owned()] },
        ]
    );
}

#[test]
fn what_is_not_judged_is_told() {
    let mut pod = asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 1 }));
    pod["spec"]["volumes"] = json!([{ "name": "v", "persistentVolumeClaim": { "claimName": "c" } }]);
    pod["spec"]["affinity"] = json!({ "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{}] } });
    let found = why(&half_full(), &labelled(pod, "scheduling.x-k8s.io/pod-group", "g"));
    assert_eq!(found.unchecked, ["pod anti-affinity", "persistent volume claims", "the other pods of its group"]);
}

#[test]
fn events_are_read_for_their_reasons() {
    let text = "no available node, node-a: 2/8 CardInsufficientMemory, 6/8 CardTypeMismatch; node-b: node unregistered";
    let events = parse_event(text);
    assert_eq!((&*events[0].node, events[0].cards), ("node-a", 8));
    assert_eq!(events[0].reasons[&CardReason::CardInsufficientMemory], 2);
    assert_eq!(events[0].reasons[&CardReason::CardTypeMismatch], 6);
    assert!(events[1].unregistered && events[1].node == "node-b");
    assert!(parse_event("0/5 nodes are available: 5 Insufficient cpu.").is_empty());
    assert!(!CardReason::CardInsufficientMemory.meaning().is_empty());
    assert_eq!(CardReason::parse("CardUuidMismatch"), Some(CardReason::CardUuidMismatch));
}
