//! One node and one pod of every vendor, through the whole of it.

use serde_json::{Value, json};
use trainyard_gpu::{
    Backends, Quantity,
    fleet::{NodeFilter, PodFilter},
    vendor::{
        AscendRuntimeDevice, CambriconProfile, CoreUnit, EnflameSlice, MemoryUnit, MetaxRuntimeDevice, Vendor,
        decode_indexes,
    },
};

use crate::cluster::{annotated, fleet, labelled, node, nvidia_node, offering, running};

/// A node's register, a pod's share, and what both must come to.
struct Case {
    vendor: Vendor,
    register: (&'static str, &'static str),
    share: (&'static str, &'static str),
    uuid: &'static str,
    memory: (i64, i64),
    cores: (i64, i64),
}

/// Total and used of each.
const REGISTERED: &[Case] = &[
    Case {
        vendor: Vendor::Nvidia,
        register: ("hami.io/node-nvidia-register", "GPU-1,10,7680,100,NVIDIA-Tesla P4,0,true,1,hami-core:"),
        share: ("hami.io/vgpu-devices-allocated", "GPU-1,NVIDIA,500,3:;"),
        uuid: "GPU-1",
        memory: (7680, 500),
        cores: (100, 3),
    },
    Case {
        vendor: Vendor::Hygon,
        register: ("hami.io/node-dcu-register", "test-0,1,1024,100,DCU,0,true,0,test:"),
        share: ("hami.io/dcu-devices-allocated", "test-0,DCU,512,20:;"),
        uuid: "test-0",
        memory: (1024, 512),
        cores: (100, 20),
    },
    Case {
        vendor: Vendor::Iluvatar,
        register: ("hami.io/node-MR-V100-register", "iluvatar-0,10,8192,100,MR-V100,0,true:"),
        share: ("hami.io/MR-V100-devices-allocated", "iluvatar-0,MR-V100,256,0:;"),
        uuid: "iluvatar-0",
        memory: (8192, 256),
        cores: (100, 0),
    },
    Case {
        vendor: Vendor::Ascend,
        register: (
            "hami.io/node-register-Ascend910B4-1",
            r#"[{"ID":"npu-0","Count":4,"Devmem":65536,"Devcore":20,"Type":"Ascend910B4-1","Health":true}]"#,
        ),
        share: ("hami.io/Ascend910B4-1-devices-allocated", "npu-0,Ascend910B4-1,16384,0:;"),
        uuid: "npu-0",
        memory: (65536, 16384),
        cores: (20, 0),
    },
    Case {
        vendor: Vendor::Kunlun,
        register: (
            "hami.io/node-register-xpu",
            r#"[{"id":"xpu-0","index":0,"count":4,"devmem":98304,"devcore":100,"type":"XPU","health":true}]"#,
        ),
        share: ("hami.io/xpu-devices-allocated", "xpu-0,XPU,24576,25:;"),
        uuid: "xpu-0",
        memory: (98304, 24576),
        cores: (100, 25),
    },
    Case {
        vendor: Vendor::Amd,
        register: (
            "hami.io/node-amd-register",
            r#"[{"id":"amd-0","count":4,"devmem":196608,"devcore":304,"type":"AMD Instinct MI300X VF","mode":"hami-core","health":true}]"#,
        ),
        share: ("hami.io/amd-devices-allocated", "amd-0,AMD Instinct MI300X VF,98304,152:;"),
        uuid: "amd-0",
        memory: (196_608, 98304),
        cores: (304, 152),
    },
    Case {
        vendor: Vendor::Vastai,
        register: (
            "hami.io/node-va-register",
            r#"[{"id":"7-0","count":1,"devmem":32768,"type":"Vastai","health":true,"devicepairscore":{}}]"#,
        ),
        share: ("hami.io/Vastai-devices-allocated", "7-0,Vastai,32768,100:;"),
        uuid: "7-0",
        memory: (32768, 32768),
        cores: (100, 100),
    },
    Case {
        vendor: Vendor::Biren,
        register: (
            "hami.io/node-biren-register",
            r#"[{"id":"7-0","count":1,"devmem":32768,"type":"Biren","health":true}]"#,
        ),
        share: ("hami.io/Biren-devices-allocated", "7-0,Biren,32768,100:;"),
        uuid: "7-0",
        memory: (32768, 32768),
        cores: (100, 100),
    },
    Case {
        vendor: Vendor::Metax,
        register: (
            "metax-tech.com/node-gpu-devices",
            r#"[{"uuid": "GPU-123", "model": "sgpu", "totalDevCount": 16, "totalCompute": 100, "bdf": "0000:44:00.0",
                "totalVRam" : 32768, "numa": 1, "healthy": true, "qosPolicy": "fixed-share"}]"#,
        ),
        share: ("hami.io/metax-sgpu-devices-allocated", "GPU-123,Metax-SGPU,2048,10:;"),
        uuid: "GPU-123",
        memory: (32768, 2048),
        cores: (100, 10),
    },
    Case {
        vendor: Vendor::Enflame,
        register: (
            "enflame.com/gcu-drs-capacity",
            r#"{"devices":[{"index":"0","minor":"0","capacity":6}],"profiles":{"1g.6gb":"0","3g.20gb":"1","6g.40gb":"2"}}"#,
        ),
        share: ("hami.io/enflame-vgpu-devices-allocated", "one-enflame-drs-0,Enflame,6144,16:;"),
        uuid: "one-enflame-drs-0",
        memory: (40960, 6144),
        cores: (100, 16),
    },
];

