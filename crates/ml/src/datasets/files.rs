//! Copies of datasets in the state folder, named by their content.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use trainyard_contract::{Error, ErrorKind, Result};

use super::Dataset;
use crate::{
    dataset::{Fingerprint, Watch, fingerprint},
    id,
    store::{file_error, make_folder},
};

/// Name of a copy that is not whole.
const PARTIAL: &str = ".partial";

/// A partial copy this old belongs to a process that is gone.
const ABANDONED: Duration = Duration::from_hours(24);

/// A copy that has no name yet. It goes away unless it is kept.
pub(super) struct Copy {
    partial: PathBuf,
    place: PathBuf,
    pub(super) fingerprint: Fingerprint,
}

/// Copies a file beside its place and brings it to the disk. `filename` gives the endings, which say what it is.
pub(super) fn place_copy(folder: &Path, from: &Path, filename: &str, watch: &Watch) -> Result<Copy> {
    make_folder(folder)?;
    sweep(folder);
    copy_beside(folder, from, &endings(filename), watch)
}

fn copy_beside(folder: &Path, from: &Path, endings: &str, watch: &Watch) -> Result<Copy> {
    let partial = folder.join(format!("{}{PARTIAL}{endings}", id::new("copy")?));
    // Whatever fails from here on, the partial file goes.
    let mut copy =
        Copy { place: PathBuf::new(), fingerprint: Fingerprint { sha256: String::new(), bytes: 0 }, partial };
    let failed = |error: io::Error, path: &Path| file_error(&error, path);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&copy.partial).map_err(|error| failed(error, &copy.partial))?;
    copy.fingerprint = fingerprint(from, Some(&mut file), watch)?;
    file.flush().and_then(|()| file.sync_all()).map_err(|error| failed(error, &copy.partial))?;
    copy.place = folder.join(format!("{}{endings}", copy.fingerprint.sha256));
    Ok(copy)
}

/// Copies a version's file to where nothing is yet.
pub(super) fn write_to(dataset: &Dataset, path: &Path, watch: &Watch) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folder(folder)?;
    let copy = copy_beside(folder, &dataset.path, "", watch)?;
    if copy.fingerprint != dataset.fingerprint {
        let what = format!("the file of {} version {} is no longer what it was", dataset.id, dataset.version);
        return Err(Error::new(ErrorKind::Conflict, what).code("DatasetChanged"));
    }
    // A link fails where something is, which a rename would replace.
    fs::hard_link(&copy.partial, path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::new(ErrorKind::AlreadyExists, format!("{} exists; nothing was written", path.display()))
        }
        _ => file_error(&error, path),
    })
}

impl Copy {
    /// Where it lies meanwhile.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Gives it its name, which is on the disk when this returns.
    pub(super) fn keep(self) -> Result<PathBuf> {
        let place = self.place.clone();
        fs::rename(&self.partial, &place).map_err(|error| file_error(&error, &place))?;
        if let Some(folder) = place.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| file_error(&error, folder))?;
        }
        Ok(place)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Once it is kept, there is no such file any more.
        let _ = fs::remove_file(&self.partial);
    }
}

/// Removes what processes left that were ended. What fails here is tried again at the next registration.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let partial = entry.file_name().to_string_lossy().contains(PARTIAL);
        let old = || entry.metadata().ok()?.modified().ok()?.elapsed().ok().map(|age| age > ABANDONED);
        if partial && old() == Some(true) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes a copy. One that is gone already is removed.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(&error, path)),
        _ => Ok(()),
    }
}

/// When a file was last changed, in nanoseconds since 1970.
pub(super) fn modified(path: &Path) -> Result<i64> {
    let time = path.metadata().and_then(|about| about.modified()).map_err(|error| file_error(&error, path))?;
    let since = time.duration_since(UNIX_EPOCH).or_else(|_| SystemTime::UNIX_EPOCH.duration_since(time));
    Ok(since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
}

/// `.csv.gz` of `table.csv.gz`: what says how a file is written, and no more.
fn endings(filename: &str) -> String {
    let known = ["csv", "tsv", "txt", "jsonl", "ndjson", "jsonlines", "parquet", "pq", "gz", "zst", "zstd"];
    let parts: Vec<&str> = filename.split('.').skip(1).collect();
    let kept = parts.iter().rev().take_while(|part| known.contains(&part.to_ascii_lowercase().as_str())).count();
    parts[parts.len() - kept..].iter().flat_map(|part| [".".to_owned(), part.to_ascii_lowercase()]).collect()
}
