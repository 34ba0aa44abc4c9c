//! Models in S3: `models/{id}/model_{timestamp}.{ext}`, and `metadata_{timestamp}.json`, which says that it is whole.
//!
//! The object first, a look at what S3 has, then the document, and only then the database here. The timestamp is that of the
//! version, so a call that was cut off finds its own objects when it is repeated.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_contract::{
    Access, Changes, Covers, Destroys, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool,
};
use trainyard_ml::{
    datasets::CloudPlace,
    model::{StoredFile, Version, files, registry, registry::Which},
    moment,
    store::elsewhere,
};

use super::{
    super::{
        cloud::{Cloud, Object, parts},
        target,
    },
    VersionRow, version,
};
use crate::{App, Cx};

/// The key of an object's metadata that says whose it is.
const MODEL: &str = "model-id";
/// Files beside the model itself that are as small as this go into the document.
const SMALL: u64 = 1 << 20;

/// Store a version of a model in the models bucket, verified there
///
/// Repeat the call where it was cut off: what is there already is not sent again. The version then has a cloud_path.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Push {
    /// Model.
    model_id: String,
    /// Version number or alias; the newest that is ready when absent.
    version: Option<String>,
}

fn bucket<A: Access>(cx: &Cx<A>) -> Result<String> {
    cx.buckets().models.clone().ok_or_else(|| {
        Error::unsupported("this server has no models bucket; nothing was stored")
            .code("NoModelsBucket")
            .hint("ask the operator to set ML_MODELS_BUCKET")
    })
}

