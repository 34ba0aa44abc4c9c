//! Mistakes that others made when they read HAMi's annotations, and that must not be made here. One test each.

use serde_json::json;
use trainyard_gpu::{
    annotations,
    fleet::{NodeFilter, PodFilter},
    metrics::{Filters, Query, find},
    quota::QuotaObject,
    vendor::Backends,
};

use crate::cluster::{NVIDIA, annotated, fleet, node, nvidia_node, offering, running, waiting};

#[test]
fn the_register_is_read_where_hami_writes_it() {
    // Nothing writes this key.
    let invented =
        annotated(node("one"), "hami.io/node-devices-to-register", "GPU-1,10,7680,100,NVIDIA-Tesla P4,0,true:");
    assert!(fleet(&[invented], &[]).nodes[0].cards.is_empty());
    assert_eq!(fleet(&[nvidia_node("one", 2)], &[]).nodes[0].cards.len(), 2);
}

#[test]
fn the_second_field_is_the_count_and_the_eighth_the_index() {
    let value = "GPU-1,10,7680,100,NVIDIA-Tesla P4,0,true,3,hami-core:";
    let fleet = fleet(&[annotated(node("one"), "hami.io/node-nvidia-register", value)], &[]);
    let device = &fleet.nodes[0].cards[0].device;
    assert_eq!((device.count, device.index), (10, 3));
}

#[test]
fn both_notations_are_read_on_one_cluster() {
    let text = annotated(node("old"), "hami.io/node-nvidia-register", "GPU-1,10,7680,100,NVIDIA-Tesla P4,0,true:");
    let fleet = fleet(&[text, nvidia_node("new", 1)], &[]);
    assert!(fleet.nodes.iter().all(|node| node.cards.len() == 1));
}

#[test]
fn slots_do_not_multiply_memory() {
    let fleet = fleet(&[nvidia_node("one", 2)], &[]);
    let kind = &fleet.node_summaries(&NodeFilter::default(), 0)[0].vendors[0];
    assert_eq!(kind.memory_total_mib, Some(2 * 40960));
}

#[test]
fn cards_and_slots_are_told_apart() {
    let fleet = fleet(&[nvidia_node("one", 2)], &[]);
    let kind = &fleet.node_summaries(&NodeFilter::default(), 0)[0].vendors[0];
    assert_eq!((kind.cards, kind.slots_total), (2, 20));
}

#[test]
fn use_is_the_sum_of_what_live_pods_were_given() {
    let done = |phase: &str| {
        let mut pod = running(phase, "one", NVIDIA, "GPU-one-0,NVIDIA,9999,90:;");
        pod["status"]["phase"] = phase.into();
        pod
    };
    let mut leaving = running("leaving", "one", NVIDIA, "GPU-one-0,NVIDIA,1000,10:;");
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let pods =
        [running("live", "one", NVIDIA, "GPU-one-0,NVIDIA,2000,20:;"), leaving, done("Succeeded"), done("Failed")];
    // Capacity equals allocatable here, as it does on real nodes.
    let fleet = fleet(&[nvidia_node("one", 1)], &pods);
    let kind = &fleet.node_summaries(&NodeFilter::default(), 0)[0].vendors[0];
    assert_eq!((kind.memory_allocated_mib, kind.cores_allocated, kind.slots_used), (Some(3000), Some(30), 2));
}

#[test]
fn devices_to_allocate_are_no_use() {
    let pod = running("pod", "one", "hami.io/vgpu-devices-to-allocate", "GPU-one-0,NVIDIA,2000,20:;");
    assert_eq!(fleet(&[nvidia_node("one", 1)], &[pod]).nodes[0].cards[0].used.memory_mib, 0);
}

#[test]
fn a_node_may_have_several_vendors() {
    let amd =
        r#"[{"id":"amd-0","count":4,"devmem":196608,"devcore":304,"type":"AMD Instinct MI300X VF","health":true}]"#;
    let mixed = annotated(nvidia_node("one", 1), "hami.io/node-amd-register", amd);
    let fleet = fleet(&[offering(mixed, "aws.amazon.com/neuron", "2")], &[]);
    let row = &fleet.node_summaries(&NodeFilter::default(), 0)[0];
    assert_eq!(
        row.vendors.iter().map(|kind| kind.vendor.as_str()).collect::<Vec<_>>(),
        ["nvidia", "amd", "aws_neuron"]
    );
}

