//! The columns that kubectl shows of each kind.

use serde_json::Value;

use super::{
    Column, age, array, joined, name, number, or, pairs, pods, selector, since, string, text, wide, workloads,
};
use crate::kubernetes::kinds::Kind;

const NAME: Column = text("Name", name);
const AGE: Column = text("Age", age);

/// Columns of a built-in kind.
pub(crate) fn of(kind: &Kind) -> &'static [Column] {
    TABLE.iter().find(|(resource, _)| **resource == *kind.resource).map_or(PLAIN, |(_, columns)| *columns)
}

const PLAIN: &[Column] = &[NAME, AGE];
const CONTAINERS: Column = wide("Containers", |o, _| names(o, "name"));
const IMAGES: Column = wide("Images", |o, _| names(o, "image"));
const SELECTOR: Column = wide("Selector", |o, _| selector(&o["spec"]["selector"]).into());

fn names(object: &Value, member: &str) -> Value {
    let template = &object["spec"]["template"];
    let template = if template.is_null() { &object["spec"]["jobTemplate"]["spec"]["template"] } else { template };
    joined(array(&template["spec"]["containers"]).map(|container| string(&container[member]))).into()
}

fn count(value: &Value) -> Value {
    value.as_i64().unwrap_or(0).into()
}

fn size(value: &Value) -> Value {
    value.as_object().map_or(0, serde_json::Map::len).into()
}

fn default_mark(object: &Value) -> Value {
    let annotations = &object["metadata"]["annotations"];
    let default = annotations["storageclass.kubernetes.io/is-default-class"] == "true";
    let name = string(&object["metadata"]["name"]);
    if default { format!("{name} (default)").into() } else { name.into() }
}

