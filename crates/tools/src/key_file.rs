//! Files that hold a private key: made before the key is, readable by their owner alone, never overwritten.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use trainyard_contract::{Error, Result};

/// A place that is ready to take a key. Given up again unless it was filled.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    file: File,
    filled: bool,
}

impl KeyFile {
    /// Makes an empty file of this name below `folder`, which is made too.
    pub(crate) fn reserve(folder: &Path, name: &str) -> Result<Self> {
        let failed = |error: &std::io::Error, path: &Path| {
            Error::unsupported(format!("no key can be kept in {}: {error}", path.display())).code("KeyFile")
        };
        let mut folders = DirBuilder::new();
        let mut options = OpenOptions::new();
        folders.recursive(true);
        // Never over a key that is there.
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
            folders.mode(0o700);
            options.mode(0o600);
        }
        folders.create(folder).map_err(|error| failed(&error, folder))?;
        let path = folder.join(file_name(name));
        match options.open(&path) {
            Ok(file) => Ok(Self { path, file, filled: false }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Error::new(trainyard_contract::ErrorKind::AlreadyExists, format!("{} exists", path.display()))
                    .code("KeyFile")
                    .hint("it may be a key that is in use: move it away, or choose another name"))
            }
            Err(error) => Err(failed(&error, &path)),
        }
    }

    /// Writes the key. The file stays from then on.
    pub(crate) fn fill(mut self, key: &str) -> Result<PathBuf> {
        let written = self.file.write_all(key.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|error| Error::internal(format!("{} could not be written: {error}", self.path.display())))?;
        self.filled = true;
        Ok(self.path.clone())
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if !self.filled {
            // Best effort: an empty file is in nobody's way for long.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// A name that stays in its folder, whatever it was made from.
fn file_name(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let safe: String = name.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
    format!("{}.pem", safe.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_its_owner_alone_and_is_never_overwritten() {
        let folder = std::env::temp_dir().join(format!("trainyard-keys-{}", std::process::id()));
        let path = KeyFile::reserve(&folder, "team/../gpu").unwrap().fill("secret").unwrap();
        assert_eq!(path, folder.join("team_.._gpu.pem"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let again = KeyFile::reserve(&folder, "team/../gpu").unwrap_err();
        assert_eq!(again.kind(), trainyard_contract::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
        drop(KeyFile::reserve(&folder, "unused").unwrap());
        assert!(!folder.join("unused.pem").exists(), "a place that was not filled is given up");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for name in ["..", "../../etc/passwd", "/etc/passwd", ".ssh", "a\0b", "a b"] {
            let file = file_name(name);
            let one_component = Path::new(&file).components().count() == 1 && Path::new(&file).file_name().is_some();
            assert!(one_component && !file.contains('\0'), "{name:?} became {file:?}");
        }
    }
}
