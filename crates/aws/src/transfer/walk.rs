//! The files of a folder and the objects below a prefix, each in the order of their keys.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::json;
use tokio::{sync::mpsc, task::spawn_blocking};
use trainyard_contract::Result;

use super::{Transfers, disk, download, text};
use crate::paging::PageStream;

/// Entries that wait for whoever reads them.
const AHEAD: usize = 1000;

/// A file or an object.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Path below the folder or the prefix, with `/` between its parts.
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
    /// Of an object.
    pub(super) etag: Option<String>,
}

/// What a folder holds.
#[derive(Debug)]
pub(super) enum Found {
    File(Entry),
    /// What is passed over, and why.
    Other(String, &'static str),
}

/// The files below a folder, read ahead on a thread that may wait for the disk. Memory holds one folder at a time, and
/// those above it. A folder that does not exist may be an empty one.
pub(super) fn files(root: &Path, may_lack: bool) -> mpsc::Receiver<Result<Found>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let root = root.to_owned();
    spawn_blocking(move || {
        if may_lack && !root.exists() {
            return;
        }
        if let Err(error) = folder(&root, "", &sender) {
            // Nobody listens any more, or they hear of it.
            drop(sender.blocking_send(Err(error)));
        }
    });
    receiver
}

fn folder(path: &Path, prefix: &str, sender: &mpsc::Sender<Result<Found>>) -> Result<()> {
    let failed = |error: &_| disk::failed("list", path, error);
    let mut entries: Vec<(Vec<u8>, PathBuf, fs::FileType)> = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let kind = entry.file_type().map_err(|error| failed(&error))?;
        let mut name = entry.file_name().into_encoded_bytes();
        if kind.is_dir() {
            // S3 sorts by the whole key, in which a folder's name is followed by this.
            name.push(b'/');
        }
        entries.push((name, entry.path(), kind));
    }
    entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    for (name, path, kind) in entries {
        let found = match String::from_utf8(name) {
            Err(error) => Found::Other(error.to_string(), "its name is not UTF-8"),
            Ok(name) if kind.is_dir() => {
                folder(&path, &format!("{prefix}{name}"), sender)?;
                continue;
            }
            Ok(name) if kind.is_symlink() => Found::Other(format!("{prefix}{name}"), "it is a symbolic link"),
            Ok(name) if !kind.is_file() => Found::Other(format!("{prefix}{name}"), "it is no regular file"),
            // The temporary file of a download that is under way, or was.
            Ok(name) if is_temporary(&name) => continue,
            Ok(name) => match fs::metadata(&path) {
                Ok(about) => Found::File(Entry {
                    key: format!("{prefix}{name}"),
                    size: about.len(),
                    modified: about.modified().ok(),
                    etag: None,
                }),
                // It was removed a moment ago.
                Err(_) => continue,
            },
        };
        if sender.blocking_send(Ok(found)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn is_temporary(name: &str) -> bool {
    let digest = name.strip_prefix('.').and_then(|name| name.strip_suffix(".part"));
    digest.is_some_and(|digest| digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The objects below a prefix, page by page.
pub(super) struct Objects {
    pages: PageStream,
    page: std::vec::IntoIter<serde_json::Value>,
    prefix: String,
}

impl Objects {
    pub(super) fn list(transfers: &Transfers, bucket: &str, prefix: &str) -> Result<Self> {
        let input = json!({"Bucket": bucket, "Prefix": prefix});
        let pages = transfers.engine.page_stream("s3", "ListObjectsV2", input, &transfers.scope, None)?;
        Ok(Self { pages, page: Vec::new().into_iter(), prefix: prefix.to_owned() })
    }

    /// The next object. Those whose key ends in `/` stand for folders, and are passed over.
    pub(super) async fn next(&mut self) -> Result<Option<Entry>> {
        loop {
            for object in self.page.by_ref() {
                let key = text(&object, "Key").unwrap_or_default();
                let Some(key) = key.strip_prefix(&self.prefix).filter(|key| !key.is_empty() && !key.ends_with('/'))
                else {
                    continue;
                };
                return Ok(Some(Entry {
                    key: key.to_owned(),
                    size: object["Size"].as_u64().unwrap_or_default(),
                    modified: download::time(&object["LastModified"]),
                    etag: text(&object, "ETag"),
                }));
            }
            let Some(page) = self.pages.next().await else { return Ok(None) };
            let mut output = page?.output;
            let objects = output["Contents"].as_array_mut().map(std::mem::take);
            self.page = objects.unwrap_or_default().into_iter();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_come_in_the_order_of_s3() {
        let root = std::env::temp_dir().join(format!("trainyard-walk-{}", std::process::id()));
        for key in ["a-b", "a/b", "a/c/d", "a0", "ü"] {
            let path = root.join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, key).unwrap();
        }
        fs::write(root.join(format!(".{}.part", "0".repeat(32))), "").unwrap();
        let mut found = files(&root, false);
        let mut keys = Vec::new();
        while let Some(Ok(Found::File(entry))) = found.recv().await {
            keys.push(entry.key);
        }
        let mut sorted = keys.clone();
        sorted.sort();
        assert_eq!((keys.len(), &keys), (5, &sorted));
        fs::remove_dir_all(&root).unwrap();
    }
}
