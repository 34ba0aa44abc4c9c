//! What a policy asks about a call to Kubernetes: every name of the cluster, kinds by their right names, and labels, which
//! are to Kubernetes what tags are to AWS.

use std::collections::BTreeMap;

use serde_json::Value;
use trainyard_contract::{Inquiry, Reads, Result};
use trainyard_k8s::{Cluster, Engine, Kubernetes, manifest};

use super::{object, place};

/// Clusters and kinds of a call; each may be known, unknown (empty), or no matter of that call (`None`).
type Found = (Option<Vec<String>>, Option<Vec<String>>);

/// What the arguments mean. Sends nothing.
pub(crate) fn facts(engine: &Engine, inquiry: &Inquiry<'_>) -> Option<Found> {
    inquiry.tool.strip_prefix("k8s_").filter(|tool| *tool != "list_clusters")?;
    let text = |name: &str| inquiry.arguments.get(name).and_then(Value::as_str).map(str::to_owned);
    let cluster = Cluster { name: text("cluster"), region: text("region"), profile: text("profile"), eks: false };
    Some((Some(engine.names(&cluster)), kinds(inquiry.tool, inquiry.arguments)))
}

/// Labels of each object that a change is aimed at: those that it has now, and of one that is not there yet those that it
/// would have. `None` where the arguments do not tell which objects they are.
pub(crate) async fn labels(engine: &Engine, arguments: &Value) -> Result<Option<Vec<BTreeMap<String, String>>>> {
    let text = |name: &str| arguments[name].as_str();
    let cluster = Cluster {
        name: text("cluster").or(text("cluster_name")).map(str::to_owned),
        region: text("region").map(str::to_owned),
        profile: text("profile").map(str::to_owned),
        eks: text("cluster_name").is_some(),
    };
    let kubernetes: Kubernetes<Reads> = Kubernetes::new(engine.clone(), cluster);
    let namespace = text("namespace");
    if let Some(documents) = text("manifest").or(text("yaml_content")) {
        let mut found = Vec::new();
        for new in manifest::read(documents)? {
            let own = object::namespace(&new).or(namespace);
            let (kind, version) = (new["kind"].as_str().unwrap_or_default(), new["apiVersion"].as_str());
            found.push(labels_of(&kubernetes, kind, version, own, object::name(&new), &new).await?);
        }
        return Ok(Some(found));
    }
    let (kind, name) = match (text("node"), text("kind")) {
        (Some(node), _) => ("Node", node),
        (None, Some(kind)) => {
            let in_body = arguments.pointer("/body/metadata/name").and_then(Value::as_str);
            (kind, text("name").or(in_body).unwrap_or_default())
        }
        (None, None) => return Ok(None),
    };
    let of = labels_of(&kubernetes, kind, text("api_version"), namespace, name, &arguments["body"]).await?;
    Ok(Some(vec![of]))
}

async fn labels_of(
    kubernetes: &Kubernetes<Reads>,
    kind: &str,
    api_version: Option<&str>,
    namespace: Option<&str>,
    name: &str,
    new: &Value,
) -> Result<BTreeMap<String, String>> {
    let resource = kubernetes.kind(kind, api_version).await?.resource;
    let namespace = place::namespace(kubernetes, &resource, namespace).await?;
    // One whose name the cluster will make is not there yet.
    let live = match name {
        "" => None,
        name => kubernetes.find(&resource, namespace.as_deref(), name).await?,
    };
    let labels = &live.as_ref().unwrap_or(new)["metadata"]["labels"];
    let pair = |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().to_owned());
    Ok(labels.as_object().into_iter().flatten().map(pair).collect())
}

fn kinds(tool: &str, arguments: &Value) -> Option<Vec<String>> {
    let one = |kind: &str| Some(vec![kind.to_owned()]);
    match tool {
        "k8s_get_secret" => one("Secret"),
        "k8s_get_logs" => one("Pod"),
        "k8s_list_events" => one("Event"),
        "k8s_apply_manifest" => {
            let objects = manifest::read(arguments["manifest"].as_str()?).unwrap_or_default();
            let mut kinds: Vec<String> =
                objects.iter().filter_map(|object| object["kind"].as_str()).map(str::to_owned).collect();
            kinds.sort();
            kinds.dedup();
            Some(kinds)
        }
        _ => arguments
            .get("kind")
            .and_then(Value::as_str)
            .map(|said| right_name(said).map_or_else(Vec::new, |kind| vec![kind])),
    }
}