#[test]
fn devices_are_told_by_container_and_init_containers_are_among_them() {
    let mut pod = running("pod", "one", NVIDIA, ";;GPU-one-0,NVIDIA,2000,50:;");
    pod["spec"]["initContainers"] =
        json!([{ "name": "fetch" }, { "name": "warm", "resources": { "limits": { "nvidia.com/gpu": 1 } } }]);
    pod["spec"]["ephemeralContainers"] = json!([{ "name": "debug" }]);
    let fleet = fleet(&[nvidia_node("one", 1)], &[pod]);
    let row = fleet.pod_row(&fleet.pods[0]);
    let told: Vec<_> = row
        .containers
        .iter()
        .map(|container| (&*container.name, container.requested.len(), container.devices.len()))
        .collect();
    assert_eq!(told, [("warm", 1, 0), ("main", 0, 1)]);
}

#[test]
fn entries_of_older_releases_are_of_application_containers() {
    let mut pod = running("pod", "one", NVIDIA, "GPU-one-0,NVIDIA,2000,50:;");
    pod["spec"]["initContainers"] = json!([{ "name": "fetch" }]);
    let fleet = fleet(&[nvidia_node("one", 1)], &[pod]);
    let row = fleet.pod_row(&fleet.pods[0]);
    assert_eq!(row.containers[0].name, "main");
    assert!(row.notes.is_empty());
}

#[test]
fn entries_that_fit_no_release_are_told_by_number() {
    let pod = running("pod", "one", NVIDIA, ";;;GPU-one-0,NVIDIA,2000,50:;");
    let fleet = fleet(&[nvidia_node("one", 1)], &[pod]);
    let row = fleet.pod_row(&fleet.pods[0]);
    assert_eq!(row.containers[0].name, "entry 3");
    assert!(row.notes[0].message.contains("4 entries"));
    assert_eq!(fleet.nodes[0].cards[0].used.memory_mib, 2000);
}

#[test]
fn cores_are_in_the_unit_of_their_vendor() {
    let amd =
        r#"[{"id":"amd-0","count":4,"devmem":196608,"devcore":304,"type":"AMD Instinct MI300X VF","health":true}]"#;
    let node = annotated(node("one"), "hami.io/node-amd-register", amd);
    let fleet = fleet(&[node], &[running("pod", "one", "hami.io/amd-devices-allocated", "amd-0,AMD,98304,76:;")]);
    let device = &fleet.pod_row(&fleet.pods[0]).containers[0].devices[0];
    assert_eq!((device.cores, device.core_unit, device.cores_percent), (76, "compute_unit", Some(25)));
}

#[test]
fn quotas_have_a_factor_and_are_not_added() {
    let quota = |name: &str, limit: &str| {
        let hard = json!({ "limits.cambricon.com/mlu.smlu.vmemory": limit, "requests.nvidia.com/gpu": "4" });
        QuotaObject::from_json(&json!({ "metadata": { "namespace": "team", "name": name }, "spec": { "hard": hard } }))
            .unwrap()
    };
    let fleet = fleet(&[nvidia_node("one", 1)], &[]);
    let rows = fleet.quota_usage(&[quota("first", "10"), quota("second", "20")], None, None);
    assert_eq!(rows.len(), 2, "and the number of cards");
    assert_eq!((rows[0].limit, rows[0].limit_in_use_units), (Some(20), Some(5120)));
    assert!(rows[0].warning.is_some());
}

#[test]
fn a_filter_that_a_metric_cannot_apply_is_told_and_not_sent() {
    let filters = Filters { node: Some("one".to_owned()), ..Filters::default() };
    let query = Query::metric("hami_vgpu_memory_used_bytes", &filters, None).unwrap();
    assert_eq!(query.not_filterable_by, ["node"]);
    assert!(!query.text.contains("\"one\""), "{}", query.text);
    assert!(find("hami_vgpu_memory_used_bytes").is_some());
}

#[test]
fn annotations_of_others_are_only_named() {
    let all = [
        ("kubectl.kubernetes.io/last-applied-configuration", "{\"password\":\"x\"}"),
        ("hami.io/vgpu-node", "one"),
        ("nvidia.com/api-token", "abc"),
        ("nvidia.com/use-gputype", "A100"),
        ("example.com/key", "value"),
        ("AWS_NEURON_IDS", "0,1"),
    ];
    let shown = annotations::shown(all);
    assert_eq!(
        shown.annotations.keys().collect::<Vec<_>>(),
        ["AWS_NEURON_IDS", "hami.io/vgpu-node", "nvidia.com/use-gputype"]
    );
    assert_eq!(
        shown.others,
        ["example.com/key", "kubectl.kubernetes.io/last-applied-configuration", "nvidia.com/api-token"]
    );
}

#[test]
fn there_is_one_table_of_vendors() {
    // Whatever a backend calls its resources is recognised in a pod.
    for row in Backends::default().rows() {
        let pod = waiting("pod", json!({ row.resources.count.as_str(): 1 }));
        let fleet = fleet(&[], &[pod]);
        assert_eq!(fleet.pod_rows(&PodFilter::default()).count(), 1, "{}", row.word);
    }
}
