//! Held but unused, as far as samples tell.

use serde_json::json;
use trainyard_gpu::idle::{IdleOptions, Measured, Sample, Series, Use};

use crate::cluster::{NVIDIA, annotated, fleet, node, nvidia_node, offering, running};

const OPTIONS: IdleOptions =
    IdleOptions { at_most_percent: 5.0, from: 0, to: 3600, least_samples: 10, longest_gap: 600 };

fn series(of: Measured, percent: impl Fn(i64) -> f64) -> Series {
    Series { of, samples: (0..=60).map(|minute| Sample { at: minute * 60, percent: percent(minute) }).collect() }
}

fn card(uuid: &str) -> Measured {
    Measured::Card { uuid: uuid.to_owned() }
}

fn own(pod: &str, uuid: &str) -> Measured {
    Measured::Pod { namespace: "team".to_owned(), pod: pod.to_owned(), uuid: uuid.to_owned() }
}

#[test]
fn each_hold_is_judged_by_the_best_series_for_it() {
    let share = |card: usize| format!("GPU-one-{card},NVIDIA,1000,10:;");
    let mut pods: Vec<_> = [
        ("alone", 0),
        ("idle", 1),
        ("busy", 1),
        ("shared-a", 2),
        ("shared-b", 2),
        ("quiet-a", 3),
        ("quiet-b", 3),
        ("dark", 4),
    ]
    .into_iter()
    .map(|(name, card)| running(name, "one", NVIDIA, &share(card)))
    .collect();
    pods.push(annotated(running("young", "one", NVIDIA, &share(5)), "hami.io/bind-time", "1800"));
    let fleet = fleet(&[nvidia_node("one", 6)], &pods);
    let series = [
        series(card("GPU-one-0"), |minute| if minute == 30 { 80.0 } else { 0.0 }),
        series(card("GPU-one-1"), |_| 90.0),
        series(own("idle", "GPU-one-1"), |_| 1.0),
        series(own("busy", "GPU-one-1"), |_| 90.0),
        series(card("GPU-one-2"), |_| 50.0),
        series(card("GPU-one-3"), |_| 0.0),
        series(card("GPU-one-5"), |_| 0.0),
    ];
    let rows = fleet.idle(&series, &OPTIONS);
    let of = |pod: &str| rows.iter().find(|row| row.pod == pod).unwrap();
    assert_eq!(
        (of("alone").usage, of("alone").last_busy_at, of("alone").max_percent),
        (Use::Busy, Some(1800), Some(80.0))
    );
    assert_eq!((of("idle").usage, of("busy").usage), (Use::Idle, Use::Busy));
    assert_eq!((of("shared-a").usage, of("shared-b").usage), (Use::SharedCard, Use::SharedCard));
    assert_eq!((of("quiet-a").usage, of("quiet-b").usage), (Use::Idle, Use::Idle));
    assert_eq!(of("dark").usage, Use::NotMeasured);
    assert_eq!(of("young").usage, Use::JustStarted);
    assert!(rows[..3].iter().all(|row| row.usage == Use::Idle));
}

#[test]
fn gaps_and_few_samples_say_nothing() {
    let fleet = fleet(&[nvidia_node("one", 1)], &[running("pod", "one", NVIDIA, "GPU-one-0,NVIDIA,1000,10:;")]);
    let usage = |samples: Vec<Sample>| fleet.idle(&[Series { of: card("GPU-one-0"), samples }], &OPTIONS)[0].usage;
    let at = |at: i64| Sample { at, percent: 0.0 };
    assert_eq!(usage((0..=60).map(|minute| at(minute * 60)).collect()), Use::Idle);
    assert_eq!(usage((0..=8).map(|step| at(step * 450)).collect()), Use::TooFewSamples);
    assert_eq!(
        usage((0..=60).filter(|minute| !(20..40).contains(minute)).map(|minute| at(minute * 60)).collect()),
        Use::TooFewSamples
    );
    // The series ended long before now.
    assert_eq!(usage((0..=30).map(|minute| at(minute * 60)).collect()), Use::TooFewSamples);
    // Nothing within the time, or nothing that is a number.
    assert_eq!(usage((0..60).map(|minute| at(10_000 + minute * 60)).collect()), Use::NotMeasured);
    assert_eq!(usage((0..60).map(|minute| Sample { at: minute * 60, percent: f64::NAN }).collect()), Use::NotMeasured);
}

#[test]
fn a_mig_instance_is_judged_by_itself_and_never_by_its_card() {
    let register = json!([{ "id": "GPU-0", "count": 7, "devmem": 40960, "devcore": 100, "type": "A100", "health": true, "mode": "mig" }]);
    let node = annotated(nvidia_node("one", 1), "hami.io/node-nvidia-register", &register.to_string());
    let mig = r#"[{"containerIndex":0,"deviceIndex":0,"gpuUUID":"GPU-0","profile":"1g.5gb","placement":{"start":6,"size":1},
        "migUUID":"MIG-7","gpuInstanceID":13,"computeInstanceID":0}]"#;
    let pod = annotated(running("pod", "one", NVIDIA, "GPU-0,NVIDIA,5120,14:;"), "hami.io/vgpu-mig-allocations", mig);
    let fleet = fleet(&[node], &[pod]);
    assert_eq!(fleet.idle(&[series(card("GPU-0"), |_| 0.0)], &OPTIONS)[0].usage, Use::NotMeasured);
    let instance = Measured::MigInstance { uuid: "GPU-0".to_owned(), instance: 13 };
    assert_eq!(fleet.idle(&[series(instance, |_| 70.0)], &OPTIONS)[0].usage, Use::Busy);
}

