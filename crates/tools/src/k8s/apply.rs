//! Manifests: apply them, see beforehand what would be different.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{
    Access, Changes, Covers, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool, ToolDef,
};
use trainyard_k8s::{Apply, Kubernetes, Resource, manifest};

use super::{In, objects::Difference, place};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::changes::<ApplyManifest>()];

/// Objects in one manifest.
const MOST: usize = 200;

/// Apply a Kubernetes manifest (server-side): make what is missing, change what is different
///
/// Several documents go in their order; when one fails the answer says which were applied. The plan shows each field that would change.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ApplyManifest {
    /// YAML or JSON, one or several documents.
    manifest: String,
    /// For objects that name no namespace; that of the context when absent.
    namespace: Option<String>,
    /// Take over fields that others have set.
    force: Option<bool>,
    #[serde(flatten)]
    place: In,
}

/// One object with its place.
struct Document {
    resource: Resource,
    namespace: Option<String>,
    object: Value,
}

impl Document {
    fn path(&self) -> String {
        let name = super::object::name(&self.object);
        format!("{}/{}", self.resource.kind, place::path(self.namespace.as_deref(), name))
    }
}

impl ApplyManifest {
    fn how(&self) -> Apply {
        Apply { force: self.force.unwrap_or_default() }
    }

    /// Every document, understood before the first is sent. Kinds that an earlier document defines are not known yet.
    async fn documents<A: Access + Covers<Reads>>(&self, kubernetes: &Kubernetes<A>) -> Result<Vec<Document>> {
        let objects = manifest::read(&self.manifest)?;
        if objects.len() > MOST {
            return Err(Error::validation(format!("{} objects are more than {MOST}; nothing was sent", objects.len())));
        }
        let mut documents = Vec::new();
        for object in objects {
            documents.push(self.document(kubernetes, object).await?);
        }
        Ok(documents)
    }

    async fn document<A: Access + Covers<Reads>>(&self, kubernetes: &Kubernetes<A>, object: Value) -> Result<Document> {
        let text = |member: &str| object[member].as_str().unwrap_or_default();
        let resource = kubernetes.kind(text("kind"), Some(text("apiVersion"))).await?.resource;
        let own = super::object::namespace(&object).map(str::to_owned);
        if let (Some(own), Some(said)) = (&own, &self.namespace)
            && own != said
        {
            // Policies go by what the call says; a document must not lead elsewhere.
            return Err(Error::validation(format!(
                "a document is of namespace {own:?}, the call says {said:?}; nothing was sent"
            ))
            .hint("leave `namespace` out where documents name their own"));
        }
        let said = own.as_deref().or(self.namespace.as_deref());
        let namespace = place::namespace(kubernetes, &resource, said).await?;
        let mut object = object;
        if let Some(namespace) = &namespace {
            object["metadata"]["namespace"] = namespace.clone().into();
        }
        Ok(Document { resource, namespace, object })
    }
}

impl Tool<App> for ApplyManifest {
    const NAME: &'static str = "k8s_apply_manifest";
    const EXAMPLE: &'static str = r#"{"manifest": "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"settings\"}, \"data\": {\"epochs\": \"3\"}}", "namespace": "team-a"}"#;
    type Access = Changes;
    type Output = Json<Applied>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Applied>> {
        let kubernetes = self.place.of(&cx);
        let documents = self.documents(&kubernetes).await?;
        let mut applied = Applied::default();
        for (done, document) in documents.iter().enumerate() {
            let (namespace, path) = (document.namespace.as_deref(), document.path());
            cx.progress().report(done as u64, Some(documents.len() as u64), &path);
            let written = kubernetes.apply(&document.resource, namespace, &document.object, self.how()).await;
            let written = written.map_err(|error| {
                let left = documents.len() - done - 1;
                advised(error)
                    .map_text(|text| format!("{path}: {text}"))
                    .partial(applied.told())
                    .partial((left > 0).then(|| format!("{left} later documents were not sent")))
            })?;
            applied.warnings.extend(written.warnings.iter().map(|text| format!("{path}: {text}")));
            if written.created { &mut applied.created } else { &mut applied.configured }.push(path);
        }
        Ok(Json(applied))
    }
}

fn advised(error: Error) -> Error {
    if error.kind() != ErrorKind::Conflict || error.code_str() != "Conflict" {
        return error;
    }
    let held = error.hint_str().unwrap_or("others have set some of these fields").to_owned();
    error.hint(format!("{held}; leave those fields out, or call again with force to take them over"))
}

impl Preview<App> for ApplyManifest {
    type Plan = Planned;

    fn target(&self) -> Target {
        // What cannot be read is refused when it is planned.
        let objects = manifest::read(&self.manifest).unwrap_or_default();
        let mut kinds: Vec<&str> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let ids = objects.iter().map(|object| {
            let namespace = super::object::namespace(object).or(self.namespace.as_deref());
            place::path(namespace, super::object::name(object))
        });
        self.place.target(&kinds.join(","), ids.collect())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Planned> {
        let kubernetes = self.place.of(&cx);
        let mut planned = Planned::default();
        for document in self.documents(&kubernetes).await? {
            let (namespace, path) = (document.namespace.as_deref(), document.path());
            let name = super::object::name(&document.object);
            let before = kubernetes.find(&document.resource, namespace, name).await?;
            match (kubernetes.try_apply(&document.resource, namespace, &document.object, self.how()).await, before) {
                (Ok(written), None) => {
                    planned.warnings.extend(written.warnings.iter().map(|text| format!("{path}: {text}")));
                    planned.create.push(path);
                }
                (Ok(written), Some(before)) => planned.change.push(Difference::new(path, &before, written)),
                // One that would be refused is part of the plan: the others are worth knowing as well.
                (Err(error), _) => planned.refused.push(format!("{path}: {}", advised(error))),
            }
        }
        if planned.create.is_empty() && planned.change.is_empty() && !planned.refused.is_empty() {
            return Err(Error::validation(format!("nothing of it would be applied: {}", planned.refused.join("; "))));
        }
        Ok(planned)
    }
}

#[derive(Default, Serialize, JsonSchema)]
struct Applied {
    created: Vec<String>,
    /// Were there before.
    configured: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Applied {
    fn told(&self) -> Vec<String> {
        let told = |paths: &[String], what: &str| paths.iter().map(|path| format!("{path} {what}")).collect::<Vec<_>>();
        [told(&self.created, "was created"), told(&self.configured, "was configured")].concat()
    }
}

#[derive(Default, Serialize, JsonSchema)]
struct Planned {
    /// Would be made.
    create: Vec<String>,
    /// Are there, with what would be different.
    change: Vec<Difference>,
    /// Would be refused, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}
