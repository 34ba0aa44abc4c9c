//! Datasets that are registered: versions of a name, each one file whose content never changes.
//!
//! A version is a copy in the state folder, or a reference to a file that stays where it is. It exists once it is whole:
//! a copy is written beside its place, brought to the disk and renamed, and only then the database is told.

mod files;
mod tables;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Error, ErrorKind, Result};

use self::files::{modified, place_copy};
pub(crate) use self::tables::AREA;
pub use self::tables::{claim, release, users};
use crate::{
    dataset::{Fingerprint, Layout, Profile, Settings, Wanted, Watch, fingerprint, profile},
    id,
    store::{self, Database},
};

/// Whose file a dataset is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keeping {
    /// A copy in the state folder: it stays what it is.
    #[default]
    Copy,
    /// The file itself, where it lies: no second one, but whoever changes it makes the version unusable.
    Reference,
}

impl Keeping {
    /// The name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Reference => "reference",
        }
    }
}

/// A version of a dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Its name.
    pub id: String,
    /// 1, 2, 3, …
    pub version: u64,
    /// Name of the file that it came from.
    pub filename: String,
    /// The content, byte for byte.
    pub fingerprint: Fingerprint,
    /// Rows, exactly.
    pub rows: u64,
    /// How the file is written.
    pub layout: Layout,
    /// Whose file it is.
    pub keeping: Keeping,
    /// Where it lies.
    pub path: PathBuf,
    /// When that file was last changed as it was registered, in nanoseconds since 1970.
    pub modified: i64,
    /// Words of its owner.
    pub tags: BTreeMap<String, String>,
    /// RFC 3339.
    pub created_at: String,
    /// Where in S3 it lies, verified.
    pub cloud_path: Option<String>,
    /// Version of the object, in a bucket that keeps them.
    pub cloud_version: Option<String>,
    /// CRC-64/NVME that S3 compared, as base64.
    pub cloud_checksum: Option<String>,
    /// What is in it.
    pub profile: Profile,
}

/// A file that is to become a dataset.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// The file.
    pub path: PathBuf,
    /// Name of the dataset; made of the file's where none is given. A name that exists gets another version.
    pub id: Option<String>,
    /// Whose file it is to be.
    pub keeping: Keeping,
    /// What its owner says about the file.
    pub wanted: Wanted,
    /// Words of its owner.
    pub tags: BTreeMap<String, String>,
}

/// An object in S3 that was compared with its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudPlace {
    /// `s3://bucket/key`.
    pub uri: String,
    /// Version of the object, in a bucket that keeps them.
    pub version_id: Option<String>,
    /// CRC-64/NVME, as base64.
    pub crc64nvme: String,
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// The dataset.
    pub dataset: Dataset,
    /// Its content was there already: as this version, nothing was made.
    pub deduplicated: bool,
}

/// What a look at a dataset's file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whether all was read, or size and time alone were looked at.
    pub deep: bool,
    /// What is not as it was; empty where all is.
    pub drift: Vec<String>,
}

/// The datasets of a state folder.
#[derive(Debug, Clone)]
pub struct Datasets {
    database: Database,
    folder: PathBuf,
    busy: Arc<Busy>,
}

/// Files that are being registered: who comes second waits and then finds it done.
#[derive(Debug, Default)]
struct Busy {
    paths: Mutex<HashSet<PathBuf>>,
    changed: Condvar,
}

struct Turn<'a>(&'a Busy, PathBuf);

impl Busy {
    fn turn(&self, path: &Path) -> Turn<'_> {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        while !paths.insert(path.to_owned()) {
            paths = self.changed.wait(paths).unwrap_or_else(PoisonError::into_inner);
        }
        Turn(self, path.to_owned())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.paths.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
        self.0.changed.notify_all();
    }
}

impl Datasets {
    /// Those of this state folder, in this database.
    pub fn new(database: Database, state: &Path) -> Self {
        Self { database, folder: store::folder(state).join("datasets"), busy: Arc::default() }
    }

