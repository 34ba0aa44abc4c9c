//! Whatever others write, nothing here panics, and nothing grows beyond what came in.

use proptest::prelude::*;
use serde_json::{Value, json};
use trainyard_gpu::{
    Quantity,
    codec::{Handshake, Lock, MigAllocation, MigSlot, decode_containers, decode_register, decode_scores},
    config::{DeviceConfig, PluginConfig, scheduler_config},
    fleet::{NodeFilter, PodFilter},
    metrics::{Filters, Query, Question, parse_duration},
    pending::{PodAsk, Surroundings, parse_event},
    quota::QuotaObject,
    vendor::{
        AscendRuntimeDevice, Backends, CambriconProfile, EnflameSlice, MetaxRuntimeDevice, decode_indexes,
        plain_resource,
    },
};

use crate::cluster::{NVIDIA, annotated, fleet, labelled, node, nvidia_node, offering, running, waiting};

/// Text that is likely to get far: separators, numbers, quotes and braces more often than chance has them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\[\\]{}:;,\"'a-z0-9.+_ -]{0,80}",
        "(GPU-[0-9]{1,3},-?[0-9]{1,12},[0-9]{1,12},[0-9]{1,4},[a-z]{0,5},-?[0-9]{1,3},(true|1|no)(,[0-9]{1,2},mig)?:){0,4}",
        "(\\[\\{\"(id|count|devmem|INDEX|health)\":(\"x\"|-?[0-9]{1,20}|true|null|\\[\\]|\\{\\})\\}\\])",
        "([A-Za-z0-9-]{1,6}(\\[[0-9]-[0-9]\\])?,[A-Z]{1,4},-?[0-9]{1,11},-?[0-9]{1,11}[:;]{1,2}){0,5}",
        "(Requesting_|Deleted_|Reported )[0-9]{1,5}[-.][0-9]{1,3}[-.][0-9]{1,3} [0-9:.]{1,12}( \\+0[0-9]00 UTC)?",
        "([a-z]{1,4}: )?([0-9]{1,9}/[0-9]{1,9} (CardTypeMismatch|NumaNotFit|x), ?){0,3}",
    ]
}

/// Any JSON, a few levels deep.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let key = prop_oneof![
            Just("metadata".to_owned()),
            Just("spec".to_owned()),
            Just("name".to_owned()),
            Just("annotations".to_owned()),
            Just("containers".to_owned()),
            Just("resources".to_owned()),
            Just("limits".to_owned()),
            Just("nvidia.com/gpu".to_owned()),
            Just("hami.io/node-nvidia-register".to_owned()),
            Just(NVIDIA.to_owned()),
            "[a-z]{0,6}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn decoders_take_any_text(value in text()) {
        if let Ok(cards) = decode_register(&value) {
            prop_assert!(cards.len() <= value.len());
        }
        if let Ok(containers) = decode_containers(&value) {
            prop_assert!(containers.iter().map(Vec::len).sum::<usize>() + containers.len() <= value.len() + 1);
        }
        let _ = decode_scores(&value);
        let _ = MigAllocation::decode(&value);
        let _ = MigSlot::split(&value);
        let _ = Handshake::parse(&value).map(|handshake| handshake.state(i64::MAX, false));
        let _ = Lock::parse(&value).map(|lock| lock.state(i64::MIN, 300, Some(true)));
        let _ = AscendRuntimeDevice::decode(&value);
        let _ = MetaxRuntimeDevice::decode(&value);
        let _ = EnflameSlice::decode(&value);
        let _ = CambriconProfile::decode(&value);
        let _ = decode_indexes(&value);
        let _ = Quantity::parse(&value).map(|amount| (amount.whole(), amount.ceil(), amount.milli()));
        let _ = parse_duration(&value);
        let _ = plain_resource(&value);
        prop_assert!(parse_event(&value).len() <= 64);
        for backend in Backends::default().iter() {
            let _ = backend.decode_register(&value, "node");
        }
    }

    #[test]
    fn errors_stay_short(value in "[a-z:,;é]{200,4000}") {
        let errors = [decode_register(&value).err(), decode_containers(&value).err(), Handshake::parse(&value).err()];
        for error in errors.into_iter().flatten() {
            prop_assert!(error.to_string().len() < 400, "{error}");
        }
    }

    #[test]
    fn configurations_take_any_text(value in text()) {
        let _ = DeviceConfig::parse(&value).map(|config| config.backends());
        let _ = PluginConfig::parse(&value);
        let _ = scheduler_config(&value);
    }

    #[test]
    fn objects_of_any_shape_make_a_fleet(nodes in prop::collection::vec(tree(), 0..4), pods in prop::collection::vec(tree(), 0..4)) {
        let fleet = fleet(&nodes, &pods);
        ask_everything(&fleet, &pods);
    }

    #[test]
    fn annotations_of_any_text_make_a_fleet(register in text(), grants in text(), lock in text(), handshake in text(), mig in text()) {
        let broken = annotated(nvidia_node("one", 2), "hami.io/node-nvidia-register", &register);
        let broken = annotated(annotated(broken, "hami.io/mutex.lock", &lock), "hami.io/node-handshake", &handshake);
        let pod = annotated(running("pod", "one", NVIDIA, &grants), "hami.io/vgpu-mig-allocations", &mig);
        let elsewhere = running("other", "two", NVIDIA, "GPU-two-0,NVIDIA,1024,10:;");
        let fleet = fleet(&[broken, nvidia_node("two", 2)], &[pod.clone(), elsewhere]);
        ask_everything(&fleet, &[pod]);
        // Whatever is wrong with one node, the other is as it is.
        prop_assert_eq!(fleet.node("two").unwrap().cards[0].used.memory_mib, 1024);
    }

    #[test]
    fn extreme_numbers_do_not_overflow(numbers in any::<[i32; 6]>(), memory in any::<i64>(), cores in any::<i64>()) {
        let [count, devmem, devcore, numa, used, taken] = numbers;
        let register = json!([{ "id": "GPU-0", "count": count, "devmem": devmem, "devcore": devcore, "numa": numa, "health": true }]);
        let held = format!("GPU-0,NVIDIA,{used},{taken}:GPU-0,NVIDIA,{used},{taken}:;");
        let fleet = fleet(
            &[annotated(node("one"), "hami.io/node-nvidia-register", &register.to_string())],
            &[running("a", "one", NVIDIA, &held), running("b", "one", NVIDIA, &held)],
        );
        let limits = json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": memory, "nvidia.com/gpucores": cores });
        ask_everything(&fleet, &[waiting("pod", limits), waiting("pod", json!({ "nvidia.com/gpu": memory }))]);
    }

    #[test]
    fn extreme_capacities_do_not_overflow(capacity in any::<i64>(), allocatable in any::<i64>(), memory in any::<i64>(), used in any::<i64>()) {
        let mut one = labelled(offering(node("one"), "nvidia.com/gpu", &capacity.to_string()), "nvidia.com/gpu.memory", &memory.to_string());
        one["status"]["allocatable"]["nvidia.com/gpu"] = allocatable.into();
        let mut pod = waiting("pod", json!({ "nvidia.com/gpu": used, "cpu": used }));
        pod["spec"]["nodeName"] = "one".into();
        let mut two = one.clone();
        two["metadata"]["name"] = "two".into();
        two["spec"]["unschedulable"] = true.into();
        let fleet = fleet(&[one.clone(), one, two.clone(), two], &[pod.clone(), pod]);
        ask_everything(&fleet, &[waiting("other", json!({ "nvidia.com/gpu": used }))]);
    }

    #[test]
    fn queries_keep_parameters_within_their_quotes(value in text()) {
        let filters = Filters { pod: Some(value.clone()), ..Filters::default() };
        for question in Question::ALL {
            if let Ok(query) = Query::ask(question, &filters, None) {
                let outside = outside_quotes(&query.text);
                prop_assert!(outside.is_some(), "{}", query.text);
                let plain = Query::ask(question, &Filters { pod: Some("x".to_owned()), ..Filters::default() }, None).unwrap();
                prop_assert_eq!(outside, outside_quotes(&plain.text));
            }
        }
    }
}

