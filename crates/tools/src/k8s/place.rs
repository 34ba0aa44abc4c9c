//! Parameters that say which cluster, and which object.

use schemars::JsonSchema;
use serde::Deserialize;
use trainyard_contract::{Access, Covers, Reads, Result, Target};
use trainyard_k8s::{Cluster, Kubernetes, Resource};

use crate::{
    Cx,
    common::{Profile, Region},
};

/// Which cluster. Flattened into the tools' parameters: dispatch has checked every name by then.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct In {
    /// EKS cluster or kubeconfig context; the current one when absent.
    pub(crate) cluster: Option<String>,
    pub(crate) region: Option<Region>,
    pub(crate) profile: Option<Profile>,
}

impl In {
    /// The cluster, able to do what the call may do.
    pub(crate) fn of<A: Access>(&self, cx: &Cx<A>) -> Kubernetes<A> {
        cx.kubernetes(Cluster {
            name: self.cluster.clone(),
            region: self.region.as_ref().map(ToString::to_string),
            profile: self.profile.as_ref().map(ToString::to_string),
            eks: false,
        })
    }

    /// What a change there is aimed at.
    pub(crate) fn target(&self, kind: &str, ids: Vec<String>) -> Target {
        Target {
            system: "kubernetes",
            kind: kind.to_owned(),
            ids,
            region: self.region.as_ref().map(ToString::to_string),
            profile: self.profile.as_ref().map(ToString::to_string),
        }
    }
}

/// One object of a kind. Flattened as well.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct At {
    /// Pod, deploy, jobs.batch, apps/v1/Deployment.
    pub(crate) kind: String,
    /// Name.
    pub(crate) name: String,
    /// Namespace; that of the context when absent.
    pub(crate) namespace: Option<String>,
    #[serde(flatten)]
    pub(crate) place: In,
}

/// An object, found out of what a call said.
pub(crate) struct Named {
    pub(crate) resource: Resource,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl Named {
    /// `team-a/web`.
    pub(crate) fn path(&self) -> String {
        path(self.namespace.as_deref(), &self.name)
    }
}

pub(crate) fn path(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

impl At {
    pub(crate) async fn named<A: Access + Covers<Reads>>(&self, kubernetes: &Kubernetes<A>) -> Result<Named> {
        let resource = kubernetes.kind(&self.kind, None).await?.resource;
        let namespace = namespace(kubernetes, &resource, self.namespace.as_deref()).await?;
        Ok(Named { resource, namespace, name: self.name.clone() })
    }

    pub(crate) fn target(&self) -> Target {
        self.place.target(&self.kind, vec![path(self.namespace.as_deref(), &self.name)])
    }
}

/// The namespace of an object: none where the kind has none, the context's where the call says nothing.
pub(crate) async fn namespace<A: Access + Covers<Reads>>(
    kubernetes: &Kubernetes<A>,
    resource: &Resource,
    said: Option<&str>,
) -> Result<Option<String>> {
    if !resource.namespaced {
        return Ok(None);
    }
    match said {
        Some(namespace) => Ok(Some(namespace.to_owned())),
        None => kubernetes.default_namespace().await.map(Some),
    }
}
