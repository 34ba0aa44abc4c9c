//! Counting as the scheduler counts, and what is told of nodes and pods.

use serde_json::{Value, json};
use trainyard_gpu::{
    Backends, Options, Vendor,
    codec::{HandshakeState, LockState},
    fleet::{Counting, Finding, NodeFilter, PodFilter},
    object::Phase,
};

use crate::cluster::{NVIDIA, annotated, fleet, fleet_with, node, nvidia_node, running, shown, waiting};

fn with_init(devices: &str, ended: bool) -> Value {
    let mut pod = running("pod", "one", NVIDIA, devices);
    pod["spec"]["initContainers"] = json!([{ "name": "first" }, { "name": "second" }]);
    let exit = if ended { json!({ "terminated": { "exitCode": 0 } }) } else { json!({ "running": {} }) };
    pod["status"]["initContainerStatuses"] = json!([{ "state": exit }, { "state": exit }]);
    pod
}

/// Slots, memory and cores in use of the one card.
fn used(pod: Value, counting: Counting) -> (i64, i64, i64) {
    let options = Options { counting, ..Options::default() };
    let fleet = fleet_with(Backends::default(), options, &[nvidia_node("one", 1)], &[pod]);
    let used = fleet.nodes[0].cards[0].used;
    (used.slots, used.memory_mib, used.cores)
}

#[test]
fn init_containers_count_by_their_largest_until_they_have_ended() {
    let devices = "GPU-one-0,NVIDIA,3000,10:;GPU-one-0,NVIDIA,5000,5:;GPU-one-0,NVIDIA,4000,20:;";
    assert_eq!(used(with_init(devices, false), Counting::Collapsed), (1, 5000, 20));
    assert_eq!(used(with_init(devices, true), Counting::Collapsed), (1, 4000, 20));
    assert_eq!(used(with_init(devices, false), Counting::Summed), (3, 12000, 35));
}

#[test]
fn a_card_that_only_init_containers_use_has_one_task_and_then_none() {
    let devices = "GPU-one-0,NVIDIA,3000,10:;;;";
    assert_eq!(used(with_init(devices, false), Counting::Collapsed), (1, 3000, 10));
    assert_eq!(used(with_init(devices, true), Counting::Collapsed), (0, 0, 0));
}

#[test]
fn releases_differ_in_counting() {
    for (version, counting) in [
        ("2.9.0", Counting::Summed),
        ("v2.4.1", Counting::Summed),
        ("2.10.0", Counting::Collapsed),
        ("v3.0.0", Counting::Collapsed),
        ("main", Counting::Collapsed),
    ] {
        assert_eq!(Counting::of_release(version), counting, "{version}");
    }
}

#[test]
fn several_containers_on_one_card_are_several_tasks() {
    let mut pod = running("pod", "one", NVIDIA, "GPU-one-0,NVIDIA,1000,10:;GPU-one-0,NVIDIA,1000,10:;");
    pod["spec"]["containers"] = json!([{ "name": "a" }, { "name": "b" }]);
    assert_eq!(used(pod, Counting::Collapsed), (2, 2000, 20));
}

#[test]
fn mig_instances_are_joined_with_cards_and_devices() {
    let register = json!([{ "id": "GPU-0", "count": 7, "devmem": 40960, "devcore": 100, "type": "NVIDIA-A100-SXM4-40GB", "health": true,
        "mode": "mig", "migProfiles": [
            { "name": "1g.5gb", "memoryMB": 5120, "core": 14, "placements": (0..7).map(|start| json!({ "start": start, "size": 1 })).collect::<Vec<_>>() },
            { "name": "3g.20gb", "memoryMB": 20480, "core": 42, "placements": [{ "start": 0, "size": 4 }, { "start": 4, "size": 4 }] },
        ] }]);
    let node = annotated(node("one"), "hami.io/node-nvidia-register", &register.to_string());
    let pod = running("pod", "one", NVIDIA, "GPU-0,NVIDIA,5120,14:;");
    let mig = r#"[{"containerIndex":0,"deviceIndex":0,"gpuUUID":"GPU-0","profile":"1g.5gb","placement":{"start":6,"size":1},
        "migUUID":"MIG-7","gpuInstanceID":13,"computeInstanceID":0}]"#;
    let fleet = fleet(&[node], &[annotated(pod, "hami.io/vgpu-mig-allocations", mig)]);
    let card = &fleet.nodes[0].cards[0];
    // Half of the card is free in one piece, though more memory than that is.
    assert_eq!((card.free_memory_mib(), card.largest_request_mib()), (35840, 20480));
    assert_eq!(
        (card.mig_instance_for(1), card.mig_instance_for(5121), card.mig_instance_for(20481)),
        (Some(5120), Some(20480), None)
    );
    let device = &fleet.pod_row(&fleet.pods[0]).containers[0].devices[0];
    assert_eq!(device.mig.as_ref().unwrap().instance.as_ref().unwrap().gpu_instance, 13);
}

