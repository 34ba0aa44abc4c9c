//! What there is to ask about: clusters, kinds, and the fields of a kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Error, Json, Listing, Reads, Result, Tool, ToolDef, declare_others};
use trainyard_k8s::Known;

use super::In;
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::reads::<ListClusters>(), ToolDef::reads::<ListKinds>(), ToolDef::reads::<Explain>()];

/// List the contexts of the kubeconfig: clusters that a call can name
///
/// EKS clusters can be named as well, without being here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListClusters {}

impl Tool<App> for ListClusters {
    const NAME: &'static str = "k8s_list_clusters";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Listing<ContextRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<ContextRow>> {
        let kubernetes = In::default().of(&cx);
        let contexts = kubernetes.engine().contexts()?;
        let rows = contexts.into_iter().map(|context| ContextRow {
            cluster: context.name,
            server: context.server,
            namespace: context.namespace,
            current: context.current,
        });
        let listing = Listing::whole(rows.collect());
        Ok(match kubernetes.way() {
            Ok(way) => listing.about("without_a_name", way.to_string()),
            Err(_) => listing,
        })
    }
}

#[derive(Serialize, JsonSchema)]
struct ContextRow {
    /// What a call names.
    cluster: String,
    server: Option<String>,
    /// Namespace where a call names none.
    namespace: Option<String>,
    current: bool,
}

/// List the kinds that a Kubernetes cluster serves, custom ones as well
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ListKinds {
    /// Only kinds or groups that hold this text.
    contains: Option<String>,
    /// Only of this API group; "" is the core.
    group: Option<String>,
    #[serde(flatten)]
    place: In,
}

impl Tool<App> for ListKinds {
    const NAME: &'static str = "k8s_list_kinds";
    const EXAMPLE: &'static str = r#"{"contains": "job"}"#;
    type Access = Reads;
    type Output = Listing<KindRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<KindRow>> {
        let kinds = self.place.of(&cx).kinds().await?;
        let wanted = self.contains.as_ref().map(|text| text.to_lowercase());
        let fits = |known: &&Known| {
            let name = format!("{} {}", known.resource.kind, known.resource.full_name()).to_lowercase();
            self.group.as_ref().is_none_or(|group| *group == known.resource.group)
                && wanted.as_ref().is_none_or(|wanted| name.contains(wanted))
        };
        let listing = Listing::whole(kinds.kinds.iter().filter(fits).map(KindRow::from).collect());
        Ok(if kinds.missing.is_empty() { listing } else { listing.about("do_not_answer", kinds.missing.clone()) })
    }
}

#[derive(Serialize, JsonSchema)]
struct KindRow {
    kind: String,
    api_version: String,
    plural: String,
    short_names: Vec<String>,
    namespaced: bool,
    verbs: Vec<String>,
}

impl From<&Known> for KindRow {
    fn from(known: &Known) -> Self {
        Self {
            kind: known.resource.kind.to_string(),
            api_version: known.resource.api_version(),
            plural: known.resource.plural.to_string(),
            short_names: known.short_names.clone(),
            namespaced: known.resource.namespaced,
            verbs: known.verbs.clone(),
        }
    }
}

/// Explain the fields of a Kubernetes kind, as the cluster itself knows them
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Explain {
    /// Pod, deploy, jobs.batch, apps/v1/Deployment.
    kind: String,
    /// spec.template.spec; the top when absent.
    field: Option<String>,
    #[serde(flatten)]
    place: In,
}

impl Tool<App> for Explain {
    const NAME: &'static str = "k8s_explain_kind";
    const EXAMPLE: &'static str = r#"{"kind": "Deployment", "field": "spec.strategy"}"#;
    type Access = Reads;
    type Output = Json<Explained>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Explained>> {
        let kubernetes = self.place.of(&cx);
        let resource = kubernetes.kind(&self.kind, None).await?.resource;
        let document = kubernetes.open_api(&resource.api_version()).await?;
        let schemas = document["components"]["schemas"]
            .as_object()
            .ok_or_else(|| Error::unsupported(format!("the cluster gives no schema of {}", resource.api_version())))?;
        let is = |schema: &&Value| {
            let kinds = schema["x-kubernetes-group-version-kind"].as_array();
            kinds.is_some_and(|kinds| {
                kinds.iter().any(|one| {
                    one["kind"] == *resource.kind
                        && one["version"] == *resource.version
                        && one["group"] == *resource.group
                })
            })
        };
        let mut at = schemas.values().find(is).ok_or_else(|| Error::not_found("schema of kind", &resource.kind))?;
        for step in self.field.iter().flat_map(|field| field.split('.')).filter(|step| !step.is_empty()) {
            at = below(&document, at, step)?;
        }
        Ok(Json(explained(&document, at, &resource)))
    }
}

/// What a reference means, and the items of lists and maps.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..16 {
        let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
        schema = if let Some(target) = reference.and_then(|text| text.strip_prefix('#')) {
            document.pointer(target).unwrap_or(&Value::Null)
        } else if schema["items"].is_object() {
            &schema["items"]
        } else if schema["additionalProperties"].is_object() {
            &schema["additionalProperties"]
        } else {
            return schema;
        };
    }
    schema
}

fn below<'a>(document: &'a Value, schema: &'a Value, step: &str) -> Result<&'a Value> {
    let properties = resolved(document, schema)["properties"].as_object();
    let found = properties.and_then(|properties| properties.get(step));
    found.ok_or_else(|| {
        let names: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        Error::not_found("field", step).hint(format!("fields there: {}", names.join(", ")))
    })
}

fn explained(document: &Value, schema: &Value, resource: &trainyard_k8s::Resource) -> Explained {
    let whole = resolved(document, schema);
    let required = whole["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|one| one == name));
    let own = is_own(&resource.group);
    let told = |text: String| {
        let mut text = Value::String(text);
        if !own {
            declare_others(&mut text);
        }
        text
    };
    let fields = whole["properties"].as_object().into_iter().flatten().map(|(name, field)| Field {
        name: name.clone(),
        kind: type_of(document, field),
        required: is_required(name),
        about: told(first_sentence(about(document, field))),
    });
    Explained {
        kind: resource.kind.to_string(),
        api_version: resource.api_version(),
        field_type: type_of(document, schema),
        about: told(about(document, schema).to_owned()),
        fields: fields.collect(),
        values: schema["enum"].as_array().cloned().unwrap_or_default(),
    }
}

/// Whether Kubernetes itself describes the kinds of a group; those of any other are described by whoever defined them.
fn is_own(group: &str) -> bool {
    !group.contains('.') || group.ends_with(".k8s.io")
}

fn about<'a>(document: &'a Value, schema: &'a Value) -> &'a str {
    schema["description"].as_str().or_else(|| resolved(document, schema)["description"].as_str()).unwrap_or_default()
}

fn type_of(document: &Value, schema: &Value) -> String {
    if let Some(items) = schema.get("items") {
        return format!("list of {}", type_of(document, items));
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        return format!("map of {}", type_of(document, values));
    }
    let own = schema["type"].as_str().or_else(|| resolved(document, schema)["type"].as_str());
    own.unwrap_or("any").to_owned()
}

fn first_sentence(text: &str) -> String {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').to_owned()
}

#[derive(Serialize, JsonSchema)]
struct Explained {
    kind: String,
    api_version: String,
    #[serde(rename = "type")]
    field_type: String,
    about: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    /// All that it may be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<Value>,
}

#[derive(Serialize, JsonSchema)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    required: bool,
    about: Value,
}
