//! Datasets: register files, find them, look into them, delete them.

mod cloud;
mod delete;
mod download;
mod profile;
mod stored;
mod upload;
mod view;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Json, Listing, Others, Reads, Result, Reveals, Tool, ToolDef};
use trainyard_ml::dataset;

use self::{cloud::Cloud, view::Record};
use super::{part, reading, registry};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::changes::<upload::Upload>().formerly(&["upload_dataset_to_s3", "dataset_register", "upload_dataset"]),
    ToolDef::reads::<List>().formerly(&["list_datasets"]),
    ToolDef::reads::<stored::Stored>().formerly(&["list_datasets_from_s3"]),
    ToolDef::reads::<Get>().formerly(&["get_dataset", "dataset_describe"]),
    ToolDef::reads::<Versions>(),
    ToolDef::reads::<profile::Profile>(),
    ToolDef::reveals::<Preview>(),
    ToolDef::reads::<Verify>(),
    download::TOOL,
    ToolDef::destroys::<delete::Delete>(),
];

/// List the registered datasets, each by its latest version
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Only names that begin with this.
    #[serde(default)]
    prefix: String,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
}

/// Datasets are kept by the thousand at most.
const ALL: u64 = 100_000;

impl Tool<App> for List {
    const NAME: &'static str = "dataset_list";
    const EXAMPLE: &'static str = r#"{"prefix": "wine"}"#;
    type Access = Reads;
    type Output = Listing<Record>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Record>> {
        let (datasets, prefix) = (registry(&cx)?, self.prefix);
        let found = reading(&cx, move |_| datasets.list(&prefix, "", ALL)).await?;
        let records = found.into_iter().map(Record::from).collect();
        Ok(part(&cx, records, self.limit, self.cursor.as_ref())?.fields(self.fields.as_deref().unwrap_or_default()))
    }
}

/// Describe a dataset: file, hash, rows, schema, where it is kept, who needs it
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Get {
    /// Dataset.
    dataset_id: String,
    /// Version; the latest when absent.
    version: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Described {
    dataset: Record,
    layout: dataset::Layout,
    /// Columns, as name and kind: integer, number, boolean, date, timestamp, text, nested, empty.
    schema: Vec<(String, dataset::Kind)>,
    /// What to look out for; dataset_get_profile says more.
    findings: Vec<dataset::Finding>,
    /// Jobs and models that need it.
    needed_by: Vec<String>,
}

impl Tool<App> for Get {
    const NAME: &'static str = "dataset_get";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality"}"#;
    type Access = Reads;
    type Output = Json<Described>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Described>> {
        let datasets = registry(&cx)?;
        let ask = move |_: &dataset::Watch| {
            let found = datasets.get(&self.dataset_id, self.version)?;
            let needed_by = datasets.users(&self.dataset_id, Some(found.version))?;
            Ok((found, needed_by))
        };
        let (found, needed_by) = reading(&cx, ask).await?;
        let schema = found.profile.columns.iter().map(|column| (column.name.clone(), column.kind)).collect();
        let (layout, findings) = (found.layout.clone(), found.profile.findings.clone());
        Ok(Json(Described { layout, schema, findings, needed_by, dataset: found.into() }))
    }
}

/// List the versions of a dataset, the latest first
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Versions {
    /// Dataset.
    dataset_id: String,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
}

impl Tool<App> for Versions {
    const NAME: &'static str = "dataset_list_versions";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality"}"#;
    type Access = Reads;
    type Output = Listing<Record>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Record>> {
        let (datasets, id) = (registry(&cx)?, self.dataset_id);
        let found = reading(&cx, move |_| datasets.versions(&id)).await?;
        part(&cx, found.into_iter().map(Record::from).collect(), self.limit, self.cursor.as_ref())
    }
}

/// Show the first rows of a dataset
///
/// Cells of columns that hold data about people are hidden.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Preview {
    /// Dataset.
    dataset_id: String,
    /// Version; the latest when absent.
    version: Option<u64>,
    /// Rows, 1 to 50.
    #[serde(default = "usual_rows")]
    #[schemars(range(min = 1, max = 50))]
    rows: usize,
    /// Only these columns.
    columns: Option<Vec<String>>,
}

fn usual_rows() -> usize {
    10
}

#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    dataset_id: String,
    version: u64,
    columns: Vec<String>,
    /// One row a line, as a JSON array of its cells.
    rows: Others,
    /// Columns left out for their number; name those that are wanted.
    columns_left_out: u64,
    /// Columns whose cells are hidden.
    hidden: Vec<String>,
}

impl Tool<App> for Preview {
    const NAME: &'static str = "dataset_preview";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality", "rows": 5}"#;
    type Access = Reveals;
    type Output = Json<Shown>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Json<Shown>> {
        if !(1..=50).contains(&self.rows) {
            return Err(trainyard_contract::Error::validation(format!("rows is {}, not 1 to 50", self.rows)));
        }
        let datasets = registry(&cx)?;
        let look = move |_: &dataset::Watch| {
            let found = datasets.sound(&self.dataset_id, self.version)?;
            let personal = found.profile.columns.iter().filter(|column| column.personal.is_some());
            let personal: Vec<String> = personal.map(|column| column.name.clone()).collect();
            let shown = dataset::preview(&found.path, &found.layout, self.rows, self.columns.as_deref(), &personal)?;
            Ok((found, shown))
        };
        let (found, shown) = reading(&cx, look).await?;
        let lines: Vec<String> = shown.rows.into_iter().map(|row| serde_json::Value::Array(row).to_string()).collect();
        Ok(Json(Shown {
            dataset_id: found.id,
            version: found.version,
            columns: shown.columns,
            rows: lines.join("\n").into(),
            columns_left_out: shown.columns_left_out,
            hidden: shown.redacted,
        }))
    }
}

/// Check that a dataset's file, and its object in S3, are what was registered
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Verify {
    /// Dataset.
    dataset_id: String,
    /// Version; the latest when absent.
    version: Option<u64>,
    /// Read the whole file, even where size and time are as they were.
    #[serde(default)]
    deep: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Verified {
    dataset_id: String,
    version: u64,
    ok: bool,
    /// Whether the file was read, or its size and time alone were looked at.
    read: bool,
    sha256: String,
    /// What is not as it was.
    drift: Vec<String>,
    /// The object in S3, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_path: Option<String>,
}

impl Tool<App> for Verify {
    const NAME: &'static str = "dataset_verify";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality", "deep": true}"#;
    type Access = Reads;
    type Output = Json<Verified>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Verified>> {
        let datasets = registry(&cx)?;
        let look = move |watch: &dataset::Watch| {
            let found = datasets.get(&self.dataset_id, self.version)?;
            let verified = datasets.verify(&found, self.deep, watch)?;
            Ok((found, verified))
        };
        let (found, verified) = reading(&cx, look).await?;
        let mut drift = verified.drift;
        if found.cloud_path.is_some() {
            drift.extend(Cloud::new(cx.aws(None, None)).drift(&found).await?);
        }
        Ok(Json(Verified {
            dataset_id: found.id,
            version: found.version,
            ok: drift.is_empty(),
            read: verified.deep,
            sha256: found.fingerprint.sha256,
            drift,
            cloud_path: found.cloud_path,
        }))
    }
}