    /// Registers a file: reads it, once or twice, and keeps what is in it. Blocks as long as that takes.
    pub fn register(&self, new: &Registration, watch: &Watch) -> Result<Registered> {
        let filename = filename(&new.path)?;
        let id = new.id.clone().or_else(|| id::from_text(stem(&filename)));
        let id = id.ok_or_else(|| {
            Error::validation(format!("no name can be made of {filename:?}")).hint("give the dataset an id")
        })?;
        id::check("dataset", &id)?;
        let _turn = self.busy.turn(&new.path);
        let layout = Layout::of(&new.path, &new.wanted)?;
        match new.keeping {
            Keeping::Copy => self.register_copy(new, &id, &filename, &layout, watch),
            Keeping::Reference => self.register_reference(new, &id, &filename, &layout, watch),
        }
    }

    fn register_copy(
        &self,
        new: &Registration,
        id: &str,
        filename: &str,
        layout: &Layout,
        watch: &Watch,
    ) -> Result<Registered> {
        let copy = place_copy(&self.folder, &new.path, filename, watch)?;
        let sha256 = copy.fingerprint.sha256.clone();
        if let Some(found) = self.same(new.id.as_deref(), &sha256, layout, Keeping::Copy)? {
            return Ok(Registered { dataset: found, deduplicated: true });
        }
        let known = self.database.read_here(|connection| tables::by_hash(connection, &sha256, None))?;
        // The same bytes, read in the same way, under another name: what is in them is known.
        let profile = match known.filter(|known| known.layout == *layout && known.profile.target.is_none()) {
            Some(known) => known.profile,
            None => profile(copy.path(), layout, &Settings::default(), watch)?,
        };
        let path = copy.keep()?;
        self.add(new, id, filename, path, profile)
    }

    fn register_reference(
        &self,
        new: &Registration,
        id: &str,
        filename: &str,
        layout: &Layout,
        watch: &Watch,
    ) -> Result<Registered> {
        let profile = profile(&new.path, layout, &Settings::default(), watch)?;
        if let Some(found) = self.same(new.id.as_deref(), &profile.fingerprint.sha256, layout, Keeping::Reference)?
            && found.path == new.path
            && modified(&found.path)? == found.modified
        {
            return Ok(Registered { dataset: found, deduplicated: true });
        }
        self.add(new, id, filename, new.path.clone(), profile)
    }

    /// The version that says all of this already.
    fn same(&self, id: Option<&str>, sha256: &str, layout: &Layout, keeping: Keeping) -> Result<Option<Dataset>> {
        let found = self.database.read_here(|connection| tables::by_hash(connection, sha256, id))?;
        let alike = |found: &Dataset| &found.layout == layout && found.keeping == keeping;
        Ok(found.filter(|found| {
            alike(found) && self.verify(found, false, &Watch::default()).is_ok_and(|verified| verified.drift.is_empty())
        }))
    }

    fn add(&self, new: &Registration, id: &str, filename: &str, path: PathBuf, profile: Profile) -> Result<Registered> {
        let dataset = Dataset {
            id: id.to_owned(),
            version: 0,
            filename: filename.to_owned(),
            fingerprint: profile.fingerprint.clone(),
            rows: profile.rows,
            layout: profile.layout.clone(),
            keeping: new.keeping,
            modified: modified(&path)?,
            path,
            tags: new.tags.clone(),
            created_at: String::new(),
            cloud_path: None,
            cloud_version: None,
            cloud_checksum: None,
            profile,
        };
        let dataset = self.database.write_here(|connection| {
            let version = tables::add(connection, &dataset)?;
            tables::get(connection, id, Some(version))
        })?;
        Ok(Registered { dataset, deduplicated: false })
    }

    /// One version; the latest where none is given.
    pub fn get(&self, id: &str, version: Option<u64>) -> Result<Dataset> {
        self.database.read_here(|connection| tables::get(connection, id, version))
    }

    /// All versions of one, the latest first.
    pub fn versions(&self, id: &str) -> Result<Vec<Dataset>> {
        self.database.read_here(|connection| tables::versions(connection, id))
    }

    /// The latest versions of those whose names begin so, in the order of their names, after this one.
    pub fn list(&self, prefix: &str, after: &str, limit: u64) -> Result<Vec<Dataset>> {
        self.database.read_here(|connection| tables::list(connection, prefix, after, limit))
    }

