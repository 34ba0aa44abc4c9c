//! Models in the database: each function is one step, whole or not at all.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use trainyard_contract::{Error, ErrorKind};

use super::{Alias, Model, NewVersion, Source, Status, Version, files::Settled};
use crate::{
    datasets::{self, CloudPlace},
    job::{json, text},
    moment,
    store::Failure,
};

type Result<T> = std::result::Result<T, Failure>;

/// Enters a version, and gives its number: one more than any that this model ever had.
pub fn add(transaction: &Transaction<'_>, model: &str, new: &NewVersion, settled: &Settled) -> Result<u32> {
    let now = moment::now();
    let version: u32 = transaction.query_row(
        "INSERT INTO models (id, created_at, last_version) VALUES (?1, ?2, 1)
         ON CONFLICT (id) DO UPDATE SET last_version = last_version + 1 RETURNING last_version",
        params![model, now],
        |row| row.get(0),
    )?;
    let Some(folder) = settled.folder.to_str() else {
        return Err(Error::unsupported(format!("{} is no text", settled.folder.display())).into());
    };
    transaction.execute(
        "INSERT INTO model_versions (model, version, status, format, source, dataset, facts, folder, files, created_at)
         VALUES (?1, ?2, 'ready', ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            model,
            version,
            new.format,
            text(&new.source)?,
            new.source.dataset,
            text(&new.facts)?,
            folder,
            text(&settled.files)?,
            now
        ],
    )?;
    claim(transaction, model, version, &new.source)?;
    Ok(version)
}

/// Which version is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Number(u32),
    /// The one that this name stands for.
    Alias(String),
    /// The newest that is ready.
    Latest,
}

impl Which {
    /// What a caller wrote: a number, `latest`, or an alias.
    pub fn of(text: Option<&str>) -> Self {
        match text {
            None | Some("latest") => Self::Latest,
            Some(text) => match text.parse() {
                Ok(number) => Self::Number(number),
                Err(_) => Self::Alias(text.to_owned()),
            },
        }
    }
}

/// The number of the version that is meant.
pub fn resolve(transaction: &Transaction<'_>, model: &str, which: &Which) -> Result<u32> {
    let found: Option<u32> = match which {
        Which::Number(number) => return Ok(*number),
        Which::Alias(alias) => transaction
            .query_row("SELECT version FROM model_aliases WHERE model = ?1 AND alias = ?2", [model, alias], |row| {
                row.get(0)
            })
            .optional()?,
        Which::Latest => transaction.query_row(
            "SELECT max(version) FROM model_versions WHERE model = ?1 AND status = 'ready'",
            [model],
            |row| row.get(0),
        )?,
    };
    found.ok_or_else(|| {
        let error = match which {
            Which::Alias(alias) => Error::not_found("alias", alias),
            _ => Error::not_found("model with a version that is ready", model),
        };
        error.hint("model_list shows models and aliases, model_list_versions the versions of one").into()
    })
}

/// One version.
pub fn get(transaction: &Transaction<'_>, model: &str, which: &Which) -> Result<Version> {
    let number = resolve(transaction, model, which)?;
    let mut statement = transaction.prepare("SELECT * FROM model_versions WHERE model = ?1 AND version = ?2")?;
    let mut rows = statement.query(params![model, number])?;
    match rows.next()? {
        Some(row) => of_row(transaction, row),
        None => Err(Error::not_found("model version", &format!("{model} {number}"))
            .hint("model_list_versions shows the versions of a model")
            .into()),
    }
}

/// All versions of a model, newest first.
pub fn versions(transaction: &Transaction<'_>, model: &str) -> Result<Vec<Version>> {
    let mut statement = transaction.prepare("SELECT * FROM model_versions WHERE model = ?1 ORDER BY version DESC")?;
    let mut rows = statement.query([model])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(of_row(transaction, row)?);
    }
    if found.is_empty() {
        return Err(Error::not_found("model", model).hint("model_list shows the models").into());
    }
    Ok(found)
}

fn of_row(transaction: &Transaction<'_>, row: &Row<'_>) -> Result<Version> {
    let (model, version): (String, u32) = (row.get("model")?, row.get("version")?);
    let archived_at: Option<i64> = row.get("archived_at")?;
    let standing = aliases(transaction, &model)?;
    let folder: String = row.get("folder")?;
    Ok(Version {
        status: if archived_at.is_some() { Status::Archived } else { Status::Ready },
        format: row.get("format")?,
        source: json(&row.get::<_, String>("source")?)?,
        facts: json(&row.get::<_, String>("facts")?)?,
        folder: folder.into(),
        files: json(&row.get::<_, String>("files")?)?,
        aliases: standing.into_iter().filter(|alias| alias.version == version).map(|alias| alias.alias).collect(),
        created_at: row.get("created_at")?,
        archived_at,
        cloud_path: row.get("cloud_path")?,
        cloud_version: row.get("cloud_version")?,
        cloud_checksum: row.get("cloud_checksum")?,
        model,
        version,
    })
}

/// Names that stand for versions of a model.
pub fn aliases(transaction: &Transaction<'_>, model: &str) -> Result<Vec<Alias>> {
    let sql = "SELECT alias, version, changed_at FROM model_aliases WHERE model = ?1 ORDER BY alias";
    let mut statement = transaction.prepare(sql)?;
    let row = |row: &Row<'_>| Ok(Alias { alias: row.get(0)?, version: row.get(1)?, changed_at: row.get(2)? });
    Ok(statement.query_map([model], row)?.collect::<std::result::Result<_, _>>()?)
}

