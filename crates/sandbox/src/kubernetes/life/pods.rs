//! The life of pods: created, started, ready, ended, gone.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Behaviour, Life, Step};
use crate::kubernetes::{
    cluster::{About, Cluster},
    parts::condition,
    random::digest,
    store::Place,
};

/// Looks at a pod that came or changed; whether it waits for a node.
pub(super) fn look(life: &mut Life, cluster: &mut Cluster, pod: &Value, place: &Place) -> bool {
    let now = cluster.clock.now();
    let status = &pod["status"];
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0);
        if grace > 0 {
            let stop = life.pace.stop.min(std::time::Duration::from_secs(grace));
            life.plan_once(now + stop, place, Step::Remove);
        }
        return false;
    }
    if pod["spec"]["nodeName"].is_null() {
        return status["phase"] == "Pending";
    }
    if status["phase"] == "Pending" && status["containerStatuses"].is_null() {
        create(cluster, pod);
        life.plan_once(now + life.pace.start, place, Step::Start);
    }
    false
}

impl Life {
    /// The same step is due once only.
    fn plan_once(&mut self, at: OffsetDateTime, place: &Place, step: Step) {
        let entry = (place.clone(), step);
        if !self.due.values().any(|steps| steps.contains(&entry)) {
            self.plan(at, place.clone(), step);
        }
    }
}

pub(super) fn say(cluster: &mut Cluster, pod: &Value, kind: &str, reason: &str, message: &str) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"]));
    let (uid, host) = (text(&pod["metadata"]["uid"]), text(&pod["spec"]["nodeName"]));
    let scheduler = matches!(reason, "Scheduled" | "FailedScheduling");
    let from = if scheduler { text(&pod["spec"]["schedulerName"]) } else { "kubelet".into() };
    let about = About {
        api_version: "v1",
        kind: "Pod",
        namespace: &namespace,
        name: &name,
        uid: &uid,
        field: None,
        from: &from,
        host: (!scheduler).then_some(host.as_str()),
    };
    cluster.event(&about, kind, reason, message);
}

fn containers(pod: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = pod["spec"]["containers"].as_array().into_iter().flatten();
    all.map(|container| (text(&container["name"]), text(&container["image"]))).collect()
}

fn create(cluster: &mut Cluster, pod: &Value) {
    let mut pod = pod.clone();
    let now = cluster.now();
    let statuses = containers(&pod).into_iter().map(|(name, image)| json!({
        "name": name, "image": image, "imageID": "", "ready": false, "started": false, "restartCount": 0, "lastState": {},
        "state": { "waiting": { "reason": "ContainerCreating" } },
    }));
    pod["status"]["containerStatuses"] = statuses.collect();
    pod["status"]["startTime"] = now.clone().into();
    for (kind, status) in [("Initialized", "True"), ("ContainersReady", "False"), ("Ready", "False")] {
        condition(&mut pod, kind, status, None, &now);
    }
    cluster.put(&"pods".into(), pod);
}

/// Takes the step that is due for a pod.
pub(super) fn step(life: &mut Life, cluster: &mut Cluster, place: &Place, step: Step) {
    let Some(pod) = cluster.value("pods", &place.0, &place.1) else { return };
    match step {
        Step::Start => start(life, cluster, pod, place),
        Step::End => end(life, cluster, pod, place),
        Step::Remove => remove(cluster, pod),
    }
}