#[test]
fn every_register_and_every_share() {
    for case in REGISTERED {
        let node = annotated(node("one"), case.register.0, case.register.1);
        let fleet = fleet(&[node], &[running("pod", "one", case.share.0, case.share.1)]);
        let one = &fleet.nodes[0];
        assert!(one.node.notes.is_empty() && one.notes.is_empty(), "{:?} {:?}", one.node.notes, one.notes);
        let card = &one.cards[0];
        assert_eq!((card.vendor, &*card.device.id), (case.vendor, case.uuid));
        assert!(card.device.healthy);
        assert_eq!((i64::from(card.device.memory_mib), card.used.memory_mib), case.memory, "{:?}", case.vendor);
        assert_eq!((card.total_cores(), card.used_cores()), case.cores, "{:?}", case.vendor);
        let pod = fleet.pod_row(&fleet.pods[0]);
        let device = &pod.containers[0].devices[0];
        assert_eq!((device.vendor, &*device.uuid, device.memory_mib), (case.vendor, case.uuid, case.memory.1));
    }
}

/// Vendor, what the node has, where HAMi writes shares, a device; then devices, MiB and cores of each.
type FromCapacity<'a> = (Vendor, &'a [(&'a str, &'a str)], &'a str, &'a str, usize, i64, i64);

