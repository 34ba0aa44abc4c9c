//! What a transfer remembers on disk, so that another process can go on where this one was stopped.
//!
//! One file a transfer: a line that says which transfer it is, then a line for each piece that has arrived. What it says is
//! never believed: pieces are compared with the file, or with what S3 lists, before they count.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use md5::{Digest as _, Md5};
use serde::{Serialize, de::DeserializeOwned};
use trainyard_contract::{Error, ErrorKind, Result};

use super::{checksum::hexadecimal, disk};

/// An open journal. It is locked: two processes cannot do one transfer at once.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

/// The name of a transfer, from whatever tells it apart from others.
pub(super) fn name(parts: &[&str]) -> String {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    hexadecimal(&digest.finalize())
}

impl Journal {
    /// Opens or makes the journal of that name.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|error| disk::failed("make the folder", folder, &error))?;
        let path = folder.join(format!("{name}.transfer"));
        let failed = |error: &_| disk::failed("open", &path, error);
        loop {
            let file = disk::private().create(true).truncate(false).open(&path).map_err(|error| failed(&error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(Error::new(ErrorKind::Conflict, "the same transfer is under way in another process")
                        .code("TransferUnderWay")
                        .retryable(true)
                        .hint("wait for it to end, then repeat the call"));
                }
                Err(fs::TryLockError::Error(error)) => return Err(failed(&error)),
            }
            // Whoever had it before us may have removed it while we waited to open it.
            if still_there(&file, &path) {
                return Ok(Self { file, path });
            }
        }
    }

    /// What it says: which transfer, and the pieces. `None` where it says nothing that can be read.
    pub(super) fn read<H: DeserializeOwned, P: DeserializeOwned>(&mut self) -> Option<(H, Vec<P>)> {
        self.file.rewind().ok()?;
        let mut lines = BufReader::new(&self.file).lines();
        let head = serde_json::from_str(&lines.next()?.ok()?).ok()?;
        // The last line may have been cut off with the process that wrote it.
        let pieces = lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()).collect();
        Some((head, pieces))
    }

    /// Begins anew.
    pub(super) fn begin<H: Serialize>(&mut self, head: &H) -> Result<()> {
        let begun = self.file.set_len(0).and_then(|()| self.file.rewind());
        begun.map_err(|error| disk::failed("write", &self.path, &error))?;
        self.append(head)?;
        self.file.sync_data().map_err(|error| disk::failed("write", &self.path, &error))
    }

    /// Adds a line, in one write: what is there is whole, or the last line.
    pub(super) fn append<P: Serialize>(&mut self, line: &P) -> Result<()> {
        let mut text = serde_json::to_string(line).map_err(|error| Error::internal(error.to_string()))?;
        text.push('\n');
        let written = self.file.seek(std::io::SeekFrom::End(0)).and_then(|_| self.file.write_all(text.as_bytes()));
        written.map_err(|error| disk::failed("write", &self.path, &error))
    }

    /// The transfer is done, or given up: nothing is to be remembered.
    pub(super) fn remove(self) {
        // A journal that stays behind is found to be of no use by whoever reads it next.
        drop(fs::remove_file(&self.path));
    }
}

#[cfg(unix)]
fn still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (ours, there) = (file.metadata(), fs::metadata(path));
    matches!((ours, there), (Ok(ours), Ok(there)) if (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
}

/// An open file cannot be removed here.
#[cfg(not(unix))]
fn still_there(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_does_not_count() {
        let folder = std::env::temp_dir().join(format!("trainyard-journal-{}", std::process::id()));
        let mut journal = Journal::open(&folder, "one").unwrap();
        assert!(journal.read::<String, u32>().is_none());
        journal.begin(&"head").unwrap();
        journal.append(&1).unwrap();
        journal.append(&22).unwrap();
        assert_eq!(Journal::open(&folder, "one").unwrap_err().code_str(), "TransferUnderWay");
        drop(journal);
        let path = folder.join("one.transfer");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\"33")).unwrap();
        let mut journal = Journal::open(&folder, "one").unwrap();
        assert_eq!(journal.read::<String, u32>(), Some(("head".to_owned(), vec![1, 22])));
        journal.remove();
        assert!(!path.exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
