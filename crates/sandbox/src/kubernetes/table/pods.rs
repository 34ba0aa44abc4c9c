//! How a pod is shown: its state in one word.

use serde_json::Value;
use time::OffsetDateTime;

use super::{Column, age, array, name, or, since, string, text, wide};

pub(crate) const COLUMNS: &[Column] = &[
    text("Name", name),
    text("Ready", |pod, _| ready(pod).into()),
    text("Status", |pod, _| status(pod).into()),
    text("Restarts", |pod, now| restarts(pod, now).into()),
    text("Age", age),
    wide("IP", |pod, _| or(&pod["status"]["podIP"], "<none>")),
    wide("Node", |pod, _| or(&pod["spec"]["nodeName"], "<none>")),
    wide("Nominated Node", |pod, _| or(&pod["status"]["nominatedNodeName"], "<none>")),
    wide("Readiness Gates", |pod, _| gates(pod).into()),
];

/// Containers that keep running beside the others although they are init containers.
fn is_sidecar(pod: &Value, name: &Value) -> bool {
    array(&pod["spec"]["initContainers"]).any(|init| init["name"] == *name && init["restartPolicy"] == "Always")
}

fn ready(pod: &Value) -> String {
    let sidecars = array(&pod["spec"]["initContainers"]).filter(|init| init["restartPolicy"] == "Always").count();
    let all = array(&pod["spec"]["containers"]).count() + sidecars;
    let main = array(&pod["status"]["containerStatuses"]).filter(|status| status["ready"] == true).count();
    let beside = array(&pod["status"]["initContainerStatuses"])
        .filter(|status| status["ready"] == true && is_sidecar(pod, &status["name"]))
        .count();
    format!("{}/{all}", main + beside)
}

fn restarts(pod: &Value, now: OffsetDateTime) -> String {
    let statuses = || array(&pod["status"]["containerStatuses"]);
    let many: i64 = statuses().filter_map(|status| status["restartCount"].as_i64()).sum();
    let last = statuses().map(|status| &status["lastState"]["terminated"]["finishedAt"]).filter(|at| at.is_string());
    let last = last.max_by_key(|at| string(at));
    match last {
        Some(at) if many > 0 => format!("{many} ({} ago)", since(at, now)),
        _ => many.to_string(),
    }
}

fn gates(pod: &Value) -> String {
    let gates: Vec<&Value> = array(&pod["spec"]["readinessGates"]).collect();
    if gates.is_empty() {
        return "<none>".into();
    }
    let met = |gate: &&&Value| {
        array(&pod["status"]["conditions"]).any(|c| c["type"] == gate["conditionType"] && c["status"] == "True")
    };
    format!("{}/{}", gates.iter().filter(met).count(), gates.len())
}

/// The word under STATUS.
pub(crate) fn status(pod: &Value) -> String {
    let status = &pod["status"];
    let mut word = match string(&status["reason"]) {
        reason if reason.is_empty() => string(&status["phase"]),
        reason => reason,
    };
    let gated = |c: &Value| c["type"] == "PodScheduled" && c["reason"] == "SchedulingGated";
    if array(&status["conditions"]).any(gated) {
        word = "SchedulingGated".into();
    }
    match initialising(pod) {
        Some(initialising) => word = initialising,
        None => {
            if let Some(main) = running(pod) {
                word = main;
            }
        }
    }
    if !pod["metadata"]["deletionTimestamp"].is_null() && word != "Succeeded" && word != "Failed" {
        word = if status["reason"] == "NodeLost" { "Unknown".into() } else { "Terminating".into() };
    }
    word
}

fn initialising(pod: &Value) -> Option<String> {
    let all = array(&pod["spec"]["initContainers"]).count();
    for (at, container) in array(&pod["status"]["initContainerStatuses"]).enumerate() {
        let state = &container["state"];
        if state["terminated"]["exitCode"] == 0 && !state["terminated"].is_null() {
            continue;
        }
        if is_sidecar(pod, &container["name"]) && container["started"] == true {
            continue;
        }
        if state["terminated"].is_object() {
            return Some(format!("Init:{}", ended(&state["terminated"])));
        }
        let reason = string(&state["waiting"]["reason"]);
        return Some(match reason.as_str() {
            "" | "PodInitializing" => format!("Init:{at}/{all}"),
            _ => format!("Init:{reason}"),
        });
    }
    None
}

fn ended(state: &Value) -> String {
    match (string(&state["reason"]).as_str(), state["signal"].as_i64()) {
        ("", Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        ("", _) => format!("ExitCode:{}", state["exitCode"].as_i64().unwrap_or(0)),
        (reason, _) => reason.into(),
    }
}

fn running(pod: &Value) -> Option<String> {
    let (mut word, mut runs) = (None, false);
    for container in array(&pod["status"]["containerStatuses"]).collect::<Vec<_>>().into_iter().rev() {
        let state = &container["state"];
        let waiting = string(&state["waiting"]["reason"]);
        if !waiting.is_empty() {
            word = Some(waiting);
        } else if state["terminated"].is_object() {
            word = Some(ended(&state["terminated"]));
        } else if container["ready"] == true && state["running"].is_object() {
            runs = true;
        }
    }
    if word.as_deref() == Some("Completed") && runs {
        let ready = array(&pod["status"]["conditions"]).any(|c| c["type"] == "Ready" && c["status"] == "True");
        return Some(if ready { "Running" } else { "NotReady" }.into());
    }
    word
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_state_of_a_pod_is_one_word() {
        let container =
            |state: Value| json!({ "status": { "phase": "Running", "containerStatuses": [{ "state": state }] } });
        for (pod, wanted) in [
            (json!({ "status": { "phase": "Pending" } }), "Pending"),
            (container(json!({ "waiting": { "reason": "CrashLoopBackOff" } })), "CrashLoopBackOff"),
            (container(json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } })), "OOMKilled"),
            (container(json!({ "terminated": { "exitCode": 3 } })), "ExitCode:3"),
            (json!({ "status": { "phase": "Failed", "reason": "Evicted" } }), "Evicted"),
            (
                json!({ "spec": { "initContainers": [{}, {}] }, "status": { "phase": "Pending",
                    "initContainerStatuses": [{ "state": { "terminated": { "exitCode": 0 } } }, { "state": { "running": {} } }] } }),
                "Init:1/2",
            ),
            (json!({ "metadata": { "deletionTimestamp": "x" }, "status": { "phase": "Running" } }), "Terminating"),
        ] {
            assert_eq!(status(&pod), wanted);
        }
    }
}