const TABLE: &[(&str, &[Column])] = &[
    ("pods", pods::COLUMNS),
    (
        "deployments.apps",
        &[
            NAME,
            text("Ready", |o, _| {
                format!("{}/{}", count(&o["status"]["readyReplicas"]), count(&o["spec"]["replicas"])).into()
            }),
            number("Up-to-date", |o, _| count(&o["status"]["updatedReplicas"])),
            number("Available", |o, _| count(&o["status"]["availableReplicas"])),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "replicasets.apps",
        &[
            NAME,
            number("Desired", |o, _| count(&o["spec"]["replicas"])),
            number("Current", |o, _| count(&o["status"]["replicas"])),
            number("Ready", |o, _| count(&o["status"]["readyReplicas"])),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "statefulsets.apps",
        &[
            NAME,
            text("Ready", |o, _| {
                format!("{}/{}", count(&o["status"]["readyReplicas"]), count(&o["spec"]["replicas"])).into()
            }),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
    ),
    (
        "daemonsets.apps",
        &[
            NAME,
            number("Desired", |o, _| count(&o["status"]["desiredNumberScheduled"])),
            number("Current", |o, _| count(&o["status"]["currentNumberScheduled"])),
            number("Ready", |o, _| count(&o["status"]["numberReady"])),
            number("Up-to-date", |o, _| count(&o["status"]["updatedNumberScheduled"])),
            number("Available", |o, _| count(&o["status"]["numberAvailable"])),
            text("Node Selector", |o, _| pairs(&o["spec"]["template"]["spec"]["nodeSelector"]).into()),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "jobs.batch",
        &[
            NAME,
            text("Status", |o, _| workloads::job_status(o).into()),
            text("Completions", |o, _| workloads::completions(o).into()),
            text("Duration", |o, now| workloads::job_duration(o, now).into()),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "cronjobs.batch",
        &[
            NAME,
            text("Schedule", |o, _| or(&o["spec"]["schedule"], "")),
            text("Timezone", |o, _| or(&o["spec"]["timeZone"], "<none>")),
            text("Suspend", |o, _| if o["spec"]["suspend"] == true { "True" } else { "False" }.into()),
            number("Active", |o, _| array(&o["status"]["active"]).count().into()),
            text("Last Schedule", |o, now| match &o["status"]["lastScheduleTime"] {
                Value::Null => "<none>".into(),
                moment => since(moment, now).into(),
            }),
            AGE,
            CONTAINERS,
            IMAGES,
            wide("Selector", |_, _| "<none>".into()),
        ],
    ),
    (
        "services",
        &[
            NAME,
            text("Type", |o, _| or(&o["spec"]["type"], "ClusterIP")),
            text("Cluster-IP", |o, _| or(&o["spec"]["clusterIP"], "<none>")),
            text("External-IP", |o, _| workloads::external(o).into()),
            text("Port(s)", |o, _| workloads::ports(o).into()),
            AGE,
            wide("Selector", |o, _| pairs(&o["spec"]["selector"]).into()),
        ],
    ),
    (
        "nodes",
        &[
            NAME,
            text("Status", |o, _| workloads::node_status(o).into()),
            text("Roles", |o, _| workloads::node_roles(o).into()),
            AGE,
            text("Version", |o, _| or(&o["status"]["nodeInfo"]["kubeletVersion"], "")),
            wide("Internal-IP", |o, _| workloads::node_address(o, "InternalIP").into()),
            wide("External-IP", |o, _| workloads::node_address(o, "ExternalIP").into()),
            wide("OS-Image", |o, _| or(&o["status"]["nodeInfo"]["osImage"], "<unknown>")),
            wide("Kernel-Version", |o, _| or(&o["status"]["nodeInfo"]["kernelVersion"], "<unknown>")),
            wide("Container-Runtime", |o, _| or(&o["status"]["nodeInfo"]["containerRuntimeVersion"], "<unknown>")),
        ],
    ),
    (
        "events",
        &[
            text("Last Seen", |o, now| workloads::last_seen(o, now).into()),
            text("Type", |o, _| or(&o["type"], "")),
            text("Reason", |o, _| or(&o["reason"], "")),
            text("Object", |o, _| workloads::involved(o).into()),
            wide("Subobject", |o, _| or(&o["involvedObject"]["fieldPath"], "")),
            wide("Source", |o, _| workloads::source(o).into()),
            text("Message", |o, _| string(&o["message"]).trim().into()),
            wide("First Seen", |o, now| workloads::first_seen(o, now).into()),
            Column { name: "Count", kind: "integer", wide: true, cell: |o, _| o["count"].as_i64().unwrap_or(1).into() },
            wide("Name", name),
        ],
    ),
    ("namespaces", &[NAME, text("Status", |o, _| or(&o["status"]["phase"], "")), AGE]),
    (
        "persistentvolumeclaims",
        &[
            NAME,
            text("Status", |o, _| {
                if o["metadata"]["deletionTimestamp"].is_null() {
                    or(&o["status"]["phase"], "")
                } else {
                    "Terminating".into()
                }
            }),
            text("Volume", |o, _| or(&o["spec"]["volumeName"], "")),
            text("Capacity", |o, _| or(&o["status"]["capacity"]["storage"], "")),
            text("Access Modes", |o, _| workloads::access_modes(&o["status"]["accessModes"]).into()),
            text("StorageClass", |o, _| or(&o["spec"]["storageClassName"], "")),
            text("VolumeAttributesClass", |o, _| or(&o["spec"]["volumeAttributesClassName"], "<unset>")),
            AGE,
            wide("VolumeMode", |o, _| or(&o["spec"]["volumeMode"], "<unset>")),
        ],
    ),
    (
        "persistentvolumes",
        &[
            NAME,
            text("Capacity", |o, _| or(&o["spec"]["capacity"]["storage"], "")),
            text("Access Modes", |o, _| workloads::access_modes(&o["spec"]["accessModes"]).into()),
            text("Reclaim Policy", |o, _| or(&o["spec"]["persistentVolumeReclaimPolicy"], "")),
            text("Status", |o, _| or(&o["status"]["phase"], "")),
            text("Claim", |o, _| match &o["spec"]["claimRef"] {
                Value::Null => "".into(),
                claim => format!("{}/{}", string(&claim["namespace"]), string(&claim["name"])).into(),
            }),
            text("StorageClass", |o, _| or(&o["spec"]["storageClassName"], "")),
            text("VolumeAttributesClass", |o, _| or(&o["spec"]["volumeAttributesClassName"], "<unset>")),
            text("Reason", |o, _| or(&o["status"]["reason"], "")),
            AGE,
            wide("VolumeMode", |o, _| or(&o["spec"]["volumeMode"], "<unset>")),
        ],
    ),
    (
        "storageclasses.storage.k8s.io",
        &[
            text("Name", |o, _| default_mark(o)),
            text("Provisioner", |o, _| or(&o["provisioner"], "")),
            text("ReclaimPolicy", |o, _| or(&o["reclaimPolicy"], "Delete")),
            text("VolumeBindingMode", |o, _| or(&o["volumeBindingMode"], "Immediate")),
            text("AllowVolumeExpansion", |o, _| {
                o["allowVolumeExpansion"].as_bool().unwrap_or(false).to_string().into()
            }),
            AGE,
        ],
    ),
    (
        "configmaps",
        &[
            NAME,
            number("Data", |o, _| {
                (size(&o["data"]).as_i64().unwrap_or(0) + size(&o["binaryData"]).as_i64().unwrap_or(0)).into()
            }),
            AGE,
        ],
    ),
    ("secrets", &[NAME, text("Type", |o, _| or(&o["type"], "")), number("Data", |o, _| size(&o["data"])), AGE]),
    ("serviceaccounts", &[NAME, number("Secrets", |o, _| array(&o["secrets"]).count().into()), AGE]),
    ("endpoints", &[NAME, text("Endpoints", |o, _| workloads::endpoints(o).into()), AGE]),
    (
        "endpointslices.discovery.k8s.io",
        &[
            NAME,
            text("AddressType", |o, _| or(&o["addressType"], "")),
            text("Ports", |o, _| joined(array(&o["ports"]).map(|port| string(&port["port"]))).into()),
            text("Endpoints", |o, _| {
                joined(array(&o["endpoints"]).flat_map(|e| array(&e["addresses"])).map(string)).into()
            }),
            AGE,
        ],
    ),
    (
        "ingresses.networking.k8s.io",
        &[
            NAME,
            text("Class", |o, _| or(&o["spec"]["ingressClassName"], "<none>")),
            text("Hosts", |o, _| {
                let hosts =
                    joined(array(&o["spec"]["rules"]).map(|rule| string(&rule["host"])).filter(|h| !h.is_empty()));
                if hosts == "<none>" { "*".into() } else { hosts.into() }
            }),
            text("Address", |o, _| {
                let all = array(&o["status"]["loadBalancer"]["ingress"]);
                all.map(|i| string(if i["ip"].is_null() { &i["hostname"] } else { &i["ip"] }))
                    .collect::<Vec<_>>()
                    .join(",")
                    .into()
            }),
            text("Ports", |o, _| if array(&o["spec"]["tls"]).next().is_some() { "80, 443" } else { "80" }.into()),
            AGE,
        ],
    ),
    (
        "networkpolicies.networking.k8s.io",
        &[NAME, text("Pod-Selector", |o, _| selector(&o["spec"]["podSelector"]).into()), AGE],
    ),
    (
        "horizontalpodautoscalers.autoscaling",
        &[
            NAME,
            text("Reference", |o, _| {
                let target = &o["spec"]["scaleTargetRef"];
                format!("{}/{}", string(&target["kind"]), string(&target["name"])).into()
            }),
            text("Targets", |o, _| workloads::targets(o).into()),
            text("MinPods", |o, _| or(&o["spec"]["minReplicas"], "<unset>")),
            number("MaxPods", |o, _| count(&o["spec"]["maxReplicas"])),
            number("Replicas", |o, _| count(&o["status"]["currentReplicas"])),
            AGE,
        ],
    ),
    (
        "poddisruptionbudgets.policy",
        &[
            NAME,
            text("Min Available", |o, _| or(&o["spec"]["minAvailable"], "N/A")),
            text("Max Unavailable", |o, _| or(&o["spec"]["maxUnavailable"], "N/A")),
            number("Allowed Disruptions", |o, _| count(&o["status"]["disruptionsAllowed"])),
            AGE,
        ],
    ),
    (
        "resourcequotas",
        &[
            NAME,
            text("Request", |o, _| workloads::quota(o, false).into()),
            text("Limit", |o, _| workloads::quota(o, true).into()),
            AGE,
        ],
    ),
    ("limitranges", &[NAME, text("Created At", |o, _| o["metadata"]["creationTimestamp"].clone())]),
    ("roles.rbac.authorization.k8s.io", &[NAME, text("Created At", |o, _| o["metadata"]["creationTimestamp"].clone())]),
    (
        "clusterroles.rbac.authorization.k8s.io",
        &[NAME, text("Created At", |o, _| o["metadata"]["creationTimestamp"].clone())],
    ),
    ("rolebindings.rbac.authorization.k8s.io", BINDING),
    ("clusterrolebindings.rbac.authorization.k8s.io", BINDING),
    (
        "customresourcedefinitions.apiextensions.k8s.io",
        &[NAME, text("Created At", |o, _| o["metadata"]["creationTimestamp"].clone())],
    ),
    ("leases.coordination.k8s.io", &[NAME, text("Holder", |o, _| or(&o["spec"]["holderIdentity"], "")), AGE]),
    (
        "priorityclasses.scheduling.k8s.io",
        &[
            NAME,
            number("Value", |o, _| count(&o["value"])),
            text("Global-Default", |o, _| o["globalDefault"].as_bool().unwrap_or(false).to_string().into()),
            AGE,
            text("PreemptionPolicy", |o, _| or(&o["preemptionPolicy"], "PreemptLowerPriority")),
        ],
    ),
    ("runtimeclasses.node.k8s.io", &[NAME, text("Handler", |o, _| or(&o["handler"], "")), AGE]),
    ("ingressclasses.networking.k8s.io", &[NAME, text("Controller", |o, _| or(&o["spec"]["controller"], "")), AGE]),
    (
        "controllerrevisions.apps",
        &[
            NAME,
            text("Controller", |o, _| {
                let owner = &o["metadata"]["ownerReferences"][0];
                if owner.is_null() {
                    return "<none>".into();
                }
                format!("{}.apps/{}", string(&owner["kind"]).to_lowercase(), string(&owner["name"])).into()
            }),
            number("Revision", |o, _| count(&o["revision"])),
            AGE,
        ],
    ),
    (
        "replicationcontrollers",
        &[
            NAME,
            number("Desired", |o, _| count(&o["spec"]["replicas"])),
            number("Current", |o, _| count(&o["status"]["replicas"])),
            number("Ready", |o, _| count(&o["status"]["readyReplicas"])),
            AGE,
            CONTAINERS,
            IMAGES,
            wide("Selector", |o, _| pairs(&o["spec"]["selector"]).into()),
        ],
    ),
];

const BINDING: &[Column] = &[
    NAME,
    text("Role", |o, _| format!("{}/{}", string(&o["roleRef"]["kind"]), string(&o["roleRef"]["name"])).into()),
    AGE,
    wide("Users", |o, _| subjects(o, "User")),
    wide("Groups", |o, _| subjects(o, "Group")),
    wide("ServiceAccounts", |o, _| subjects(o, "ServiceAccount")),
];

fn subjects(object: &Value, kind: &str) -> Value {
    let of_kind = array(&object["subjects"]).filter(|subject| subject["kind"] == kind);
    let shown = of_kind.map(|subject| match &subject["namespace"] {
        Value::Null => string(&subject["name"]),
        namespace => format!("{}/{}", string(namespace), string(&subject["name"])),
    });
    shown.collect::<Vec<_>>().join(", ").into()
}
