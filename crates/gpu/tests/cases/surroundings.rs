//! What keeps a pod waiting beside cards: nodes, quotas, locks, schedulers, and the pod itself.

use serde_json::{Value, json};
use trainyard_gpu::{
    pending::{Change, NodeReason, PodAsk, PodObstacle, Surroundings, Verdict},
    quota::QuotaObject,
};

use crate::{
    cluster::{annotated, fleet, labelled, node, nvidia_node, offering, waiting, why},
    pending::{asks, half_full, only_change},
};

#[test]
fn taints_cordons_selectors_and_affinity() {
    let limits = json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 1 });
    let mut tainted = nvidia_node("one", 1);
    tainted["spec"]["taints"] =
        json!([{ "key": "gpu", "value": "yes", "effect": "NoSchedule" }, { "key": "x", "effect": "PreferNoSchedule" }]);
    let tainted = fleet(&[tainted], &[]);
    let found = why(&tainted, &asks(limits.clone()));
    assert_eq!(found.nodes[0].reason, NodeReason::Taint { taint: "gpu=yes:NoSchedule".to_owned() });
    assert_eq!(only_change(found.remedy), Change::Tolerate { taints: vec!["gpu=yes:NoSchedule".to_owned()] });
    for toleration in [
        json!({ "key": "gpu", "operator": "Exists" }),
        json!({ "operator": "Exists" }),
        json!({ "key": "gpu", "value": "yes", "effect": "NoSchedule" }),
    ] {
        let mut pod = asks(limits.clone());
        pod["spec"]["tolerations"] = json!([toleration]);
        assert_eq!(why(&tainted, &pod).verdict, Verdict::FitsNow { node: "one".to_owned() });
    }

    let mut cordoned = nvidia_node("one", 1);
    cordoned["spec"]["unschedulable"] = true.into();
    cordoned["spec"]["taints"] = json!([{ "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule" }]);
    assert_eq!(only_change(why(&fleet(&[cordoned], &[]), &asks(limits.clone())).remedy), Change::UncordonNode);

    let plain = fleet(&[labelled(nvidia_node("one", 1), "zone", "a")], &[]);
    let mut pod = asks(limits.clone());
    pod["spec"]["nodeSelector"] = json!({ "zone": "b" });
    let found = why(&plain, &pod);
    assert_eq!(
        (&found.nodes[0].reason, only_change(found.remedy)),
        (&NodeReason::NodeSelector, Change::DropNodeSelector)
    );

    let affine = |expression: Value| {
        let mut pod = asks(limits.clone());
        pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] =
            json!([{ "matchExpressions": [expression] }]);
        why(&plain, &pod)
    };
    for (operator, values, fits) in [
        ("In", json!(["a", "b"]), true),
        ("In", json!(["b"]), false),
        ("NotIn", json!(["b"]), true),
        ("NotIn", json!(["a"]), false),
        ("Exists", json!([]), true),
        ("DoesNotExist", json!([]), false),
        ("Gt", json!(["1"]), false),
        ("Near", json!([]), false),
    ] {
        let found = affine(json!({ "key": "zone", "operator": operator, "values": values }));
        assert_eq!(matches!(found.verdict, Verdict::FitsNow { .. }), fits, "{operator} {values}");
        if !fits {
            assert_eq!(only_change(found.remedy), Change::DropNodeAffinity);
        }
    }
}

#[test]
fn processor_and_memory_that_other_pods_take() {
    let mut other = json!({ "metadata": { "name": "cpu", "namespace": "x" }, "spec": { "nodeName": "one", "containers": [
        { "name": "c", "resources": { "requests": { "cpu": "63500m", "memory": "1Gi" } } }] }, "status": { "phase": "Running" } });
    let ask = asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 1, "cpu": "1" }));
    let found = why(&fleet(&[nvidia_node("one", 1)], std::slice::from_ref(&other)), &ask);
    assert_eq!(found.nodes[0].reason, NodeReason::Insufficient { resource: "cpu".to_owned() });
    assert_eq!(found.remedy, None);
    assert_eq!(found.fits_when_empty.as_deref(), Some("one"));
    other["status"]["phase"] = "Succeeded".into();
    assert_eq!(
        why(&fleet(&[nvidia_node("one", 1)], &[other]), &ask).verdict,
        Verdict::FitsNow { node: "one".to_owned() }
    );
}

#[test]
fn a_quota_and_by_how_much_it_is_short() {
    let fleet = half_full();
    let ask =
        PodAsk::from_json(&asks(json!({ "nvidia.com/gpu": 2, "nvidia.com/gpumem": 5000 })), &fleet.backends).unwrap();
    let hard = json!({ "limits.nvidia.com/gpumem": "50k", "limits.nvidia.com/gpucores": "1k" });
    let quota =
        QuotaObject::from_json(&json!({ "metadata": { "namespace": "team", "name": "q" }, "spec": { "hard": hard } }))
            .unwrap();
    let found = fleet.why_pending(&ask, &Surroundings { quotas: vec![quota], ..Surroundings::default() });
    // 41,920 of 50,000 MiB are taken, and 10,000 are asked for.
    assert_eq!(found.nodes[0].reason, NodeReason::Quota { resource: "nvidia.com/gpumem".to_owned(), missing: 1920 });
    let remedy = found.remedy.unwrap();
    // Nothing less than the quota's owner is needed, unless the pod takes less.
    assert!(
        matches!(&remedy.changes[..], [Change::LowerMemory { .. } | Change::LowerCount { .. }])
            || remedy.changes == [Change::RaiseQuota { resource: "nvidia.com/gpumem".to_owned(), by: 1920 }],
        "{remedy:?}"
    );
    let blocked = json!({ "metadata": { "namespace": "team", "name": "q" }, "spec": { "hard": { "limits.nvidia.com/gpumem": 0 } } });
    let quotas = vec![QuotaObject::from_json(&blocked).unwrap()];
    let found = fleet.why_pending(&ask, &Surroundings { quotas, ..Surroundings::default() });
    assert_eq!(only_change(found.remedy), Change::RaiseQuota { resource: "nvidia.com/gpumem".to_owned(), by: 51_920 });
}

