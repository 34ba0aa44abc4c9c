//! Where on this machine tools may read and write files.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use trainyard_contract::{Error, Result};

/// Folders that the operator lets tools read and write, with all that is below them. None, unless some are named.
#[derive(Debug, Clone, Default)]
pub struct LocalPaths(Arc<[PathBuf]>);

impl LocalPaths {
    /// These folders.
    pub fn new(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(folders.into_iter().collect())
    }

    /// Whether the operator named any.
    pub(crate) fn are_named(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether none is allowed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A file or folder that exists, with symbolic links resolved.
    pub(crate) fn existing(&self, path: &str) -> Result<PathBuf> {
        let path = self.sound(path)?;
        let resolved = path
            .canonicalize()
            .map_err(|error| Error::validation(format!("{}: {error}", path.display())).code("LocalFile"))?;
        self.allowed(&resolved)?;
        Ok(resolved)
    }

    /// A file or folder that may not exist yet. What there is of the way to it is resolved, so that no link leads out of the
    /// allowed folders.
    pub(crate) fn to_write(&self, path: &str) -> Result<PathBuf> {
        let path = self.sound(path)?;
        let (mut there, mut rest) = (path.as_path(), Vec::new());
        let resolved = loop {
            // A link itself is replaced, never followed, so the last part is not resolved.
            if !rest.is_empty()
                && let Ok(resolved) = there.canonicalize()
            {
                break resolved;
            }
            let (Some(parent), Some(name)) = (there.parent(), there.file_name()) else {
                return Err(refused(&path, "names no file"));
            };
            rest.push(name);
            there = parent;
        };
        let whole: PathBuf = std::iter::once(resolved.as_os_str()).chain(rest.into_iter().rev()).collect();
        self.allowed(&whole)?;
        Ok(whole)
    }

    fn sound(&self, path: &str) -> Result<PathBuf> {
        if self.0.is_empty() {
            return Err(Error::policy_denied("this server may not touch local files; nothing was sent")
                .code("Refused")
                .hint("ask the operator to start it with --local-paths FOLDER"));
        }
        let path = PathBuf::from(path);
        if !path.is_absolute() {
            return Err(Error::validation(format!("{:?} is not an absolute path", path.display())).code("LocalFile"));
        }
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(refused(&path, "has a part that means another folder"));
        }
        Ok(path)
    }

    fn allowed(&self, resolved: &Path) -> Result<()> {
        let below = |folder: &PathBuf| folder.canonicalize().is_ok_and(|folder| resolved.starts_with(folder));
        if self.0.iter().any(below) {
            return Ok(());
        }
        let folders: Vec<_> = self.0.iter().map(|folder| folder.display().to_string()).collect();
        Err(Error::policy_denied(format!("{} is outside the folders that the operator allows", resolved.display()))
            .code("Refused")
            .hint(format!("use a path below {}", folders.join(" or "))))
    }
}

fn refused(path: &Path, why: &str) -> Error {
    Error::validation(format!("{:?} {why}", path.display())).code("LocalFile")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use trainyard_contract::ErrorKind;

    use super::*;

    #[test]
    fn nothing_outside_the_allowed_folders_is_touched() {
        let root = std::env::temp_dir().join(format!("trainyard-local-{}", std::process::id()));
        fs::create_dir_all(root.join("in/below")).unwrap();
        fs::create_dir_all(root.join("out")).unwrap();
        fs::write(root.join("in/file"), "").unwrap();
        fs::write(root.join("out/secret"), "").unwrap();
        let paths = LocalPaths::new([root.join("in")]);
        let text = |path: &str| root.join(path).display().to_string();
        assert!(paths.existing(&text("in/file")).is_ok());
        assert!(paths.to_write(&text("in/new")).is_ok());
        assert!(paths.to_write(&text("in/below/deep/new")).is_ok());
        for outside in ["out/secret", "in/../out/secret"] {
            assert!(paths.existing(&text(outside)).is_err(), "{outside}");
            assert!(paths.to_write(&text(outside)).is_err(), "{outside}");
        }
        assert!(paths.existing("in/file").is_err(), "a relative path");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.join("out"), root.join("in/link")).unwrap();
            assert_eq!(paths.existing(&text("in/link/secret")).unwrap_err().kind(), ErrorKind::PolicyDenied);
            assert_eq!(paths.to_write(&text("in/link/new")).unwrap_err().kind(), ErrorKind::PolicyDenied);
        }
        let none = LocalPaths::default();
        assert_eq!(none.existing(&text("in/file")).unwrap_err().kind(), ErrorKind::PolicyDenied);
        fs::remove_dir_all(&root).unwrap();
    }
}