#[test]
fn old_mig_slots_are_parted_from_their_card() {
    let register = json!([{ "id": "GPU-0", "count": 7, "devmem": 40960, "devcore": 100, "type": "A100", "health": true, "mode": "mig",
        "migtemplate": [[{ "Name": "1g.5gb", "Memory": 5120, "Count": 7 }], [{ "Name": "2g.10gb", "Memory": 10240, "Count": 3 },
            { "Name": "1g.5gb", "Memory": 5120, "Count": 1 }]] }]);
    let node = annotated(node("one"), "hami.io/node-nvidia-register", &register.to_string());
    let pods: Vec<_> = (0..3)
        .map(|slot| running(&format!("pod{slot}"), "one", NVIDIA, &format!("GPU-0[1-{slot}],NVIDIA,10240,28:;")))
        .collect();
    let empty = fleet(std::slice::from_ref(&node), &[]);
    assert_eq!(empty.nodes[0].cards[0].largest_request_mib(), 10240);
    let fleet = fleet(&[node], &pods);
    let card = &fleet.nodes[0].cards[0];
    assert_eq!((card.used.memory_mib, card.holders.len()), (30720, 3));
    assert_eq!(card.largest_request_mib(), 5120);
}

#[test]
fn nodes_are_filtered_by_what_they_have_and_have_left() {
    let amd = r#"[{"id":"amd-0","count":4,"devmem":196608,"devcore":304,"type":"AMD Instinct MI300X VF"}]"#;
    let nodes = [
        nvidia_node("full", 1),
        nvidia_node("free", 1),
        annotated(node("amd"), "hami.io/node-amd-register", amd),
        node("cpu"),
    ];
    let fleet = fleet(&nodes, &[running("pod", "full", NVIDIA, "GPU-full-0,NVIDIA,40000,90:;")]);
    let names = |filter: NodeFilter| -> Vec<String> {
        fleet.node_summaries(&filter, 0).into_iter().map(|row| row.name).collect()
    };
    assert_eq!(names(NodeFilter::default()), ["full", "free", "amd"]);
    assert_eq!(names(NodeFilter { vendor: Some(Vendor::Amd), ..NodeFilter::default() }), ["amd"]);
    assert_eq!(names(NodeFilter { model: Some("a100".to_owned()), ..NodeFilter::default() }), ["full", "free"]);
    assert_eq!(names(NodeFilter { only_unhealthy: true, ..NodeFilter::default() }), ["amd"]);
    assert_eq!(names(NodeFilter { min_free_memory_mib: Some(1000), ..NodeFilter::default() }), ["free"]);
    assert_eq!(names(NodeFilter { min_free_cores: Some(10), ..NodeFilter::default() }), ["full", "free"]);
    assert_eq!(fleet.totals(&NodeFilter::default()).nodes, 3);
}

#[test]
fn pods_are_filtered_and_ended_ones_left_out() {
    let mut ended = running("ended", "one", NVIDIA, "GPU-one-0,NVIDIA,1,1:;");
    ended["status"]["phase"] = "Succeeded".into();
    let pods = [
        running("live", "one", NVIDIA, "GPU-one-0,NVIDIA,1,1:;"),
        ended,
        waiting("new", json!({ "nvidia.com/gpu": 1 })),
        waiting("none", json!({ "cpu": 1 })),
    ];
    let fleet = fleet(&[nvidia_node("one", 1)], &pods);
    let names = |filter: PodFilter| fleet.pod_rows(&filter).map(|row| row.name).collect::<Vec<_>>();
    assert_eq!(names(PodFilter::default()), ["live", "new"]);
    assert_eq!(names(PodFilter { include_terminal: true, ..PodFilter::default() }), ["live", "ended", "new"]);
    assert_eq!(names(PodFilter { phase: Some(Phase::Succeeded), ..PodFilter::default() }), ["ended"]);
    assert_eq!(names(PodFilter { node: Some("one".to_owned()), ..PodFilter::default() }), ["live"]);
    assert_eq!(names(PodFilter { device_uuid: Some("GPU-one-0".to_owned()), ..PodFilter::default() }), ["live"]);
    assert!(names(PodFilter { namespace: Some("other".to_owned()), ..PodFilter::default() }).is_empty());
}

