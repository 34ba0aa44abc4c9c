//! Kinds of things, and where they are in the API.

use std::borrow::Cow;

use serde::Serialize;
use trainyard_contract::{Error, Result};

/// A kind that the API serves, and its address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Resource {
    /// API group; empty for the core.
    pub group: Cow<'static, str>,
    /// `v1`, `v1beta1`.
    pub version: Cow<'static, str>,
    /// `Deployment`.
    pub kind: Cow<'static, str>,
    /// `deployments`.
    pub plural: Cow<'static, str>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// A kind known beforehand.
    pub const fn known(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
        namespaced: bool,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
            namespaced,
        }
    }

    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `pods`, `deployments.apps`, as kubectl says it.
    pub fn full_name(&self) -> String {
        if self.group.is_empty() { self.plural.to_string() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether this is the kind that holds secrets.
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.plural == "secrets"
    }

    /// Address of the kind, in one namespace or in all.
    pub(crate) fn collection(&self, namespace: Option<&str>) -> Result<String> {
        let (group, version) = (segment("API group", &self.group), segment("API version", &self.version)?);
        let mut path = match &*self.group {
            "" => format!("/api/{version}"),
            _ => format!("/apis/{}/{version}", group?),
        };
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str("/namespaces/");
            path.push_str(segment("namespace", namespace)?);
        }
        path.push('/');
        path.push_str(segment("kind", &self.plural)?);
        Ok(path)
    }

    /// Address of one object.
    pub(crate) fn object(&self, namespace: Option<&str>, name: &str) -> Result<String> {
        if self.namespaced && namespace.is_none() {
            return Err(Error::validation(format!("a {} lives in a namespace, and none is given", self.kind)));
        }
        Ok(format!("{}/{}", self.collection(namespace)?, segment("name", name)?))
    }
}

/// One part of an address. What could lead elsewhere is refused rather than escaped: no object has such a name.
fn segment<'a>(what: &str, text: &'a str) -> Result<&'a str> {
    let sound = !text.is_empty()
        && text.len() <= 253
        && text != "."
        && text != ".."
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/%?#\\\"<>".contains(&byte));
    if sound { Ok(text) } else { Err(Error::validation(format!("{text:?} is no {what}"))) }
}

macro_rules! known {
    ($($(#[$doc:meta])* $name:ident = $group:literal $version:literal $kind:literal $plural:literal $namespaced:literal;)*) => {$(
        $(#[$doc])*
        pub const $name: Resource = Resource::known($group, $version, $kind, $plural, $namespaced);
    )*};
}

known! {
    /// Pods.
    PODS = "" "v1" "Pod" "pods" true;
    /// Nodes.
    NODES = "" "v1" "Node" "nodes" false;
    /// Namespaces.
    NAMESPACES = "" "v1" "Namespace" "namespaces" false;
    /// Events of the core group.
    EVENTS = "" "v1" "Event" "events" true;
    /// Secrets.
    SECRETS = "" "v1" "Secret" "secrets" true;
    /// Config maps.
    CONFIG_MAPS = "" "v1" "ConfigMap" "configmaps" true;
    /// Services.
    SERVICES = "" "v1" "Service" "services" true;
    /// Deployments.
    DEPLOYMENTS = "apps" "v1" "Deployment" "deployments" true;
    /// Stateful sets.
    STATEFUL_SETS = "apps" "v1" "StatefulSet" "statefulsets" true;
    /// Daemon sets.
    DAEMON_SETS = "apps" "v1" "DaemonSet" "daemonsets" true;
    /// Replica sets.
    REPLICA_SETS = "apps" "v1" "ReplicaSet" "replicasets" true;
    /// Revisions of stateful sets and daemon sets.
    CONTROLLER_REVISIONS = "apps" "v1" "ControllerRevision" "controllerrevisions" true;
    /// Disruption budgets.
    DISRUPTION_BUDGETS = "policy" "v1" "PodDisruptionBudget" "poddisruptionbudgets" true;
    /// What pods use now.
    POD_METRICS = "metrics.k8s.io" "v1beta1" "PodMetrics" "pods" true;
    /// What nodes use now.
    NODE_METRICS = "metrics.k8s.io" "v1beta1" "NodeMetrics" "nodes" false;
    /// What one may do oneself.
    SELF_SUBJECT_ACCESS_REVIEWS = "authorization.k8s.io" "v1" "SelfSubjectAccessReview" "selfsubjectaccessreviews" false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_api() {
        assert_eq!(PODS.collection(None).unwrap(), "/api/v1/pods");
        assert_eq!(PODS.object(Some("a"), "b").unwrap(), "/api/v1/namespaces/a/pods/b");
        assert_eq!(DEPLOYMENTS.collection(Some("a")).unwrap(), "/apis/apps/v1/namespaces/a/deployments");
        assert_eq!(NODES.object(Some("ignored"), "n").unwrap(), "/api/v1/nodes/n");
        assert!(PODS.object(None, "b").is_err(), "a pod without a namespace");
    }

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for bad in ["", ".", "..", "a/b", "a%2fb", "a?x", "a#x", "a b", "ä", "a\nb"] {
            assert!(PODS.object(Some("a"), bad).is_err(), "{bad:?}");
            assert!(PODS.collection(Some(bad)).is_err(), "{bad:?}");
        }
        assert!(PODS.object(Some("a"), "system:node:1").is_ok());
    }
}