/// Kinds of Kubernetes itself, each with its other names. Custom kinds are known to their cluster alone.
const KINDS: &[(&str, &[&str])] = &[
    ("ClusterRole", &["clusterroles"]),
    ("ClusterRoleBinding", &["clusterrolebindings"]),
    ("ConfigMap", &["configmaps", "cm"]),
    ("ControllerRevision", &["controllerrevisions"]),
    ("CronJob", &["cronjobs", "cj"]),
    ("CustomResourceDefinition", &["customresourcedefinitions", "crd", "crds"]),
    ("DaemonSet", &["daemonsets", "ds"]),
    ("Deployment", &["deployments", "deploy"]),
    ("Endpoints", &["ep"]),
    ("EndpointSlice", &["endpointslices"]),
    ("Event", &["events", "ev"]),
    ("HorizontalPodAutoscaler", &["horizontalpodautoscalers", "hpa"]),
    ("Ingress", &["ingresses", "ing"]),
    ("Job", &["jobs"]),
    ("Lease", &["leases"]),
    ("LimitRange", &["limitranges", "limits"]),
    ("MutatingWebhookConfiguration", &["mutatingwebhookconfigurations"]),
    ("Namespace", &["namespaces", "ns"]),
    ("NetworkPolicy", &["networkpolicies", "netpol"]),
    ("Node", &["nodes", "no"]),
    ("PersistentVolume", &["persistentvolumes", "pv"]),
    ("PersistentVolumeClaim", &["persistentvolumeclaims", "pvc"]),
    ("Pod", &["pods", "po"]),
    ("PodDisruptionBudget", &["poddisruptionbudgets", "pdb"]),
    ("PriorityClass", &["priorityclasses", "pc"]),
    ("ReplicaSet", &["replicasets", "rs"]),
    ("ResourceQuota", &["resourcequotas", "quota"]),
    ("Role", &["roles"]),
    ("RoleBinding", &["rolebindings"]),
    ("Secret", &["secrets"]),
    ("Service", &["services", "svc"]),
    ("ServiceAccount", &["serviceaccounts", "sa"]),
    ("StatefulSet", &["statefulsets", "sts"]),
    ("StorageClass", &["storageclasses", "sc"]),
    ("ValidatingWebhookConfiguration", &["validatingwebhookconfigurations"]),
];

/// The right name of a kind, however it is said. `None` for what could be anything: a rule about kinds then counts it as
/// the worst.
fn right_name(said: &str) -> Option<String> {
    let name = said.rsplit('/').next().unwrap_or(said);
    let name = name.split('.').next().unwrap_or(name);
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    KINDS
        .iter()
        .find(|(kind, others)| is(kind) || others.iter().any(|other| is(other)))
        .map(|(kind, _)| (*kind).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_cannot_hide_behind_another_of_its_names() {
        for said in ["Secret", "secret", "SECRETS", "v1/Secret", "secrets"] {
            assert_eq!(right_name(said).as_deref(), Some("Secret"), "{said}");
        }
        assert_eq!(right_name("deployments.v1.apps").as_deref(), Some("Deployment"));
        assert_eq!(right_name("trainjobs"), None, "custom kinds are not known here");
        let manifest = "{apiVersion: v1, kind: Secret, metadata: {name: a}}";
        assert_eq!(kinds("k8s_apply_manifest", &json!({ "manifest": manifest })).unwrap(), ["Secret"]);
        assert_eq!(kinds("k8s_delete_object", &json!({ "kind": "po" })).unwrap(), ["Pod"]);
        assert_eq!(kinds("k8s_delete_object", &json!({ "kind": "trainjobs" })).unwrap(), [""; 0]);
    }
}
