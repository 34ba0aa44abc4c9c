//! A manifest for an application: built as objects, never by replacing words in a text.

mod objects;

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{
    Access, CallDef, Changes, Covers, Effect, Error, ErrorKind, Headed, Needs, Preview, Reads, Result, Target, Tool,
    ToolDef,
};
use trainyard_k8s::{Apply, Cluster};

use self::objects::{Design, Scheme, quantity};
use crate::{
    App, Cx,
    aws::eks::files,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::by_effect(
    "generate_app_manifest",
    needs,
    &[CallDef::reads::<Generate<Reads>>(), CallDef::changes::<Generate<Changes>>()],
)];

/// Generate a Kubernetes manifest for an application: Deployment, Service, storage
///
/// With cluster_name the cluster checks it by dry run. Without output_dir the answer holds it and nothing is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
#[schemars(bound = "")]
struct Generate<A> {
    /// Lowercase letters, digits, hyphens.
    app_name: String,
    /// Image with its tag.
    image_uri: String,
    /// Absolute path of the folder to write APP-manifest.yaml to.
    output_dir: Option<String>,
    /// Port of the container and the service.
    #[serde(default = "port")]
    #[schemars(range(min = 1, max = 65_535))]
    port: u32,
    /// Pods.
    #[serde(default = "replicas")]
    #[schemars(range(min = 0, max = 5000))]
    replicas: u32,
    /// CPU of a pod.
    #[serde(default = "cpu")]
    cpu: String,
    /// Memory of a pod.
    #[serde(default = "memory")]
    memory: String,
    /// Namespace of it all.
    #[serde(default = "namespace")]
    namespace: String,
    #[serde(default)]
    load_balancer_scheme: Scheme,
    /// GPUs of a pod, with the toleration for their nodes.
    #[serde(default)]
    #[schemars(range(min = 0, max = 16))]
    gpus: u32,
    /// Path that answers 200 when the application is ready.
    probe_path: Option<String>,
    /// A volume of this size.
    #[schemars(range(min = 1, max = 65_536))]
    storage_gib: Option<u32>,
    /// Where the volume is mounted.
    #[serde(default = "mount")]
    storage_path: String,
    /// Storage class of the volume; the cluster's default when absent.
    storage_class: Option<String>,
    /// Cluster that checks the manifest.
    cluster_name: Option<String>,
    /// Replace a file that is there.
    #[serde(default)]
    overwrite: bool,
    region: Option<Region>,
    profile: Option<Profile>,
    #[serde(skip)]
    access: PhantomData<fn() -> A>,
}

fn port() -> u32 {
    80
}

fn replicas() -> u32 {
    2
}

fn cpu() -> String {
    "100m".to_owned()
}

fn memory() -> String {
    "128Mi".to_owned()
}

fn namespace() -> String {
    "default".to_owned()
}

fn mount() -> String {
    "/data".to_owned()
}

/// Only a file that is written changes something.
#[expect(clippy::unnecessary_wraps, reason = "the form that the registry asks for")]
fn needs(arguments: &Value) -> Result<Needs> {
    let effect = if arguments["output_dir"].is_string() { Effect::Changes } else { Effect::Reads };
    Ok(Needs { effect, reveals: false, spends: false })
}

