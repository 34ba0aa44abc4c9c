//! What stands in the database about datasets.

use rusqlite::{Connection, Row, ToSql};
use trainyard_contract::{Error, ErrorKind, Result};

use super::{Dataset, Keeping};
use crate::{
    dataset::Fingerprint,
    moment,
    store::{Area, Failure},
};

pub(crate) const AREA: Area = Area {
    name: "datasets",
    steps: &["
    CREATE TABLE datasets (
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        filename TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        -- JSON
        layout TEXT NOT NULL,
        -- JSON: everything that was found out, the columns included
        profile TEXT NOT NULL,
        -- 'copy' or 'reference'
        keeping TEXT NOT NULL,
        path TEXT NOT NULL,
        -- of the file when it was registered, in nanoseconds since 1970
        modified INTEGER NOT NULL,
        -- JSON
        tags TEXT NOT NULL,
        created INTEGER NOT NULL,
        cloud_path TEXT,
        cloud_version TEXT,
        cloud_checksum TEXT,
        PRIMARY KEY (id, version)
    ) STRICT;
    CREATE INDEX datasets_by_hash ON datasets (sha256);
    -- Who needs a version: a job that is not over, a model that is not archived.
    CREATE TABLE dataset_uses (
        dataset TEXT NOT NULL,
        version INTEGER NOT NULL,
        user TEXT NOT NULL,
        PRIMARY KEY (user, dataset, version),
        FOREIGN KEY (dataset, version) REFERENCES datasets (id, version)
    ) STRICT, WITHOUT ROWID;
    "],
};

/// Notes that `user` (`job job-01…`, `model churn 3`) needs this version: it is not deleted as long as that stands.
/// Saying so twice says it once.
pub fn claim(connection: &Connection, dataset: &str, version: u64, user: &str) -> Result<(), Failure> {
    let add = "INSERT OR IGNORE INTO dataset_uses (dataset, version, user) VALUES (?1, ?2, ?3)";
    match connection.execute(add, (dataset, sql(version), user)) {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
            Err(missing(dataset, Some(version)).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Notes that `user` needs none any more.
pub fn release(connection: &Connection, user: &str) -> Result<(), Failure> {
    connection.execute("DELETE FROM dataset_uses WHERE user = ?1", [user])?;
    Ok(())
}

/// Who needs this version, or any where none is given.
pub fn users(connection: &Connection, dataset: &str, version: Option<u64>) -> Result<Vec<String>, Failure> {
    let ask =
        "SELECT DISTINCT user FROM dataset_uses WHERE dataset = ?1 AND (?2 IS NULL OR version = ?2) ORDER BY user";
    let mut statement = connection.prepare(ask)?;
    let rows = statement.query_map((dataset, version.map(sql)), |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn missing(id: &str, version: Option<u64>) -> Error {
    let name = version.map_or_else(|| id.to_owned(), |version| format!("{id} version {version}"));
    Error::not_found("dataset", &name).hint("dataset_list shows those that there are")
}

/// Numbers of `SQLite` have a sign; counts of ours fit.
pub(super) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const COLUMNS: &str = "id, version, filename, sha256, bytes, rows, layout, profile, keeping, path, modified, tags, \
                       created, cloud_path, cloud_version, cloud_checksum";

fn dataset(row: &Row<'_>) -> rusqlite::Result<Result<Dataset>> {
    let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
    let profile: String = row.get(7)?;
    let (layout, tags): (String, String) = (row.get(6)?, row.get(11)?);
    let decoded = |error: serde_json::Error| {
        Error::new(ErrorKind::Internal, format!("what the database says of a dataset cannot be read: {error}"))
            .code("StoreDamaged")
    };
    let keeping = if row.get::<_, String>(8)? == "copy" { Keeping::Copy } else { Keeping::Reference };
    let found = Dataset {
        id: row.get(0)?,
        version: count(1)?,
        filename: row.get(2)?,
        fingerprint: Fingerprint { sha256: row.get(3)?, bytes: count(4)? },
        rows: count(5)?,
        keeping,
        path: row.get::<_, String>(9)?.into(),
        modified: row.get(10)?,
        created_at: moment::text(row.get(12)?),
        cloud_path: row.get(13)?,
        cloud_version: row.get(14)?,
        cloud_checksum: row.get(15)?,
        layout: match serde_json::from_str(&layout) {
            Ok(layout) => layout,
            Err(error) => return Ok(Err(decoded(error))),
        },
        tags: match serde_json::from_str(&tags) {
            Ok(tags) => tags,
            Err(error) => return Ok(Err(decoded(error))),
        },
        profile: match serde_json::from_str(&profile) {
            Ok(profile) => profile,
            Err(error) => return Ok(Err(decoded(error))),
        },
    };
    Ok(Ok(found))
}

fn all(connection: &Connection, after: &str, values: &[&dyn ToSql]) -> Result<Vec<Dataset>, Failure> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM datasets {after}"))?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(dataset(row)??);
    }
    Ok(found)
}

/// One version; the latest where none is given.
pub(super) fn get(connection: &Connection, id: &str, version: Option<u64>) -> Result<Dataset, Failure> {
    let which = "WHERE id = ?1 AND (?2 IS NULL OR version = ?2) ORDER BY version DESC LIMIT 1";
    let found = all(connection, which, &[&id, &version.map(sql)])?;
    found.into_iter().next().ok_or_else(|| missing(id, version).into())
}

/// All versions of one, the latest first.
pub(super) fn versions(connection: &Connection, id: &str) -> Result<Vec<Dataset>, Failure> {
    let found = all(connection, "WHERE id = ?1 ORDER BY version DESC", &[&id])?;
    if found.is_empty() { Err(missing(id, None).into()) } else { Ok(found) }
}

/// The latest version of each whose name begins so, after this one.
pub(super) fn list(connection: &Connection, prefix: &str, after: &str, limit: u64) -> Result<Vec<Dataset>, Failure> {
    let which = "AS this WHERE substr(id, 1, length(?1)) = ?1 AND id > ?2
                 AND version = (SELECT max(version) FROM datasets AS other WHERE other.id = this.id)
                 ORDER BY id LIMIT ?3";
    all(connection, which, &[&prefix, &after, &sql(limit)])
}

/// A version of this content, of this dataset if it has one, of any otherwise.
pub(super) fn by_hash(connection: &Connection, sha256: &str, id: Option<&str>) -> Result<Option<Dataset>, Failure> {
    let which = "WHERE sha256 = ?1 AND (?2 IS NULL OR id = ?2) ORDER BY created DESC, version DESC LIMIT 1";
    Ok(all(connection, which, &[&sha256, &id])?.into_iter().next())
}

/// Whether any version is kept in this file.
pub(super) fn is_kept(connection: &Connection, path: &str) -> Result<bool, Failure> {
    let ask = "SELECT EXISTS (SELECT 1 FROM datasets WHERE path = ?1 AND keeping = 'copy')";
    Ok(connection.query_row(ask, [path], |row| row.get(0))?)
}

/// Adds the next version. Its number is the one after the greatest that there is.
pub(super) fn add(connection: &Connection, new: &Dataset) -> Result<u64, Failure> {
    let greatest = "SELECT coalesce(max(version), 0) + 1 FROM datasets WHERE id = ?1";
    let version: i64 = connection.query_row(greatest, [&new.id], |row| row.get(0))?;
    let json = |value: serde_json::Result<String>| value.map_err(|error| Error::internal(error.to_string()));
    connection.execute(
        "INSERT INTO datasets (id, version, filename, sha256, bytes, rows, layout, profile, keeping, path, modified, tags, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        (
            &new.id,
            version,
            &new.filename,
            &new.fingerprint.sha256,
            sql(new.fingerprint.bytes),
            sql(new.rows),
            json(serde_json::to_string(&new.layout))?,
            json(serde_json::to_string(&new.profile))?,
            new.keeping.as_str(),
            new.path.display().to_string(),
            new.modified,
            json(serde_json::to_string(&new.tags))?,
            moment::now(),
        ),
    )?;
    Ok(version.unsigned_abs())
}

/// Removes one version, or all.
pub(super) fn remove(connection: &Connection, id: &str, version: Option<u64>) -> Result<(), Failure> {
    let which = "DELETE FROM datasets WHERE id = ?1 AND (?2 IS NULL OR version = ?2)";
    connection.execute(which, (id, version.map(sql)))?;
    Ok(())
}

/// Notes where in S3 a version lies, once it was verified there.
pub(super) fn set_cloud(
    connection: &Connection,
    id: &str,
    version: u64,
    place: &super::CloudPlace,
) -> Result<(), Failure> {
    let set =
        "UPDATE datasets SET cloud_path = ?3, cloud_version = ?4, cloud_checksum = ?5 WHERE id = ?1 AND version = ?2";
    match connection.execute(set, (id, sql(version), &place.uri, &place.version_id, &place.crc64nvme))? {
        0 => Err(missing(id, Some(version)).into()),
        _ => Ok(()),
    }
}
