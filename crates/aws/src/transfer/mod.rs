//! Files to and from S3: large ones in parts, many at once, resumable, with checksums from disk to disk.
//!
//! ```no_run
//! use std::sync::Arc;
//! use trainyard_aws::{Engine, Scope, Settings, transfer::{Download, Existing, Transfers, Upload}};
//! use trainyard_contract::{Ceiling, Unheard};
//!
//! # async fn example() -> Result<(), trainyard_contract::Error> {
//! let engine = Engine::new(Settings { ceiling: Ceiling { write: true, sensitive: true }, ..Settings::default() });
//! // What is needed to go on after a crash is kept in this folder, until the transfer is done.
//! let transfers = Transfers::new(engine, Scope::default(), "/var/lib/jobs/transfers");
//!
//! let upload = Upload::new("/data/model.safetensors", "models", "v7/model.safetensors").existing(Existing::Refuse);
//! let done = transfers.upload(&upload, Arc::new(Unheard)).await?;
//! println!("{} bytes, {} of them by an earlier attempt", done.bytes, done.resumed_bytes);
//!
//! let download = Download::new("models", "v7/model.safetensors", "/scratch/model.safetensors");
//! let done = transfers.download(&download, Arc::new(Unheard)).await?;
//! println!("proved by {}", done.verified.as_deref().unwrap_or("its size alone"));
//! # Ok(())
//! # }
//! ```
//!
//! A transfer that ends early, by an error, a dropped future or the end of the process, leaves what it has done where it
//! is; the same call goes on from there. [`Transfers::abort_upload`] and [`Transfers::abort_download`] clear that away.

mod checksum;
pub(crate) mod disk;
mod download;
mod journal;
mod sync;
mod upload;
mod walk;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_smithy_types::body::SdkBody;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, SemaphorePermit};
use trainyard_contract::{Access, Changes, Covers, Error, ErrorKind, Progress, Result};

pub use self::sync::{Compare, Direction, Sync, SyncPlan, SyncStep, Synced};
use crate::{
    Aws, Engine, Scope,
    engine::{Answered, named},
    stream::{Body, Streams},
};

/// Requests under way at once, unless [`Transfers::at_once`] says otherwise.
const AT_ONCE: usize = 16;

/// Size of a part, unless [`Transfers::part_bytes`] says otherwise or the file needs larger ones.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Least size of a part but the last, as S3 has it.
const LEAST_PART_BYTES: u64 = 5 * 1024 * 1024;

/// Most parts of an object.
const MAX_PARTS: u64 = 10_000;

/// A connection slower than this, in bytes a second, is given up.
const LEAST_SPEED: u64 = 64 * 1024;

/// How often one piece may fail, beside the attempts that each call makes by itself.
const PATIENCE: u32 = 4;

/// Moves files to and from S3. Clones share the bound on what is under way at once.
///
/// Memory is bounded by that number and not by the files: about a megabyte for each.
#[derive(Debug, Clone)]
pub struct Transfers {
    engine: Engine,
    scope: Scope,
    state: PathBuf,
    part_bytes: u64,
    at_once: usize,
    slots: Arc<Semaphore>,
}

/// What is to be done where the object exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced.
    #[default]
    Replace,
    /// The upload fails with `already_exists`. S3 decides, so of several at the same moment one wins.
    Refuse,
    /// It is replaced if it has this entity tag still; the upload fails with `conflict` where somebody else was faster.
    Only(String),
}

/// A file that is to become an object.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file. A symbolic link is followed.
    pub path: PathBuf,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// What is to be done where the object exists.
    pub existing: Existing,
    /// More members of `PutObject` and `CreateMultipartUpload`: `ContentType`, `Metadata`, `StorageClass`, `Tagging`,
    /// `ServerSideEncryption`, …
    pub members: Map<String, Value>,
}

impl Upload {
    /// This file as this object, whether it exists or not.
    pub fn new(path: impl Into<PathBuf>, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        let (path, bucket, key) = (path.into(), bucket.into(), key.into());
        Self { path, bucket, key, existing: Existing::Replace, members: Map::new() }
    }

