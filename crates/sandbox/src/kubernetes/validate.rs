//! What an object must be to be taken.

use serde_json::{Value, json};

use super::{
    cluster::Cluster,
    kinds::Kind,
    openapi,
    refusal::{Cause, Refusal, Result},
    selector::Labels,
};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
    start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
    with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/// Kinds whose names are labels: they become host names.
const LABELS: &[&str] = &["namespaces", "services"];
/// Kinds whose names may be nearly anything.
const FREE: &[&str] = &[
    "roles.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
];

pub(crate) fn created(cluster: &Cluster, kind: &Kind, object: &Value) -> Result<()> {
    let mut causes = Vec::new();
    name(kind, object, &mut causes);
    metadata(object, &mut causes);
    content(cluster, kind, object, &mut causes);
    refuse(kind, object, &causes)
}

pub(crate) fn changed(
    cluster: &Cluster,
    kind: &Kind,
    before: &Value,
    object: &Value,
    part: Option<&str>,
) -> Result<()> {
    let mut causes = Vec::new();
    metadata(object, &mut causes);
    if !before["metadata"]["deletionTimestamp"].is_null() {
        let had = before["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        for finalizer in object["metadata"]["finalizers"].as_array().into_iter().flatten() {
            if !had.contains(finalizer) {
                let why = "no new finalizers can be added if the object is being deleted, found new finalizers";
                causes.push(Cause::forbidden("metadata.finalizers", &format!("{why} {finalizer}")));
            }
        }
    }
    if part.is_none_or(|part| part == "scale") {
        content(cluster, kind, object, &mut causes);
        fixed(kind, before, object, &mut causes);
    }
    refuse(kind, object, &causes)
}

fn refuse(kind: &Kind, object: &Value, causes: &[Cause]) -> Result<()> {
    if causes.is_empty() {
        return Ok(());
    }
    Err(Refusal::invalid(kind, object["metadata"]["name"].as_str().unwrap_or_default(), causes))
}

fn is_label(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    edge(text.bytes().next())
        && edge(text.bytes().last())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn name(kind: &Kind, object: &Value, causes: &mut Vec<Cause>) {
    let value = &object["metadata"]["name"];
    let name = value.as_str().unwrap_or_default();
    let resource = &*kind.resource;
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if LABELS.contains(&resource) {
        if name.len() > 63 || !is_label(name) {
            causes.push(Cause::invalid("metadata.name", value, LABEL));
        }
    } else if FREE.contains(&resource) {
        if name.contains(['/', '%']) || matches!(name, "." | "..") {
            causes.push(Cause::invalid("metadata.name", value, "may not contain '/' or '%'"));
        }
    } else if name.len() > 253 || !name.split('.').all(is_label) {
        causes.push(Cause::invalid("metadata.name", value, SUBDOMAIN));
    }
    if resource == "customresourcedefinitions.apiextensions.k8s.io" {
        let spec = &object["spec"];
        let wanted = format!(
            "{}.{}",
            spec["names"]["plural"].as_str().unwrap_or_default(),
            spec["group"].as_str().unwrap_or_default()
        );
        if name != wanted {
            causes.push(Cause::invalid("metadata.name", value, "must be spec.names.plural+\".\"+spec.group"));
        }
    }
}

fn metadata(object: &Value, causes: &mut Vec<Cause>) {
    for member in ["labels", "annotations"] {
        for (key, value) in object["metadata"][member].as_object().into_iter().flatten() {
            let field = format!("metadata.{member}");
            let plain = key.rsplit('/').next().unwrap_or_default();
            let word = |text: &str| {
                text.len() <= 63
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
                    && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
                    && text.bytes().last().is_some_and(|b| b.is_ascii_alphanumeric())
            };
            if !word(plain) || key.matches('/').count() > 1 {
                let why = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                           alphanumeric character";
                causes.push(Cause::invalid(&field, &json!(key), why));
            }
            let text = value.as_str().unwrap_or_default();
            if member == "labels" && !text.is_empty() && !word(text) {
                let why = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                           must start and end with an alphanumeric character";
                causes.push(Cause::invalid(&field, value, why));
            }
        }
    }
}

fn content(cluster: &Cluster, kind: &Kind, object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    match &*kind.resource {
        "pods" => {
            pod_spec(spec, "spec", causes);
            if let Some(class) = spec["priorityClassName"].as_str()
                && cluster.store.get("priorityclasses.scheduling.k8s.io", "", class).is_none()
                && !class.starts_with("system-")
            {
                causes.push(Cause::forbidden(
                    "spec.priorityClassName",
                    &format!("no PriorityClass with name {class} was found"),
                ));
            }
        }
        "deployments.apps" | "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" => {
            selected(spec, causes);
            pod_spec(&spec["template"]["spec"], "spec.template.spec", causes);
            let policy = &spec["template"]["spec"]["restartPolicy"];
            if policy.is_string() && policy != "Always" {
                causes.push(Cause::unsupported("spec.template.spec.restartPolicy", policy, &["Always"]));
            }
            not_negative(&spec["replicas"], "spec.replicas", causes);
        }
        "jobs.batch" => {
            pod_spec(&spec["template"]["spec"], "spec.template.spec", causes);
            let policy = &spec["template"]["spec"]["restartPolicy"];
            if policy == "Always" {
                causes.push(Cause::unsupported("spec.template.spec.restartPolicy", policy, &["OnFailure", "Never"]));
            }
            for member in ["parallelism", "completions", "backoffLimit"] {
                not_negative(&spec[member], &format!("spec.{member}"), causes);
            }
        }
        "services" if spec["type"] != "ExternalName" && spec["clusterIP"] != "None" => {
            if spec["ports"].as_array().is_none_or(Vec::is_empty) {
                causes.push(Cause::required("spec.ports", ""));
            }
            for (at, port) in spec["ports"].as_array().into_iter().flatten().enumerate() {
                port_number(&port["port"], &format!("spec.ports[{at}].port"), causes);
            }
        }
        "persistentvolumeclaims" => {
            if spec["accessModes"].as_array().is_none_or(Vec::is_empty) {
                causes.push(Cause::required("spec.accessModes", "at least 1 access mode is required"));
            }
            if spec["resources"]["requests"]["storage"].is_null() {
                causes.push(Cause::required("spec.resources[storage]", ""));
            }
        }
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            for member in ["kind", "name"] {
                if object["roleRef"][member].as_str().is_none_or(str::is_empty) {
                    causes.push(Cause::required(format!("roleRef.{member}"), ""));
                }
            }
        }
        _ => {}
    }
    if let Some(custom) = &kind.custom {
        openapi::fields::structural(&custom.schema, object, "", causes);
    }
}