/// What stands outside of quotes, `None` where a quote is not closed.
fn outside_quotes(text: &str) -> Option<String> {
    let (mut outside, mut inside) = (String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => inside = !inside,
            '\\' if inside => drop(chars.next()),
            '\n' if inside => return None,
            c if !inside => outside.push(c),
            _ => {}
        }
    }
    (!inside).then_some(outside)
}

/// Every question that a fleet answers.
fn ask_everything(fleet: &trainyard_gpu::Fleet, pods: &[Value]) {
    let now = 1_800_000_000;
    let _ = serde_json::to_string(&fleet.node_summaries(&NodeFilter::default(), now)).unwrap();
    let _ = serde_json::to_string(&fleet.totals(&NodeFilter::default())).unwrap();
    let _ = serde_json::to_string(&fleet.fragmentation()).unwrap();
    let _ = fleet.free_cards().count();
    let filter = PodFilter { include_terminal: true, ..PodFilter::default() };
    let _ = serde_json::to_string(&fleet.pod_rows(&filter).collect::<Vec<_>>()).unwrap();
    for node in &fleet.nodes {
        let _ = serde_json::to_string(&fleet.describe_node(&node.node.name, now)).unwrap();
    }
    let quota = json!({ "metadata": { "namespace": "team", "name": "q" },
        "spec": { "hard": { "limits.nvidia.com/gpumem": i64::MAX, "limits.nvidia.com/gpucores": 0 } } });
    let quotas: Vec<_> = QuotaObject::from_json(&quota).into_iter().collect();
    let _ = fleet.quota_usage(&quotas, None, None);
    for pod in pods {
        if let Ok(ask) = PodAsk::from_json(pod, &fleet.backends) {
            let surroundings = Surroundings { quotas: quotas.clone(), now, ..Surroundings::default() };
            let _ = serde_json::to_string(&fleet.why_pending(&ask, &surroundings)).unwrap();
        }
    }
}

#[test]
fn a_capacity_beyond_belief_makes_no_devices() {
    let node = offering(
        offering(node("one"), "aws.amazon.com/neuron", "9000000000000000000"),
        "metax-tech.com/gpu",
        "2000000",
    );
    let fleet = fleet(&[node, nvidia_node("two", 1)], &[]);
    assert!(fleet.hami);
    let one = fleet.node("one").unwrap();
    assert!(one.cards.is_empty());
    assert_eq!(one.notes.len(), 2, "{:?}", one.notes);
}

#[test]
fn deep_and_bloated_documents_are_refused() {
    assert!(decode_register(&"[".repeat(100_000)).is_err());
    let nested = format!("[{}{}]", "{\"custominfo\":".repeat(10_000), "}".repeat(10_000));
    assert!(decode_register(&nested).is_err());
    assert!(DeviceConfig::parse(&"[".repeat(10_000)).is_err());
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
                g: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    assert!(DeviceConfig::parse(bomb).is_err());
    assert!(DeviceConfig::parse(&" ".repeat(2 << 20)).is_err());
}
