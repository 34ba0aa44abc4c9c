//! Files that the caller names: read and written where no secret and nothing of the system lives.

use std::{
    ffi::OsStr,
    fs::OpenOptions,
    io::{ErrorKind as Io, Write as _},
    path::{Component, Path, PathBuf},
};

use trainyard_contract::{Error, ErrorKind, Result};

/// Folders of secrets and settings, wherever a home folder is.
const SECRET_FOLDERS: [&str; 7] = [".aws", ".ssh", ".gnupg", ".docker", ".kube", ".config", ".local"];
/// Folders at the root that belong to the system.
const SYSTEM_FOLDERS: [&str; 4] = ["proc", "sys", "dev", "etc"];
/// Names under which programs keep secrets or their own settings.
const SECRET_NAMES: [&str; 6] = ["authorized_keys", "known_hosts", "credentials", "config.json", "id_rsa", "id_ecdsa"];

/// Text of the file at an absolute path. `what` names it in errors.
pub(crate) fn read(path: &str, what: &str, max_bytes: u64) -> Result<String> {
    let given = absolute(path)?;
    let unreadable = |error: std::io::Error| Error::validation(format!("could not read the {what} {path:?}: {error}"));
    let resolved = given.canonicalize().map_err(unreadable)?;
    allowed(given, what)?;
    allowed(&resolved, what)?;
    let facts = resolved.metadata().map_err(unreadable)?;
    if !facts.is_file() || facts.len() > max_bytes {
        return Err(Error::validation(format!("the {what} {path:?} is not a file of at most {max_bytes} bytes")));
    }
    std::fs::read_to_string(&resolved).map_err(unreadable)
}

/// Whether what is there already may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum There {
    Stays,
    IsReplaced,
}

impl From<bool> for There {
    fn from(overwrite: bool) -> Self {
        if overwrite { Self::IsReplaced } else { Self::Stays }
    }
}

/// Writes the file at an absolute path, whose folder has to be there and whose name has one of these ends. Returns the
/// path with links resolved.
pub(crate) fn write(path: &str, what: &str, text: &str, there: There, ends: &[&str]) -> Result<PathBuf> {
    let given = absolute(path)?;
    let unwritten = |error: std::io::Error| Error::validation(format!("could not write the {what} {path:?}: {error}"));
    let (Some(folder), Some(name)) = (given.parent(), given.file_name()) else {
        return Err(Error::validation(format!("{path:?} names no file")));
    };
    let resolved = folder.canonicalize().map_err(unwritten)?.join(name);
    allowed(given, what)?;
    allowed(&resolved, what)?;
    let extension = resolved.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    if !ends.contains(&extension.as_str()) {
        return Err(blocked(&resolved, what).hint(format!("the name has to end in .{}", ends.join(" or ."))));
    }
    if there == There::IsReplaced {
        // Through a new file, so that a link is replaced and not followed, and no reader sees half of it.
        let new = resolved.with_extension(format!("{extension}.{}", std::process::id()));
        create(&new, text).map_err(unwritten)?;
        std::fs::rename(&new, &resolved).map_err(unwritten)?;
        return Ok(resolved);
    }
    match create(&resolved, text) {
        Ok(()) => Ok(resolved),
        Err(error) if error.kind() == Io::AlreadyExists => {
            Err(Error::new(ErrorKind::AlreadyExists, format!("{path:?} is there already and was left alone"))
                .hint("choose another name, or say overwrite"))
        }
        Err(error) => Err(unwritten(error)),
    }
}

/// A folder at an absolute path, made where it is missing. Returns it with links resolved.
pub(crate) fn folder(path: &str, what: &str) -> Result<PathBuf> {
    let given = absolute(path)?;
    allowed(given, what)?;
    let unmade = |error: std::io::Error| Error::validation(format!("could not make the folder {path:?}: {error}"));
    std::fs::create_dir_all(given).map_err(unmade)?;
    given.canonicalize().map_err(unmade)
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

fn absolute(path: &str) -> Result<&Path> {
    let given = Path::new(path);
    if given.is_absolute() {
        return Ok(given);
    }
    Err(Error::validation(format!("{path:?} is not an absolute path")).code("BlockedPath"))
}

fn blocked(path: &Path, what: &str) -> Error {
    Error::policy_denied(format!("{:?} is not a place for a {what}", path.display())).code("BlockedPath")
}

/// Keeps away from where secrets and the system's own files are.
fn allowed(path: &Path, what: &str) -> Result<()> {
    let parts: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let system = parts.first().is_some_and(|top| SYSTEM_FOLDERS.contains(&top.as_str()));
    let secret = parts.iter().any(|part| SECRET_FOLDERS.contains(&part.as_str()));
    let name = parts.last().map(String::as_str).unwrap_or_default();
    let key =
        Path::new(name).extension().and_then(OsStr::to_str).is_some_and(|end| matches!(end, "pem" | "key" | "pub"));
    if system || secret || key || name.starts_with('.') || name.starts_with("id_") || SECRET_NAMES.contains(&name) {
        return Err(blocked(path, what).hint("use a file outside hidden and system folders"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_system_files_are_neither_read_nor_written() {
        for path in [
            "/etc/passwd",
            "/proc/self/environ",
            "/home/me/.aws/credentials",
            "/home/me/.env",
            "/tmp/key.pem",
            "/home/me/id_ed25519",
            "/srv/config.json",
        ] {
            assert_eq!(allowed(Path::new(path), "file").unwrap_err().code_str(), "BlockedPath", "{path}");
        }
        assert!(allowed(Path::new("/home/me/cluster/parameters.json"), "file").is_ok());
        assert!(allowed(Path::new("/root/parameters"), "file").is_ok());
        assert!(read("parameters.json", "file", 9).unwrap_err().message().contains("absolute"));
    }

    #[test]
    fn a_file_is_written_once_and_replaced_only_when_said() {
        let folder = std::env::temp_dir().join(format!("trainyard-local-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("p.json");
        let path = path.to_str().unwrap();
        write(path, "file", "one", There::Stays, &["json"]).unwrap();
        assert_eq!(write(path, "file", "two", There::Stays, &["json"]).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(read(path, "file", 100).unwrap(), "one");
        write(path, "file", "three", There::IsReplaced, &["json"]).unwrap();
        assert_eq!(read(path, "file", 100).unwrap(), "three");
        assert!(read(path, "file", 2).unwrap_err().message().contains("at most 2 bytes"));
        let target = folder.join("target.json");
        std::fs::write(&target, "kept").unwrap();
        let link = folder.join("link.json");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(write(link.to_str().unwrap(), "file", "x", There::Stays, &["json"]).is_err());
        write(link.to_str().unwrap(), "file", "x", There::IsReplaced, &["json"]).unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "kept", "a link is replaced, not followed");
        assert!(write(folder.join("p.sh").to_str().unwrap(), "file", "x", There::Stays, &["json"]).is_err());
        assert!(write("/etc/p.json", "file", "x", There::IsReplaced, &["json"]).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
