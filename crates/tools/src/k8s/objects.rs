//! Objects of any kind: change parts of them, scale them, delete them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_contract::{
    Changes, Destroys, Error, Json, Losing, Loss, Preview, Reads, Result, Target, Tool, ToolDef, Weighed,
};
use trainyard_k8s::{Deletion, Patch, Written};

use super::{At, diff::diff, impact, loss};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::changes::<PatchObject>(), ToolDef::changes::<Scale>(), ToolDef::destroys::<Delete>()];

/// What would be, or is, different.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Difference {
    /// kind/namespace/name
    object: String,
    /// before → after, + new, - gone; empty when nothing is different.
    changes: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Difference {
    pub(super) fn new(object: String, before: &Value, after: Written) -> Self {
        Self { object, changes: diff(before, &after.object), warnings: after.warnings }
    }

    /// As a plan, with the accelerators that the change adds.
    pub(super) fn weighed(object: String, before: &Value, after: Written) -> Weighed<Self> {
        let impact = impact::added(before, &after.object);
        Weighed::new(Self::new(object, before, after), impact)
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PatchKind {
    /// Lists are merged by their keys; built-in kinds only.
    #[default]
    Strategic,
    /// Lists are replaced; every kind.
    Merge,
    /// Operations: [{"op": "replace", "path": "/spec/x", "value": 1}].
    Json,
}

/// Patch a Kubernetes object: change some of its fields
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PatchObject {
    #[serde(flatten)]
    at: At,
    /// The fields to change, nested as in the object.
    patch: Option<Map<String, Value>>,
    /// For type json: the operations.
    operations: Option<Vec<Map<String, Value>>>,
    /// strategic when absent; merge for custom kinds.
    #[serde(rename = "type", default)]
    kind: Option<PatchKind>,
}

impl PatchObject {
    fn change(&self) -> Result<Patch> {
        match (&self.patch, &self.operations, self.kind) {
            (Some(patch), None, None | Some(PatchKind::Strategic)) => Ok(Patch::Strategic(patch.clone().into())),
            (Some(patch), None, Some(PatchKind::Merge)) => Ok(Patch::Merge(patch.clone().into())),
            (None, Some(operations), None | Some(PatchKind::Json)) => {
                Ok(Patch::Json(operations.iter().cloned().map(Value::Object).collect()))
            }
            _ => Err(Error::validation(
                "`patch` goes with type strategic or merge, `operations` with json; one of them is wanted",
            )),
        }
    }
}

impl Tool<App> for PatchObject {
    const NAME: &'static str = "k8s_patch_object";
    const EXAMPLE: &'static str =
        r#"{"kind": "Deployment", "name": "web", "namespace": "team-a", "patch": {"spec": {"paused": true}}}"#;
    type Access = Changes;
    type Output = Json<Difference>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Difference>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let namespace = named.namespace.as_deref();
        let before = kubernetes.get(&named.resource, namespace, &named.name).await?;
        let after = kubernetes.patch(&named.resource, namespace, &named.name, &self.change()?).await;
        let after = after.map_err(|error| advised(error, self.kind))?;
        Ok(Json(Difference::new(self.at.object(), &before, after)))
    }
}

/// Custom kinds know no strategic patches.
fn advised(error: Error, kind: Option<PatchKind>) -> Error {
    if error.http_status_code() == Some(415) && !matches!(kind, Some(PatchKind::Merge | PatchKind::Json)) {
        return error.hint("this kind has no strategic patches: call again with type merge");
    }
    error
}

impl Preview<App> for PatchObject {
    type Plan = Weighed<Difference>;

    fn target(&self) -> Target {
        self.at.target()
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Difference>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let namespace = named.namespace.as_deref();
        let before = kubernetes.get(&named.resource, namespace, &named.name).await?;
        let after = kubernetes.try_patch(&named.resource, namespace, &named.name, &self.change()?).await;
        Ok(Difference::weighed(self.at.object(), &before, after.map_err(|error| advised(error, self.kind))?))
    }
}

impl At {
    /// `Deployment/team-a/web`, as far as the call says it.
    pub(super) fn object(&self) -> String {
        format!("{}/{}", self.kind, super::place::path(self.namespace.as_deref(), &self.name))
    }
}

/// Scale a Deployment, StatefulSet or any kind that has replicas
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Scale {
    #[serde(flatten)]
    at: At,
    /// Replicas wanted.
    replicas: u32,
}

impl Tool<App> for Scale {
    const NAME: &'static str = "k8s_scale_object";
    const EXAMPLE: &'static str = r#"{"kind": "Deployment", "name": "web", "namespace": "team-a", "replicas": 3}"#;
    type Access = Changes;
    type Output = Json<Scaled>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Scaled>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let namespace = named.namespace.as_deref();
        let before = kubernetes.get_subresource(&named.resource, namespace, &named.name, "scale").await?;
        let after = kubernetes.scale(&named.resource, namespace, &named.name, self.replicas).await?;
        Ok(Json(Scaled::new(self.at.object(), &before, &after.object)))
    }
}

