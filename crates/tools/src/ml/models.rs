//! Models: find them, compare them, put them to use, let them predict, hand them out, delete them.

mod cloud;
mod compare;
mod files;
mod mlflow;
mod predict;
mod view;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{
    Changes, Destroys, Error, Json, Listing, Pictured, Preview, Reads, Result, Target, Tool, ToolDef,
};
use trainyard_ml::{
    model::{Status, Version, registry, registry::Which},
    picture::{self, Drawing},
    store::{Failure, Transaction, elsewhere},
};

use self::view::{Detail, ModelRow, VersionRow};
use super::{part, target};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<List>().formerly(&["list_models"]),
    ToolDef::reads::<Get>().formerly(&["get_model", "model_describe"]),
    ToolDef::reads::<ListVersions>().formerly(&["model_versions"]),
    ToolDef::reads::<compare::Compare>(),
    predict::TOOL,
    ToolDef::changes::<SetAlias>().formerly(&["model_promote"]),
    ToolDef::changes::<Archive>(),
    files::DOWNLOAD,
    ToolDef::changes::<files::Upload>().formerly(&["model_store", "store_model_in_s3", "model_register"]),
    ToolDef::changes::<cloud::Push>(),
    ToolDef::changes::<mlflow::Mirror>(),
    ToolDef::destroys::<Delete>(),
];

/// Asks the registry, on a thread where that hurts nobody.
async fn ask<A: trainyard_contract::Access, T: Send + 'static>(
    cx: &Cx<A>,
    question: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
) -> Result<T> {
    let workers = cx.workers()?;
    elsewhere(move || workers.database().read_here(question)).await
}

/// One version, as a caller names it.
async fn version<A: trainyard_contract::Access>(cx: &Cx<A>, model: &str, which: Option<&str>) -> Result<Version> {
    let (model, which) = (model.to_owned(), Which::of(which));
    ask(cx, move |transaction| registry::get(transaction, &model, &which)).await
}

/// List models with their versions and aliases
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

/// Models are kept by the thousand at most.
const ALL: usize = 100_000;

impl Tool<App> for List {
    const NAME: &'static str = "model_list";
    const EXAMPLE: &'static str = r#"{"prefix": "wine"}"#;
    type Access = Reads;
    type Output = Listing<ModelRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<ModelRow>> {
        let models = ask(&cx, move |transaction| registry::list(transaction, &self.prefix, None, ALL)).await?;
        let rows = models.into_iter().map(ModelRow::of).collect();
        Ok(part(&cx, rows, self.limit, self.cursor.as_ref())?.fields(self.fields.as_deref().unwrap_or_default()))
    }
}

/// Describe a version of a model: quality beside its baselines, importance, where it came from, files
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Get {
    /// Model.
    model_id: String,
    /// Version number or alias; the newest that is ready when absent.
    version: Option<String>,
    /// Draw these, too.
    #[serde(default)]
    pictures: Vec<Drawing>,
}

impl Tool<App> for Get {
    const NAME: &'static str = "model_get";
    const EXAMPLE: &'static str = r#"{"model_id": "wine-quality", "version": "production"}"#;
    type Access = Reads;
    type Output = Pictured<Json<Detail>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Pictured<Json<Detail>>> {
        let found = version(&cx, &self.model_id, self.version.as_deref()).await?;
        let wanted = self.pictures;
        elsewhere(move || {
            let (mut pictures, mut not_drawn) = (Vec::new(), Vec::new());
            for drawing in &wanted {
                match picture::of_report(&found.facts["report"], *drawing)? {
                    Some(picture) => pictures.push(picture),
                    None => not_drawn.push(*drawing),
                }
            }
            let facts = Detail::of(found, wanted.contains(&Drawing::LearningCurve), not_drawn);
            Ok(Pictured { facts: Json(facts), pictures })
        })
        .await
    }
}

/// List the versions of a model, the newest first
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListVersions {
    /// Model.
    model_id: String,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
}

impl Tool<App> for ListVersions {
    const NAME: &'static str = "model_list_versions";
    const EXAMPLE: &'static str = r#"{"model_id": "wine-quality"}"#;
    type Access = Reads;
    type Output = Listing<VersionRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<VersionRow>> {
        let found = ask(&cx, move |transaction| registry::versions(transaction, &self.model_id)).await?;
        part(&cx, found.iter().map(VersionRow::of).collect(), self.limit, self.cursor.as_ref())
    }
}

/// Let an alias such as staging or production stand for a version of a model
///
/// Compare and set: it is moved only if it stands for expected_version, or for nothing where none is given.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetAlias {
    /// Model.
    model_id: String,
    /// Alias: staging, production, or a name of your own.
    alias: String,
    /// Version; none takes the alias away.
    version: Option<u32>,
    /// Version that it stands for now; absent where it stands for none.
    expected_version: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Moved {
    model_id: String,
    alias: String,
    /// Version that it stood for.
    previous: Option<u32>,
    version: Option<u32>,
}

