//! A folder and a prefix made alike: what is to be copied is found by reading both once, side by side, in the order of
//! their keys, so that memory does not grow with their number.

use std::{
    cmp::Ordering,
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use serde_json::json;
use tokio::sync::mpsc;
use trainyard_contract::{Access, Error, ErrorKind, Progress, Result, Unheard};

use super::{
    Download, Existing, Transfers, Upload,
    checksum::OURS,
    disk,
    download::Object,
    text,
    walk::{self, Entry, Found, Objects},
};
use crate::Aws;

/// Steps and failures that are named; all are counted.
const NAMED: usize = 100;

/// Steps that wait for whoever takes them.
const AHEAD: usize = 100;

/// Keys that one request deletes.
const DELETED_AT_ONCE: usize = 1000;

/// Object stores keep whole seconds.
const SAME_TIME: Duration = Duration::from_secs(1);

/// Which way copies go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the folder to S3.
    Up,
    /// From S3 to the folder.
    Down,
}

/// When a file and an object are taken to be alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compare {
    /// They have one size, and what would be replaced is not older. The object's time is when it was uploaded.
    #[default]
    SizeAndTime,
    /// They have one size.
    Size,
    /// They have one size and one CRC-64/NVME: reads every file and asks for every object.
    Content,
}

/// A folder and a prefix.
#[derive(Debug, Clone)]
pub struct Sync {
    /// The folder. Symbolic links in it are passed over, and never written through.
    pub folder: PathBuf,
    /// The bucket.
    pub bucket: String,
    /// The prefix, which a `/` is added to where it has none; empty for the whole bucket.
    pub prefix: String,
    /// Which way copies go.
    pub direction: Direction,
    /// Whether what the source lacks is deleted, once everything has been copied.
    pub delete: bool,
    /// When nothing is to be copied.
    pub compare: Compare,
}

/// One thing that would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncStep {
    /// This key is copied.
    Copy {
        /// Key below the prefix.
        key: String,
        /// Size of the source, in bytes.
        bytes: u64,
        /// It replaces something.
        replaces: bool,
    },
    /// This key is deleted where the copies would go.
    Delete {
        /// Key below the prefix.
        key: String,
    },
    /// This name is passed over.
    Pass {
        /// Key below the prefix.
        key: String,
        /// Why.
        why: String,
    },
}

/// What would be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncPlan {
    /// Files or objects to copy.
    pub copies: u64,
    /// Their size, in bytes.
    pub bytes: u64,
    /// How many of them replace something.
    pub replaces: u64,
    /// Files or objects to delete.
    pub deletes: u64,
    /// Names that are passed over: symbolic links, and keys that are no file names.
    pub passed: u64,
    /// Alike already.
    pub alike: u64,
    /// The first hundred things to do.
    pub first: Vec<SyncStep>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synced {
    /// Files or objects that were copied.
    pub copied: u64,
    /// Their size, in bytes.
    pub bytes: u64,
    /// Files or objects that were deleted.
    pub deleted: u64,
    /// Names that were passed over.
    pub passed: u64,
    /// Were alike already.
    pub alike: u64,
}

/// A step with what it takes to do it.
enum Step {
    Copy {
        source: Entry,
        replaced: Option<Entry>,
    },
    Delete(String),
    Pass(String, String),
    Alike,
    /// There is nothing to copy here, and nothing is to be deleted.
    Extra,
}

impl<A: Access> Aws<A> {
    /// What [`Transfers::sync`] would do. Changes nothing.
    pub async fn sync_plan(&self, sync: &Sync) -> Result<SyncPlan> {
        // No journal is opened for a plan.
        Transfers::new(self.engine().clone(), self.scope().clone(), PathBuf::new()).sync_plan(sync).await
    }
}

