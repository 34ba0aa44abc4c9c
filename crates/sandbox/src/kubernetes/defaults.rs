//! What the server fills in where a manifest says nothing.

use serde_json::{Map, Value, json};

use super::{cluster::Cluster, kinds::Kind};

/// Fills in what is left out, as a real server does.
pub(crate) fn fill(kind: &Kind, object: &mut Value, cluster: &mut Cluster) {
    match &*kind.resource {
        "pods" => pod(object),
        "deployments.apps" => {
            let spec = &mut object["spec"];
            set(spec, "replicas", 1);
            set(spec, "revisionHistoryLimit", 10);
            set(spec, "progressDeadlineSeconds", 600);
            strategy(spec, "strategy");
            template(spec);
        }
        "replicasets.apps" => {
            set(&mut object["spec"], "replicas", 1);
            template(&mut object["spec"]);
        }
        "statefulsets.apps" => {
            let spec = &mut object["spec"];
            set(spec, "replicas", 1);
            set(spec, "revisionHistoryLimit", 10);
            set(spec, "podManagementPolicy", "OrderedReady");
            set(spec, "updateStrategy", json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } }));
            set(
                spec,
                "persistentVolumeClaimRetentionPolicy",
                json!({ "whenDeleted": "Retain", "whenScaled": "Retain" }),
            );
            template(spec);
        }
        "daemonsets.apps" => {
            let spec = &mut object["spec"];
            set(spec, "revisionHistoryLimit", 10);
            set(
                spec,
                "updateStrategy",
                json!({
                    "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 },
                }),
            );
            template(spec);
        }
        "jobs.batch" => job(object),
        "cronjobs.batch" => {
            let spec = &mut object["spec"];
            set(spec, "concurrencyPolicy", "Allow");
            set(spec, "suspend", false);
            set(spec, "successfulJobsHistoryLimit", 3);
            set(spec, "failedJobsHistoryLimit", 1);
            pod_spec(&mut spec["jobTemplate"]["spec"]["template"]["spec"]);
        }
        "services" => service(object, cluster),
        "secrets" => secret(object),
        "persistentvolumeclaims" => {
            set(&mut object["spec"], "volumeMode", "Filesystem");
            if object["status"]["phase"].is_null() {
                object["status"] = json!({ "phase": "Pending" });
            }
        }
        "persistentvolumes" => {
            set(&mut object["spec"], "volumeMode", "Filesystem");
            set(&mut object["spec"], "persistentVolumeReclaimPolicy", "Retain");
            set(object, "status", json!({ "phase": "Available" }));
        }
        "storageclasses.storage.k8s.io" => {
            set(object, "reclaimPolicy", "Delete");
            set(object, "volumeBindingMode", "Immediate");
        }
        "priorityclasses.scheduling.k8s.io" => set(object, "preemptionPolicy", "PreemptLowerPriority"),
        "namespaces" => {
            let name = object["metadata"]["name"].clone();
            set(&mut object["spec"], "finalizers", json!(["kubernetes"]));
            set(object, "status", json!({ "phase": "Active" }));
            set(&mut object["metadata"], "labels", json!({}));
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        }
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => binding(object),
        "customresourcedefinitions.apiextensions.k8s.io" => {
            set(&mut object["spec"], "conversion", json!({ "strategy": "None" }));
        }
        _ => custom(kind, object),
    }
}

fn set(place: &mut Value, member: &str, value: impl Into<Value>) {
    if place.is_null() {
        *place = json!({});
    }
    if let Some(members) = place.as_object_mut()
        && members.get(member).is_none_or(Value::is_null)
    {
        members.insert(member.into(), value.into());
    }
}

fn strategy(spec: &mut Value, member: &str) {
    set(spec, member, json!({ "type": "RollingUpdate" }));
    set(&mut spec[member], "type", "RollingUpdate");
    if spec[member]["type"] == "RollingUpdate" {
        set(&mut spec[member], "rollingUpdate", json!({}));
        set(&mut spec[member]["rollingUpdate"], "maxUnavailable", "25%");
        set(&mut spec[member]["rollingUpdate"], "maxSurge", "25%");
    }
}

fn template(spec: &mut Value) {
    let template = &mut spec["template"];
    if template.is_null() {
        return;
    }
    pod_spec(&mut template["spec"]);
}

fn pod(pod: &mut Value) {
    pod_spec(&mut pod["spec"]);
    let spec = &mut pod["spec"];
    set(spec, "serviceAccountName", "default");
    let account = spec["serviceAccountName"].clone();
    set(spec, "serviceAccount", account);
    set(spec, "enableServiceLinks", true);
    set(spec, "preemptionPolicy", "PreemptLowerPriority");
    set(spec, "priority", 0);
    let tolerations: &[&str] = &["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
    set(spec, "tolerations", json!([]));
    if let Some(all) = spec["tolerations"].as_array_mut() {
        for key in tolerations {
            let covered = all.iter().any(|t| t["key"] == *key || (t["key"].is_null() && t["operator"] == "Exists"));
            if !covered {
                all.push(json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 }));
            }
        }
    }
    let class = quality(spec);
    if pod["status"]["phase"].is_null() {
        pod["status"] = json!({ "phase": "Pending", "qosClass": class });
    }
}

