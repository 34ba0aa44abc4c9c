//! What is lost with a Kubernetes object, and of what it is a backup.

use serde_json::Value;
use trainyard_contract::{Loss, Things};

/// Kinds with which no data goes: in the plural, and as they are shortened.
const WITHOUT_DATA: &[&str] = &[
    "clusterrolebindings",
    "clusterroles",
    "cm",
    "configmaps",
    "cj",
    "cronjobs",
    "daemonsets",
    "deploy",
    "deployments",
    "ds",
    "endpoints",
    "endpointslices",
    "ep",
    "events",
    "horizontalpodautoscalers",
    "hpa",
    "ing",
    "ingresses",
    "jobs",
    "leases",
    "limitranges",
    "limits",
    "netpol",
    "networkpolicies",
    "no",
    "nodes",
    "pc",
    "pdb",
    "po",
    "poddisruptionbudgets",
    "pods",
    "priorityclasses",
    "quota",
    "replicasets",
    "resourcequotas",
    "rolebindings",
    "roles",
    "rs",
    "runtimeclasses",
    "sa",
    "sc",
    "secrets",
    "serviceaccounts",
    "services",
    "storageclasses",
    "svc",
];
/// Kinds with which volumes go, or may.
const WITH_VOLUMES: &[&str] = &["namespaces", "ns", "persistentvolumeclaims", "pvc", "statefulsets", "sts"];

/// What the spelling of a kind tells of the loss of such an object; `None` where it has to be looked at. A custom kind may
/// be anything, a backup too.
pub(crate) fn by_kind(kind: &str) -> Option<Loss> {
    let kind = kind.to_ascii_lowercase();
    let kind = kind.split('.').next().unwrap_or_default();
    let is = |known: &str| {
        let singular = |end: &str, other: &str| {
            known.strip_suffix(end).zip(kind.strip_suffix(other)).is_some_and(|(one, other)| one == other)
        };
        known == kind || singular("s", "") || singular("es", "") || singular("ies", "y")
    };
    if WITHOUT_DATA.iter().any(|known| is(known)) {
        Some(Loss::NONE)
    } else if WITH_VOLUMES.iter().any(|known| is(known)) {
        Some(Loss::along(Things::Unknown))
    } else {
        None
    }
}

/// What is lost with this object.
pub(crate) fn of(kind: &str, namespace: Option<&str>, object: &Value) -> Loss {
    let source = &object["spec"]["source"];
    match kind {
        "VolumeSnapshot" => Loss::of_backup(match (namespace, source["persistentVolumeClaimName"].as_str()) {
            (Some(namespace), Some(claim)) => Things::Of(vec![format!("{namespace}/{claim}")]),
            _ => Things::Unknown,
        }),
        "VolumeSnapshotContent" => Loss::of_backup(one(&source["volumeHandle"])),
        kind if ["Snapshot", "Backup"].iter().any(|word| kind.contains(word)) => Loss::of_backup(Things::Unknown),
        "PersistentVolume" => Loss::along(one(&object["spec"]["csi"]["volumeHandle"])),
        kind => by_kind(kind).unwrap_or(Loss::along(Things::Unknown)),
    }
}

fn one(id: &Value) -> Things {
    id.as_str().map_or(Things::Unknown, |id| Things::Of(vec![id.to_owned()]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_kind_tells_of_the_loss() {
        for kind in ["Pod", "pods", "deployments.apps", "deploy", "Ingress", "networkpolicy", "NetworkPolicies"] {
            assert_eq!(by_kind(kind), Some(Loss::NONE), "{kind}");
        }
        for kind in ["pvc", "Namespace", "ns", "PersistentVolumeClaim", "StatefulSet"] {
            assert_eq!(by_kind(kind), Some(Loss::along(Things::Unknown)), "{kind}");
        }
        for kind in
            ["vs", "volumesnapshots.snapshot.storage.k8s.io", "PersistentVolume", "PostgresCluster", "Backup", ""]
        {
            assert_eq!(by_kind(kind), None, "{kind}");
        }
    }

    #[test]
    fn a_snapshot_is_a_backup_of_its_claim() {
        let snapshot = json!({"spec": {"source": {"persistentVolumeClaimName": "data"}}});
        let data = Things::Of(vec!["ml/data".to_owned()]);
        assert_eq!(of("VolumeSnapshot", Some("ml"), &snapshot), Loss::of_backup(data));
        let imported = json!({"spec": {"source": {"volumeSnapshotContentName": "content"}}});
        assert_eq!(of("VolumeSnapshot", Some("ml"), &imported), Loss::of_backup(Things::Unknown));
        let handle = Things::Of(vec!["vol-1".to_owned()]);
        let content = json!({"spec": {"source": {"volumeHandle": "vol-1"}}});
        assert_eq!(of("VolumeSnapshotContent", None, &content), Loss::of_backup(handle.clone()));
        let volume = json!({"spec": {"csi": {"volumeHandle": "vol-1"}}});
        assert_eq!(of("PersistentVolume", None, &volume), Loss::along(handle));
        assert_eq!(of("Backup", Some("velero"), &json!({})), Loss::of_backup(Things::Unknown));
        assert_eq!(of("Namespace", None, &json!({})), Loss::along(Things::Unknown));
        assert_eq!(of("Pod", Some("ml"), &json!({})), Loss::NONE);
    }
}