impl Transfers {
    /// What [`Self::sync`] would do. Changes nothing.
    pub async fn sync_plan(&self, sync: &Sync) -> Result<SyncPlan> {
        let mut plan = SyncPlan::default();
        let mut steps = self.steps(sync)?;
        while let Some(step) = steps.recv().await {
            let step = match step? {
                Step::Extra => continue,
                Step::Alike => {
                    plan.alike += 1;
                    continue;
                }
                Step::Copy { source, replaced } => {
                    plan.copies += 1;
                    plan.bytes += source.size;
                    plan.replaces += u64::from(replaced.is_some());
                    SyncStep::Copy { key: source.key, bytes: source.size, replaces: replaced.is_some() }
                }
                Step::Delete(key) => {
                    plan.deletes += 1;
                    SyncStep::Delete { key }
                }
                Step::Pass(key, why) => {
                    plan.passed += 1;
                    SyncStep::Pass { key, why }
                }
            };
            if plan.first.len() < NAMED {
                plan.first.push(step);
            }
        }
        Ok(plan)
    }

    /// Makes the one side like the other. Files that fail do not keep the others from being copied; the error names them,
    /// and nothing is deleted then.
    pub async fn sync(&self, sync: &Sync, progress: Arc<dyn Progress>) -> Result<Synced> {
        let mut steps = self.steps(&Sync { delete: false, ..sync.clone() })?;
        let (mut done, mut failed, mut more) = (Synced::default(), Failed::default(), true);
        let mut under_way = FuturesUnordered::new();
        loop {
            // New copies are begun while there is room for them; else one of those under way is waited for.
            let step = tokio::select! {
                biased;
                Some((key, bytes, copied)) = under_way.next() => {
                    match copied {
                        Ok(()) => {
                            (done.copied, done.bytes) = (done.copied + 1, done.bytes + bytes);
                            progress.report(done.bytes, None, &format!("{} files copied, last {key}", done.copied));
                        }
                        // Nothing else would go better.
                        Err(error) if hopeless(&error) => return Err(partial(error, &done)),
                        Err(error) => failed.add(key, error),
                    }
                    continue;
                }
                step = steps.recv(), if more && under_way.len() < self.at_once => step,
                else => break,
            };
            match step.transpose().map_err(|error| partial(error, &done))? {
                Some(Step::Copy { source, replaced }) => under_way.push(self.copied(sync, source, replaced)),
                Some(Step::Alike) => done.alike += 1,
                Some(Step::Pass(..)) => done.passed += 1,
                Some(Step::Delete(_) | Step::Extra) => {}
                None => more = false,
            }
        }
        failed.into_error().map_or(Ok(()), |error| Err(partial(error, &done)))?;
        if sync.delete {
            done.deleted = self.delete(sync).await.map_err(|error| partial(error, &done))?;
        }
        Ok(done)
    }