fn remove(cluster: &mut Cluster, mut pod: Value) {
    let Some(kind) = cluster.kind("pods") else { return };
    if pod["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    pod["metadata"]["deletionGracePeriodSeconds"] = 0.into();
    let stored = cluster.put(&kind.resource, pod);
    cluster.finish_deletion(&kind, &stored);
}

fn start(life: &mut Life, cluster: &mut Cluster, mut pod: Value, place: &Place) {
    let now = cluster.clock.now();
    let stamp = cluster.now();
    let all = containers(&pod);
    let lacking = all.iter().find(|(_, image)| life.behaviour(image) == Some(&Behaviour::NoImage));
    if let Some((_, image)) = lacking {
        let image = image.clone();
        let message = format!("Failed to pull image \"{image}\": failed to resolve reference \"{image}\": not found");
        say(cluster, &pod, "Warning", "Failed", &message);
        set_states(
            &mut pod,
            false,
            |_| json!({ "waiting": { "reason": "ImagePullBackOff", "message": format!("Back-off pulling image \"{image}\"") } }),
        );
        cluster.put(&"pods".into(), pod);
        return;
    }
    let ready = !all.iter().any(|(_, image)| life.behaviour(image) == Some(&Behaviour::NeverReady));
    set_states(&mut pod, ready, |_| json!({ "running": { "startedAt": stamp } }));
    pod["status"]["phase"] = "Running".into();
    let number = digest(&[&place.0, &place.1]);
    let address = format!("10.{}.{}.{}", 128 + (number >> 16 & 63), number >> 8 & 255, 1 + number % 254);
    pod["status"]["podIP"] = address.clone().into();
    pod["status"]["podIPs"] = json!([{ "ip": address }]);
    for kind in ["ContainersReady", "Ready"] {
        condition(&mut pod, kind, if ready { "True" } else { "False" }, None, &stamp);
    }
    let exits = all.iter().find_map(|(_, image)| match life.behaviour(image) {
        Some(Behaviour::Exits { after, .. }) => Some(*after),
        _ => None,
    });
    let once = pod["spec"]["restartPolicy"] != "Always";
    for (name, _) in &all {
        say(cluster, &pod, "Normal", "Started", &format!("Started container {name}"));
    }
    cluster.put(&"pods".into(), pod);
    if let Some(after) = exits.or(once.then_some(life.pace.run)) {
        life.plan(now + after, place.clone(), Step::End);
    }
}

fn set_states(pod: &mut Value, ready: bool, state: impl Fn(&Value) -> Value) {
    for status in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
        let new = state(status);
        status["state"] = new;
        status["ready"] = ready.into();
        status["started"] = ready.into();
    }
}

fn end(life: &mut Life, cluster: &mut Cluster, mut pod: Value, place: &Place) {
    if pod["status"]["phase"] != "Running" {
        return;
    }
    let (now, stamp) = (cluster.clock.now(), cluster.now());
    let code = containers(&pod).iter().find_map(|(_, image)| match life.behaviour(image) {
        Some(Behaviour::Exits { code, .. }) => Some(*code),
        _ => None,
    });
    let code = code.unwrap_or(0);
    let reason = if code == 0 { "Completed" } else { "Error" };
    let ended = |status: &Value| {
        json!({ "terminated": {
            "exitCode": code, "reason": reason, "startedAt": status["state"]["running"]["startedAt"], "finishedAt": stamp,
        } })
    };
    let again = match pod["spec"]["restartPolicy"].as_str() {
        Some("Never") => false,
        Some("OnFailure") => code != 0,
        _ => true,
    };
    for kind in ["ContainersReady", "Ready"] {
        condition(&mut pod, kind, "False", None, &stamp);
    }
    if !again {
        set_states(&mut pod, false, ended);
        pod["status"]["phase"] = if code == 0 { "Succeeded" } else { "Failed" }.into();
        cluster.put(&"pods".into(), pod);
        return;
    }
    let mut restarts = 0;
    for status in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
        status["lastState"] = ended(status);
        restarts = status["restartCount"].as_u64().unwrap_or(0) + 1;
        status["restartCount"] = restarts.into();
    }
    set_states(&mut pod, false, |_| json!({ "waiting": { "reason": "CrashLoopBackOff" } }));
    say(cluster, &pod, "Warning", "BackOff", "Back-off restarting failed container");
    for (name, _) in containers(&pod) {
        cluster.logs.turn(&(place.0.to_string(), place.1.to_string(), name));
    }
    cluster.put(&"pods".into(), pod);
    // Twice as long each time, up to five minutes, as the kubelet does.
    let wait = std::time::Duration::from_secs(10_u64.saturating_mul(1 << restarts.min(5)).min(300));
    life.plan(now + wait, place.clone(), Step::Start);
}