/// A pod that runs and asks for devices by number.
fn by_number(name: &str, node: &str, resource: &str, units: i64) -> serde_json::Value {
    json!({ "metadata": { "name": name, "namespace": "team", "creationTimestamp": "1970-01-01T00:00:00Z" },
        "spec": { "nodeName": node, "containers": [{ "name": "main", "resources": { "limits": { (resource): units } } }] },
        "status": { "phase": "Running" } })
}

fn whole(pod: &str, device: &str) -> Measured {
    Measured::Whole { namespace: "team".to_owned(), pod: pod.to_owned(), device: device.to_owned() }
}

#[test]
fn without_hami_the_exporter_knows_which_pod_has_which_card() {
    let mut cards = offering(node("one"), "nvidia.com/gpu", "8");
    cards["metadata"]["labels"]["nvidia.com/gpu.memory"] = "81920".into();
    let cut = offering(node("mig"), "nvidia.com/mig-1g.5gb", "7");
    let mut shared = offering(node("shared"), "nvidia.com/gpu", "4");
    shared["metadata"]["labels"]["nvidia.com/gpu.replicas"] = "4".into();
    let pods = [
        by_number("lazy", "one", "nvidia.com/gpu", 2),
        by_number("dark", "one", "nvidia.com/gpu", 1),
        by_number("slice", "mig", "nvidia.com/mig-1g.5gb", 1),
        by_number("sharer", "shared", "nvidia.com/gpu", 1),
        json!({ "metadata": { "name": "web", "namespace": "team" }, "spec": { "nodeName": "one", "containers": [{ "name": "c" }] },
            "status": { "phase": "Running" } }),
    ];
    let series = [
        series(whole("lazy", "GPU-0"), |_| 0.0),
        series(whole("lazy", "GPU-1"), |_| 97.0),
        series(whole("slice", "GPU-9/13"), |_| 0.0),
        series(whole("sharer", "GPU-5"), |_| 50.0),
        // The exporter's own pod, where it does not know whose the card is.
        series(whole("exporter", "GPU-2"), |_| 0.0),
    ];
    let rows = fleet(&[cards, cut, shared], &pods).idle(&series, &OPTIONS);
    let of = |pod: &str, uuid: &str| rows.iter().find(|row| row.pod == pod && row.uuid == uuid).unwrap();
    assert_eq!(rows.len(), 5, "{rows:?}");
    assert_eq!((of("lazy", "GPU-0").usage, of("lazy", "GPU-1").usage), (Use::Idle, Use::Busy));
    assert_eq!((of("lazy", "GPU-0").units, of("lazy", "GPU-0").memory_mib), (Some(2), 81_920));
    assert_eq!((of("slice", "GPU-9/13").usage, of("slice", "GPU-9/13").memory_mib), (Use::Idle, 5120));
    assert_eq!((of("dark", "").usage, of("dark", "").resource.as_deref()), (Use::NotMeasured, Some("nvidia.com/gpu")));
    assert_eq!(of("sharer", "GPU-5").usage, Use::SharedCard, "a replicated card is not one pod's");
}

#[test]
fn neuron_cores_are_measured_by_node() {
    let neuron = |name: &str, instance: &str| {
        let mut node = offering(offering(node(name), "aws.amazon.com/neuron", "2"), "aws.amazon.com/neuroncore", "4");
        node["spec"]["providerID"] = format!("aws:///us-west-2a/{instance}").into();
        node
    };
    let nodes = [
        neuron("quiet", "i-1"),
        neuron("one", "i-2"),
        neuron("two", "i-3"),
        neuron("dark", "i-4"),
        neuron("named", "i-5"),
    ];
    let core = "aws.amazon.com/neuroncore";
    let pods = [
        by_number("idle-a", "quiet", core, 1),
        by_number("idle-b", "quiet", "aws.amazon.com/neuron", 1),
        by_number("busy", "one", core, 2),
        by_number("some-a", "two", core, 1),
        by_number("some-b", "two", core, 1),
        by_number("dark", "dark", core, 1),
        by_number("named", "named", core, 1),
    ];
    let of = |machine: &str| Measured::Neuron { machine: machine.to_owned() };
    let series = [
        series(of("i-1"), |_| 0.0),
        series(of("i-2"), |_| 60.0),
        series(of("i-3"), |_| 60.0),
        series(of("named"), |_| 0.0),
    ];
    let check = |pods: &[serde_json::Value]| {
        let rows = fleet(&nodes, pods).idle(&series, &OPTIONS);
        let of = |pod: &str| rows.iter().find(|row| row.pod == pod).unwrap().usage;
        assert_eq!((of("idle-a"), of("idle-b"), of("named")), (Use::Idle, Use::Idle, Use::Idle));
        assert_eq!((of("busy"), of("some-a"), of("some-b")), (Use::Busy, Use::SharedCard, Use::SharedCard));
        assert_eq!(of("dark"), Use::NotMeasured);
    };
    check(&pods);
    // The same where HAMi hands the cores out.
    let granted = running("hami", "one", "hami.io/aws-neuron-devices-allocated", "one-AWSNeuron-0,AWSNeuron,0,1:;");
    let rows = fleet(&nodes, &[granted]).idle(&series, &OPTIONS);
    assert_eq!((rows[0].uuid.as_str(), rows[0].usage), ("one-AWSNeuron-0", Use::Busy));
}
