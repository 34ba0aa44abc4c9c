//! Every proposed change, made: the pod then fits, and with the least bit less of it it would not.

use serde_json::{Value, json};
use trainyard_gpu::{
    pending::{Change, PodAsk, Surroundings, Verdict, WhyPending},
    quota::QuotaObject,
};

use crate::{
    cluster::{NVIDIA, annotated, fleet, labelled, node, nvidia_node, offering, running},
    pending::asks,
};

/// A cluster as objects, so that changes can be made to them.
#[derive(Clone)]
struct World {
    nodes: Vec<Value>,
    pods: Vec<Value>,
    quotas: Vec<Value>,
    now: i64,
}

impl World {
    /// Two cards with 10,000 and 30,000 MiB left, one task on each.
    fn half_full() -> Self {
        let pods = vec![
            running("a", "one", NVIDIA, "GPU-one-0,NVIDIA,30960,30:;"),
            running("b", "one", NVIDIA, "GPU-one-1,NVIDIA,10960,50:;"),
        ];
        Self { nodes: vec![nvidia_node("one", 2)], pods, quotas: Vec::new(), now: 0 }
    }

    fn empty(nodes: Vec<Value>) -> Self {
        Self { nodes, pods: Vec::new(), quotas: Vec::new(), now: 0 }
    }

    fn with_quota(mut self, hard: Value) -> Self {
        self.quotas.push(json!({ "metadata": { "namespace": "team", "name": "q" }, "spec": { "hard": hard } }));
        self
    }

    fn why(&self, pod: &Value) -> WhyPending {
        let fleet = fleet(&self.nodes, &self.pods);
        let ask = PodAsk::from_json(pod, &fleet.backends).unwrap();
        let quotas = self.quotas.iter().filter_map(QuotaObject::from_json).collect();
        fleet.why_pending(&ask, &Surroundings { quotas, now: self.now, ..Surroundings::default() })
    }

    fn node(&mut self, name: &str) -> &mut Value {
        self.nodes.iter_mut().find(|node| node["metadata"]["name"] == name).unwrap()
    }
}

/// What an operator does when told of a change.
fn made(world: &mut World, pod: &mut Value, change: &Change, node: &str) {
    let of_container = |pod: &mut Value, resource: &str, amount: i64| {
        pod["spec"]["containers"][0]["resources"]["limits"][resource] = amount.into();
    };
    match change {
        Change::RemoveGates => pod["spec"]["schedulingGates"] = json!([]),
        Change::UseScheduler { name } => {
            pod["spec"]["schedulerName"] = name.as_str().into();
            pod["metadata"]["labels"] = json!({});
        }
        Change::DropPrivileges { .. } => pod["spec"]["containers"][0]["securityContext"] = json!({}),
        Change::LowerPercentage => of_container(pod, "nvidia.com/gpumem-percentage", 100),
        Change::LowerMemory { to_mib, .. } => of_container(pod, "nvidia.com/gpumem", *to_mib),
        Change::LowerCores { to, .. } => of_container(pod, "nvidia.com/gpucores", *to),
        Change::LowerCount { to, .. } => of_container(pod, "nvidia.com/gpu", *to),
        Change::DropAnnotation { key } => drop(pod["metadata"]["annotations"].as_object_mut().unwrap().remove(key)),
        Change::DropNodeSelector => pod["spec"]["nodeSelector"] = json!({}),
        Change::DropNodeAffinity => pod["spec"]["affinity"] = json!({}),
        Change::Tolerate { taints } => {
            let toleration = |taint: &String| {
                let (rest, effect) = taint.rsplit_once(':').unwrap();
                let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
                json!({ "key": key, "value": value, "effect": effect })
            };
            pod["spec"]["tolerations"] = taints.iter().map(toleration).collect();
        }
        Change::UncordonNode => {
            world.node(node)["spec"] = json!({});
        }
        Change::UncordonDevices => {
            world.node(node)["metadata"]["annotations"].as_object_mut().unwrap().remove("hami.io/device-cordon");
        }
        Change::RaiseQuota { resource, by } => {
            let hard = &mut world.quotas[0]["spec"]["hard"][format!("limits.{resource}")];
            *hard = (hard.as_i64().unwrap() + by).into();
        }
        Change::AwaitLock => {
            world.node(node)["metadata"]["annotations"].as_object_mut().unwrap().remove("hami.io/mutex.lock");
        }
    }
}