    /// Looks whether a version's file is what it was: all of it, or size and time alone.
    pub fn verify(&self, dataset: &Dataset, deep: bool, watch: &Watch) -> Result<Verified> {
        let about = match dataset.path.metadata() {
            Ok(about) => about,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Verified { deep, drift: vec![format!("{} is gone", dataset.path.display())] });
            }
            Err(error) => return Err(store::file_error(&error, &dataset.path)),
        };
        let mut drift = Vec::new();
        let expected = &dataset.fingerprint;
        if about.len() != expected.bytes {
            drift.push(format!("{} bytes instead of {}", about.len(), expected.bytes));
        }
        let touched = modified(&dataset.path)? != dataset.modified;
        // A file that was only touched is still the same file.
        if drift.is_empty() && (deep || touched) {
            let found = fingerprint(&dataset.path, None, watch)?;
            if found.sha256 != expected.sha256 {
                drift.push(format!("SHA-256 {} instead of {}", found.sha256, expected.sha256));
            }
            return Ok(Verified { deep: true, drift });
        }
        Ok(Verified { deep: false, drift })
    }

    /// A version whose file is what it was, to read from it.
    pub fn sound(&self, id: &str, version: Option<u64>) -> Result<Dataset> {
        let dataset = self.get(id, version)?;
        let verified = self.verify(&dataset, false, &Watch::default())?;
        if verified.drift.is_empty() {
            return Ok(dataset);
        }
        let what = format!(
            "the file of {} version {} is no longer what it was: {}",
            dataset.id,
            dataset.version,
            verified.drift.join(", ")
        );
        Err(Error::new(ErrorKind::Conflict, what)
            .code("DatasetChanged")
            .hint("register the file again: it becomes the next version"))
    }

    /// Looks at a version for a target.
    pub fn profile(&self, dataset: &Dataset, settings: &Settings, watch: &Watch) -> Result<Profile> {
        if settings.target == dataset.profile.target {
            return Ok(dataset.profile.clone());
        }
        profile(&dataset.path, &dataset.layout, settings, watch)
    }

    /// Writes a version's file to a path where there is none, whole and as it was registered, or not at all.
    pub fn write_to(&self, dataset: &Dataset, path: &Path, watch: &Watch) -> Result<()> {
        files::write_to(dataset, path, watch)
    }

    /// Who needs a version, or any.
    pub fn users(&self, id: &str, version: Option<u64>) -> Result<Vec<String>> {
        self.database.read_here(|connection| users(connection, id, version))
    }

    /// Deletes a version or all, with the copies that nobody else needs. Refused while a job or a model needs one.
    pub fn delete(&self, id: &str, version: Option<u64>) -> Result<Vec<Dataset>> {
        let gone = self.database.write_here(|connection| {
            let gone = match version {
                Some(version) => vec![tables::get(connection, id, Some(version))?],
                None => tables::versions(connection, id)?,
            };
            let users = users(connection, id, version)?;
            if !users.is_empty() {
                return Err(in_use(id, &users).into());
            }
            tables::remove(connection, id, version)?;
            Ok(gone)
        })?;
        for dataset in gone.iter().filter(|dataset| dataset.keeping == Keeping::Copy) {
            let path = dataset.path.display().to_string();
            // Within a transaction that writes: nobody registers the same content meanwhile.
            self.database.write_here(|connection| {
                if !tables::is_kept(connection, &path)? {
                    files::remove(&dataset.path)?;
                }
                Ok(())
            })?;
        }
        Ok(gone)
    }

    /// Notes where in S3 a version lies, once it was verified there.
    pub fn set_cloud(&self, id: &str, version: u64, place: &CloudPlace) -> Result<Dataset> {
        self.database.write_here(|connection| {
            tables::set_cloud(connection, id, version, place)?;
            tables::get(connection, id, Some(version))
        })
    }
}

fn in_use(id: &str, users: &[String]) -> Error {
    Error::new(ErrorKind::Conflict, format!("dataset {id} is needed by {}; nothing was deleted", users.join(", ")))
        .code("InUse")
        .hint("end the jobs and archive the models first")
}

/// The file's own name, as far as it can stand in an S3 key and in a list.
fn filename(path: &Path) -> Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = |letter: char| if letter.is_control() || "/\\".contains(letter) { '_' } else { letter };
    let name: String = name.chars().map(plain).take(200).collect();
    if name.is_empty() { Err(Error::validation(format!("{} names no file", path.display()))) } else { Ok(name) }
}

/// A file's name without its endings.
fn stem(filename: &str) -> &str {
    filename.trim_start_matches('.').split('.').next().unwrap_or(filename)
}
