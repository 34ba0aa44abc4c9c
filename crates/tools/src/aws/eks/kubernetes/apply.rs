//! Whole manifests, applied object by object.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{
    Access, Changes, Covers, Error, ErrorKind, Headed, Impact, Preview, Reads, Result, Target, Tool, ToolDef, Weighed,
};
use trainyard_k8s::{Apply, Known, Kubernetes, manifest};

use super::Where;
use crate::{
    App, Cx,
    aws::eks::files,
    k8s::{diff, impact::added},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::changes::<ApplyYaml>()];

/// Largest manifest that is read.
const MAX_BYTES: u64 = 4 << 20;
/// How often and how long a kind is looked for that the manifest itself defines.
const LOOKS: u32 = 8;
const PAUSE: Duration = Duration::from_secs(2);

/// Apply a YAML manifest of Kubernetes objects
///
/// Server-side, in the manifest's order. Says what was applied when one fails. dry_run asks the cluster what would change.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ApplyYaml {
    #[serde(flatten)]
    at: Where,
    /// Absolute path of the manifest.
    yaml_path: Option<String>,
    /// Its text instead.
    yaml_content: Option<String>,
    /// For objects that name none.
    namespace: String,
    /// Change what is there, and take over fields that others set; otherwise only make what is missing.
    #[serde(default = "force")]
    force: bool,
}

fn force() -> bool {
    true
}

impl ApplyYaml {
    fn objects<A: Access>(&self, cx: &Cx<A>) -> Result<Vec<Value>> {
        match (&self.yaml_path, &self.yaml_content) {
            (Some(path), None) => manifest::read(&files::read(cx.local_paths(), path, "manifest", MAX_BYTES)?),
            (None, Some(text)) => manifest::read(text),
            (None, None) => Err(Error::validation("argument \"yaml_path\" is missing").hint("or give yaml_content")),
            (Some(_), Some(_)) => Err(Error::validation("yaml_path and yaml_content are two ways to say the same")),
        }
    }