    /// Says what is to be done where the object exists.
    #[must_use]
    pub fn existing(self, existing: Existing) -> Self {
        Self { existing, ..self }
    }
}

/// An object that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Size, in bytes.
    pub bytes: u64,
    /// Bytes that an earlier attempt had brought there already.
    pub resumed_bytes: u64,
    /// Parts that it came in; none where it came whole.
    pub parts: u32,
    /// Entity tag.
    pub etag: Option<String>,
    /// Version, in a bucket that keeps them.
    pub version_id: Option<String>,
    /// CRC-64/NVME of the file, as base64: what S3 compared the bytes with.
    pub checksum: String,
}

/// An object that is to become a file.
#[derive(Debug, Clone)]
pub struct Download {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version; the latest where none is given.
    pub version_id: Option<String>,
    /// The file. It is written beside its place, for its owner alone, and gets its name when it is whole and proved.
    pub path: PathBuf,
    /// Whether a file that exists is replaced.
    pub overwrite: bool,
}

impl Download {
    /// This object as this file, which must not exist.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        let (bucket, key, path) = (bucket.into(), key.into(), path.into());
        Self { bucket, key, version_id: None, path, overwrite: false }
    }
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Size, in bytes.
    pub bytes: u64,
    /// Bytes that an earlier attempt had written already.
    pub resumed_bytes: u64,
    /// Entity tag of the object.
    pub etag: Option<String>,
    /// Version, in a bucket that keeps them.
    pub version_id: Option<String>,
    /// The checksum that the bytes were compared with: `crc64nvme`, `crc32c`, `crc32`, `sha256`, `sha1`, or `md5` for old
    /// objects that have an entity tag alone. `None` where S3 keeps nothing to compare with.
    pub verified: Option<String>,
}

impl<A: Access> Aws<A> {
    /// Transfers as this identity, in this region. What they need to go on after a crash is kept in the folder `state`.
    pub fn transfers(&self, state: impl Into<PathBuf>) -> Transfers
    where
        A: Covers<Changes>,
    {
        Transfers::new(self.engine().clone(), self.scope().clone(), state)
    }
}

impl Transfers {
    /// Transfers as this identity. What they need to go on after a crash is kept in the folder `state`, which is made when
    /// it is needed.
    pub fn new(engine: Engine, scope: Scope, state: impl Into<PathBuf>) -> Self {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        Self { engine, scope, state: state.into(), part_bytes: PART_BYTES, at_once: AT_ONCE, slots }
    }

    /// At most so many requests at once; 16 by default.
    #[must_use]
    pub fn at_once(self, requests: usize) -> Self {
        let requests = requests.max(1);
        Self { at_once: requests, slots: Arc::new(Semaphore::new(requests)), ..self }
    }

    /// Parts of so many bytes; 8 MiB by default, never below the 5 MiB that S3 asks for, and larger for files that would
    /// have more than 10,000. Files up to that size travel whole.
    #[must_use]
    pub fn part_bytes(self, bytes: u64) -> Self {
        Self { part_bytes: bytes.max(LEAST_PART_BYTES), ..self }
    }

    /// One call of S3.
    async fn call(&self, operation: &str, input: Value) -> Result<Value> {
        self.engine.call("s3", operation, input, &self.scope).await.map(|reply| reply.output)
    }

    /// One call of S3 with a body.
    async fn send(&self, operation: &str, input: Value, body: Body) -> Result<Value> {
        let answered = self.stream(operation, input, Some(body), false).await.map_err(damaged)?;
        Ok(answered.answer.output)
    }

    /// One call of S3 whose answer is read while it arrives.
    async fn receive(&self, input: Value) -> Result<(Value, SdkBody)> {
        let answer = self.stream("GetObject", input, None, true).await?.answer;
        let body = answer.body.ok_or_else(|| Error::internal("an answer without a body"))?;
        Ok((answer.output, body))
    }

