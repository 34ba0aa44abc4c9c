//! How HAMi is configured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Error, Json, Reads, Result, Tool, ToolDef};
use trainyard_gpu::{Note, config};

use super::cluster::{InCluster, hami};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Get>()];

/// Get HAMi's configuration: resource names, splitting and scaling of cards, scheduler, nodes
///
/// From the ConfigMaps that carry its labels, whatever the release is called.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Get {
    #[serde(flatten)]
    at: InCluster,
}

#[derive(Serialize, JsonSchema)]
struct Configuration {
    /// What its ConfigMaps say.
    documents: Vec<Document>,
    /// Names under which HAMi schedules.
    scheduler_names: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

#[derive(Serialize, JsonSchema)]
struct Document {
    /// namespace/name.
    config_map: String,
    key: String,
    content: Value,
}

impl Tool<App> for Get {
    const NAME: &'static str = "gpu_get_configuration";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Configuration>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Configuration>> {
        let mut found = hami(&cx, &self.at.of(&cx)).await?;
        if found.texts.is_empty() && found.notes.is_empty() {
            return Err(Error::not_found("ConfigMap of HAMi", "app.kubernetes.io/component=hami-scheduler")
                .hint("is HAMi installed in this cluster? list_gpu_nodes works without it"));
        }
        let mut documents = Vec::new();
        for (config_map, key, text) in found.texts {
            match config::document(&text) {
                Ok(content) => documents.push(Document { config_map, key, content }),
                Err(error) => found.notes.push(Note::new(&format!("{config_map} {key}"), error.to_string())),
            }
        }
        Ok(Json(Configuration { documents, scheduler_names: found.schedulers, notes: found.notes }))
    }
}