    /// Kind and namespace of an object; the namespace is written into it where it names none.
    async fn place<A: Access + Covers<Reads>>(
        &self,
        kubernetes: &Kubernetes<A>,
        object: &mut Value,
        defined: &[String],
    ) -> Result<(Known, Option<String>)> {
        let (kind, version) = (text(object, "/kind").to_owned(), text(object, "/apiVersion").to_owned());
        let mut look = 0;
        let known = loop {
            look += 1;
            match kubernetes.kind(&kind, Some(&version)).await {
                // Its definition was applied a moment ago.
                Err(error) if error.kind() == ErrorKind::NotFound && look < LOOKS && defined.contains(&kind) => {
                    tokio::time::sleep(PAUSE).await;
                }
                other => break other?,
            }
        };
        if !known.resource.namespaced {
            return Ok((known, None));
        }
        if text(object, "/metadata/namespace").is_empty() {
            object["metadata"]["namespace"] = self.namespace.as_str().into();
        }
        let namespace = text(object, "/metadata/namespace").to_owned();
        Ok((known, Some(namespace)))
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Kinds that the manifest itself defines.
fn defined(objects: &[Value]) -> Vec<String> {
    let definitions = objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition");
    definitions.map(|object| text(object, "/spec/names/kind").to_owned()).collect()
}

/// `Deployment web`.
fn named(object: &Value) -> String {
    format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"))
}

impl Tool<App> for ApplyYaml {
    const NAME: &'static str = "apply_yaml";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "namespace": "ml", "yaml_path": "/home/me/app.yaml"}"#;
    type Access = Changes;
    type Output = Headed<Applied>;

    async fn run(self, cx: Cx<Changes>) -> Result<Headed<Applied>> {
        let mut objects = self.objects(&cx)?;
        let kubernetes = cx.kubernetes(self.at.cluster());
        let defined = defined(&objects);
        // A kind that is misspelt is found before anything is changed.
        for object in objects.iter_mut().filter(|object| !defined.iter().any(|kind| object["kind"] == *kind)) {
            self.place(&kubernetes, object, &[]).await?;
        }
        let mut applied =
            Applied { force_applied: self.force, resources_created: 0, resources_updated: 0, resources: Vec::new() };
        let all = objects.len();
        for at in 0..all {
            cx.progress().report(at as u64, Some(all as u64), &named(&objects[at]));
            if let Err(error) = self.one(&kubernetes, &mut objects[at], &defined, &mut applied).await {
                let failed = format!("{}: failed", named(&objects[at]));
                let left = objects[at + 1..].iter().map(|object| format!("{}: not applied", named(object)));
                return Err(error.partial(applied.resources.into_iter().chain([failed]).chain(left)));
            }
        }
        let summary = format!(
            "{} objects made and {} changed in {}",
            applied.resources_created, applied.resources_updated, self.at.cluster_name
        );
        Ok(Headed { summary, facts: applied })
    }
}

impl ApplyYaml {
    async fn one(
        &self,
        kubernetes: &Kubernetes<Changes>,
        object: &mut Value,
        defined: &[String],
        applied: &mut Applied,
    ) -> Result<()> {
        let (known, namespace) = self.place(kubernetes, object, defined).await?;
        let namespace = namespace.as_deref();
        let written = if self.force {
            let how = Apply { force: true };
            kubernetes.apply(&known.resource, namespace, object, how).await?
        } else {
            kubernetes.create(&known.resource, namespace, object).await?
        };
        let made = written.created || !self.force;
        *(if made { &mut applied.resources_created } else { &mut applied.resources_updated }) += 1;
        let warnings: Vec<String> = written.warnings.iter().map(|warning| format!("; warning: {warning}")).collect();
        let warnings = warnings.concat();
        applied.resources.push(format!("{}: {}{warnings}", named(object), if made { "created" } else { "updated" }));
        Ok(())
    }
}

impl Preview<App> for ApplyYaml {
    type Plan = Weighed<Plan>;

    fn target(&self) -> Target {
        let what = self.yaml_path.clone().unwrap_or_else(|| "yaml_content".to_owned());
        self.at.target("manifest", vec![what])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Plan>> {
        let mut objects = self.objects(&cx)?;
        let kubernetes = cx.kubernetes(self.at.cluster());
        let defined = defined(&objects);
        let mut found = Vec::new();
        let mut impact = Impact { objects: objects.len() as u64, ..Impact::NONE };
        for object in &mut objects {
            if defined.iter().any(|kind| object["kind"] == *kind) {
                found.push(Planned { object: named(object), changes: vec!["its kind is defined here first".into()] });
                impact = impact.plus(added(&Value::Null, object));
                continue;
            }
            let (known, namespace) = self.place(&kubernetes, object, &[]).await?;
            let (resource, namespace) = (&known.resource, namespace.as_deref());
            let before = kubernetes.find(resource, namespace, text(object, "/metadata/name")).await?;
            let tried = if self.force {
                let how = Apply { force: true };
                kubernetes.try_apply(resource, namespace, object, how).await?
            } else {
                kubernetes.try_create(resource, namespace, object).await?
            };
            impact = impact.plus(added(before.as_ref().unwrap_or(&Value::Null), &tried.object));
            let mut changes = match before {
                Some(before) => diff(&before, &tried.object),
                None => vec!["new".into()],
            };
            changes.extend(tried.warnings.into_iter().map(|warning| format!("warning: {warning}").into()));
            found.push(Planned { object: named(object), changes });
        }
        Ok(Weighed::new(Plan { objects: found }, impact))
    }
}

#[derive(Serialize, JsonSchema)]
struct Applied {
    force_applied: bool,
    resources_created: usize,
    resources_updated: usize,
    /// Each with what became of it.
    resources: Vec<String>,
}

/// What the cluster says would change.
#[derive(Serialize, JsonSchema)]
struct Plan {
    objects: Vec<Planned>,
}

#[derive(Serialize, JsonSchema)]
struct Planned {
    object: String,
    /// Field by field; none where nothing would change.
    changes: Vec<Value>,
}