fn quality(spec: &Value) -> &'static str {
    let containers = || spec["containers"].as_array().into_iter().flatten();
    let of = |container: &Value, kind: &str, name: &str| container["resources"][kind][name].clone();
    let any = containers().any(|container| {
        ["requests", "limits"]
            .iter()
            .any(|kind| ["cpu", "memory"].iter().any(|name| !of(container, kind, name).is_null()))
    });
    let all = containers().all(|container| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = of(container, "limits", name);
            !limit.is_null() && limit == of(container, "requests", name)
        })
    });
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

fn pod_spec(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            self::container(container);
        }
        if spec[list].is_null()
            && let Some(spec) = spec.as_object_mut()
        {
            spec.shift_remove(list);
        }
    }
    set(spec, "restartPolicy", "Always");
    set(spec, "terminationGracePeriodSeconds", 30);
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "securityContext", json!({}));
    set(spec, "schedulerName", "default-scheduler");
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let tag = image.rsplit('/').next().unwrap_or_default();
    let latest = !image.contains('@') && (tag.ends_with(":latest") || !tag.contains(':'));
    let policy = if latest { "Always" } else { "IfNotPresent" };
    set(container, "imagePullPolicy", policy);
    set(container, "terminationMessagePath", "/dev/termination-log");
    set(container, "terminationMessagePolicy", "File");
    set(container, "resources", json!({}));
    for port in container["ports"].as_array_mut().into_iter().flatten() {
        set(port, "protocol", "TCP");
    }
    if container["ports"].is_null()
        && let Some(container) = container.as_object_mut()
    {
        container.shift_remove("ports");
    }
    // A limit without a request is the request, too.
    let limits = container["resources"]["limits"].as_object().cloned().unwrap_or_default();
    for (name, value) in limits {
        set(&mut container["resources"], "requests", json!({}));
        set(&mut container["resources"]["requests"], &name, value);
    }
}

fn job(job: &mut Value) {
    let uid = job["metadata"]["uid"].clone();
    let name = job["metadata"]["name"].clone();
    let spec = &mut job["spec"];
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    set(spec, "backoffLimit", 6);
    set(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    set(spec, "podReplacementPolicy", "TerminatingOrFailed");
    if spec["manualSelector"] != true {
        set(spec, "selector", json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": uid } }));
        if spec["template"].is_object() {
            set(&mut spec["template"], "metadata", json!({}));
            set(&mut spec["template"]["metadata"], "labels", json!({}));
            let labels = &mut spec["template"]["metadata"]["labels"];
            for (key, value) in [
                ("batch.kubernetes.io/controller-uid", &uid),
                ("batch.kubernetes.io/job-name", &name),
                ("controller-uid", &uid),
                ("job-name", &name),
            ] {
                set(labels, key, value.clone());
            }
        }
    }
    template(spec);
}

fn service(service: &mut Value, cluster: &mut Cluster) {
    let spec = &mut service["spec"];
    set(spec, "type", "ClusterIP");
    set(spec, "sessionAffinity", "None");
    if spec["type"] != "ExternalName" {
        set(spec, "internalTrafficPolicy", "Cluster");
        set(spec, "ipFamilyPolicy", "SingleStack");
        set(spec, "ipFamilies", json!(["IPv4"]));
        if spec["clusterIP"].as_str().is_none_or(str::is_empty) {
            let number = cluster.random.below(65_000) + 10;
            spec["clusterIP"] = format!("10.96.{}.{}", number >> 8, number & 255).into();
        }
        let address = spec["clusterIP"].clone();
        set(spec, "clusterIPs", json!([address]));
    }
    let exposed = matches!(spec["type"].as_str(), Some("NodePort" | "LoadBalancer"));
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        set(port, "protocol", "TCP");
        let number = port["port"].clone();
        set(port, "targetPort", number);
        if exposed && port["nodePort"].is_null() {
            port["nodePort"] = (30_000 + cluster.random.below(2_767)).into();
        }
    }
    if spec["ports"].is_null()
        && let Some(spec) = spec.as_object_mut()
    {
        spec.shift_remove("ports");
    }
    if service["status"].is_null() {
        service["status"] = json!({ "loadBalancer": {} });
    }
}

fn secret(secret: &mut Value) {
    use base64::{Engine, prelude::BASE64_STANDARD};
    set(secret, "type", "Opaque");
    let Some(members) = secret.as_object_mut() else { return };
    let Some(Value::Object(plain)) = members.shift_remove("stringData") else { return };
    let data = members.entry("data").or_insert_with(|| Value::Object(Map::new()));
    for (key, value) in plain {
        data[key.as_str()] = BASE64_STANDARD.encode(value.as_str().unwrap_or_default()).into();
    }
}

fn binding(binding: &mut Value) {
    set(&mut binding["roleRef"], "apiGroup", "rbac.authorization.k8s.io");
    for subject in binding["subjects"].as_array_mut().into_iter().flatten() {
        if subject["kind"] != "ServiceAccount" {
            set(subject, "apiGroup", "rbac.authorization.k8s.io");
        }
    }
}

/// Defaults that a definition's schema names.
fn custom(kind: &Kind, object: &mut Value) {
    fn walk(schema: &Value, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                    if let Some(default) = schema.get("default")
                        && !members.contains_key(name)
                    {
                        members.insert(name.clone(), default.clone());
                    }
                    if let Some(member) = members.get_mut(name) {
                        walk(schema, member);
                    }
                }
                if let Some(schema) = schema.get("additionalProperties") {
                    members.values_mut().for_each(|member| walk(schema, member));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| walk(&schema["items"], item)),
            _ => {}
        }
    }
    if let Some(custom) = &kind.custom {
        walk(&custom.schema, object);
    }
}
