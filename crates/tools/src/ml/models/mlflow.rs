//! Versions of models in an MLflow tracking server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Changes, Json, Preview, Reads, Result, Target, Tool};
use trainyard_ml::mlflow::Server;

use super::{super::target, version};
use crate::{App, Cx};

/// Mirror a version of a model to MLflow: a run, its files, a version of the registered model, aliases
///
/// Repeat it after an alias moved, or where it was cut off: nothing is made twice.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Mirror {
    /// Model.
    model_id: String,
    /// Version number or alias; the newest that is ready when absent.
    version: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Mirrored {
    model_id: String,
    version: u32,
    /// Version of the registered model in MLflow.
    mlflow_version: String,
    /// Run in MLflow.
    mlflow_run_id: String,
    /// It was there already; aliases were set again.
    existed: bool,
}

impl Tool<App> for Mirror {
    const NAME: &'static str = "model_mirror";
    const EXAMPLE: &'static str = r#"{"model_id": "wine-quality", "version": "production"}"#;
    type Access = Changes;
    type Output = Json<Mirrored>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Mirrored>> {
        let server = Server::new(cx.mlflow())?;
        let found = version(&cx, &self.model_id, self.version.as_deref()).await?;
        let done = server.mirror(&found).await?;
        Ok(Json(Mirrored {
            model_id: found.model,
            version: found.version,
            mlflow_version: done.version,
            mlflow_run_id: done.run_id,
            existed: done.existed,
        }))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WouldMirror {
    model_id: String,
    version: u32,
    files: usize,
    bytes: u64,
    /// Where to.
    server: String,
}

impl Preview<App> for Mirror {
    type Plan = WouldMirror;

    fn target(&self) -> Target {
        target("model", &self.model_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<WouldMirror> {
        Server::new(cx.mlflow())?;
        let found = version(&cx, &self.model_id, self.version.as_deref()).await?;
        Ok(WouldMirror {
            version: found.version,
            files: found.files.len(),
            bytes: found.files.iter().map(|file| file.bytes).sum(),
            model_id: found.model,
            server: cx.mlflow().url.clone().unwrap_or_default(),
        })
    }
}
