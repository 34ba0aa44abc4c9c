//! Datasets become files again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{
    CallDef, Changes, Effect, Error, ErrorKind, Json, Needs, Preview, Reads, Result, Target, Tool, ToolDef,
};
use trainyard_ml::dataset::Watch;

use super::super::{reading, registry, target};
use crate::{App, Cx};

pub(super) const TOOL: ToolDef<App> =
    ToolDef::by_effect(Download::NAME, Download::needs, &[CallDef::changes::<Download>()]);

/// Write a dataset's file to a path, and check that it is what was registered
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Download {
    /// Dataset.
    dataset_id: String,
    /// Version; the latest when absent.
    version: Option<u64>,
    /// Absolute path of the file, below a folder that the operator allows. It must not exist.
    file_path: String,
}

impl Download {
    /// It writes a file, and what it writes is content of others.
    #[expect(clippy::unnecessary_wraps, reason = "the form of what tells the effect of arguments")]
    fn needs(_: &Value) -> Result<Needs> {
        Ok(Needs { effect: Effect::Changes, reveals: true, spends: false })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Downloaded {
    path: String,
    bytes: u64,
    sha256: String,
}

impl Tool<App> for Download {
    const NAME: &'static str = "dataset_download";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality", "file_path": "/data/wine.csv"}"#;
    type Access = Changes;
    type Output = Json<Downloaded>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Downloaded>> {
        let path = cx.local_paths().to_write(&self.file_path)?;
        let datasets = registry(&cx)?;
        let (id, version, to) = (self.dataset_id, self.version, path.clone());
        let copy = move |watch: &Watch| {
            let found = datasets.get(&id, version)?;
            datasets.write_to(&found, &to, watch)?;
            Ok(found.fingerprint)
        };
        let fingerprint = reading(&cx, copy).await?;
        Ok(Json(Downloaded { path: path.display().to_string(), bytes: fingerprint.bytes, sha256: fingerprint.sha256 }))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Plan {
    bytes: u64,
    would_succeed: bool,
}

impl Preview<App> for Download {
    type Plan = Plan;

    fn target(&self) -> Target {
        target("local file", &self.file_path)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Plan> {
        let path = cx.local_paths().to_write(&self.file_path)?;
        let (datasets, id, version) = (registry(&cx)?, self.dataset_id.clone(), self.version);
        let found = reading(&cx, move |_| datasets.get(&id, version)).await?;
        let would_succeed = match path.symlink_metadata() {
            Ok(_) => false,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(Error::new(ErrorKind::Validation, format!("{}: {error}", path.display()))),
        };
        Ok(Plan { bytes: found.fingerprint.bytes, would_succeed })
    }
}