impl SetAlias {
    fn check(&self) -> Result<()> {
        trainyard_ml::id::check("alias", &self.alias)?;
        if self.alias == "latest" || self.alias.parse::<u32>().is_ok() {
            return Err(Error::validation(format!("{:?} means a version already", self.alias))
                .hint("choose a word, such as production"));
        }
        Ok(())
    }

    fn moved(self, previous: Option<u32>) -> Moved {
        Moved { model_id: self.model_id, alias: self.alias, previous, version: self.version }
    }
}

impl Tool<App> for SetAlias {
    const NAME: &'static str = "model_set_alias";
    const EXAMPLE: &'static str =
        r#"{"model_id": "wine-quality", "alias": "production", "version": 3, "expected_version": 2}"#;
    type Access = Changes;
    type Output = Json<Moved>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Moved>> {
        self.check()?;
        let workers = cx.workers()?;
        elsewhere(move || {
            let previous =
                workers.database().write_here(|transaction| match (self.version, self.expected_version) {
                    (Some(version), expected) => {
                        registry::set_alias(transaction, &self.model_id, &self.alias, version, expected)
                    }
                    (None, Some(expected)) => {
                        registry::delete_alias(transaction, &self.model_id, &self.alias, expected)?;
                        Ok(Some(expected))
                    }
                    (None, None) => {
                        Err(Error::validation("to take an alias away, say with expected_version what it stands for")
                            .into())
                    }
                })?;
            Ok(Json(self.moved(previous)))
        })
        .await
    }
}

impl Preview<App> for SetAlias {
    type Plan = Moved;

    fn target(&self) -> Target {
        target("model", &self.model_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Moved> {
        self.check()?;
        let this = self.clone();
        ask(&cx, move |transaction| {
            if let Some(version) = this.version {
                registry::get(transaction, &this.model_id, &Which::Number(version))?;
            }
            let standing = registry::aliases(transaction, &this.model_id)?;
            let previous = standing.into_iter().find(|alias| alias.alias == this.alias).map(|alias| alias.version);
            Ok(this.moved(previous))
        })
        .await
    }
}

/// Take a version of a model out of use and keep it, or put it back
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Archive {
    /// Model.
    model_id: String,
    /// Version.
    version: u32,
    /// Put it back into use.
    #[serde(default)]
    restore: bool,
}

impl Tool<App> for Archive {
    const NAME: &'static str = "model_archive";
    const EXAMPLE: &'static str = r#"{"model_id": "wine-quality", "version": 1}"#;
    type Access = Changes;
    type Output = Json<VersionRow>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<VersionRow>> {
        let workers = cx.workers()?;
        let change = move || {
            workers
                .database()
                .write_here(|transaction| registry::archive(transaction, &self.model_id, self.version, !self.restore))
        };
        Ok(Json(VersionRow::of(&elsewhere(change).await?)))
    }
}

impl Preview<App> for Archive {
    type Plan = VersionRow;

    fn target(&self) -> Target {
        target("model", &self.model_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<VersionRow> {
        let found = version(&cx, &self.model_id, Some(&self.version.to_string())).await?;
        if !self.restore {
            registry::free_of_aliases(&found, "archived")?;
        }
        Ok(VersionRow::of(&found))
    }
}

/// Delete a version of a model and its files; refused while an alias stands for it
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Model.
    model_id: String,
    /// Version.
    version: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Gone {
    model_id: String,
    version: u32,
    status: Status,
    files: usize,
    bytes: u64,
    /// What is deleted in S3, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_path: Option<String>,
}

impl Gone {
    fn of(version: &Version) -> Self {
        let bytes = version.files.iter().map(|file| file.bytes).sum();
        let (model_id, files) = (version.model.clone(), version.files.len());
        let cloud_path = version.cloud_path.clone();
        Self { model_id, version: version.version, status: version.status, files, bytes, cloud_path }
    }
}

impl Tool<App> for Delete {
    const NAME: &'static str = "model_delete";
    const EXAMPLE: &'static str = r#"{"model_id": "wine-quality", "version": 1}"#;
    type Access = Destroys;
    type Output = Json<Gone>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Gone>> {
        let workers = cx.workers()?;
        let gone = elsewhere(move || {
            let database = workers.database();
            let gone =
                database.write_here(|transaction| registry::delete(transaction, &self.model_id, self.version))?;
            // The record first: what remains of the files if this fails is named nowhere.
            trainyard_ml::model::files::remove(&gone)?;
            Ok(gone)
        })
        .await?;
        let cloud_path = cloud::delete(&cx, &gone).await.map_err(|error| {
            let made = format!("version {} of {} is deleted here", gone.version, gone.model);
            let left = format!("{} and its metadata are left there", gone.cloud_path.as_deref().unwrap_or_default());
            error.partial([made]).hint(left)
        })?;
        Ok(Json(Gone { cloud_path, ..Gone::of(&gone) }))
    }
}

impl Preview<App> for Delete {
    type Plan = Gone;

    fn target(&self) -> Target {
        target("model", &self.model_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Gone> {
        let found = version(&cx, &self.model_id, Some(&self.version.to_string())).await?;
        registry::free_of_aliases(&found, "deleted")?;
        Ok(Gone::of(&found))
    }
}
