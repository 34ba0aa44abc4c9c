//! One object, with what there is to know about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Json, Reads, Result, Reveals, Tool, ToolDef, declare_others};
use trainyard_k8s::{Kubernetes, LAST_APPLIED};

use super::{
    At,
    events::{Event, about},
    object::{Condition, conditions, list, name},
    place::Named,
};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Describe>(), ToolDef::reveals::<GetSecret>()];

/// Events that are shown.
const EVENTS: usize = 20;
/// Owners above an object that are looked for.
const OWNERS: usize = 5;

/// Describe a Kubernetes object: itself without noise, conditions, owners, recent events
///
/// Values of Secrets are replaced by their sizes.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Describe {
    #[serde(flatten)]
    at: At,
    /// Without the object itself: conditions, owners and events only.
    brief: Option<bool>,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "k8s_describe_object";
    const EXAMPLE: &'static str = r#"{"kind": "Pod", "name": "web-0", "namespace": "team-a"}"#;
    type Access = Reads;
    type Output = Json<Described>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Described>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let object = kubernetes.get(&named.resource, named.namespace.as_deref(), &named.name).await?;
        let owners = owners(&kubernetes, &named, &object).await;
        // Whoever may not read events may still look at the object.
        let (events, without_events) = match about(&kubernetes, &object, EVENTS).await {
            Ok(events) => (events, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let conditions = conditions(&object);
        let object = (!self.brief.unwrap_or_default()).then(|| quiet(object));
        Ok(Json(Described { conditions, owners, events, without_events, object }))
    }
}

#[derive(Serialize, JsonSchema)]
struct Described {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition>,
    /// Who made it, from the nearest on: kind/name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owners: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Event>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    without_events: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Value>,
}

/// What nobody reads: copies of the object in its own annotations, conditions that stand elsewhere, its address.
fn quiet(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for member in ["selfLink", "resourceVersion", "generateName", "ownerReferences"] {
            metadata.remove(member);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("conditions");
    }
    // Its maker wrote the arguments of its programs, controllers and programs wrote its state.
    declare_others(&mut object);
    object
}

/// The chain of controllers above an object.
async fn owners(kubernetes: &Kubernetes<Reads>, named: &Named, object: &Value) -> Vec<String> {
    let (mut chain, mut below) = (Vec::new(), object.clone());
    while chain.len() < OWNERS {
        let references = list(&below, "/metadata/ownerReferences");
        let owner = references.iter().find(|owner| owner["controller"] == true).or(references.first());
        let Some(owner) = owner else { break };
        let text = |member: &str| owner[member].as_str().unwrap_or_default().to_owned();
        let (kind, version, owner) = (text("kind"), text("apiVersion"), text("name"));
        chain.push(format!("{kind}/{owner}"));
        // An owner that cannot be read ends the chain, and says nothing against the object.
        let Ok(known) = kubernetes.kind(&kind, Some(&version)).await else { break };
        let Ok(above) = kubernetes.get(&known.resource, named.namespace.as_deref(), &owner).await else { break };
        below = above;
    }
    chain
}

/// Get the values of a Kubernetes Secret, decoded
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct GetSecret {
    /// Name.
    name: String,
    /// Namespace; that of the context when absent.
    namespace: Option<String>,
    /// Only these keys.
    keys: Option<Vec<String>>,
    #[serde(flatten)]
    place: super::In,
}

impl Tool<App> for GetSecret {
    const NAME: &'static str = "k8s_get_secret";
    const EXAMPLE: &'static str = r#"{"name": "registry", "namespace": "team-a"}"#;
    type Access = Reveals;
    type Output = Json<Values>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Json<Values>> {
        let kubernetes = self.place.of(&cx);
        let secrets = trainyard_k8s::resource::SECRETS;
        let namespace = super::place::namespace(&kubernetes, &secrets, self.namespace.as_deref()).await?;
        let secret = kubernetes.reveal(&secrets, namespace.as_deref(), &self.name).await?;
        let wanted = |key: &String| self.keys.as_ref().is_none_or(|keys| keys.contains(key));
        let value = |text: &Value| {
            let bytes = trainyard_aws::from_base64(text.as_str().unwrap_or_default()).unwrap_or_default();
            let text = String::from_utf8(bytes);
            let mut text = Value::String(
                text.unwrap_or_else(|bytes| format!("(base64) {}", trainyard_aws::to_base64(bytes.as_bytes()))),
            );
            declare_others(&mut text);
            text
        };
        let data = secret["data"].as_object().into_iter().flatten().filter(|(key, _)| wanted(key));
        Ok(Json(Values {
            name: name(&secret).to_owned(),
            namespace,
            kind: secret["type"].as_str().map(str::to_owned),
            values: data.map(|(key, text)| (key.clone(), value(text))).collect(),
        }))
    }
}

#[derive(Serialize, JsonSchema)]
struct Values {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    values: std::collections::BTreeMap<String, Value>,
}
