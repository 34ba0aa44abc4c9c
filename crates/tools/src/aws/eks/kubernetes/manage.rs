//! One object: made, replaced, changed, deleted or read.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_contract::{
    Access, CallDef, Changes, Covers, Destroys, Error, Headed, Losing, Loss, Preview, Reads, Result, Reveals, Target,
    Tool, ToolDef, Weighed, declare_others,
};
use trainyard_k8s::{Deletion, Known, Kubernetes, Patch, Written};

use super::{Where, is_secret, namespace_of, without_null};
use crate::{
    App, Cx,
    k8s::{diff, impact::added, loss},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::by_operation(
    "manage_k8s_resource",
    "Make, replace, patch, delete or read one Kubernetes object of any kind, custom ones included. dry_run asks the \
     cluster what would change, field by field. Reading a Secret needs the server's flag.",
    &[
        CallDef::changes::<Create>(),
        CallDef::changes::<Replace>(),
        CallDef::changes::<PatchObject>(),
        CallDef::destroys::<Delete>(),
        CallDef::reads::<Read<Reads>>().unless(is_secret),
        CallDef::reveals::<Read<Reveals>>(),
    ],
)
.also(&[("read_k8s_resource", r#"{"operation": "read"}"#)])];

/// Status of a server that does not take a kind of patch.
const UNSUPPORTED_MEDIA_TYPE: u16 = 415;

/// An object that is there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
struct Object {
    #[serde(flatten)]
    at: Where,
    /// Such as Deployment.
    kind: String,
    /// Such as apps/v1.
    api_version: String,
    /// Name of the object.
    name: String,
    /// Its namespace.
    namespace: Option<String>,
}

impl Object {
    async fn known<A: Access + Covers<Reads>>(&self, kubernetes: &Kubernetes<A>) -> Result<(Known, Option<String>)> {
        let known = kubernetes.kind(&self.kind, Some(&self.api_version)).await?;
        let namespace = namespace_of(&known, self.namespace.as_deref())?;
        Ok((known, namespace))
    }

    fn target(&self) -> Target {
        target(&self.at, &self.kind, self.namespace.as_deref(), &self.name)
    }

    fn answered(self, operation: &'static str, warnings: Vec<String>) -> Headed<Answer> {
        let Self { at, kind, api_version, name, namespace } = self;
        let summary = match operation {
            "read" => format!("{kind} {name} of {}", at.cluster_name),
            "delete" => format!("{kind} {name} in {} is deleted", at.cluster_name),
            "replace" => format!("{kind} {name} in {} is replaced", at.cluster_name),
            _ => format!("{kind} {name} in {} is changed", at.cluster_name),
        };
        Headed { summary, facts: Answer { kind, name, namespace, api_version, operation, resource: None, warnings } }
    }
}

fn target(at: &Where, kind: &str, namespace: Option<&str>, name: &str) -> Target {
    let id = namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
    at.target(kind, vec![id])
}

/// The caller's body, with what the arguments say of it.
fn body(mut body: Map<String, Value>, kind: &Known, name: Option<&str>, namespace: Option<&str>) -> Result<Value> {
    body.insert("kind".to_owned(), kind.resource.kind.as_ref().into());
    body.insert("apiVersion".to_owned(), kind.resource.api_version().into());
    let metadata = body.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else {
        return Err(Error::validation("body.metadata is not an object"));
    };
    for (member, value) in [("name", name), ("namespace", namespace)] {
        if let Some(value) = value {
            metadata.insert(member.to_owned(), value.into());
        }
    }
    Ok(body.into())
}

/// Make an object
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Create {
    #[serde(flatten)]
    at: Where,
    /// Such as Deployment.
    kind: String,
    /// Such as apps/v1.
    api_version: String,
    /// Name of the object, where the body has none.
    name: Option<String>,
    /// Its namespace.
    namespace: Option<String>,
    /// The object, or the part of it to change.
    body: Map<String, Value>,
}

impl Create {
    async fn made<A: Access + Covers<Reads>>(
        &self,
        kubernetes: &Kubernetes<A>,
    ) -> Result<(Known, Option<String>, Value)> {
        let known = kubernetes.kind(&self.kind, Some(&self.api_version)).await?;
        let own = self.body.get("metadata").and_then(|metadata| metadata["namespace"].as_str());
        let namespace = namespace_of(&known, self.namespace.as_deref().or(own))?;
        let object = body(self.body.clone(), &known, self.name.as_deref(), namespace.as_deref())?;
        let named = |member: &str| object["metadata"][member].as_str().is_some_and(|name| !name.is_empty());
        if !named("name") && !named("generateName") {
            return Err(Error::validation("argument \"name\" is missing").hint("or give body.metadata.name"));
        }
        Ok((known, namespace, object))
    }
}

impl Tool<App> for Create {
    const NAME: &'static str = "create";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "kind": "ConfigMap", "api_version": "v1", "name": "settings", "namespace": "ml", "body": {"data": {"epochs": "3"}}}"#;
    type Access = Changes;
    type Output = Headed<Answer>;

    async fn run(self, cx: Cx<Changes>) -> Result<Headed<Answer>> {
        let kubernetes = cx.kubernetes(self.at.cluster());
        let (known, namespace, object) = self.made(&kubernetes).await?;
        let made = kubernetes.create(&known.resource, namespace.as_deref(), &object).await?;
        let name = made.object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let summary = format!("{} {name} in {} is made", known.resource.kind, self.at.cluster_name);
        let facts = Answer {
            kind: self.kind,
            name,
            namespace,
            api_version: self.api_version,
            operation: "create",
            resource: None,
            warnings: made.warnings,
        };
        Ok(Headed { summary, facts })
    }
}

impl Preview<App> for Create {
    type Plan = Weighed<Plan>;

    fn target(&self) -> Target {
        let own = |member: &str| self.body.get("metadata").and_then(|metadata| metadata[member].as_str());
        let name = self.name.as_deref().or_else(|| own("name")).unwrap_or("(a name that the cluster makes)");
        target(&self.at, &self.kind, self.namespace.as_deref().or_else(|| own("namespace")), name)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Plan>> {
        let kubernetes = cx.kubernetes(self.at.cluster());
        let (known, namespace, object) = self.made(&kubernetes).await?;
        let tried = kubernetes.try_create(&known.resource, namespace.as_deref(), &object).await?;
        Ok(Plan::of(&Value::Null, tried))
    }
}

/// Put an object in another's place
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Replace {
    #[serde(flatten)]
    object: Object,
    /// The object.
    body: Map<String, Value>,
}

impl Tool<App> for Replace {
    const NAME: &'static str = "replace";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "kind": "ConfigMap", "api_version": "v1", "name": "settings", "namespace": "ml", "body": {"data": {"epochs": "5"}}}"#;
    type Access = Changes;
    type Output = Headed<Answer>;

    async fn run(self, cx: Cx<Changes>) -> Result<Headed<Answer>> {
        let kubernetes = cx.kubernetes(self.object.at.cluster());
        let (known, namespace) = self.object.known(&kubernetes).await?;
        let object = body(self.body, &known, Some(&self.object.name), namespace.as_deref())?;
        let written = kubernetes.replace(&known.resource, namespace.as_deref(), &object).await?;
        Ok(self.object.answered("replace", written.warnings))
    }
}

impl Preview<App> for Replace {
    type Plan = Weighed<Plan>;

    fn target(&self) -> Target {
        self.object.target()
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Plan>> {
        let kubernetes = cx.kubernetes(self.object.at.cluster());
        let (known, namespace) = self.object.known(&kubernetes).await?;
        let before = kubernetes.get(&known.resource, namespace.as_deref(), &self.object.name).await?;
        let object = body(self.body.clone(), &known, Some(&self.object.name), namespace.as_deref())?;
        let tried = kubernetes.try_replace(&known.resource, namespace.as_deref(), &object).await?;
        Ok(Plan::of(&before, tried))
    }
}

/// Change parts of an object
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PatchObject {
    #[serde(flatten)]
    object: Object,
    /// The part to change.
    body: Map<String, Value>,
}

impl Tool<App> for PatchObject {
    const NAME: &'static str = "patch";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "ml", "body": {"spec": {"replicas": 3}}}"#;
    type Access = Changes;
    type Output = Headed<Answer>;

    async fn run(self, cx: Cx<Changes>) -> Result<Headed<Answer>> {
        let kubernetes = cx.kubernetes(self.object.at.cluster());
        let (known, namespace) = self.object.known(&kubernetes).await?;
        let (resource, namespace) = (&known.resource, namespace.as_deref());
        let change = Value::Object(self.body);
        let patch = Patch::Strategic(change.clone());
        let written = match kubernetes.patch(resource, namespace, &self.object.name, &patch).await {
            // Custom kinds know no strategic merge.
            Err(error) if error.http_status_code() == Some(UNSUPPORTED_MEDIA_TYPE) => {
                kubernetes.patch(resource, namespace, &self.object.name, &Patch::Merge(change)).await?
            }
            other => other?,
        };
        Ok(self.object.answered("patch", written.warnings))
    }
}

impl Preview<App> for PatchObject {
    type Plan = Weighed<Plan>;

    fn target(&self) -> Target {
        self.object.target()
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Plan>> {
        let kubernetes = cx.kubernetes(self.object.at.cluster());
        let (known, namespace) = self.object.known(&kubernetes).await?;
        let (resource, namespace, name) = (&known.resource, namespace.as_deref(), &self.object.name);
        let before = kubernetes.get(resource, namespace, name).await?;
        let change = Value::Object(self.body.clone());
        let tried = match kubernetes.try_patch(resource, namespace, name, &Patch::Strategic(change.clone())).await {
            Err(error) if error.http_status_code() == Some(UNSUPPORTED_MEDIA_TYPE) => {
                kubernetes.try_patch(resource, namespace, name, &Patch::Merge(change)).await?
            }
            other => other?,
        };
        Ok(Plan::of(&before, tried))
    }
}

/// Delete an object, and what belongs to it
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Delete {
    #[serde(flatten)]
    object: Object,
}

impl Tool<App> for Delete {
    const NAME: &'static str = "delete";
    const EXAMPLE: &'static str =
        r#"{"cluster_name": "train", "kind": "ConfigMap", "api_version": "v1", "name": "settings", "namespace": "ml"}"#;
    type Access = Destroys;
    type Output = Headed<Answer>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Headed<Answer>> {
        let kubernetes = cx.kubernetes(self.object.at.cluster());
        let (known, namespace) = self.object.known(&kubernetes).await?;
        kubernetes.delete(&known.resource, namespace.as_deref(), &self.object.name, &Deletion::default()).await?;
        Ok(self.object.answered("delete", Vec::new()))
    }
}

impl Preview<App> for Delete {
    type Plan = Losing<DeletePlan>;

    fn target(&self) -> Target {
        self.object.target()
    }

    fn loss(&self) -> Option<Loss> {
        loss::by_kind(&self.object.kind)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Losing<DeletePlan>> {
        let kubernetes = cx.kubernetes(self.object.at.cluster());
        let (known, namespace) = self.object.known(&kubernetes).await?;
        let there = kubernetes.get(&known.resource, namespace.as_deref(), &self.object.name).await?;
        let (namespace, name) = (namespace.as_deref(), &self.object.name);
        kubernetes.try_delete(&known.resource, namespace, name, &Deletion::default()).await?;
        let text = |pointer: &str| there.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let plan = DeletePlan { created: text("/metadata/creationTimestamp"), uid: text("/metadata/uid") };
        Ok(Losing::new(plan, loss::of(&known.resource.kind, namespace, &there)))
    }
}

/// Read an object
#[derive(Deserialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "", deny_unknown_fields)]
struct Read<A> {
    #[serde(flatten)]
    object: Object,
    #[serde(skip)]
    access: PhantomData<fn() -> A>,
}

impl Tool<App> for Read<Reads> {
    const NAME: &'static str = "read";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "ml"}"#;
    type Access = Reads;
    type Output = Headed<Answer>;

    async fn run(self, cx: Cx<Reads>) -> Result<Headed<Answer>> {
        let kubernetes = cx.kubernetes(self.object.at.cluster());
        let (known, namespace) = self.object.known(&kubernetes).await?;
        let found = kubernetes.get(&known.resource, namespace.as_deref(), &self.object.name).await?;
        Ok(self.object.answered("read", Vec::new()).showing(found))
    }
}

impl Tool<App> for Read<Reveals> {
    const NAME: &'static str = "read";
    const EXAMPLE: &'static str =
        r#"{"cluster_name": "train", "kind": "Secret", "api_version": "v1", "name": "registry", "namespace": "ml"}"#;
    type Access = Reveals;
    type Output = Headed<Answer>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Headed<Answer>> {
        let kubernetes = cx.kubernetes(self.object.at.cluster());
        let (known, namespace) = self.object.known(&kubernetes).await?;
        let found = kubernetes.reveal(&known.resource, namespace.as_deref(), &self.object.name).await?;
        Ok(self.object.answered("read", Vec::new()).showing(found))
    }
}

trait Showing {
    fn showing(self, resource: Value) -> Self;
}

impl Showing for Headed<Answer> {
    fn showing(mut self, mut resource: Value) -> Self {
        without_null(&mut resource);
        declare_others(&mut resource);
        self.facts.resource = Some(resource);
        self
    }
}

/// What became of the object. Only reading shows it.
#[derive(Serialize, JsonSchema)]
struct Answer {
    kind: String,
    name: String,
    namespace: Option<String>,
    api_version: String,
    operation: &'static str,
    resource: Option<Value>,
    /// What the cluster warns about, such as an unknown field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// What the cluster says would change.
#[derive(Serialize, JsonSchema)]
struct Plan {
    /// Field by field; none where nothing would change.
    changes: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Plan {
    fn of(before: &Value, tried: Written) -> Weighed<Self> {
        let impact = added(before, &tried.object);
        let empty = json!({});
        let before = if before.is_null() { &empty } else { before };
        Weighed::new(Self { changes: diff(before, &tried.object), warnings: tried.warnings }, impact)
    }
}

/// The object that would be gone.
#[derive(Serialize, JsonSchema)]
struct DeletePlan {
    created: Option<String>,
    uid: Option<String>,
}