    /// The steps, found ahead of whoever takes them.
    fn steps(&self, sync: &Sync) -> Result<mpsc::Receiver<Result<Step>>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let (mut pairs, transfers) = (Pairs::of(self, sync)?, self.clone());
        tokio::spawn(async move {
            while let Some(step) = pairs.next(&transfers).await.transpose() {
                let failed = step.is_err();
                // Nobody listens any more, or nothing more can be found.
                if sender.send(step).await.is_err() || failed {
                    return;
                }
            }
        });
        Ok(receiver)
    }

    async fn copied(&self, sync: &Sync, source: Entry, replaced: Option<Entry>) -> (String, u64, Result<()>) {
        let (key, bytes) = (source.key.clone(), source.size);
        (key, bytes, Box::pin(self.copy(sync, source, replaced)).await)
    }

    async fn copy(&self, sync: &Sync, source: Entry, replaced: Option<Entry>) -> Result<()> {
        let key = format!("{}{}", prefix(sync), source.key);
        match sync.direction {
            Direction::Up => {
                // Somebody else's newer object is not overwritten unseen.
                let existing = match replaced {
                    Some(Entry { etag: Some(etag), .. }) => Existing::Only(etag),
                    _ => Existing::Replace,
                };
                let path = sync.folder.join(&source.key);
                self.upload(&Upload::new(path, &sync.bucket, key).existing(existing), Arc::new(Unheard)).await?;
            }
            Direction::Down => {
                let path = disk::place(&sync.folder, &source.key)?;
                let download = Download { overwrite: true, ..Download::new(&sync.bucket, &key, path) };
                if source.size <= self.part_bytes {
                    let object = Object::listed(source.size, source.etag, source.modified);
                    self.download_object(&download, object, Arc::new(Unheard)).await?;
                } else {
                    self.download(&download, Arc::new(Unheard)).await?;
                }
            }
        }
        Ok(())
    }

    /// Deletes what the source lacks. How many.
    async fn delete(&self, sync: &Sync) -> Result<u64> {
        let (mut steps, mut deleted, mut keys) = (self.steps(sync)?, 0, Vec::new());
        loop {
            let step = steps.recv().await.transpose()?;
            let last = step.is_none();
            if let Some(Step::Delete(key)) = step {
                match sync.direction {
                    Direction::Up => keys.push(format!("{}{key}", prefix(sync))),
                    Direction::Down => {
                        let path = disk::place(&sync.folder, &key)?;
                        fs::remove_file(&path).map_err(|error| disk::failed("delete", &path, &error))?;
                        deleted += 1;
                    }
                }
            }
            if keys.len() >= DELETED_AT_ONCE || (last && !keys.is_empty()) {
                deleted += keys.len() as u64;
                self.delete_objects(sync, std::mem::take(&mut keys)).await?;
            }
            if last {
                return Ok(deleted);
            }
        }
    }

    async fn delete_objects(&self, sync: &Sync, keys: Vec<String>) -> Result<()> {
        let objects: Vec<_> = keys.into_iter().map(|key| json!({"Key": key})).collect();
        let input = json!({"Bucket": sync.bucket, "Delete": {"Objects": objects, "Quiet": true}});
        let answer = self.call("DeleteObjects", input).await?;
        match answer["Errors"].as_array().and_then(|errors| errors.first()) {
            None => Ok(()),
            Some(error) => {
                let code = text(error, "Code").unwrap_or_default();
                let kind = if code == "AccessDenied" { ErrorKind::AccessDenied } else { ErrorKind::Internal };
                let message = format!("{} was not deleted: {}", error["Key"], error["Message"]);
                Err(Error::new(kind, message).code(code))
            }
        }
    }

    /// Whether a file and an object of one size have one checksum.
    async fn same_content(&self, sync: &Sync, key: &str, size: u64) -> Result<bool> {
        let whole = format!("{}{key}", prefix(sync));
        let input = json!({"Bucket": sync.bucket, "Key": whole, "ChecksumMode": "ENABLED"});
        let about = self.call("HeadObject", input).await?;
        let Some(theirs) = text(&about, OURS.member) else { return Ok(false) };
        let (file, _, _) = disk::open(&sync.folder.join(key))?;
        Ok(OURS.of_piece(&Arc::new(file), 0, size).await?.text() == theirs)
    }
}

/// Files that could not be copied.
#[derive(Default)]
struct Failed {
    count: u64,
    first: Vec<(String, Error)>,
}

impl Failed {
    fn add(&mut self, key: String, error: Error) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push((key, error));
        }
    }

    fn into_error(self) -> Option<Error> {
        let (key, error) = self.first.first()?;
        let message = format!("{} files could not be copied; {key:?}: {}", self.count, error.message());
        let others = self.first.iter().map(|(key, error)| format!("not copied: {key}: {error}"));
        Some(
            Error::new(error.kind(), message)
                .code(error.code_str().to_owned())
                .retryable(error.is_retryable())
                .hint("repeat the call: what was copied is not copied again")
                .partial(others),
        )
    }
}