fn not_negative(value: &Value, field: &str, causes: &mut Vec<Cause>) {
    if value.as_i64().is_some_and(i64::is_negative) {
        causes.push(Cause::invalid(field, value, "must be greater than or equal to 0"));
    }
}

fn port_number(value: &Value, field: &str, causes: &mut Vec<Cause>) {
    match value.as_i64() {
        Some(1..=65_535) => {}
        _ if value.is_null() => causes.push(Cause::required(field, "")),
        _ => causes.push(Cause::invalid(field, value, "must be between 1 and 65535, inclusive")),
    }
}

fn selected(spec: &Value, causes: &mut Vec<Cause>) {
    match Labels::of(&spec["selector"]).filter(|labels| !labels.is_empty()) {
        None => causes.push(Cause::required("spec.selector", "")),
        Some(labels) if !labels.matches_labels(&spec["template"]["metadata"]["labels"]) => {
            let found = &spec["template"]["metadata"]["labels"];
            causes.push(Cause::invalid(
                "spec.template.metadata.labels",
                found,
                "`selector` does not match template `labels`",
            ));
        }
        Some(_) => {}
    }
}

fn pod_spec(spec: &Value, field: &str, causes: &mut Vec<Cause>) {
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required(format!("{field}.containers"), ""));
    }
    let mut seen = Vec::new();
    for list in ["initContainers", "containers"] {
        for (at, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            let place = format!("{field}.{list}[{at}]");
            match container["name"].as_str() {
                None | Some("") => causes.push(Cause::required(format!("{place}.name"), "")),
                Some(name) if !is_label(name) || name.len() > 63 => {
                    causes.push(Cause::invalid(format!("{place}.name"), &container["name"], LABEL));
                }
                Some(name) if seen.contains(&name) => {
                    causes.push(Cause::duplicate(format!("{place}.name"), &container["name"]));
                }
                Some(name) => seen.push(name),
            }
            if container["image"].as_str().is_none_or(str::is_empty) {
                causes.push(Cause::required(format!("{place}.image"), ""));
            }
            for (at, port) in container["ports"].as_array().into_iter().flatten().enumerate() {
                port_number(&port["containerPort"], &format!("{place}.ports[{at}].containerPort"), causes);
            }
            resources(&container["resources"], &format!("{place}.resources"), causes);
            for (at, mount) in container["volumeMounts"].as_array().into_iter().flatten().enumerate() {
                let volumes = spec["volumes"].as_array().into_iter().flatten();
                if !volumes.into_iter().any(|volume| volume["name"] == mount["name"]) {
                    let field = format!("{place}.volumeMounts[{at}].name");
                    causes.push(Cause::invalid(field, &mount["name"], "Not found"));
                }
            }
        }
    }
    let policy = &spec["restartPolicy"];
    if policy.is_string() && !matches!(policy.as_str(), Some("Always" | "OnFailure" | "Never")) {
        causes.push(Cause::unsupported(format!("{field}.restartPolicy"), policy, &["Always", "OnFailure", "Never"]));
    }
}

