//! Inside of a cluster, under the names that the AWS servers give these tools.

pub(crate) mod apply;
pub(crate) mod manage;
pub(crate) mod manifest;
pub(crate) mod objects;
pub(crate) mod pods;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use trainyard_contract::{Error, Result, Target};
use trainyard_k8s::{Cluster, Known};

use crate::common::{Profile, Region};

/// Which cluster, and as whom. Flattened into the tools' parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
struct Where {
    /// EKS cluster; kubeconfig context with --auth-mode kubeconfig.
    cluster_name: String,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Where {
    fn cluster(&self) -> Cluster {
        Cluster {
            name: Some(self.cluster_name.clone()),
            region: self.region.as_ref().map(ToString::to_string),
            profile: self.profile.as_ref().map(ToString::to_string),
            eks: true,
        }
    }

    /// What a change in the cluster is aimed at.
    fn target(&self, kind: &str, ids: Vec<String>) -> Target {
        Target {
            system: "kubernetes",
            kind: format!("{kind} in {}", self.cluster_name),
            ids,
            region: self.region.as_ref().map(ToString::to_string),
            profile: self.profile.as_ref().map(ToString::to_string),
        }
    }
}

/// Whether the arguments name the kind that holds secrets, in any of its spellings.
fn is_secret(arguments: &Value) -> bool {
    let kind = arguments["kind"].as_str().unwrap_or_default().to_ascii_lowercase();
    let name = kind.rsplit('/').next().unwrap_or_default();
    matches!(name.split('.').next(), Some("secret" | "secrets"))
}

/// The namespace of an object of this kind; none where the kind has none.
fn namespace_of(known: &Known, named: Option<&str>) -> Result<Option<String>> {
    match (known.resource.namespaced, named.filter(|name| !name.is_empty())) {
        (false, _) => Ok(None),
        (true, Some(name)) => Ok(Some(name.to_owned())),
        (true, None) => Err(Error::validation("argument \"namespace\" is missing")
            .hint(format!("a {} lives in a namespace", known.resource.kind))),
    }
}

/// Leaves out what is null, all the way down.
fn without_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_known_by_every_spelling() {
        for kind in ["Secret", "secret", "secrets", "SECRETS", "v1/Secret", "secrets."] {
            assert!(is_secret(&json!({ "kind": kind })), "{kind}");
        }
        for kind in ["Pod", "SecretStore", "", "sealedsecrets"] {
            assert!(!is_secret(&json!({ "kind": kind })), "{kind}");
        }
    }

    #[test]
    fn nulls_are_left_out_all_the_way_down() {
        let mut value = json!({ "a": null, "b": [{ "c": null, "d": 1 }] });
        without_null(&mut value);
        assert_eq!(value, json!({ "b": [{ "d": 1 }] }));
    }
}
