//! Cells that take more than a member of the object.

use serde_json::Value;
use time::OffsetDateTime;

use super::{array, joined, since, string};
use crate::kubernetes::clock;

pub(crate) fn job_status(job: &Value) -> String {
    let has = |kind: &str| array(&job["status"]["conditions"]).any(|c| c["type"] == kind && c["status"] == "True");
    let word = match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if !job["metadata"]["deletionTimestamp"].is_null() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    };
    word.into()
}

pub(crate) fn completions(job: &Value) -> String {
    let done = job["status"]["succeeded"].as_i64().unwrap_or(0);
    match (job["spec"]["completions"].as_i64(), job["spec"]["parallelism"].as_i64().unwrap_or(1)) {
        (Some(wanted), _) => format!("{done}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{done}/1 of {parallel}"),
        (None, _) => format!("{done}/1"),
    }
}

pub(crate) fn job_duration(job: &Value, now: OffsetDateTime) -> String {
    let moment = |member: &str| job["status"][member].as_str().and_then(clock::parse);
    match (moment("startTime"), moment("completionTime")) {
        (None, _) => String::new(),
        (Some(start), Some(end)) => clock::age(start, end),
        (Some(start), None) => clock::age(start, now),
    }
}

pub(crate) fn external(service: &Value) -> String {
    let spec = &service["spec"];
    let given = joined(array(&spec["externalIPs"]).map(string));
    match spec["type"].as_str().unwrap_or("ClusterIP") {
        "LoadBalancer" => {
            let ingress = array(&service["status"]["loadBalancer"]["ingress"]);
            let all = joined(ingress.map(|i| string(if i["ip"].is_null() { &i["hostname"] } else { &i["ip"] })));
            if all == "<none>" { "<pending>".into() } else { all }
        }
        "ExternalName" => string(&spec["externalName"]),
        _ => given,
    }
}

pub(crate) fn ports(service: &Value) -> String {
    joined(array(&service["spec"]["ports"]).map(|port| {
        let (number, protocol) = (string(&port["port"]), port["protocol"].as_str().unwrap_or("TCP"));
        match port["nodePort"].as_i64() {
            Some(node) if node > 0 => format!("{number}:{node}/{protocol}"),
            _ => format!("{number}/{protocol}"),
        }
    }))
}

pub(crate) fn node_status(node: &Value) -> String {
    let ready = array(&node["status"]["conditions"]).find(|condition| condition["type"] == "Ready");
    let mut word = match ready.map(|condition| string(&condition["status"])).as_deref() {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if node["spec"]["unschedulable"] == true {
        word.push_str(",SchedulingDisabled");
    }
    word
}

pub(crate) fn node_roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let mut roles: Vec<String> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role.to_owned()),
            None if key == "kubernetes.io/role" => Some(string(value)),
            None => None,
        })
        .collect();
    roles.sort();
    joined(roles.into_iter())
}

pub(crate) fn node_address(node: &Value, kind: &str) -> String {
    let found = array(&node["status"]["addresses"]).find(|address| address["type"] == kind);
    found.map_or_else(|| "<none>".into(), |address| string(&address["address"]))
}

pub(crate) fn involved(event: &Value) -> String {
    let object = &event["involvedObject"];
    let (kind, name) = (string(&object["kind"]).to_lowercase(), string(&object["name"]));
    if name.is_empty() { kind } else { format!("{kind}/{name}") }
}

pub(crate) fn source(event: &Value) -> String {
    let component = match string(&event["source"]["component"]) {
        none if none.is_empty() => string(&event["reportingComponent"]),
        component => component,
    };
    let host = match string(&event["source"]["host"]) {
        none if none.is_empty() => string(&event["reportingInstance"]),
        host => host,
    };
    if host.is_empty() { component } else { format!("{component}, {host}") }
}

fn first_of<'a>(event: &'a Value, places: &[&str]) -> &'a Value {
    let found = places.iter().map(|place| event.pointer(place).unwrap_or(&Value::Null));
    found.into_iter().find(|value| value.is_string()).unwrap_or(&Value::Null)
}

pub(crate) fn first_seen(event: &Value, now: OffsetDateTime) -> String {
    since(first_of(event, &["/firstTimestamp", "/eventTime"]), now)
}

pub(crate) fn last_seen(event: &Value, now: OffsetDateTime) -> String {
    since(first_of(event, &["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/firstTimestamp"]), now)
}

pub(crate) fn access_modes(modes: &Value) -> String {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO".to_owned(),
        Some("ReadOnlyMany") => "ROX".to_owned(),
        Some("ReadWriteMany") => "RWX".to_owned(),
        Some("ReadWriteOncePod") => "RWOP".to_owned(),
        _ => string(mode),
    };
    array(modes).map(short).collect::<Vec<_>>().join(",")
}

pub(crate) fn endpoints(object: &Value) -> String {
    let mut all = Vec::new();
    for subset in array(&object["subsets"]) {
        for port in array(&subset["ports"]) {
            for address in array(&subset["addresses"]) {
                all.push(format!("{}:{}", string(&address["ip"]), string(&port["port"])));
            }
        }
    }
    match all.len() {
        0..=3 => joined(all.into_iter()),
        many => format!("{} + {} more...", all[..3].join(","), many - 3),
    }
}

pub(crate) fn targets(autoscaler: &Value) -> String {
    let current: Vec<&Value> = array(&autoscaler["status"]["currentMetrics"]).collect();
    let shown = array(&autoscaler["spec"]["metrics"]).enumerate().map(|(at, metric)| {
        let resource = &metric["resource"];
        let name = string(&resource["name"]);
        let now = current.get(at).map(|metric| &metric["resource"]["current"]);
        let wanted = &resource["target"];
        if let Some(percent) = wanted["averageUtilization"].as_i64() {
            let now = now.and_then(|now| now["averageUtilization"].as_i64());
            let now = now.map_or_else(|| "<unknown>".into(), |now| format!("{now}%"));
            return format!("{name}: {now}/{percent}%");
        }
        let now = now.map(|now| string(&now["averageValue"])).filter(|now| !now.is_empty());
        format!("{name}: {}/{}", now.unwrap_or_else(|| "<unknown>".into()), string(&wanted["averageValue"]))
    });
    joined(shown)
}

pub(crate) fn quota(quota: &Value, limits: bool) -> String {
    let hard = quota["status"]["hard"].as_object().into_iter().flatten();
    let mut all: Vec<String> = hard
        .filter(|(name, _)| name.starts_with("limits.") == limits)
        .map(|(name, value)| {
            let used = quota["status"]["used"].get(name).map_or_else(|| "0".into(), string);
            format!("{name}: {used}/{}", string(value))
        })
        .collect();
    all.sort();
    all.join(", ")
}