/// The same change with one unit less of it, where it has units.
fn less(change: &Change) -> Option<Change> {
    match change.clone() {
        Change::LowerMemory { from_mib, to_mib } => Some(Change::LowerMemory { from_mib, to_mib: to_mib + 1 }),
        Change::LowerCores { from, to } => Some(Change::LowerCores { from, to: to + 1 }),
        Change::LowerCount { from, to } => Some(Change::LowerCount { from, to: to + 1 }),
        Change::RaiseQuota { resource, by } => Some(Change::RaiseQuota { resource, by: by - 1 }),
        _ => None,
    }
}

/// Makes all proposed changes, and then all with one of them a unit less. Returns what was proposed.
fn holds(world: &World, pod: &Value) -> Vec<Change> {
    let found = world.why(pod);
    assert!(!matches!(found.verdict, Verdict::FitsNow { .. }), "{found:?}");
    let remedy = found.remedy.unwrap_or_else(|| panic!("nothing is proposed for {pod:#}"));
    let after = |changes: &[Change]| {
        let (mut world, mut pod) = (world.clone(), pod.clone());
        for change in changes {
            made(&mut world, &mut pod, change, &remedy.node);
        }
        world.why(&pod).verdict
    };
    let fits = after(&remedy.changes);
    assert!(matches!(fits, Verdict::FitsNow { .. }), "{:?} does not help: {fits:?}", remedy.changes);
    for (at, change) in remedy.changes.iter().enumerate() {
        let mut fewer = remedy.changes.clone();
        match less(change) {
            Some(less) => fewer[at] = less,
            None => drop(fewer.remove(at)),
        }
        let verdict = after(&fewer);
        assert!(!matches!(verdict, Verdict::FitsNow { .. }), "{fewer:?} would do as well as {:?}", remedy.changes);
    }
    remedy.changes
}

fn limits(count: i64, memory: i64, cores: i64) -> Value {
    asks(json!({ "nvidia.com/gpu": count, "nvidia.com/gpumem": memory, "nvidia.com/gpucores": cores }))
}

#[test]
fn memory_that_is_scattered() {
    let world = World::half_full();
    let changes = holds(&world, &limits(1, 35_000, 10));
    assert_eq!(changes, [Change::LowerMemory { from_mib: Some(35_000), to_mib: 30_000 }]);
    holds(&world, &limits(2, 12_000, 10));
    assert_eq!(holds(&world, &asks(json!({ "nvidia.com/gpu": 1 }))).len(), 2);
    holds(&world, &limits(1, 35_000, 60));
}

#[test]
fn computing_and_numbers_of_cards() {
    let world = World::half_full();
    assert_eq!(holds(&world, &limits(1, 1000, 80)), [Change::LowerCores { from: 80, to: 70 }]);
    assert_eq!(holds(&world, &limits(4, 5000, 1)), [Change::LowerCount { from: 4, to: 2 }]);
    let plain = World::empty(vec![offering(node("one"), "nvidia.com/gpu", "8")]);
    assert_eq!(holds(&plain, &asks(json!({ "nvidia.com/gpu": 9 }))), [Change::LowerCount { from: 9, to: 8 }]);
}

#[test]
fn a_quota_that_leaves_something_a_little_and_nothing() {
    // 41,920 of the limit are taken.
    let memory = |limit: i64| World::half_full().with_quota(json!({ "limits.nvidia.com/gpumem": limit }));
    let raised = |by: i64| Change::RaiseQuota { resource: "nvidia.com/gpumem".to_owned(), by };
    let lowered = |from: i64, to: i64| Change::LowerMemory { from_mib: Some(from), to_mib: to };
    // Nearly enough: the pod takes what is left, to the last MiB.
    assert_eq!(holds(&memory(46_900), &limits(1, 5000, 10)), [lowered(5000, 4980)]);
    assert_eq!(holds(&memory(51_900), &limits(2, 5000, 10)), [lowered(5000, 4990)]);
    // Far from enough: the quota is raised, rather than the pod left with next to nothing.
    assert_eq!(holds(&memory(41_921), &limits(1, 5000, 10)), [raised(4999)]);
    assert_eq!(holds(&memory(0), &limits(1, 5000, 10)), [raised(46_920)]);
    let cores = World::half_full().with_quota(json!({ "limits.nvidia.com/gpucores": 100 }));
    assert_eq!(holds(&cores, &limits(1, 1000, 22)), [Change::LowerCores { from: 22, to: 20 }]);
    // A quota and the cards together.
    holds(&memory(45_000), &limits(1, 35_000, 10));
}