impl Tool<App> for Push {
    const NAME: &'static str = "model_push";
    const EXAMPLE: &'static str = r#"{"model_id": "wine-quality", "version": "production"}"#;
    type Access = Changes;
    type Output = Json<VersionRow>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<VersionRow>> {
        bucket(&cx)?;
        let found = version(&cx, &self.model_id, self.version.as_deref()).await?;
        Ok(Json(VersionRow::of(&stored(&cx, found).await?)))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WouldSend {
    model_id: String,
    version: u32,
    /// Where the model itself would lie.
    cloud_path: String,
    bytes: u64,
    /// It is there already.
    done: bool,
}

impl Preview<App> for Push {
    type Plan = WouldSend;

    fn target(&self) -> Target {
        target("model", &self.model_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<WouldSend> {
        let bucket = bucket(&cx)?;
        let found = version(&cx, &self.model_id, self.version.as_deref()).await?;
        let object = object(&found, &bucket)?;
        Ok(WouldSend {
            model_id: found.model,
            version: found.version,
            cloud_path: object.uri(),
            bytes: object.bytes,
            done: found.cloud_path.is_some(),
        })
    }
}

/// Stores a version, and notes where it lies.
pub(super) async fn stored<A: Access + Covers<Changes> + Covers<Reads>>(
    cx: &Cx<A>,
    version: Version,
) -> Result<Version> {
    let bucket = bucket(cx)?;
    let object = object(&version, &bucket)?;
    let transfers = cx.state_dir()?.join("transfers");
    let workers = cx.workers()?;
    let version = elsewhere(move || files::verify(&version).map(|()| version)).await?;
    let cloud = Cloud::new(cx.aws(None, None));
    let again = |error: Error| {
        let made = format!("version {} of {} is kept here", version.version, version.model);
        error.partial([made]).hint("model_push repeats it: what is here stays, and the transfer goes on where it was")
    };
    let place = cloud.put(&object, transfers, cx.progress()).await.map_err(again)?;
    commit(&cloud, &version, &object, &place).await.map_err(again)?;
    elsewhere(move || {
        workers.database().write_here(|transaction| {
            registry::set_cloud(transaction, &version.model, version.version, &place)?;
            registry::get(transaction, &version.model, &Which::Number(version.version))
        })
    })
    .await
}

/// Writes the document that says that the object is whole. It is written once: a version does not change.
async fn commit<A: Access + Covers<Changes> + Covers<Reads>>(
    cloud: &Cloud<A>,
    version: &Version,
    object: &Object,
    place: &CloudPlace,
) -> Result<()> {
    let key = document_key(&object.key);
    let document = document(version, place)?;
    match cloud.write(&object.bucket, &key, &document, object.metadata.clone(), None).await {
        Err(error) if matches!(error.http_status_code(), Some(409 | 412)) => {
            match cloud.head(&object.bucket, &key, None).await? {
                Some(head) if object.owns(&head) => Ok(()),
                _ => Err(Error::new(
                    ErrorKind::AlreadyExists,
                    format!("s3://{}/{key} is there and was not stored by this platform", object.bucket),
                )
                .code("NotOurs")),
            }
        }
        other => other,
    }
}

/// Deletes the document, then the object. Says what was deleted.
pub(super) async fn delete(cx: &Cx<Destroys>, version: &Version) -> Result<Option<String>> {
    let Some((bucket, key)) = version.cloud_path.as_deref().and_then(parts) else { return Ok(None) };
    let cloud = Cloud::new(cx.aws(None, None));
    let object = object(version, bucket)?;
    match cloud.head(bucket, key, None).await? {
        Some(head) if object.owns(&head) => {
            cloud.delete(bucket, &document_key(key)).await?;
            cloud.delete(bucket, key).await?;
            Ok(version.cloud_path.clone())
        }
        _ => Ok(None),
    }
}

/// The file that is the model itself: the one that says so, or the largest.
fn principal(files: &[StoredFile]) -> Option<&StoredFile> {
    files.iter().find(|file| file.name == "model.txt").or_else(|| files.iter().max_by_key(|file| file.bytes))
}

fn object(version: &Version, bucket: &str) -> Result<Object> {
    let file = principal(&version.files).ok_or_else(|| Error::internal("a version without files"))?;
    let extension = Path::new(&file.name).extension().and_then(|extension| extension.to_str()).unwrap_or("bin");
    let timestamp: String =
        moment::text(version.created_at).chars().filter(|letter| !matches!(letter, ':' | '-')).collect();
    let pairs = [(MODEL, version.model.clone()), ("model-version", version.version.to_string())];
    Ok(Object {
        bucket: bucket.to_owned(),
        key: format!("models/{}/model_{timestamp}.{extension}", version.model),
        path: version.folder.join(&file.name),
        bytes: file.bytes,
        sha256: file.sha256.clone(),
        owner: MODEL,
        metadata: pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
    })
}

/// `models/{id}/model_{timestamp}.{ext}` to `models/{id}/metadata_{timestamp}.json`.
fn document_key(key: &str) -> String {
    let (folder, name) = key.rsplit_once('/').unwrap_or_default();
    let stem = name.strip_prefix("model_").unwrap_or(name);
    let timestamp = stem.rsplit_once('.').map_or(stem, |(timestamp, _)| timestamp);
    format!("{folder}/metadata_{timestamp}.json")
}

/// All that is known of a version, with its small files: with the object, everything to use it elsewhere.
fn document(version: &Version, place: &CloudPlace) -> Result<Value> {
    let mut beside = Map::new();
    for file in &version.files {
        let mut entry = json!({ "size": file.bytes, "sha256": file.sha256 });
        let path: PathBuf = version.folder.join(&file.name);
        let is_principal = principal(&version.files).is_some_and(|principal| principal.name == file.name);
        if !is_principal && file.bytes <= SMALL {
            let content = fs::read(&path).map_err(|error| trainyard_ml::store::file_error(&error, &path))?;
            if let Ok(text) = String::from_utf8(content) {
                entry["content"] = text.into();
            }
        }
        beside.insert(file.name.clone(), entry);
    }
    let report = &version.facts["report"];
    Ok(json!({
        "id": version.model,
        "version": version.version,
        "status": "ready",
        "format": version.format,
        "s3_uri": place.uri,
        "s3_version_id": place.version_id,
        "checksum_crc64nvme": place.crc64nvme,
        "files": beside,
        "algorithm": report["algorithm"],
        "hyperparameters": report["hyperparameters"],
        "metrics": report["metrics"],
        "dataset": {
            "id": version.source.dataset,
            "version": version.source.dataset_version,
            "sha256": version.source.dataset_sha256,
        },
        "job_id": version.source.job,
        "facts": version.facts,
        "created_at": moment::text(version.created_at),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lies_beside_its_model() {
        let key = document_key("models/wine/model_20260101T120000.5Z.txt");
        assert_eq!(key, "models/wine/metadata_20260101T120000.5Z.json");
    }
}
