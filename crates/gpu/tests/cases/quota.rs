//! Limits and use.

use serde_json::{Value, json};
use trainyard_gpu::{
    Vendor,
    quota::{QuotaKind, QuotaObject},
};

use crate::cluster::{NVIDIA, annotated, fleet, node, nvidia_node, running};

fn quota(namespace: &str, name: &str, hard: Value) -> QuotaObject {
    QuotaObject::from_json(&json!({ "metadata": { "namespace": namespace, "name": name }, "spec": { "hard": hard } }))
        .unwrap()
}

#[test]
fn use_is_what_pods_hold_and_limits_are_read_in_short_form() {
    let fleet = fleet(
        &[nvidia_node("one", 2)],
        &[
            running("a", "one", NVIDIA, "GPU-one-0,NVIDIA,3000,30:;"),
            running("b", "one", NVIDIA, "GPU-one-0,NVIDIA,1000,10:GPU-one-1,NVIDIA,1000,10:;"),
        ],
    );
    let quota = quota(
        "team",
        "q",
        json!({ "limits.nvidia.com/gpumem": "16k", "limits.nvidia.com/gpucores": "200",
        "requests.nvidia.com/gpu": "4", "limits.cpu": "10", "pods": "5" }),
    );
    let rows = fleet.quota_usage(&[quota], Some("team"), Some(Vendor::Nvidia));
    assert_eq!(rows.len(), 3);
    let memory = &rows[0];
    assert_eq!((&*memory.resource, memory.kind), ("nvidia.com/gpumem", QuotaKind::Memory));
    assert_eq!((memory.limit, memory.used, memory.free, memory.percent), (Some(16000), 5000, Some(11000), Some(31)));
    assert_eq!(memory.top_pods, [("a".to_owned(), 3000), ("b".to_owned(), 2000)]);
    assert_eq!((rows[1].used, rows[1].free), (50, Some(150)));
    assert_eq!((rows[2].kind, rows[2].limit), (QuotaKind::Count, Some(4)));
}

#[test]
fn a_limit_of_zero_blocks_and_none_does_not() {
    let fleet = fleet(&[nvidia_node("one", 1)], &[running("a", "one", NVIDIA, "GPU-one-0,NVIDIA,3000,30:;")]);
    let rows = fleet.quota_usage(&[quota("other", "q", json!({ "limits.nvidia.com/gpumem": 0 }))], None, None);
    let other = rows.iter().find(|row| row.namespace == "other").unwrap();
    assert!(other.blocked && other.free == Some(0) && other.percent.is_none());
    let team: Vec<_> = rows.iter().filter(|row| row.namespace == "team").collect();
    assert!(team.iter().all(|row| !row.blocked && row.limit.is_none() && row.free.is_none()));
    assert_eq!(team.len(), 2);
}

#[test]
fn what_is_no_whole_number_is_skipped_with_a_note() {
    let quota =
        quota("team", "q", json!({ "limits.nvidia.com/gpumem": "1500m", "limits.nvidia.com/gpucores": "many" }));
    assert!(quota.limits.is_empty());
    assert_eq!(quota.notes.len(), 2);
    assert!(QuotaObject::from_json(&json!({ "metadata": { "name": "q" } })).is_none());
}

#[test]
fn vendors_differ_in_what_a_quota_may_limit() {
    let nodes =
        [annotated(node("one"), "hami.io/node-biren-register", r#"[{"id":"b","count":1,"devmem":1,"health":true}]"#)];
    let fleet = fleet(&nodes, &[running("a", "one", "hami.io/Biren-devices-allocated", "b,Biren,1,100:;")]);
    let limits = json!({ "limits.birentech.com/gpu": 1, "limits.kunlunxin.com/vxpu-memory": 24576, "limits.aws.amazon.com/neuroncore": 3,
        "limits.amd.com/gpucores": 100, "limits.hygon.com/dcumem": 5, "limits.metax-tech.com/vmemory": 2 });
    let rows = fleet.quota_usage(&[quota("team", "q", limits)], None, None);
    let limit =
        |resource: &str| rows.iter().find(|row| row.resource == resource).map(|row| row.limit_in_use_units.unwrap());
    assert_eq!(limit("birentech.com/gpu"), None);
    assert_eq!(limit("kunlunxin.com/vxpu-memory"), Some(24576));
    assert_eq!(limit("aws.amazon.com/neuroncore"), Some(3));
    assert_eq!(limit("amd.com/gpucores"), Some(100));
    assert_eq!(limit("hygon.com/dcumem"), Some(5));
    assert_eq!(limit("metax-tech.com/vmemory"), Some(2048));
}

#[test]
fn numbers_of_devices_are_counted_by_the_api_server() {
    let hard = json!({ "requests.nvidia.com/gpu": "8", "requests.nvidia.com/mig-1g.5gb": "0", "requests.aws.amazon.com/neuron": "2",
        "requests.cpu": "4", "requests.nvidia.com/gpumem": "1" });
    let mut wide = quota("team", "wide", json!({ "requests.nvidia.com/gpu": "100" }));
    let object = json!({ "metadata": { "namespace": "team", "name": "q" }, "spec": { "hard": hard },
        "status": { "used": { "requests.nvidia.com/gpu": "6" } } });
    let narrow = QuotaObject::from_json(&object).unwrap();
    wide.counts.insert("nvidia.com/gpu".to_owned(), (100, 6));
    let holder = json!({ "metadata": { "name": "a", "namespace": "team" }, "spec": { "nodeName": "one",
        "initContainers": [{ "name": "i", "resources": { "limits": { "nvidia.com/gpu": 1 } } }],
        "containers": [{ "name": "c", "resources": { "limits": { "nvidia.com/gpu": 6 } } }] }, "status": { "phase": "Running" } });
    let rows = fleet(&[crate::cluster::node("one")], &[holder]).quota_usage(&[wide, narrow], None, None);
    let of = |resource: &str| rows.iter().find(|row| row.resource == resource);
    let gpu = of("nvidia.com/gpu").unwrap();
    assert_eq!(
        (gpu.kind, gpu.limit, gpu.used, gpu.free, gpu.percent),
        (QuotaKind::Count, Some(8), 6, Some(2), Some(75))
    );
    assert_eq!((&gpu.quota_objects[0], &gpu.top_pods[..]), (&"q".to_owned(), &[("a".to_owned(), 6)][..]));
    assert!(of("nvidia.com/mig-1g.5gb").unwrap().blocked);
    assert_eq!(of("aws.amazon.com/neuron").unwrap().free, Some(2));
    assert!(of("cpu").is_none() && of("nvidia.com/gpumem").is_none(), "{rows:?}");
}
