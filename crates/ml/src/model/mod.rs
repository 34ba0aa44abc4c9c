//! Models: names with numbered versions, where each came from, and which of them is in use.
//!
//! Files are data here and nothing else: they are hashed, copied and handed out, and only our own format is ever read.

pub mod files;
mod record;
pub mod registry;

pub use self::record::{Alias, Model, NewVersion, Source, Status, StoredFile, Version};
use crate::store::Area;

pub(crate) const AREA: Area = Area {
    name: "models",
    steps: &[
        "
        CREATE TABLE models (
            id TEXT PRIMARY KEY,
            created_at INTEGER NOT NULL,
            last_version INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE model_versions (
            model TEXT NOT NULL REFERENCES models (id),
            version INTEGER NOT NULL,
            status TEXT NOT NULL,
            format TEXT NOT NULL,
            source TEXT NOT NULL,
            dataset TEXT,
            facts TEXT NOT NULL,
            folder TEXT NOT NULL,
            files TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            archived_at INTEGER,
            PRIMARY KEY (model, version)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX model_versions_by_dataset ON model_versions (dataset);
        CREATE TABLE model_aliases (
            model TEXT NOT NULL,
            alias TEXT NOT NULL,
            version INTEGER NOT NULL,
            changed_at INTEGER NOT NULL,
            PRIMARY KEY (model, alias),
            FOREIGN KEY (model, version) REFERENCES model_versions (model, version)
        ) STRICT, WITHOUT ROWID;
    ",
        "
        ALTER TABLE model_versions ADD COLUMN cloud_path TEXT;
        ALTER TABLE model_versions ADD COLUMN cloud_version TEXT;
        ALTER TABLE model_versions ADD COLUMN cloud_checksum TEXT;
    ",
    ],
};