/// Both sides, read side by side.
struct Pairs {
    sync: Sync,
    files: mpsc::Receiver<Result<Found>>,
    objects: Objects,
    file: Option<Entry>,
    object: Option<Entry>,
}

impl Pairs {
    fn of(transfers: &Transfers, sync: &Sync) -> Result<Self> {
        let objects = Objects::list(transfers, &sync.bucket, &prefix(sync))?;
        Ok(Self {
            sync: sync.clone(),
            files: walk::files(&sync.folder, sync.direction == Direction::Down),
            objects,
            file: None,
            object: None,
        })
    }

    /// The next step, in the order of keys.
    async fn next(&mut self, transfers: &Transfers) -> Result<Option<Step>> {
        if self.file.is_none() {
            match self.files.recv().await.transpose()? {
                Some(Found::File(entry)) => self.file = Some(entry),
                Some(Found::Other(name, why)) => return Ok(Some(Step::Pass(name, why.to_owned()))),
                None => {}
            }
        }
        if self.object.is_none() {
            self.object = self.objects.next().await?;
        }
        let order = match (&self.file, &self.object) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(file), Some(object)) => file.key.cmp(&object.key),
        };
        let (file, object) = match order {
            Ordering::Less => (self.file.take(), None),
            Ordering::Greater => (None, self.object.take()),
            Ordering::Equal => (self.file.take(), self.object.take()),
        };
        self.step(transfers, file, object).await.map(Some)
    }

    async fn step(&self, transfers: &Transfers, file: Option<Entry>, object: Option<Entry>) -> Result<Step> {
        let (source, target) = match self.sync.direction {
            Direction::Up => (file, object),
            Direction::Down => (object, file),
        };
        let (source, target) = match (source, target) {
            (Some(source), target) => (source, target),
            (None, Some(extra)) if self.sync.delete => return Ok(Step::Delete(extra.key)),
            (None, _) => return Ok(Step::Extra),
        };
        if self.sync.direction == Direction::Down
            && let Err(error) = disk::place(&self.sync.folder, &source.key)
        {
            return Ok(Step::Pass(source.key, error.message().to_owned()));
        }
        if let Some(target) = &target
            && source.size == target.size
            && match self.sync.compare {
                Compare::Size => true,
                Compare::SizeAndTime => self.not_older(source.modified, target.modified),
                Compare::Content => transfers.same_content(&self.sync, &source.key, source.size).await?,
            }
        {
            return Ok(Step::Alike);
        }
        Ok(Step::Copy { source, replaced: target })
    }

    /// Uploads make an object newer than its file. Downloads give a file the object's time, so one that differs was written
    /// by somebody else.
    fn not_older(&self, source: Option<SystemTime>, target: Option<SystemTime>) -> bool {
        let (Some(source), Some(target)) = (source, target) else { return false };
        match self.sync.direction {
            Direction::Up => target + SAME_TIME > source,
            Direction::Down => {
                let apart = target.duration_since(source).unwrap_or_else(|error| error.duration());
                apart < SAME_TIME
            }
        }
    }
}

/// The prefix, as what keys begin with.
fn prefix(sync: &Sync) -> String {
    match sync.prefix.as_str() {
        "" => String::new(),
        prefix if prefix.ends_with('/') => prefix.to_owned(),
        prefix => format!("{prefix}/"),
    }
}

/// Whether the rest of the files would fail in the same way.
fn hopeless(error: &Error) -> bool {
    let nobody = matches!(error.kind(), ErrorKind::Credentials | ErrorKind::PolicyDenied | ErrorKind::Quota);
    nobody || matches!(error.code_str(), "NoSuchBucket" | "MissingRegion")
}

fn partial(error: Error, done: &Synced) -> Error {
    error.partial((done.copied > 0).then(|| format!("copied {} files, {} bytes", done.copied, done.bytes)))
}