/// Models in the order of their names, from the one after `after` on.
pub fn list(transaction: &Transaction<'_>, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Model>> {
    let mut statement = transaction.prepare(
        "SELECT id, created_at,
                (SELECT count(*) FROM model_versions WHERE model = id),
                (SELECT max(version) FROM model_versions WHERE model = id AND status = 'ready')
         FROM models WHERE (?1 IS NULL OR id > ?1) AND substr(id, 1, length(?2)) = ?2
         AND EXISTS (SELECT 1 FROM model_versions WHERE model = id) ORDER BY id LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let row = |row: &Row<'_>| {
        let (id, created_at, versions, latest) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Model { id, created_at, versions, latest, aliases: Vec::new() })
    };
    let mut models: Vec<Model> =
        statement.query_map(params![after, prefix, limit], row)?.collect::<std::result::Result<_, _>>()?;
    for model in &mut models {
        model.aliases = aliases(transaction, &model.id)?;
    }
    Ok(models)
}

/// Lets a name stand for a version, if it stands now for what the caller believes: `Some(version)`, or `None` for nothing.
/// Gives what it stood for.
pub fn set_alias(
    transaction: &Transaction<'_>,
    model: &str,
    alias: &str,
    version: u32,
    expected: Option<u32>,
) -> Result<Option<u32>> {
    let meant = get(transaction, model, &Which::Number(version))?;
    if meant.status == Status::Archived {
        return Err(Error::new(ErrorKind::Conflict, format!("version {version} of {model} is archived"))
            .hint("choose a version that is ready")
            .into());
    }
    let now = aliases(transaction, model)?.into_iter().find(|other| other.alias == alias).map(|other| other.version);
    if now != expected {
        let stands = now.map_or("nothing".to_owned(), |now| format!("version {now}"));
        let believed = expected.map_or("nothing".to_owned(), |version| format!("version {version}"));
        return Err(Error::new(ErrorKind::Conflict, format!("{alias} of {model} stands for {stands}, not {believed}"))
            .code("AliasMoved")
            .hint("somebody moved it: look at what it stands for now, then repeat the call with expected_version set to that")
            .into());
    }
    transaction.execute(
        "INSERT OR REPLACE INTO model_aliases (model, alias, version, changed_at) VALUES (?1, ?2, ?3, ?4)",
        params![model, alias, version, moment::now()],
    )?;
    Ok(now)
}

/// Takes a name away, if it stands now for this version.
pub fn delete_alias(transaction: &Transaction<'_>, model: &str, alias: &str, expected: u32) -> Result<()> {
    let sql = "DELETE FROM model_aliases WHERE model = ?1 AND alias = ?2 AND version = ?3";
    if transaction.execute(sql, params![model, alias, expected])? == 0 {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("{alias} of {model} does not stand for version {expected}"),
        )
        .code("AliasMoved")
        .into());
    }
    Ok(())
}

/// Keeps a version and takes it out of use, or puts it back into use.
pub fn archive(transaction: &Transaction<'_>, model: &str, version: u32, archived: bool) -> Result<Version> {
    let found = get(transaction, model, &Which::Number(version))?;
    if archived {
        free_of_aliases(&found, "archived")?;
    }
    if archived {
        datasets::release(transaction, &user(model, version))?;
    } else {
        claim(transaction, model, version, &found.source)?;
    }
    let status = if archived { "archived" } else { "ready" };
    let at = archived.then(moment::now);
    let sql = "UPDATE model_versions SET status = ?3, archived_at = ?4 WHERE model = ?1 AND version = ?2";
    transaction.execute(sql, params![model, version, status, at])?;
    get(transaction, model, &Which::Number(version))
}

/// Notes where in S3 a version lies, once it was verified there.
pub fn set_cloud(transaction: &Transaction<'_>, model: &str, version: u32, place: &CloudPlace) -> Result<()> {
    let sql = "UPDATE model_versions SET cloud_path = ?3, cloud_version = ?4, cloud_checksum = ?5
               WHERE model = ?1 AND version = ?2";
    transaction.execute(sql, params![model, version, place.uri, place.version_id, place.crc64nvme])?;
    Ok(())
}

/// Takes a version out of the registry. Its number is not given again. The caller takes its files away.
pub fn delete(transaction: &Transaction<'_>, model: &str, version: u32) -> Result<Version> {
    let found = get(transaction, model, &Which::Number(version))?;
    free_of_aliases(&found, "deleted")?;
    datasets::release(transaction, &user(model, version))?;
    transaction.execute("DELETE FROM model_versions WHERE model = ?1 AND version = ?2", params![model, version])?;
    Ok(found)
}

/// A version that a name stands for is in use.
pub fn free_of_aliases(version: &Version, what: &str) -> std::result::Result<(), Error> {
    if version.aliases.is_empty() {
        return Ok(());
    }
    let (names, number, model) = (version.aliases.join(", "), version.version, &version.model);
    Err(Error::new(
        ErrorKind::Conflict,
        format!("version {number} of {model} is in use as {names}, so it is not {what}"),
    )
    .code("InUse")
    .hint("let the alias stand for another version first: model_set_alias"))
}

/// As it stands among those who need a dataset.
fn user(model: &str, version: u32) -> String {
    format!("model {model} {version}")
}

/// Notes that a version that is ready needs its dataset, so that where it came from can be looked at.
fn claim(transaction: &Transaction<'_>, model: &str, version: u32, source: &Source) -> Result<()> {
    match (&source.dataset, source.dataset_version) {
        (Some(dataset), Some(of)) => datasets::claim(transaction, dataset, of, &user(model, version)),
        _ => Ok(()),
    }
}
