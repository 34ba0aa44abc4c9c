//! Files that become objects.

use std::{
    collections::HashMap,
    fs::File,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use trainyard_contract::{Error, ErrorKind, Progress, Result};

use super::{
    Meter, Transfers, Upload, Uploaded,
    checksum::{self, OURS, OURS_NAME, Sum},
    condition, conditional, disk,
    journal::Journal,
    persist, text, version,
};
use crate::stream::Body;

/// Files up to this size are read once, into memory; larger ones twice, for their checksum and to be sent.
const IN_MEMORY: u64 = 1024 * 1024;

/// What a journal says of an upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Remembered {
    upload_id: String,
    size: u64,
    /// Nanoseconds since 1970.
    modified: u128,
    part_bytes: u64,
    /// Digest of the members that the upload was begun with.
    members: String,
    /// The server keeps a sum of the sums of the parts, not one of the whole.
    composite: bool,
}

/// A part of the file.
#[derive(Debug, Clone, Copy)]
struct Part {
    number: u64,
    offset: u64,
    length: u64,
}

/// A part as S3 has it.
struct Listed {
    etag: String,
    size: u64,
    checksum: Option<String>,
}

/// A part that S3 has.
struct Arrived {
    number: u64,
    etag: String,
    sum: Sum,
    /// An earlier attempt brought it there.
    resumed: bool,
}

/// What an object of several parts is known by.
struct Whole {
    sum: Sum,
    /// What the server keeps.
    kept: String,
}

impl Whole {
    fn of(sums: &[Sum], composite: bool) -> Result<Self> {
        let sum = OURS.whole(sums.iter().cloned()).ok_or_else(|| Error::internal("an upload without parts"))?;
        let kept = if composite { OURS.of_sums(sums.iter()) } else { sum.text() };
        Ok(Self { sum, kept })
    }
}

/// The file of an upload.
struct Source {
    file: Arc<File>,
    size: u64,
    modified: SystemTime,
}

impl Transfers {
    /// Makes the file an object. S3 compares every byte with a checksum that was made from the file before they were sent.
    ///
    /// A file that changes meanwhile is noticed, and does not become an object.
    pub async fn upload(&self, upload: &Upload, progress: Arc<dyn Progress>) -> Result<Uploaded> {
        if let Some(member) = upload.members.keys().find(|member| member.starts_with("SSECustomer")) {
            return Err(Error::unsupported(format!("{member}: keys of the caller's own are not supported here")));
        }
        let (file, size, modified) = disk::open(&upload.path)?;
        let source = Source { file: Arc::new(file), size, modified };
        let meter = Meter::new(progress, size, format!("uploading {}", upload.key));
        let done = if size <= self.part_bytes {
            Box::pin(self.upload_whole(upload, &source, &meter)).await
        } else {
            Box::pin(self.upload_parts(upload, &source, &meter)).await
        };
        done.map_err(|error| conditional(&upload.existing, &upload.key, error))
    }

    /// Gives an upload up that was begun and not ended: S3 forgets its parts, which cost money until then.
    ///
    /// Whether there was one. One that another process is busy with is left alone.
    pub async fn abort_upload(&self, upload: &Upload) -> Result<bool> {
        let mut journal = Journal::open(&self.state, &self.upload_name(upload))?;
        let known = journal.read::<Remembered, ()>();
        if let Some((known, _)) = &known {
            self.forget(upload, &known.upload_id).await?;
        }
        journal.remove();
        Ok(known.is_some())
    }

