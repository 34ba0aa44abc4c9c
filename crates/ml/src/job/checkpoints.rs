//! Checkpoints of a training: files that a later attempt, or another job that does the same, goes on from.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{id, store};

/// Most that is read of one: more is not ours.
const MOST_BYTES: u64 = 1 << 30;
/// How long checkpoints lie that nobody goes on from.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// The checkpoints of one training: of everything that is to be learnt from the same data in the same way. A checkpoint saves
/// time and decides nothing, so whatever goes wrong with one is passed over.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// Of a job with this order, which names its data by their digest.
    pub fn of(state: &Path, order: &Value) -> Self {
        let name = id::hexadecimal(&Sha256::digest(format!("{} {order}", env!("CARGO_PKG_VERSION"))));
        Self { folder: store::folder(state).join("checkpoints").join(name) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        fs::read_dir(&self.folder).is_ok_and(|mut files| files.next().is_none()) || !self.folder.is_dir()
    }

    /// Keeps one under this name, whole or not at all.
    pub(crate) fn keep(&self, name: &str, bytes: &[u8]) {
        let written = || -> std::io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            // Two workers may do the same at the same time.
            let part = self.folder.join(format!(".{name}.{}", std::process::id()));
            let mut file = File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, self.folder.join(name))
        };
        if let Err(error) = written() {
            eprintln!("no checkpoint: {error}");
        }
    }

    /// What was kept under this name.
    pub(crate) fn recall(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.folder.join(name);
        let bytes = fs::metadata(&path).ok()?.len();
        (bytes <= MOST_BYTES).then(|| fs::read(&path).ok())?
    }

    /// Takes them away once the training is done, and those that were left long ago.
    pub(crate) fn clear(&self) {
        drop(fs::remove_dir_all(&self.folder));
        let others = self.folder.parent().map(fs::read_dir).into_iter().flatten().flatten().flatten();
        let old = |path: &Path| {
            let changed = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
            changed.and_then(|changed| SystemTime::now().duration_since(changed).ok()).is_some_and(|age| age > KEPT)
        };
        others.map(|entry| entry.path()).filter(|path| old(path)).for_each(|path| drop(fs::remove_dir_all(path)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_found_by_whoever_does_the_same() {
        let state = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::of(state.path(), &json!({ "seed": 1 }));
        assert!(checkpoints.is_empty() && checkpoints.recall("fit-1").is_none());
        checkpoints.keep("fit-1", b"one");
        checkpoints.keep("fit-1", b"two");
        let again = Checkpoints::of(state.path(), &json!({ "seed": 1 }));
        assert_eq!(again.recall("fit-1").unwrap(), b"two");
        assert!(!again.is_empty());
        assert!(Checkpoints::of(state.path(), &json!({ "seed": 2 })).is_empty());
        again.clear();
        assert!(checkpoints.is_empty());
    }
}
