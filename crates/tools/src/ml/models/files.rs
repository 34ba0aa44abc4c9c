//! Models come from files and become files.

use std::{io::Read, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trainyard_contract::{CallDef, Changes, Effect, Error, Json, Needs, Preview, Reads, Result, Target, Tool, ToolDef};
use trainyard_ml::{
    id,
    model::{NewVersion, Source, files, registry},
    store::{elsewhere, file_error},
};

use super::{super::target, VersionRow, version};
use crate::{App, Cx};

pub(super) const DOWNLOAD: ToolDef<App> =
    ToolDef::by_effect(Download::NAME, Download::needs, &[CallDef::changes::<Download>()]).formerly(&["model_export"]);

/// Write the files of a model to a folder, checked against what was stored
///
/// model.txt is LightGBM's text and opens in Python's lightgbm; the folder opens in MLflow. Pickles from elsewhere run code when they are opened.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Download {
    /// Model.
    model_id: String,
    /// Version number or alias; the newest that is ready when absent.
    version: Option<String>,
    /// Absolute path of a folder below one that the operator allows.
    folder: String,
}

impl Download {
    /// It writes files.
    #[expect(clippy::unnecessary_wraps, reason = "the form of what tells the effect of arguments")]
    fn needs(_: &Value) -> Result<Needs> {
        Ok(Needs { effect: Effect::Changes, reveals: false, spends: false })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Downloaded {
    model_id: String,
    version: u32,
    format: String,
    /// Their SHA-256 are those that were stored.
    verified: bool,
    files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

const RUNS_CODE: &str = "opening a pickle runs the code in it: open it only if you trust whoever made it";

impl Tool<App> for Download {
    const NAME: &'static str = "model_download";
    const EXAMPLE: &'static str = r#"{"model_id": "wine-quality", "folder": "/data/wine-model"}"#;
    type Access = Changes;
    type Output = Json<Downloaded>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Downloaded>> {
        let folder = cx.local_paths().to_write(&self.folder)?;
        let version = version(&cx, &self.model_id, self.version.as_deref()).await?;
        elsewhere(move || {
            let files = files::copy(&version, &folder)?;
            Ok(Json(Downloaded {
                warning: (version.format == "pickle").then_some(RUNS_CODE),
                model_id: version.model,
                version: version.version,
                format: version.format,
                verified: true,
                files: files.iter().map(|path| path.display().to_string()).collect(),
            }))
        })
        .await
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct WouldWrite {
    model_id: String,
    version: u32,
    folder: String,
    files: Vec<String>,
    bytes: u64,
}

impl Preview<App> for Download {
    type Plan = WouldWrite;

    fn target(&self) -> Target {
        target("folder", &self.folder)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<WouldWrite> {
        let folder = cx.local_paths().to_write(&self.folder)?.display().to_string();
        let version = version(&cx, &self.model_id, self.version.as_deref()).await?;
        Ok(WouldWrite {
            model_id: version.model,
            version: version.version,
            folder,
            bytes: version.files.iter().map(|file| file.bytes).sum(),
            files: version.files.into_iter().map(|file| file.name).collect(),
        })
    }
}

/// Keep a model file from elsewhere as a version of a model
///
/// Its format is found out from its content and recorded; the file is never run here. A name that says something else is refused. With a
/// models bucket it goes to S3 as well.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Upload {
    /// Absolute path of the file, below a folder that the operator allows.
    #[schemars(extend("x-also" = ["model_path"]))]
    file_path: String,
    /// Model.
    model_id: String,
    /// What there is to say about it: metrics, parameters, where it came from.
    #[schemars(extend("x-also" = ["model_metadata"]))]
    metadata: Option<Value>,
    /// Dataset that it learnt from, if that is registered.
    dataset_id: Option<String>,
    /// Version of the dataset; the latest when absent.
    dataset_version: Option<u64>,
}

impl Tool<App> for Upload {
    const NAME: &'static str = "model_upload";
    const EXAMPLE: &'static str = r#"{"file_path": "/data/model.onnx", "model_id": "detector"}"#;
    type Access = Changes;
    type Output = Json<VersionRow>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<VersionRow>> {
        id::check("model", &self.model_id)?;
        let path = cx.local_paths().existing(&self.file_path)?;
        let (workers, datasets) = (cx.workers()?, super::super::registry(&cx)?);
        let kept = elsewhere(move || {
            let format = format(&path)?;
            let mut source = Source { file: Some(path.display().to_string()), ..Source::default() };
            if let Some(dataset) = &self.dataset_id {
                let found = datasets.get(dataset, self.dataset_version)?;
                source.dataset = Some(found.id);
                source.dataset_version = Some(found.version);
                source.dataset_sha256 = Some(found.fingerprint.sha256);
            }
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("model").to_owned();
            let settled = files::bring(workers.state(), &self.model_id, &path, &name)?;
            let facts = json!({ "metadata": self.metadata });
            let new = NewVersion { format: format.to_owned(), source, facts };
            let entered = workers.database().write_here(|transaction| {
                let number = registry::add(transaction, &self.model_id, &new, &settled)?;
                registry::get(transaction, &self.model_id, &registry::Which::Number(number))
            });
            if entered.is_err() {
                // Nothing half stored: no record names it.
                drop(std::fs::remove_dir_all(&settled.folder));
            }
            entered
        })
        .await?;
        let kept = if cx.buckets().models.is_some() { super::cloud::stored(&cx, kept).await? } else { kept };
        Ok(Json(VersionRow::of(&kept)))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WouldKeep {
    model_id: String,
    format: &'static str,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

impl Preview<App> for Upload {
    type Plan = WouldKeep;

    fn target(&self) -> Target {
        target("model", &self.model_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<WouldKeep> {
        id::check("model", &self.model_id)?;
        let (path, model_id) = (cx.local_paths().existing(&self.file_path)?, self.model_id.clone());
        elsewhere(move || {
            let format = format(&path)?;
            let bytes = path.metadata().map_err(|error| file_error(&error, &path))?.len();
            Ok(WouldKeep { model_id, format, bytes, warning: (format == "pickle").then_some(RUNS_CODE) })
        })
        .await
    }
}

/// Extensions and the formats that they promise.
const PROMISED: [(&str, &str); 8] = [
    ("txt", "lightgbm"),
    ("onnx", "onnx"),
    ("pkl", "pickle"),
    ("pickle", "pickle"),
    ("safetensors", "safetensors"),
    ("gguf", "gguf"),
    ("json", "json"),
    ("zip", "zip"),
];

/// What a model file is, by its content.
fn format(path: &Path) -> Result<&'static str> {
    let failed = |error: std::io::Error| file_error(&error, path);
    let mut head = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(4096).read_to_end(&mut head)).map_err(failed)?;
    let found = sniffed(&head);
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let promised = PROMISED.iter().find(|(name, _)| *name == extension).map(|(_, format)| *format);
    match (found, promised) {
        (None, None) => Ok("unknown"),
        // ONNX has no mark of its own, so its name has to do.
        (None, Some("onnx")) if head.first() == Some(&0x08) => Ok("onnx"),
        (Some(found), None) => Ok(found),
        (Some(found), Some(promised)) if found == promised => Ok(found),
        (found, Some(promised)) => {
            let found = found.map_or("no model format that is known".to_owned(), |found| format!("{found} inside"));
            Err(Error::validation(format!("{} is {promised} by its name and has {found}", path.display()))
                .code("NotWhatItSays")
                .hint("give it the name of what it is, or the right file"))
        }
    }
}

fn sniffed(head: &[u8]) -> Option<&'static str> {
    let tensors = || {
        let (length, rest) = head.split_first_chunk::<8>()?;
        (u64::from_le_bytes(*length) < 100_000_000 && rest.first() == Some(&b'{')).then_some("safetensors")
    };
    match head {
        [b't', b'r', b'e', b'e', b'\n' | b'\r', ..] => Some("lightgbm"),
        [0x80, 2..=5, ..] => Some("pickle"),
        [b'G', b'G', b'U', b'F', ..] => Some("gguf"),
        [b'P', b'K', 3, 4, ..] => Some("zip"),
        [b'{', ..] => Some("json"),
        _ => tensors(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_is_in_it_and_its_name_may_not_lie() {
        assert_eq!(sniffed(b"tree\nversion=v4\n"), Some("lightgbm"));
        assert_eq!(sniffed(&[0x80, 4, 0x95]), Some("pickle"));
        assert_eq!(sniffed(b"\x10\0\0\0\0\0\0\0{\"a\":1}"), Some("safetensors"));
        assert_eq!(sniffed(b"GGUF\x03"), Some("gguf"));
        assert_eq!(sniffed(b""), None);
        let folder = std::env::temp_dir().join(format!("trainyard-formats-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("model.txt");
        std::fs::write(&path, [0x80, 4, 0x95]).unwrap();
        assert_eq!(format(&path).unwrap_err().code_str(), "NotWhatItSays");
        std::fs::rename(&path, folder.join("model.pkl")).unwrap();
        assert_eq!(format(&folder.join("model.pkl")).unwrap(), "pickle");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