    async fn forget(&self, upload: &Upload, id: &str) -> Result<()> {
        let input = json!({"Bucket": upload.bucket, "Key": upload.key, "UploadId": id});
        match self.call("AbortMultipartUpload", input).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn upload_name(&self, upload: &Upload) -> String {
        self.name("upload", &upload.bucket, &upload.key, &upload.path.to_string_lossy())
    }

    async fn upload_whole(&self, upload: &Upload, source: &Source, meter: &Meter) -> Result<Uploaded> {
        let _slot = self.slot().await?;
        let (body, sum) = read(source, &upload.path).await?;
        let mut input = object(upload);
        input["ChecksumAlgorithm"] = OURS_NAME.into();
        input[OURS.member] = sum.text().into();
        condition(&upload.existing, &mut input);
        let answer = persist(|| self.send("PutObject", input.clone(), body.clone())).await?;
        agree(&answer, &sum)?;
        meter.add(source.size);
        Ok(uploaded(&answer, source.size, &sum, 0, 0))
    }

    async fn upload_parts(&self, upload: &Upload, source: &Source, meter: &Meter) -> Result<Uploaded> {
        let mut journal = Journal::open(&self.state, &self.upload_name(upload))?;
        let (begun, listed) = match self.resumable(&mut journal, upload, source).await? {
            Some(begun) => begun,
            None => match self.done_before(&mut journal, upload, source).await? {
                Some(done) => {
                    journal.remove();
                    return Ok(done);
                }
                None => (self.begin(&mut journal, upload, source).await?, HashMap::new()),
            },
        };
        let part_bytes = self.part_size(source.size);
        let parts = stream::iter(parts(source.size, part_bytes).map(|part| {
            let (id, listed) = (&begun.upload_id, listed.get(&part.number));
            async move {
                let _slot = self.slot().await?;
                let arrived = self.part(upload, id, source, part, listed).await?;
                meter.add(part.length);
                Ok::<_, Error>(arrived)
            }
        }));
        let mut arrived: Vec<Arrived> = parts.buffer_unordered(self.at_once).try_collect().await?;
        arrived.sort_by_key(|part| part.number);
        if let Err(error) = unchanged(&upload.path, source) {
            self.forget(upload, &begun.upload_id).await?;
            journal.remove();
            return Err(error);
        }
        let done = self.complete(upload, &begun, &arrived).await?;
        journal.remove();
        Ok(done)
    }

    /// The upload that another call left, if it was one of this file as it is now, and the parts that S3 has of it.
    async fn resumable(
        &self,
        journal: &mut Journal,
        upload: &Upload,
        source: &Source,
    ) -> Result<Option<(Remembered, HashMap<u64, Listed>)>> {
        let Some((known, _)) = journal.read::<Remembered, ()>() else { return Ok(None) };
        if known != self.remembered(&known.upload_id, known.composite, upload, source)? {
            self.forget(upload, &known.upload_id).await?;
            return Ok(None);
        }
        match self.list_parts(upload, &known.upload_id).await {
            Ok(listed) => Ok(Some((known, listed))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The object, where an earlier call was stopped after it had made it and before it could say so.
    async fn done_before(&self, journal: &mut Journal, upload: &Upload, source: &Source) -> Result<Option<Uploaded>> {
        let Some((known, _)) = journal.read::<Remembered, ()>() else { return Ok(None) };
        if known != self.remembered(&known.upload_id, known.composite, upload, source)? {
            return Ok(None);
        }
        let mut sums = Vec::new();
        for part in parts(source.size, known.part_bytes) {
            sums.push(OURS.of_piece(&source.file, part.offset, part.length).await?);
        }
        self.made(upload, &Whole::of(&sums, known.composite)?).await
    }

    async fn begin(&self, journal: &mut Journal, upload: &Upload, source: &Source) -> Result<Remembered> {
        let mut input = object(upload);
        input["ChecksumAlgorithm"] = OURS_NAME.into();
        input["ChecksumType"] = "FULL_OBJECT".into();
        let answer = self.call("CreateMultipartUpload", input).await?;
        let id = text(&answer, "UploadId").ok_or_else(|| Error::internal("S3 began an upload without an id"))?;
        // S3 keeps a sum of the whole; not every server that speaks its language does.
        let begun = self.remembered(&id, answer["ChecksumType"] == "COMPOSITE", upload, source)?;
        journal.begin(&begun)?;
        Ok(begun)
    }

    fn remembered(&self, id: &str, composite: bool, upload: &Upload, source: &Source) -> Result<Remembered> {
        let modified = source.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let members = serde_json::to_string(&upload.members).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Remembered {
            upload_id: id.to_owned(),
            size: source.size,
            modified,
            part_bytes: self.part_size(source.size),
            members: super::journal::name(&[&members]),
            composite,
        })
    }

    async fn list_parts(&self, upload: &Upload, id: &str) -> Result<HashMap<u64, Listed>> {
        let input = json!({"Bucket": upload.bucket, "Key": upload.key, "UploadId": id});
        let mut pages = self.engine.page_stream("s3", "ListParts", input, &self.scope, None)?;
        let mut listed = HashMap::new();
        while let Some(page) = pages.next().await {
            for part in page?.output["Parts"].as_array().into_iter().flatten() {
                let (Some(number), Some(etag)) = (part["PartNumber"].as_u64(), text(part, "ETag")) else { continue };
                let size = part["Size"].as_u64().unwrap_or_default();
                listed.insert(number, Listed { etag, size, checksum: text(part, OURS.member) });
            }
        }
        Ok(listed)
    }

    /// Brings a part to S3, unless it is proved to be there.
    async fn part(
        &self,
        upload: &Upload,
        id: &str,
        source: &Source,
        part: Part,
        listed: Option<&Listed>,
    ) -> Result<Arrived> {
        let Part { number, offset, length } = part;
        let sum = OURS.of_piece(&source.file, offset, length).await?;
        if let Some(listed) = listed.filter(|listed| listed.size == length) {
            let same = match &listed.checksum {
                Some(checksum) => *checksum == sum.text(),
                // Servers that keep no checksum of parts make the entity tag of their MD5.
                None => listed.etag.trim_matches('"') == checksum::md5(&source.file, offset, length).await?,
            };
            if same {
                return Ok(Arrived { number, etag: listed.etag.clone(), sum, resumed: true });
            }
        }
        let mut input = json!({"Bucket": upload.bucket, "Key": upload.key, "UploadId": id, "PartNumber": number});
        input["ChecksumAlgorithm"] = OURS_NAME.into();
        input[OURS.member] = sum.text().into();
        let body = Body::Piece { file: Arc::clone(&source.file), offset, length };
        let answer = persist(|| self.send("UploadPart", input.clone(), body.clone())).await?;
        agree(&answer, &sum)?;
        let etag = text(&answer, "ETag").ok_or_else(|| Error::internal("S3 took a part and gave no entity tag"))?;
        Ok(Arrived { number, etag, sum, resumed: false })
    }

    async fn complete(&self, upload: &Upload, begun: &Remembered, arrived: &[Arrived]) -> Result<Uploaded> {
        let sums: Vec<Sum> = arrived.iter().map(|part| part.sum.clone()).collect();
        let whole = Whole::of(&sums, begun.composite)?;
        let listed: Vec<Value> = arrived
            .iter()
            .map(|part| json!({"PartNumber": part.number, "ETag": part.etag, OURS.member: part.sum.text()}))
            .collect();
        let mut input = json!({
            "Bucket": upload.bucket, "Key": upload.key, "UploadId": begun.upload_id,
            "MultipartUpload": {"Parts": listed}, "MpuObjectSize": begun.size,
        });
        if !begun.composite {
            input["ChecksumType"] = "FULL_OBJECT".into();
            input[OURS.member] = whole.kept.clone().into();
        }
        condition(&upload.existing, &mut input);
        let resumed = arrived.iter().filter(|part| part.resumed).map(|part| part.sum.length).sum();
        let parts = u32::try_from(arrived.len()).unwrap_or(u32::MAX);
        let mut failures = 0;
        loop {
            let error = match self.call("CompleteMultipartUpload", input.clone()).await {
                Ok(answer) => {
                    return Ok(uploaded(&answer, begun.size, &whole.sum, resumed, parts));
                }
                Err(error) => error,
            };
            // The answer may have been lost after the object was made; a second call then finds no upload.
            let unsure = matches!(
                error.kind(),
                ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Internal | ErrorKind::NotFound
            );
            if unsure && let Some(made) = self.made(upload, &whole).await? {
                return Ok(Uploaded { resumed_bytes: resumed, parts, ..made });
            }
            failures += 1;
            if !unsure || error.kind() == ErrorKind::NotFound || failures > super::PATIENCE {
                return Err(error);
            }
            tokio::time::sleep(super::pause(failures)).await;
        }
    }

    /// The object, if it is this file byte for byte.
    async fn made(&self, upload: &Upload, whole: &Whole) -> Result<Option<Uploaded>> {
        let input = json!({"Bucket": upload.bucket, "Key": upload.key, "ChecksumMode": "ENABLED"});
        let answer = match self.call("HeadObject", input).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Whole { sum, kept } = whole;
        let same = answer["ContentLength"].as_u64() == Some(sum.length) && answer[OURS.member] == kept.as_str();
        Ok(same.then(|| uploaded(&answer, sum.length, sum, sum.length, 0)))
    }
}

/// The members that name the object.
fn object(upload: &Upload) -> Value {
    let mut input = upload.members.clone();
    input.insert("Bucket".to_owned(), upload.bucket.clone().into());
    input.insert("Key".to_owned(), upload.key.clone().into());
    Value::Object(input)
}

fn uploaded(answer: &Value, bytes: u64, sum: &Sum, resumed_bytes: u64, parts: u32) -> Uploaded {
    let (etag, version_id) = (text(answer, "ETag"), version(answer));
    Uploaded { bytes, resumed_bytes, parts, etag, version_id, checksum: sum.text() }
}

fn parts(size: u64, part_bytes: u64) -> impl Iterator<Item = Part> {
    (0..size.div_ceil(part_bytes)).map(move |index| {
        let offset = index * part_bytes;
        Part { number: index + 1, offset, length: part_bytes.min(size - offset) }
    })
}

/// The body of a file that travels whole, and its sum.
async fn read(source: &Source, path: &Path) -> Result<(Body, Sum)> {
    let Source { file, size, .. } = source;
    if *size > IN_MEMORY {
        let sum = OURS.of_piece(file, 0, *size).await?;
        return Ok((Body::Piece { file: Arc::clone(file), offset: 0, length: *size }, sum));
    }
    let (file, length) = (Arc::clone(file), usize::try_from(*size).unwrap_or_default());
    let read = spawn_blocking(move || {
        let mut bytes = vec![0; length];
        disk::read_at(&file, &mut bytes, 0)?;
        std::io::Result::Ok(bytes)
    });
    let bytes = read.await.map_err(std::io::Error::other).flatten();
    let bytes = bytes.map_err(|error| disk::failed("read", path, &error))?;
    let sum = OURS.of_bytes(&bytes);
    Ok((Body::Bytes(Bytes::from(bytes)), sum))
}

/// What S3 says that it received is what was sent. Servers that say nothing have been told the sum all the same.
fn agree(answer: &Value, sum: &Sum) -> Result<()> {
    match answer[OURS.member].as_str() {
        Some(theirs) if theirs != sum.text() && !theirs.contains('-') => {
            Err(Error::new(ErrorKind::Network, "what arrived is not what was sent").code("ChecksumMismatch"))
        }
        _ => Ok(()),
    }
}

fn unchanged(path: &Path, source: &Source) -> Result<()> {
    let (_, size, modified) = disk::open(path)?;
    if (size, modified) == (source.size, source.modified) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, format!("{} was changed while it was uploaded", path.display()))
        .code("FileChanged")
        .retryable(true)
        .hint("no object was made; upload it when nobody writes to it"))
}