#[test]
fn a_lock_in_use_and_one_that_will_be_broken() {
    let locked = annotated(nvidia_node("one", 1), "hami.io/mutex.lock", "2024-01-23T04:30:04Z,team,other");
    let other = waiting("other", json!({ "nvidia.com/gpu": 1 }));
    let pod = asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 1 }));
    let judged = |pods: &[Value], seconds: i64| {
        let fleet = fleet(std::slice::from_ref(&locked), pods);
        let ask = PodAsk::from_json(&pod, &fleet.backends).unwrap();
        fleet.why_pending(&ask, &Surroundings { now: 1_705_984_204 + seconds, ..Surroundings::default() })
    };
    let found = judged(std::slice::from_ref(&other), 60);
    assert_eq!(found.nodes[0].reason, NodeReason::Locked { owner: Some("team/other".to_owned()) });
    assert_eq!(only_change(found.remedy), Change::AwaitLock);
    assert_eq!(judged(&[], 60).verdict, Verdict::FitsNow { node: "one".to_owned() });
    assert_eq!(judged(&[other], 301).verdict, Verdict::FitsNow { node: "one".to_owned() });
}

#[test]
fn a_missed_webhook_and_a_webhook_told_to_ignore() {
    let mut pod = asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem": 1 }));
    pod["spec"]["schedulerName"] = "default-scheduler".into();
    let found = why(&half_full(), &pod);
    assert_eq!(found.verdict, Verdict::Blocked);
    let missed =
        |told_to_ignore| PodObstacle::WebhookMissed { scheduler: "default-scheduler".to_owned(), told_to_ignore };
    assert_eq!(found.obstacles, [missed(false)]);
    assert_eq!(only_change(found.remedy), Change::UseScheduler { name: "hami-scheduler".to_owned() });
    let found = why(&half_full(), &labelled(pod.clone(), "hami.io/webhook", "ignore"));
    assert_eq!(found.obstacles, [missed(true)]);
    let fleet = half_full();
    let ask = PodAsk::from_json(&pod, &fleet.backends).unwrap();
    let named = Surroundings { scheduler_names: vec!["default-scheduler".to_owned()], ..Surroundings::default() };
    assert!(fleet.why_pending(&ask, &named).obstacles.is_empty());
}

#[test]
fn gates_privileges_and_percentages() {
    let mut pod = asks(json!({ "nvidia.com/gpu": 1, "nvidia.com/gpumem-percentage": 120, "nvidia.com/gpucores": 10 }));
    pod["spec"]["schedulingGates"] = json!([{ "name": "example.com/wait" }]);
    pod["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    let found = why(&fleet(&[nvidia_node("one", 1)], &[]), &pod);
    assert_eq!(
        found.obstacles,
        [
            PodObstacle::SchedulingGates { gates: vec!["example.com/wait".to_owned()] },
            PodObstacle::Privileged { container: "main".to_owned() },
            PodObstacle::PercentageAbove100 { percent: 120 },
        ]
    );
    assert_eq!(found.remedy.unwrap().changes.len(), 3);
}

#[test]
fn a_lock_is_nothing_to_pods_that_take_none() {
    let locked = annotated(
        offering(nvidia_node("one", 1), "aws.amazon.com/neuron", "2"),
        "hami.io/mutex.lock",
        "2024-01-23T04:30:04Z",
    );
    let fleet = fleet(&[locked], &[]);
    assert!(matches!(why(&fleet, &asks(json!({ "aws.amazon.com/neuron": 1 }))).verdict, Verdict::FitsNow { .. }));
    assert_eq!(why(&fleet, &asks(json!({ "nvidia.com/gpu": 1 }))).nodes[0].reason, NodeReason::Locked { owner: None });
}

#[test]
fn neuron_pods_beside_hami_are_not_blamed_for_their_scheduler() {
    let neuron = offering(node("trn"), "aws.amazon.com/neuron", "2");
    let fleet = fleet(&[neuron, nvidia_node("one", 1)], &[]);
    let mut pod = asks(json!({ "aws.amazon.com/neuron": 1 }));
    pod["spec"]["schedulerName"] = "default-scheduler".into();
    assert_eq!(why(&fleet, &pod).verdict, Verdict::FitsNow { node: "trn".to_owned() });
    pod["spec"]["containers"][0]["resources"]["limits"] = json!({ "nvidia.com/gpu": 1 });
    assert_eq!(why(&fleet, &pod).verdict, Verdict::Blocked);
}