impl<A: Access + Covers<Reads>> Generate<A> {
    fn check(&self) -> Result<()> {
        let label = |what: &str, text: &str| {
            let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
            if (1..=63).contains(&text.len())
                && text.chars().all(plain)
                && !text.starts_with('-')
                && !text.ends_with('-')
            {
                return Ok(());
            }
            Err(Error::validation(format!("{what} {text:?} is not lowercase letters, digits and hyphens, at most 63")))
        };
        label("app_name", &self.app_name)?;
        label("namespace", &self.namespace)?;
        if self.app_name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(Error::validation(format!("app_name {:?} begins with a digit: no service may", self.app_name)));
        }
        let image = &self.image_uri;
        if image.is_empty() || image.len() > 512 || !image.chars().all(|it| it.is_ascii_graphic()) {
            return Err(Error::validation(format!("image_uri {image:?} is not the name of an image")));
        }
        for (name, text) in [("cpu", &self.cpu), ("memory", &self.memory)] {
            if !quantity(text) {
                return Err(Error::validation(format!("{name} {text:?} is not a quantity such as 500m or 2Gi")));
            }
        }
        for (name, path) in [("probe_path", self.probe_path.as_ref()), ("storage_path", Some(&self.storage_path))] {
            if let Some(path) = path.filter(|path| !path.starts_with('/')) {
                return Err(Error::validation(format!("{name} {path:?} does not begin with /")));
            }
        }
        self.storage_class.as_deref().map_or(Ok(()), |class| label("storage_class", class))
    }

    fn design(&self) -> Design<'_> {
        Design {
            app: &self.app_name,
            namespace: &self.namespace,
            image: &self.image_uri,
            port: self.port,
            replicas: self.replicas,
            cpu: &self.cpu,
            memory: &self.memory,
            scheme: self.load_balancer_scheme,
            gpus: self.gpus,
            probe_path: self.probe_path.as_deref(),
            storage_gib: self.storage_gib,
            storage_path: &self.storage_path,
            storage_class: self.storage_class.as_deref(),
        }
    }

    /// Has the cluster try every object; changes nothing. What it says against one is an error.
    async fn tried(&self, cx: &Cx<A>, objects: &[Value]) -> Result<Option<String>> {
        let Some(name) = &self.cluster_name else { return Ok(None) };
        let kubernetes = cx.kubernetes(Cluster {
            name: Some(name.clone()),
            region: self.region.as_ref().map(ToString::to_string),
            profile: self.profile.as_ref().map(ToString::to_string),
            eks: true,
        });
        for object in objects {
            let text = |member: &str| object[member].as_str().unwrap_or_default();
            let known = kubernetes.kind(text("kind"), Some(text("apiVersion"))).await?;
            let how = Apply { force: true };
            match kubernetes.try_apply(&known.resource, Some(&self.namespace), object, how).await {
                Ok(_) => {}
                // A server that may not change anything may not try to either.
                Err(error) if error.kind() == ErrorKind::PolicyDenied => {
                    return Ok(Some(format!("not checked by {name}: {error}")));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(format!("{name} takes all {} objects", objects.len())))
    }

    async fn made(self, cx: Cx<A>) -> Result<Headed<Generated>> {
        self.check()?;
        let objects = self.design().objects();
        let checked = self.tried(&cx, &objects).await?;
        let documents: Result<Vec<_>> = objects
            .iter()
            .map(|object| serde_saphyr::to_string(object).map_err(|error| Error::internal(error.to_string())))
            .collect();
        let text = documents?.join("---\n");
        let Some(folder) = &self.output_dir else {
            let summary = format!("The manifest of {}: {} objects", self.app_name, objects.len());
            let facts = Generated { output_file_path: String::new(), manifest_content: Some(text), checked };
            return Ok(Headed { summary, facts });
        };
        let folder = files::folder(cx.local_paths(), folder, "manifest")?;
        let path = folder.join(format!("{}-manifest.yaml", self.app_name)).display().to_string();
        let written = files::write(cx.local_paths(), &path, "manifest", &text, self.overwrite.into())?;
        let output_file_path = written.display().to_string();
        let summary = format!("The manifest of {} is in {output_file_path}", self.app_name);
        Ok(Headed { summary, facts: Generated { output_file_path, manifest_content: None, checked } })
    }
}

impl<A: Access + Covers<Reads>> Tool<App> for Generate<A> {
    const NAME: &'static str = "generate_app_manifest";
    const EXAMPLE: &'static str = r#"{"app_name": "chat", "image_uri": "vllm/vllm-openai:v0.11.0", "port": 8000, "gpus": 1, "probe_path": "/health"}"#;
    type Access = A;
    type Output = Headed<Generated>;

    async fn run(self, cx: Cx<A>) -> Result<Headed<Generated>> {
        self.made(cx).await
    }
}

impl Preview<App> for Generate<Changes> {
    type Plan = Plan;

    fn target(&self) -> Target {
        let folder = self.output_dir.clone().unwrap_or_default();
        Target {
            system: "trainyard",
            kind: "manifest file".to_owned(),
            ids: vec![format!("{}/{}-manifest.yaml", folder.trim_end_matches('/'), self.app_name)],
            region: None,
            profile: None,
        }
    }

    async fn plan(&self, _: Cx<Reads>) -> Result<Plan> {
        self.check()?;
        let exists = self.target().ids.iter().any(|path| std::path::Path::new(path).exists());
        let objects = self.design().objects();
        let kinds = objects.iter().filter_map(|object| object["kind"].as_str().map(str::to_owned));
        Ok(Plan { exists, kinds: kinds.collect() })
    }
}

#[derive(Serialize, JsonSchema)]
struct Generated {
    /// Empty where nothing was written.
    output_file_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest_content: Option<String>,
    /// What the cluster says to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked: Option<String>,
}

/// What would be written.
#[derive(Serialize, JsonSchema)]
struct Plan {
    /// A file of that name is there already.
    exists: bool,
    kinds: Vec<String>,
}