fn resources(resources: &Value, field: &str, causes: &mut Vec<Cause>) {
    use super::quantity::Quantity;
    for kind in ["requests", "limits"] {
        for (name, value) in resources[kind].as_object().into_iter().flatten() {
            if Quantity::of(value).is_none() {
                let why = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                causes.push(Cause::invalid(format!("{field}.{kind}[{name}]"), value, why));
            }
        }
    }
    for (name, value) in resources["requests"].as_object().into_iter().flatten() {
        let (asked, limit) = (Quantity::of(value), Quantity::of(&resources["limits"][name]));
        if let (Some(asked), Some(limit)) = (asked, limit)
            && asked > limit
        {
            let why = format!("must be less than or equal to {name} limit of {limit}");
            causes.push(Cause::invalid(format!("{field}.requests"), value, &why));
        }
    }
}

/// What may not change once it is there.
fn fixed(kind: &Kind, before: &Value, after: &Value, causes: &mut Vec<Cause>) {
    let mut check = |path: &str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        let (old, new) = (before.pointer(&pointer), after.pointer(&pointer));
        if old.unwrap_or(&Value::Null) != new.unwrap_or(&Value::Null) {
            causes.push(Cause::invalid(path, new.unwrap_or(&Value::Null), "field is immutable"));
        }
    };
    match &*kind.resource {
        "deployments.apps" | "replicasets.apps" | "daemonsets.apps" => check("spec.selector"),
        "jobs.batch" => ["spec.selector", "spec.template", "spec.completionMode"].into_iter().for_each(check),
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => check("roleRef"),
        "secrets" => check("type"),
        "priorityclasses.scheduling.k8s.io" => check("value"),
        "storageclasses.storage.k8s.io" => ["provisioner", "parameters"].into_iter().for_each(check),
        "statefulsets.apps" => {
            let rest = |object: &Value| {
                let mut spec = object["spec"].clone();
                for member in [
                    "replicas",
                    "ordinals",
                    "template",
                    "updateStrategy",
                    "persistentVolumeClaimRetentionPolicy",
                    "minReadySeconds",
                    "revisionHistoryLimit",
                ] {
                    spec[member] = Value::Null;
                }
                spec
            };
            if rest(before) != rest(after) {
                let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                           'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                           'minReadySeconds' are forbidden";
                causes.push(Cause::forbidden("spec", why));
            }
        }
        "pods" => {
            let rest = |object: &Value| {
                let mut spec = object["spec"].clone();
                for list in ["containers", "initContainers"] {
                    for container in spec[list].as_array_mut().into_iter().flatten() {
                        container["image"] = Value::Null;
                    }
                }
                for member in [
                    "activeDeadlineSeconds",
                    "tolerations",
                    "terminationGracePeriodSeconds",
                    "nodeName",
                    "ephemeralContainers",
                    "schedulingGates",
                ] {
                    spec[member] = Value::Null;
                }
                spec
            };
            let moved =
                !before["spec"]["nodeName"].is_null() && before["spec"]["nodeName"] != after["spec"]["nodeName"];
            if rest(before) != rest(after) || moved {
                let why = "pod updates may not change fields other than `spec.containers[*].image`, \
                           `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` (only additions to \
                           existing tolerations), `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                           previously negative)";
                causes.push(Cause::forbidden("spec", why));
            }
        }
        "configmaps" if before["immutable"] == true && before["data"] != after["data"] => {
            causes.push(Cause::forbidden("data", "field is immutable when `immutable` is set"));
        }
        _ => {}
    }
}
