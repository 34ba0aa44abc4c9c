//! Files of a model version: a folder that appears whole, and is checked before it is believed.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use trainyard_contract::{Error, ErrorKind, Result};

use super::{StoredFile, Version};
use crate::store::{self, file_error};

/// A folder in its place, and what is in it.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The folder.
    pub folder: PathBuf,
    /// Its files.
    pub files: Vec<StoredFile>,
}

/// Where the files of the model lie that this attempt made.
pub fn folder(state: &Path, model: &str, job: &str, attempt: u32) -> PathBuf {
    models(state).join(model).join(format!("{job}.{attempt}"))
}

fn models(state: &Path) -> PathBuf {
    store::folder(state).join("models")
}

/// Brings a folder of files to its place, in one step and for good: everything is on the disk before it gets its name.
pub fn settle(from: &Path, to: &Path) -> Result<Settled> {
    let failed = |error: &std::io::Error| file_error(error, to);
    let mut files = Vec::new();
    for entry in fs::read_dir(from).map_err(|error| file_error(&error, from))? {
        let path = entry.map_err(|error| file_error(&error, from))?.path();
        files.push(described(&path)?);
        File::open(&path).and_then(|file| file.sync_all()).map_err(|error| file_error(&error, &path))?;
    }
    if files.is_empty() {
        return Err(Error::internal("the training left no file"));
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    sync_folder(from)?;
    let parent = to.parent().unwrap_or(to);
    store::make_folder(parent)?;
    fs::rename(from, to).map_err(|error| failed(&error))?;
    sync_folder(parent)?;
    Ok(Settled { folder: to.to_owned(), files })
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| file_error(&error, folder))
}

fn described(path: &Path) -> Result<StoredFile> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let mut bytes = 0;
    let sha256 = digest(path, |part| {
        bytes += part.len() as u64;
        Ok(())
    })?;
    Ok(StoredFile { name, bytes, sha256 })
}

/// Reads a file to its end, and gives its SHA-256.
fn digest(path: &Path, mut each: impl FnMut(&[u8]) -> std::io::Result<()>) -> Result<String> {
    let failed = |error: std::io::Error| file_error(&error, path);
    let mut file = File::open(path).map_err(failed)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        each(&buffer[..count]).map_err(failed)?;
    }
    Ok(crate::id::hexadecimal(&hash.finalize()))
}

/// Checks that the files of a version are those that were stored.
pub fn verify(version: &Version) -> Result<()> {
    for file in &version.files {
        let path = version.folder.join(&file.name);
        if described(&path)? != *file {
            return Err(altered(&path, version));
        }
    }
    Ok(())
}

fn altered(path: &Path, version: &Version) -> Error {
    let message = format!("{} is no longer what was stored", path.display());
    Error::new(ErrorKind::Conflict, message)
        .code("ModelAltered")
        .hint(format!("do not use version {} of {}; train it again", version.version, version.model))
}

/// Copies the files of a version into a folder, which may exist if it has none of them. What is there at the end is what
/// was stored, or nothing.
pub fn copy(version: &Version, to: &Path) -> Result<Vec<PathBuf>> {
    store::make_folder(to)?;
    let mut made = Vec::new();
    let copied = version.files.iter().try_for_each(|file| {
        let (from, to) = (version.folder.join(&file.name), to.join(&file.name));
        let failed = |error: &std::io::Error| file_error(error, &to);
        let mut target =
            File::options().write(true).create_new(true).open(&to).map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    Error::new(ErrorKind::AlreadyExists, format!("{} exists", to.display()))
                        .hint("choose an empty folder")
                }
                _ => failed(&error),
            })?;
        made.push(to.clone());
        let sha256 = digest(&from, |part| target.write_all(part))?;
        if sha256 != file.sha256 {
            return Err(altered(&from, version));
        }
        target.sync_all().map_err(|error| failed(&error))
    });
    if let Err(error) = copied {
        // Nothing half copied stays.
        for path in &made {
            drop(fs::remove_file(path));
        }
        return Err(error);
    }
    Ok(made)
}

/// Takes the files of a version away, once no record names them.
pub fn remove(version: &Version) -> Result<()> {
    match fs::remove_dir_all(&version.folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error(&error, &version.folder)),
        _ => Ok(()),
    }
}

/// Brings a file from elsewhere into a folder of its own among the models, for a version that is still to be entered.
pub fn bring(state: &Path, model: &str, from: &Path, name: &str) -> Result<Settled> {
    let staging = models(state).join(".staging").join(crate::id::new("file")?);
    store::make_folder(&staging)?;
    let to = staging.join(name);
    let brought = || {
        let mut target =
            File::options().write(true).create_new(true).open(&to).map_err(|error| file_error(&error, &to))?;
        digest(from, |part| target.write_all(part))?;
        settle(&staging, &models(state).join(model).join(crate::id::new("file")?))
    };
    let settled = brought();
    if settled.is_err() {
        drop(fs::remove_dir_all(&staging));
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_whole_and_is_checked() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("a/b"));
        fs::create_dir(&from).unwrap();
        assert!(settle(&from, &to).is_err(), "nothing is no model");
        fs::write(from.join("model.txt"), "tree").unwrap();
        let settled = settle(&from, &to).unwrap();
        assert!(!from.exists() && to.join("model.txt").exists());
        let version = Version {
            model: "m".into(),
            version: 1,
            status: super::super::Status::Ready,
            format: "lightgbm".into(),
            source: super::super::Source::default(),
            facts: serde_json::Value::Null,
            folder: to.clone(),
            files: settled.files,
            aliases: Vec::new(),
            created_at: 0,
            archived_at: None,
            cloud_path: None,
            cloud_version: None,
            cloud_checksum: None,
        };
        verify(&version).unwrap();
        let out = root.path().join("out");
        assert_eq!(copy(&version, &out).unwrap(), [out.join("model.txt")]);
        assert_eq!(copy(&version, &out).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(out.join("model.txt")).unwrap(), "tree", "what was there stays");
        fs::write(to.join("model.txt"), "tampered").unwrap();
        assert_eq!(verify(&version).unwrap_err().code_str(), "ModelAltered");
        let other = root.path().join("other");
        assert_eq!(copy(&version, &other).unwrap_err().code_str(), "ModelAltered");
        assert!(!other.join("model.txt").exists(), "nothing half copied stays");
    }
}
