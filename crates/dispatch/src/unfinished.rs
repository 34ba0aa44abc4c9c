//! Changes under way, so that one whose process was ended half-way is not answered as if it had never been.
//!
//! Each change leaves a mark in the state folder that its process keeps locked. A mark that can be locked by somebody
//! else belongs to a process that is gone.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use trainyard_contract::{Error, ErrorKind, Result};

use crate::state;

/// The mark of a change under way; taken away when this is dropped.
pub(crate) struct Mark {
    path: PathBuf,
    _locked: File,
}

impl Drop for Mark {
    fn drop(&mut self) {
        // A mark that stays is read as unlocked, and says no more than that the outcome is not known.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Marks a change with this digest as under way. Refused, once, where one just like it was cut off.
pub(crate) fn begin(state: &Path, digest: &str, tool: &str, call: u64, id: &str) -> Result<Mark> {
    let folder = state.join("running");
    if let Some(error) = cut_off(&folder, digest) {
        return Err(error);
    }
    let path = folder.join(format!("{}-{id}", &digest[..16]));
    // Locked before anybody can find it.
    let draft = folder.join(format!("draft-{id}"));
    let mark = || -> std::io::Result<File> {
        state::folder(&folder)?;
        let mut file = state::private().write(true).create_new(true).open(&draft)?;
        file.lock()?;
        let facts = json!({ "tool": tool, "digest": digest, "call": call, "since": state::now() });
        file.write_all(facts.to_string().as_bytes())?;
        file.sync_data()?;
        std::fs::rename(&draft, &path)?;
        Ok(file)
    };
    match mark() {
        Ok(locked) => Ok(Mark { path, _locked: locked }),
        Err(error) => Err(Error::policy_denied(format!(
            "the state folder cannot be written ({}: {error}), so nothing is changed",
            folder.display()
        ))
        .code("NoStateFolder")),
    }
}

/// What is known of a change just like this one whose process is gone. Told once.
fn cut_off(folder: &Path, digest: &str) -> Option<Error> {
    let entries = std::fs::read_dir(folder).ok()?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with(&digest[..16]) {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        if file.try_lock().is_err() {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let facts: Value = serde_json::from_str(&text).unwrap_or_default();
        drop(std::fs::remove_file(entry.path()));
        return Some(unknown(&facts));
    }
    None
}

fn unknown(facts: &Value) -> Error {
    let since = facts["since"].as_u64().unwrap_or_default();
    let ago = state::now().saturating_sub(since);
    let call = facts["call"].as_u64().unwrap_or_default();
    Error::new(
        ErrorKind::Conflict,
        format!(
            "call {call}, just like this one, was begun {ago} s ago, and its process was ended before it could say what \
             became of it: the outcome is unknown; nothing was sent now"
        ),
    )
    .code("OutcomeUnknown")
    .hint("look at the target first; if the change is still to be made, repeat the call")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_change_that_was_cut_off_is_told_once_and_one_under_way_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let running = begin(folder.path(), DIGEST, "smash", 7, "a").unwrap();
        let beside = begin(folder.path(), DIGEST, "smash", 8, "b").unwrap();
        drop(running);
        drop(beside);
        assert_eq!(std::fs::read_dir(folder.path().join("running")).unwrap().count(), 0);

        let left = folder.path().join("running").join(format!("{}-dead", &DIGEST[..16]));
        std::fs::write(&left, json!({ "call": 7, "since": state::now() }).to_string()).unwrap();
        let other = begin(folder.path(), "ffffffffffffffffffffffffffffffff", "smash", 9, "c");
        assert!(other.is_ok(), "another call");
        let error = begin(folder.path(), DIGEST, "smash", 9, "d").err().unwrap();
        assert_eq!(error.code_str(), "OutcomeUnknown");
        assert!(error.message().starts_with("call 7, just like this one"), "{error}");
        assert!(begin(folder.path(), DIGEST, "smash", 9, "e").is_ok());
    }
}