#[test]
fn devices_known_from_capacity_alone() {
    let cases: &[FromCapacity<'_>] = &[
        (
            Vendor::Metax,
            &[("metax-tech.com/gpu", "2")],
            "hami.io/metax-gpu-devices-allocated",
            "one-metax-1",
            2,
            65536,
            100,
        ),
        (Vendor::Enflame, &[("enflame.com/gcu", "2")], "hami.io/enflame-gcu-devices-allocated", "one-GCU-1", 2, 0, 100),
        (
            Vendor::Cambricon,
            &[("cambricon.com/mlu.smlu.vcore", "200"), ("cambricon.com/mlu.smlu.vmemory", "182")],
            "hami.io/cambricon-mlu-devices-allocated",
            "one-cambricon-mlu-1",
            2,
            23296,
            100,
        ),
        (
            Vendor::Mthreads,
            &[("mthreads.com/sgpu-core", "32"), ("mthreads.com/sgpu-memory", "192")],
            "hami.io/mthreads-vgpu-devices-allocated",
            "one-mthreads-1",
            2,
            49152,
            16,
        ),
        (Vendor::Kunlun, &[("kunlunxin.com/xpu", "4")], "hami.io/kunlun-allocated", "one-kunlun-3", 4, 98304, 100),
        (
            Vendor::AwsNeuron,
            &[("aws.amazon.com/neuron", "2"), ("aws.amazon.com/neuroncore", "4")],
            "hami.io/aws-neuron-devices-allocated",
            "one-AWSNeuron-1",
            2,
            0,
            2,
        ),
    ];
    for (vendor, capacity, key, uuid, count, memory, cores) in cases {
        let node = capacity.iter().fold(node("one"), |node, (name, amount)| offering(node, name, amount));
        let fleet = fleet(&[node], &[running("pod", "one", key, &format!("{uuid},X,0,1:;"))]);
        let one = &fleet.nodes[0];
        assert!(one.notes.is_empty(), "{:?}", one.notes);
        let cards: Vec<_> = one.cards.iter().filter(|card| card.vendor == *vendor).collect();
        assert_eq!(cards.len(), *count, "{vendor:?}");
        let card = cards.iter().find(|card| card.device.id == *uuid).unwrap();
        assert_eq!((i64::from(card.device.memory_mib), card.total_cores()), (*memory, *cores), "{vendor:?}");
        assert_eq!(card.holders.len(), 1, "{vendor:?}");
    }
}

#[test]
fn kunlun_cards_of_the_upper_half_are_on_the_second_numa_node() {
    let fleet = fleet(&[offering(node("one"), "kunlunxin.com/xpu", "4"), nvidia_node("two", 1)], &[]);
    assert_eq!(fleet.nodes[0].cards.iter().map(|card| card.device.numa).collect::<Vec<_>>(), [0, 0, 1, 1]);
}

#[test]
fn neuron_cores_are_bits() {
    let one = offering(offering(node("one"), "aws.amazon.com/neuron", "2"), "aws.amazon.com/neuroncore", "4");
    let one = labelled(one, "node.kubernetes.io/instance-type", "trn1.2xlarge");
    let key = "hami.io/aws-neuron-devices-allocated";
    let fleet = fleet(
        &[one],
        &[
            running("a", "one", key, "one-AWSNeuron-0,AWSNeuron,0,2:;"),
            running("b", "one", key, "one-AWSNeuron-0,AWSNeuron,0,1:one-AWSNeuron-1,AWSNeuron,0,3:;"),
        ],
    );
    let cards = &fleet.nodes[0].cards;
    assert_eq!(cards[0].device.cores, 3);
    assert_eq!(cards[0].device.custom["AWSNodeType"], "trn1.2xlarge");
    assert_eq!((cards[0].used_cores(), cards[0].free_cores(), cards[1].free_cores()), (2, 0, 0));
    let row = fleet.pod_row(&fleet.pods[0]);
    assert_eq!(row.containers[0].devices[0].core_numbers, [1]);
    assert_eq!(row.containers[0].devices[0].cores_percent, Some(50));
    assert_eq!(CoreUnit::cores_of_mask(0b1011), [0, 1, 3]);
}

#[test]
fn one_unit_of_memory_of_each_vendor() {
    let card = 40_960;
    let of = |unit: MemoryUnit, amount: &str| unit.mib(Quantity::parse(amount).unwrap(), card);
    assert_eq!(of(MemoryUnit::Mib(1), "16k"), 16_000);
    assert_eq!(of(MemoryUnit::Mib(256), "20"), 5120);
    assert_eq!(of(MemoryUnit::Mib(512), "4"), 2048);
    assert_eq!(of(MemoryUnit::GibOrBytes, "2"), 2048);
    assert_eq!(of(MemoryUnit::GibOrBytes, "2048Mi"), 2048);
    assert_eq!(of(MemoryUnit::GbOrMib, "6"), 6144);
    assert_eq!(of(MemoryUnit::GbOrMib, "6144"), 6144);
    assert_eq!(of(MemoryUnit::KunlunSteps, "1"), 24_576);
    assert_eq!(of(MemoryUnit::KunlunSteps, "24577"), 49_152);
    assert_eq!(of(MemoryUnit::KunlunSteps, "98304"), 98_304);
}

