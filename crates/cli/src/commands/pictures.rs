//! Pictures of an answer at the shell: files, whose paths the answer names.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use trainyard_contract::{Error, Picture, Result};
use trainyard_dispatch::Done;

use crate::config::Config;

/// Pictures of one name that may lie there before somebody has to clear the folder.
const MOST: u32 = 10_000;

/// The answer as the shell shows it: with `pictures`, each with the file that it was written to.
pub(super) fn shown(config: &Config, tool: &str, done: Done) -> Result<Value> {
    let Done { mut value, pictures, .. } = done;
    if pictures.is_empty() {
        return Ok(value);
    }
    let Some(state) = &config.state_dir else {
        return Err(Error::unsupported("there is no folder to keep pictures in")
            .code("NoStateDirectory")
            .hint("repeat the command with --state-dir, or without asking for a picture"));
    };
    let folder = state.join("pictures");
    let mut written = Vec::with_capacity(pictures.len());
    for picture in &pictures {
        let path = write(&folder, tool, &picture.png)
            .map_err(|error| Error::unsupported(format!("no picture can be kept in {}: {error}", folder.display())))?;
        // The path last: a terminal cuts every column but that one.
        written.push(json!({ "shows": picture.alt, "path": path }));
    }
    if let Some(members) = value.as_object_mut() {
        members.insert("pictures".into(), written.into());
    }
    Ok(value)
}

/// What a terminal shows of pictures.
pub(super) fn plots(pictures: &[Picture]) -> String {
    pictures.iter().filter_map(|picture| picture.plot.as_deref()).flat_map(|plot| ["\n", plot]).collect()
}

/// Writes a file of a name that nobody has yet.
fn write(folder: &Path, tool: &str, png: &[u8]) -> std::io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    for number in 1..=MOST {
        let path = folder.join(format!("{tool}-{number}.png"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => return file.write_all(png).map(|()| path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::other(format!("there are {MOST} pictures of {tool} already; delete some")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_picture_is_written_over_another() {
        let folder = std::env::temp_dir().join(format!("trainyard-pictures-{}", std::process::id()));
        let (one, other) = (write(&folder, "draw", b"a").unwrap(), write(&folder, "draw", b"b").unwrap());
        assert_ne!(one, other);
        assert_eq!((fs::read(&one).unwrap(), fs::read(&other).unwrap()), (b"a".to_vec(), b"b".to_vec()));
        fs::remove_dir_all(&folder).unwrap();
    }
}