#[test]
fn annotations_that_choose_among_cards() {
    for (key, value) in [
        ("nvidia.com/use-gputype", "H100"),
        ("nvidia.com/nouse-gputype", "a100"),
        ("nvidia.com/use-gpuuuid", "GPU-gone"),
        ("nvidia.com/nouse-gpuuuid", "GPU-one-0,GPU-one-1"),
        ("nvidia.com/vgpu-mode", "mig"),
    ] {
        let changes = holds(&World::half_full(), &annotated(limits(1, 1000, 1), key, value));
        assert_eq!(changes, [Change::DropAnnotation { key: key.to_owned() }]);
    }
    // Topology: five cards of one NUMA node, where each has four.
    let world = World::empty(vec![nvidia_node("one", 8)]);
    let changes = holds(&world, &annotated(limits(5, 1, 1), "nvidia.com/numa-bind", "true"));
    assert_eq!(changes, [Change::DropAnnotation { key: "nvidia.com/numa-bind".to_owned() }]);
}

#[test]
fn nodes_that_are_locked_tainted_cordoned_or_not_chosen() {
    let locked = annotated(nvidia_node("one", 1), "hami.io/mutex.lock", "2024-01-23T04:30:04Z,team,other");
    let mut world = World::empty(vec![locked]);
    world.pods.push(crate::cluster::waiting("other", json!({ "nvidia.com/gpu": 1 })));
    world.now = 1_705_984_264;
    assert_eq!(holds(&world, &limits(1, 1, 1)), [Change::AwaitLock]);

    let mut tainted = nvidia_node("one", 1);
    tainted["spec"]["taints"] =
        json!([{ "key": "gpu", "value": "yes", "effect": "NoSchedule" }, { "key": "drain", "effect": "NoExecute" }]);
    let changes = holds(&World::empty(vec![tainted.clone()]), &limits(1, 1, 1));
    assert_eq!(changes, [Change::Tolerate { taints: vec!["gpu=yes:NoSchedule".into(), "drain:NoExecute".into()] }]);
    holds(&World::empty(vec![tainted]), &annotated(limits(1, 1, 1), "nvidia.com/use-gputype", "H100"));

    let mut cordoned = nvidia_node("one", 1);
    cordoned["spec"]["unschedulable"] = true.into();
    cordoned["spec"]["taints"] = json!([{ "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule" }]);
    assert_eq!(holds(&World::empty(vec![cordoned]), &limits(1, 1, 1)), [Change::UncordonNode]);

    let cards = annotated(nvidia_node("one", 1), "hami.io/device-cordon", "GPU-one-0");
    assert_eq!(holds(&World::empty(vec![cards]), &limits(1, 1, 1)), [Change::UncordonDevices]);

    let world = World::empty(vec![nvidia_node("one", 1)]);
    let mut pod = limits(1, 1, 1);
    pod["spec"]["nodeSelector"] = json!({ "zone": "b" });
    assert_eq!(holds(&world, &pod), [Change::DropNodeSelector]);
    let mut pod = limits(1, 1, 1);
    pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] =
        json!([{ "matchExpressions": [{ "key": "zone", "operator": "Exists" }] }]);
    assert_eq!(holds(&world, &pod), [Change::DropNodeAffinity]);
}

#[test]
fn pods_that_are_kept_away_by_themselves() {
    let world = World::empty(vec![nvidia_node("one", 1)]);
    let mut pod = asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem-percentage": 120, "nvidia.com/gpucores": 10 }));
    assert_eq!(holds(&world, &pod), [Change::LowerPercentage]);
    pod["spec"]["schedulingGates"] = json!([{ "name": "example.com/wait" }]);
    pod["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    assert_eq!(holds(&world, &pod).len(), 3);
    let mut missed = limits(1, 1, 1);
    missed["spec"]["schedulerName"] = "default-scheduler".into();
    let changes = [Change::UseScheduler { name: "hami-scheduler".to_owned() }];
    assert_eq!(holds(&world, &missed), changes);
    assert_eq!(holds(&world, &labelled(missed, "hami.io/webhook", "ignore")), changes);
}