#[test]
fn what_runtimes_are_told() {
    let ascend = AscendRuntimeDevice::decode(r#"[{"UUID":"device-0","temp":"vir08","memory":8738,"core":1}]"#).unwrap();
    assert_eq!((&*ascend[0].template, ascend[0].memory_mib), ("vir08", 8738));
    let soft = AscendRuntimeDevice::decode(r#"[{"UUID":"ascend-uuid-1","core":5,"memory":8192}]"#).unwrap();
    assert_eq!((&*soft[0].template, soft[0].cores), ("", 5));
    let metax = MetaxRuntimeDevice::decode(r#"[[{"uuid":"GPU-1","compute":10,"vRam":2048}],[]]"#).unwrap();
    assert_eq!((metax.len(), metax[0][0].memory_mib), (2, 2048));
    assert!(AscendRuntimeDevice::decode("{}").is_err() && MetaxRuntimeDevice::decode("[{}]").is_err());
}

#[test]
fn what_runtimes_are_told_by_number() {
    assert_eq!(decode_indexes("0,1").unwrap(), [0, 1]);
    assert!(decode_indexes("").unwrap().is_empty());
    assert!(decode_indexes("0,x").is_err() && decode_indexes("-1").is_err());
    let profile = CambriconProfile::decode("1_10_20").unwrap();
    assert_eq!((profile.index, profile.cores, profile.memory_mib), (1, 10, 5120));
    for bad in ["", "1_2", "1_2_3_4", "1_-2_3", "a_b_c"] {
        assert!(CambriconProfile::decode(bad).is_err(), "{bad}");
    }
    let slices = r#"{"main":{"allocated":true,"request":1,"profileID":"0","profileName":"1g.6gb","instanceID":"3","instanceUUID":"u"}}"#;
    assert_eq!(EnflameSlice::decode(slices).unwrap()["main"].profile, "1g.6gb");
    assert!(EnflameSlice::decode("[]").is_err());
}

#[test]
fn the_table_of_vendors_has_every_backend_once() {
    let rows = Backends::default().rows();
    assert_eq!(rows.len(), 14 + 7 + 4);
    let mut words: Vec<_> = rows.iter().map(|row| row.word.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), rows.len());
    let nvidia = serde_json::to_value(&rows[0]).unwrap();
    assert_eq!(nvidia["register"], "hami.io/node-nvidia-register");
    assert_eq!(nvidia["handshake"], "hami.io/node-handshake");
    assert_eq!(nvidia["selectors"]["use_uuid"], "nvidia.com/use-gpuuuid");
    let of = |word: &str| serde_json::to_value(rows.iter().find(|row| row.word == word).unwrap()).unwrap();
    assert_eq!(of("Ascend310P")["selectors"]["avoid_uuid"], "hami.io/no-use-Ascend310P-uuid");
    assert_eq!(of("AMD")["selectors"]["use_uuid"], "amd.com/use-gpu-uuid");
    assert_eq!(of("kunlun")["selectors"]["use_uuid"], "baidu.com/use-gpuuuid");
    assert_eq!(of("MLU")["lock"], "cambricon.com/dsmlu.lock");
    assert_eq!(of("AWSNeuron")["lock"], Value::Null);
}

#[test]
fn an_unknown_kind_of_device_is_shown_with_a_note() {
    let register = r#"[{"id":"q-0","count":4,"devmem":1024,"devcore":100,"type":"Q1","health":true}]"#;
    let node = annotated(node("one"), "hami.io/node-register-Quantum", register);
    let fleet = fleet(&[node], &[running("pod", "one", "hami.io/Quantum-devices-allocated", "q-0,Quantum,512,10:;")]);
    let summary = &fleet.node_summaries(&NodeFilter::default(), 0)[0];
    assert_eq!(summary.vendors[0].vendor, Vendor::Unknown);
    assert_eq!(summary.vendors[0].memory_allocated_mib, Some(512));
    assert!(summary.notes[0].message.contains("unknown kind"));
    assert_eq!(fleet.pod_rows(&PodFilter::default()).count(), 1);
}

#[test]
fn the_old_cambricon_register_is_still_read() {
    let node = annotated(node("one"), "hami.io/node-mlu-register", "MLU-0,10,23308,0,MLU-MLU370-X4,0,false:");
    let fleet = fleet(&[node], &[]);
    let card = &fleet.nodes[0].cards[0];
    assert_eq!((card.vendor, card.device.memory_mib, card.device.healthy), (Vendor::Cambricon, 23308, false));
}

#[test]
fn without_hami_devices_are_numbers() {
    let plain =
        labelled(offering(node("plain"), "nvidia.com/gpu", "8"), "nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3");
    let plain = labelled(plain, "nvidia.com/gpu.memory", "81559");
    let mig = offering(offering(node("mig"), "nvidia.com/mig-1g.10gb", "4"), "nvidia.com/mig-3g.40gb", "1");
    let neuron = offering(offering(node("neuron"), "aws.amazon.com/neuron", "16"), "aws.amazon.com/neuroncore", "32");
    let pod = |name: &str, node: &str, limits: Value| {
        json!({ "metadata": { "name": name, "namespace": "team" },
            "spec": { "nodeName": node, "containers": [{ "name": "c", "resources": { "limits": limits } }] },
            "status": { "phase": "Running" } })
    };
    let fleet = fleet(
        &[plain, mig, neuron],
        &[
            pod("a", "plain", json!({ "nvidia.com/gpu": "3" })),
            pod("b", "mig", json!({ "nvidia.com/mig-1g.10gb": 1 })),
            pod("c", "neuron", json!({ "aws.amazon.com/neuroncore": "6" })),
        ],
    );
    assert!(!fleet.hami);
    let rows = fleet.node_summaries(&NodeFilter::default(), 0);
    let h100 = &rows[0].vendors[0];
    assert_eq!((h100.cards, h100.slots_used, h100.memory_free_mib), (8, 3, Some(5 * 81559)));
    assert!(h100.models.contains("NVIDIA-H100-80GB-HBM3"));
    assert_eq!(
        rows[1].vendors.iter().map(|kind| (kind.slots_total, kind.slots_used)).collect::<Vec<_>>(),
        [(4, 1), (1, 0)]
    );
    assert_eq!(rows[1].vendors[1].largest_free_card_mib, Some(40 * 1024));
    let cores = rows[2].vendors.iter().find(|kind| kind.kind.ends_with("neuroncore")).unwrap();
    assert_eq!((cores.slots_total, cores.slots_used), (32, 6));
    let row = fleet.pod_row(&fleet.pods[0]);
    assert_eq!((row.containers[0].requested[0].count, row.node.as_deref()), (Some(3), Some("plain")));
}

#[test]
fn replicated_cards_are_cards_and_slots() {
    let shared = labelled(offering(node("one"), "nvidia.com/gpu", "40"), "nvidia.com/gpu.replicas", "10");
    let fleet = fleet(&[labelled(shared, "nvidia.com/gpu.memory", "24576")], &[]);
    let kind = &fleet.node_summaries(&NodeFilter::default(), 0)[0].vendors[0];
    assert_eq!(
        (kind.cards, kind.slots_total, kind.memory_total_mib, kind.memory_free_mib),
        (4, 40, Some(4 * 24576), None)
    );
}
