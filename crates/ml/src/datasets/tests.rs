//! What a registry of datasets promises.

use std::{fs, io::Write};

use super::*;

struct Place {
    folder: tempfile::TempDir,
    datasets: Datasets,
    database: Database,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let database = Database::of(&state);
        let datasets = Datasets::new(database.clone(), &state);
        Self { folder, datasets, database }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn register(&self, path: &Path, id: Option<&str>, keeping: Keeping) -> Result<Registered> {
        let new = Registration { path: path.to_owned(), id: id.map(str::to_owned), keeping, ..Registration::default() };
        self.datasets.register(&new, &Watch::default())
    }

    /// Names of all files that are kept.
    fn kept(&self) -> Vec<String> {
        let folder = self.folder.path().join("state/ml/datasets");
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn a_file_becomes_a_version_and_the_same_content_none_more() {
    let place = Place::new();
    let path = place.file("Wine Quality.csv", "a,b\n1,2\n");
    let first = place.register(&path, None, Keeping::Copy).unwrap();
    assert_eq!((first.dataset.id.as_str(), first.dataset.version, first.dataset.rows), ("wine-quality", 1, 1));
    assert!(place.register(&path, None, Keeping::Copy).unwrap().deduplicated);
    // The same bytes under another name share the file.
    let other = place.register(&path, Some("other"), Keeping::Copy).unwrap();
    assert_eq!((other.deduplicated, other.dataset.path.clone()), (false, first.dataset.path.clone()));
    fs::write(&path, "a,b\n1,2\n3,4\n").unwrap();
    let second = place.register(&path, None, Keeping::Copy).unwrap();
    assert_eq!((second.dataset.version, second.dataset.rows), (2, 2));
    let versions = place.datasets.versions("wine-quality").unwrap();
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(place.datasets.list("", "", 10).unwrap().len(), 2);
    assert_eq!(place.datasets.list("wine", "", 10).unwrap()[0].version, 2);
    assert_eq!(place.datasets.list("", "other", 10).unwrap().len(), 1);
    place.datasets.delete("wine-quality", None).unwrap();
    assert_eq!(place.kept().len(), 1, "the other one needs its file");
    assert_eq!(place.datasets.get("other", None).unwrap(), other.dataset);
    place.datasets.delete("other", Some(1)).unwrap();
    assert!(place.kept().is_empty());
    assert_eq!(place.datasets.get("other", None).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn what_is_needed_is_not_deleted() {
    let place = Place::new();
    let dataset = place.register(&place.file("t.csv", "a\n1\n"), None, Keeping::Copy).unwrap().dataset;
    let claimed = |connection: &rusqlite::Transaction<'_>| claim(connection, "t", 1, "job job-1");
    place.database.write_here(claimed).unwrap();
    place.database.write_here(claimed).unwrap();
    let error = place.datasets.delete("t", None).unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::Conflict, "InUse"));
    assert!(error.message().contains("job job-1"), "{error}");
    assert!(dataset.path.exists());
    place.database.write_here(|connection| release(connection, "job job-1")).unwrap();
    place.datasets.delete("t", None).unwrap();
    let error = place.database.write_here(|connection| claim(connection, "t", 1, "job job-2")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_file_that_was_changed_is_no_longer_the_version() {
    let place = Place::new();
    let path = place.file("t.csv", "a\n1\n2\n");
    let dataset = place.register(&path, None, Keeping::Reference).unwrap().dataset;
    assert_eq!(dataset.path, path);
    assert!(place.kept().is_empty());
    // As long, and written at another time.
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all(b"a\n9").unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(9)).unwrap();
    let error = place.datasets.sound("t", None).unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::Conflict, "DatasetChanged"));
    assert!(error.message().contains("SHA-256"), "{error}");
    let again = place.register(&path, None, Keeping::Reference).unwrap();
    assert_eq!((again.deduplicated, again.dataset.version), (false, 2));
    assert!(place.datasets.sound("t", Some(2)).is_ok());
    fs::remove_file(&path).unwrap();
    assert!(place.datasets.sound("t", Some(2)).unwrap_err().message().contains("gone"));
    // A reference is forgotten; the file of somebody else is not touched.
    let kept = place.file("u.csv", "a\n1\n");
    place.register(&kept, None, Keeping::Reference).unwrap();
    place.datasets.delete("u", None).unwrap();
    assert!(kept.exists());
}

#[test]
fn a_registration_that_fails_leaves_nothing() {
    let place = Place::new();
    let broken = place.file("t.jsonl", "{\"a\": 1}\n{broken\n");
    assert!(place.register(&broken, None, Keeping::Copy).is_err());
    assert!(place.register(&place.file("t.csv", "a\n1\n"), Some("Not A Name"), Keeping::Copy).is_err());
    let watch = Watch::default();
    watch.stop();
    let new = Registration { path: place.file("u.csv", "a\n1\n"), ..Registration::default() };
    assert!(place.datasets.register(&new, &watch).is_err());
    assert!(place.kept().is_empty(), "{:?}", place.kept());
    assert!(place.datasets.list("", "", 10).unwrap().is_empty());
}

/// A real file system that is full, where there is one.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let place = Place::new();
    let path = place.file("t.csv", "a\n1\n");
    let error =
        fingerprint(&path, Some(&mut fs::OpenOptions::new().write(true).open("/dev/full").unwrap()), &Watch::default());
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::Capacity, "DiskFull"), "{error}");
}

#[test]
fn two_at_once_register_one_file_once() {
    let place = Place::new();
    let path = place.file("t.csv", &format!("a\n{}", "1\n".repeat(50_000)));
    let registered: Vec<Registered> = std::thread::scope(|scope| {
        let both: Vec<_> =
            (0..4).map(|_| scope.spawn(|| place.register(&path, None, Keeping::Copy).unwrap())).collect();
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(registered.iter().filter(|one| !one.deduplicated).count(), 1);
    assert_eq!(place.datasets.versions("t").unwrap().len(), 1);
}