impl Preview<App> for Scale {
    type Plan = Weighed<Scaled>;

    fn target(&self) -> Target {
        self.at.target()
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Scaled>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let namespace = named.namespace.as_deref();
        let before = kubernetes.get_subresource(&named.resource, namespace, &named.name, "scale").await?;
        let after = kubernetes.try_scale(&named.resource, namespace, &named.name, self.replicas).await?;
        let object = kubernetes.get(&named.resource, namespace, &named.name).await?;
        let mut scaled = object.clone();
        scaled["spec"]["replicas"] = self.replicas.into();
        let impact = impact::added(&object, &scaled);
        Ok(Weighed::new(Scaled::new(self.at.object(), &before, &after.object), impact))
    }
}

#[derive(Serialize, JsonSchema)]
struct Scaled {
    object: String,
    /// Replicas wanted before.
    before: u64,
    /// Replicas wanted now.
    after: u64,
    /// Replicas that run now.
    running: u64,
}

impl Scaled {
    fn new(object: String, before: &Value, after: &Value) -> Self {
        let replicas = |scale: &Value, part: &str| scale[part]["replicas"].as_u64().unwrap_or_default();
        Self {
            object,
            before: replicas(before, "spec"),
            after: replicas(after, "spec"),
            running: replicas(before, "status"),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Propagation {
    /// What belongs to it goes afterwards.
    Background,
    /// What belongs to it goes first.
    Foreground,
    /// What belongs to it stays.
    Orphan,
}

/// Delete a Kubernetes object and what belongs to it
///
/// Deleting a Namespace deletes everything in it.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Delete {
    #[serde(flatten)]
    at: At,
    /// background when absent.
    propagation: Option<Propagation>,
    /// Seconds to end in; the object's own when absent, 0 ends at once.
    grace_seconds: Option<u32>,
}

impl Delete {
    fn how(&self, uid: Option<String>) -> Deletion {
        Deletion {
            propagation: Some(match self.propagation {
                Some(Propagation::Foreground) => "Foreground",
                Some(Propagation::Orphan) => "Orphan",
                Some(Propagation::Background) | None => "Background",
            }),
            grace_seconds: self.grace_seconds,
            uid,
        }
    }
}

impl Tool<App> for Delete {
    const NAME: &'static str = "k8s_delete_object";
    const EXAMPLE: &'static str = r#"{"kind": "Deployment", "name": "web", "namespace": "team-a"}"#;
    type Access = Destroys;
    type Output = Json<Deleted>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deleted>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let namespace = named.namespace.as_deref();
        let object = self.at.object();
        let Some(found) = kubernetes.find(&named.resource, namespace, &named.name).await? else {
            return Ok(Json(Deleted { object, existed: false, ending: false, finalizers: Vec::new() }));
        };
        // Only the one that was looked at: another may have taken its name.
        let uid = found["metadata"]["uid"].as_str().map(str::to_owned);
        let answer = kubernetes.delete(&named.resource, namespace, &named.name, &self.how(uid)).await?;
        let finalizers = texts(&answer["metadata"]["finalizers"]);
        Ok(Json(Deleted {
            object,
            existed: true,
            ending: answer["metadata"]["deletionTimestamp"].is_string(),
            finalizers,
        }))
    }
}

impl Preview<App> for Delete {
    type Plan = Losing<Lost>;

    fn target(&self) -> Target {
        self.at.target()
    }

    fn loss(&self) -> Option<Loss> {
        loss::by_kind(&self.at.kind)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Losing<Lost>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let namespace = named.namespace.as_deref();
        let found = kubernetes.get(&named.resource, namespace, &named.name).await?;
        kubernetes.try_delete(&named.resource, namespace, &named.name, &self.how(None)).await?;
        let loss = loss::of(&named.resource.kind, namespace, &found);
        let plan = Lost {
            object: format!("{}/{}", named.resource.kind, named.path()),
            created: found["metadata"]["creationTimestamp"].as_str().map(str::to_owned),
            finalizers: texts(&found["metadata"]["finalizers"]),
            namespace_goes: named.resource.kind == "Namespace",
        };
        Ok(Losing::new(plan, loss))
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    object: String,
    /// Whether there was one.
    existed: bool,
    /// It is still there until its end or its finalizers are done.
    ending: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    finalizers: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Lost {
    object: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    /// What has to be done before it is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    finalizers: Vec<String>,
    /// Everything in the namespace goes with it.
    namespace_goes: bool,
}