#[test]
fn limits_win_over_requests() {
    let mut pod = waiting("pod", json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": "3k" }));
    pod["spec"]["containers"][0]["resources"]["requests"] = json!({ "nvidia.com/gpu": 9, "nvidia.com/gpucores": 30 });
    let fleet = fleet(&[nvidia_node("one", 1)], &[pod]);
    let asked = &fleet.pod_row(&fleet.pods[0]).containers[0].requested[0];
    assert_eq!((asked.count, asked.memory_mib, asked.cores), (Some(1), Some(3000), Some(30)));
}

#[test]
fn a_node_is_described_with_what_is_wrong() {
    let now = 1_705_984_204 + 3600;
    let mut sick = nvidia_node("one", 1);
    sick["status"]["allocatable"]["nvidia.com/gpu"] = "0".into();
    let sick = annotated(sick, "hami.io/mutex.lock", "2024-01-23T04:30:04Z,team,gone");
    let sick = annotated(sick, "hami.io/node-handshake", "Requesting_2024-01-23 04:30:04");
    let sick = annotated(sick, "hami.io/node-dcu-register", "broken");
    let sick = annotated(sick, "hami.io/device-cordon", "GPU-one-0,");
    let mut slow = running("slow", "one", NVIDIA, "GPU-one-0,NVIDIA,50000,10:;");
    slow = annotated(annotated(slow, "hami.io/bind-phase", "allocating"), "hami.io/bind-time", "1705984204");
    let fleet = fleet(&[sick], &[slow, running("lost", "one", NVIDIA, "GPU-gone,NVIDIA,1,1:;")]);
    let detail = fleet.describe_node("one", now).unwrap();
    assert!(detail.devices[0].cordoned);
    assert_eq!(detail.locks[0].state, LockState::Expired);
    assert_eq!(detail.locks[0].owner.as_deref(), Some("team/gone"));
    assert!(detail.notes.iter().any(|note| note.message.contains("registers no such device")));
    let kinds: Vec<_> =
        detail.findings.iter().map(|finding| shown(finding)["finding"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["stuck_lock", "silent_plugin", "overcommitted", "unfinished_bind", "unreadable"]);
    assert!(matches!(&detail.findings[2], Finding::Overcommitted { memory_mib: 9040, .. }));
    assert_eq!(fleet.node_summaries(&NodeFilter::default(), now)[0].vendors[0].handshake, Some(HandshakeState::Silent));
    assert!(fleet.describe_node("two", now).is_none());
}

#[test]
fn a_lock_whose_pod_is_gone_dangles() {
    let node = annotated(nvidia_node("one", 1), "hami.io/mutex.lock", "2024-01-23T04:30:04Z,team,pod");
    let now = 1_705_984_204 + 60;
    let state = |pods: &[Value]| {
        fleet(std::slice::from_ref(&node), pods).node_summaries(&NodeFilter::default(), now)[0].locks[0].state
    };
    assert_eq!(state(&[]), LockState::Dangling);
    assert_eq!(state(&[waiting("pod", json!({ "nvidia.com/gpu": 1 }))]), LockState::Held);
}

#[test]
fn devices_taken_past_hami_are_told() {
    let mut pod = waiting("past", json!({ "nvidia.com/gpu": 2 }));
    pod["spec"]["nodeName"] = "one".into();
    pod["status"]["phase"] = "Running".into();
    let fleet = fleet(&[nvidia_node("one", 1)], &[pod]);
    assert!(fleet.nodes[0].notes[0].message.contains("without HAMi"), "{:?}", fleet.nodes[0].notes);
}

#[test]
fn a_broken_register_hides_nothing_else() {
    let broken = annotated(node("broken"), "hami.io/node-nvidia-register", "GPU-0,x:");
    let fleet = fleet(&[broken, nvidia_node("fine", 1), json!({}), json!("text")], &[json!(null)]);
    let rows = fleet.node_summaries(&NodeFilter::default(), 0);
    assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["broken", "fine"]);
    assert_eq!(rows[0].notes[0].subject, "hami.io/node-nvidia-register");
    assert_eq!(fleet.notes.len(), 3);
}
