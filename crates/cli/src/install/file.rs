//! Changing a file of somebody else's: a copy of it first, then all at once or not at all.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use trainyard_contract::{Error, Result};

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It already was as it should be.
    Nothing,
    /// There was none.
    Made,
    /// It was changed; what it was before is here.
    Changed(PathBuf),
}

/// Changes the text of a file, or makes the file.
pub(super) fn change(path: &Path, edit: impl FnOnce(&str) -> Result<String>) -> Result<Done> {
    let failed = |error: &io::Error| Error::validation(format!("{}: {error}; nothing was changed", path.display()));
    // A link stays a link: what it points to is changed.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(&error)),
    };
    let after = edit(before.as_deref().unwrap_or_default())?;
    if before.as_deref() == Some(after.as_str()) {
        return Ok(Done::Nothing);
    }
    let backup = sibling(path, "before-trainyard");
    if before.is_some() {
        fs::copy(path, &backup).map_err(|error| failed(&error))?;
    }
    replace(path, &after).map_err(|error| failed(&error))?;
    Ok(if before.is_some() { Done::Changed(backup) } else { Done::Made })
}

/// Writes a file beside it and moves that into its place.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = sibling(path, &format!("partial-{}", std::process::id()));
    let written = (|| {
        let mut file = fs::File::create(&partial)?;
        file.write_all(text.as_bytes())?;
        if let Ok(found) = fs::metadata(path) {
            file.set_permissions(found.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&partial, path)
    })();
    if written.is_err() {
        drop(fs::remove_file(&partial));
    }
    written
}

fn sibling(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    path.with_file_name(name)
}