    async fn stream(&self, operation: &str, input: Value, body: Option<Body>, answer: bool) -> Result<Answered> {
        let mut call = self.engine.permitted("s3", operation, input)?;
        let settings = self.engine.settings();
        let length = body.as_ref().map_or(0, Body::length);
        let attempt = settings.attempt_timeout + Duration::from_secs(length / LEAST_SPEED);
        let connect = settings.connect_timeout;
        call.streams = Some(Arc::new(Streams { body, answer, attempt, connect }));
        self.engine.send_checked(&call, &self.scope).await.map_err(|error| named(error, &call))
    }

    /// A place among those that are under way.
    async fn slot(&self) -> Result<SemaphorePermit<'_>> {
        self.slots.acquire().await.map_err(|_| Error::internal("the transfers were ended"))
    }

    /// Name of a transfer: the same for whoever makes the same one again.
    fn name(&self, kind: &str, bucket: &str, key: &str, path: &str) -> String {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let role = self.scope.role.as_ref().map(|role| role.arn.clone()).unwrap_or_default();
        journal::name(&[kind, &part(&self.scope.profile), &role, &part(&self.scope.region), bucket, key, path])
    }

    /// Size of the parts of so many bytes.
    fn part_size(&self, bytes: u64) -> u64 {
        let needed = bytes.div_ceil(MAX_PARTS).next_multiple_of(1024 * 1024);
        needed.max(self.part_bytes)
    }
}

/// Does it again where it failed in a way that may pass.
async fn persist<T, F: Future<Output = Result<T>>>(mut work: impl FnMut() -> F) -> Result<T> {
    let mut failures = 0;
    loop {
        match work().await {
            Err(error) if error.is_retryable() && failures < PATIENCE => {
                failures += 1;
                tokio::time::sleep(pause(failures)).await;
            }
            result => return result,
        }
    }
}

/// S3 found that a body is not what its checksum says. The file is read anew for each attempt, so that may pass.
fn damaged(error: Error) -> Error {
    if !matches!(error.code_str(), "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch") {
        return error;
    }
    Error::new(ErrorKind::Network, "what arrived is not what was sent: S3 refused it by its checksum")
        .code(error.code_str().to_owned())
        .hint("nothing was stored; if it happens again, the file changes while it is read, or the network damages it")
}

/// How long to wait after so many failures: from half a second to eight.
fn pause(failures: u32) -> Duration {
    Duration::from_millis(250) * 2_u32.pow(failures.min(5))
}

/// How far a transfer is.
struct Meter {
    progress: Arc<dyn Progress>,
    done: AtomicU64,
    total: u64,
    what: String,
}

impl Meter {
    fn new(progress: Arc<dyn Progress>, total: u64, what: String) -> Self {
        Self { progress, done: AtomicU64::new(0), total, what }
    }

    fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.progress.report(done, Some(self.total), &self.what);
    }
}

/// The condition that an upload is made under.
fn condition(existing: &Existing, input: &mut Value) {
    match existing {
        Existing::Replace => {}
        Existing::Refuse => input["IfNoneMatch"] = Value::from("*"),
        Existing::Only(etag) => input["IfMatch"] = Value::from(etag.clone()),
    }
}

/// What S3 says to a condition that does not hold, in terms of what was asked.
fn conditional(existing: &Existing, key: &str, error: Error) -> Error {
    if error.http_status_code() != Some(412) {
        return error;
    }
    let (kind, message) = match existing {
        Existing::Refuse => (ErrorKind::AlreadyExists, format!("the object {key:?} exists")),
        _ => (ErrorKind::Conflict, format!("the object {key:?} has been changed by somebody else")),
    };
    Error::new(kind, message).code("PreconditionFailed").http_status(412)
}

/// A text member of an answer.
fn text(answer: &Value, member: &str) -> Option<String> {
    answer[member].as_str().map(str::to_owned)
}

/// The version that an answer names. Objects of a bucket that keeps none have the version `null`.
fn version(answer: &Value) -> Option<String> {
    text(answer, "VersionId").filter(|version| version != "null")
}
