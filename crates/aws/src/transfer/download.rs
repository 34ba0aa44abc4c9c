//! Objects that become files.

use std::{
    collections::HashMap,
    fs::File,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use aws_smithy_checksums::http::HttpChecksum;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use trainyard_contract::{Error, ErrorKind, Progress, Result};

use super::{
    Download, Downloaded, Meter, PATIENCE, Transfers,
    checksum::{self, Algorithm, OURS, Sum},
    disk::{self, Temporary},
    journal::Journal,
    pause, text, version,
};
/// Bytes that are written to the file at a time.
const WRITE: usize = 1024 * 1024;

/// What a journal says of a download.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Remembered {
    etag: Option<String>,
    version_id: Option<String>,
    size: u64,
    algorithm: String,
    lengths: Vec<u64>,
}

/// A piece that is in the file, with its sum as base64.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    piece: usize,
    sum: String,
}

/// An object as S3 describes it.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) size: u64,
    pub(super) etag: Option<String>,
    pub(super) version_id: Option<String>,
    /// When it was made.
    pub(super) modified: Option<SystemTime>,
    /// What its bytes are compared with.
    proof: Proof,
}

/// What the bytes are compared with.
#[derive(Debug)]
enum Proof {
    /// Sum of the whole.
    Whole(Algorithm, String),
    /// Sum of the sums of its parts.
    Parts(Algorithm, String),
    /// The entity tag, which is the MD5 of the whole.
    Md5(String),
    Nothing,
}

#[derive(Debug, Clone)]
struct Piece {
    offset: u64,
    length: u64,
    /// Sum of it, where S3 keeps one.
    sum: Option<String>,
}

impl Proof {
    fn of(answer: &Value) -> Self {
        if let Some((algorithm, sum)) = Algorithm::of(answer) {
            let sum = sum.to_owned();
            return if sum.contains('-') { Self::Parts(algorithm, sum) } else { Self::Whole(algorithm, sum) };
        }
        // With other encryption than S3's own, an entity tag is not the MD5 of the content.
        let plain = matches!(answer["ServerSideEncryption"].as_str(), None | Some("AES256"))
            && answer["SSECustomerAlgorithm"].is_null();
        let etag = text(answer, "ETag").map(|etag| etag.trim_matches('"').to_owned());
        let is_md5 = |etag: &String| etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        match etag.filter(|etag| plain && is_md5(etag)) {
            Some(etag) => Self::Md5(etag),
            None => Self::Nothing,
        }
    }

    /// The algorithm that pieces are summed with.
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Whole(algorithm, _) if algorithm.adds_up() => *algorithm,
            Self::Parts(algorithm, _) => *algorithm,
            _ => OURS,
        }
    }
}

impl Object {
    /// What S3 says of an object when it is asked for it or about it.
    fn of(answer: &Value) -> Result<Self> {
        let size = answer["ContentLength"]
            .as_u64()
            .ok_or_else(|| Error::internal("S3 does not say how long the object is"))?;
        let (etag, version_id) = (text(answer, "ETag"), version(answer));
        Ok(Self { size, etag, version_id, modified: time(&answer["LastModified"]), proof: Proof::of(answer) })
    }

    /// An object as a list has it.
    pub(super) fn listed(size: u64, etag: Option<String>, modified: Option<SystemTime>) -> Self {
        Self { size, etag, version_id: None, modified, proof: Proof::Nothing }
    }
}

/// A point in time as our JSON has it.
pub(super) fn time(value: &Value) -> Option<SystemTime> {
    let time = time::OffsetDateTime::parse(value.as_str()?, &time::format_description::well_known::Rfc3339).ok()?;
    Some(time.into())
}

impl Transfers {
    /// Makes the object a file. It gets its name when every byte is there and agrees with the checksum that S3 keeps.
    pub async fn download(&self, download: &Download, progress: Arc<dyn Progress>) -> Result<Downloaded> {
        let mut input = json!({"Bucket": download.bucket, "Key": download.key, "ChecksumMode": "ENABLED"});
        if let Some(version) = &download.version_id {
            input["VersionId"] = version.clone().into();
        }
        refuse_existing(download)?;
        let object = Object::of(&self.call("HeadObject", input).await?)?;
        self.download_object(download, object, progress).await
    }

    /// As [`Self::download`], for an object that is known already.
    pub(super) async fn download_object(
        &self,
        download: &Download,
        object: Object,
        progress: Arc<dyn Progress>,
    ) -> Result<Downloaded> {
        refuse_existing(download)?;
        let meter = Meter::new(progress, object.size, format!("downloading {}", download.key));
        let many_parts = matches!(&object.proof, Proof::Parts(_, sum) if !sum.ends_with("-1"));
        if object.size <= self.part_bytes && !many_parts {
            return Box::pin(self.download_whole(download, &object, &meter)).await;
        }
        Box::pin(self.download_pieces(download, object, &meter)).await
    }

    /// Forgets what a download that was not ended has written. Whether there was one.
    pub fn abort_download(&self, download: &Download) -> Result<bool> {
        let name = self.download_name(download);
        let journal = Journal::open(&self.state, &name)?;
        let temporary = Temporary::beside(&download.path, &name)?;
        let there = temporary.path.exists();
        temporary.discard();
        journal.remove();
        Ok(there)
    }

    fn download_name(&self, download: &Download) -> String {
        self.name("download", &download.bucket, &download.key, &download.path.to_string_lossy())
    }

    /// A small object: one request, and nothing to remember.
    async fn download_whole(&self, download: &Download, object: &Object, meter: &Meter) -> Result<Downloaded> {
        let name = self.download_name(download);
        // Held while the temporary file is written, so that nobody else writes it too.
        let journal = Journal::open(&self.state, &name)?;
        let temporary = Temporary::beside(&download.path, &name)?;
        let file = Arc::new(temporary.create(object.size)?);
        let result = async {
            let _slot = self.slot().await?;
            let piece = Piece { offset: 0, length: object.size, sum: None };
            let mut reading = Reading::new(None);
            self.fetch(download, object, &piece, &file, &mut reading, meter).await?;
            let Reading { sum, head, algorithm, .. } = reading;
            let proof = match head {
                // An empty object is not fetched: there is nothing that could go wrong with its bytes.
                None => Proof::Nothing,
                Some(head) => Proof::of(&head),
            };
            let bytes = sum.map(|sum| sum.finalize().to_vec()).unwrap_or_default();
            let algorithm = algorithm.unwrap_or(OURS);
            let sums = [Sum { bytes, length: object.size }];
            prove(&proof, algorithm, &sums, &file, object.size).await
        };
        let verified = result.await.inspect_err(|_| temporary.discard())?;
        self.finish(download, object, &temporary, &file)?;
        journal.remove();
        Ok(downloaded(object, verified, 0))
    }

    async fn download_pieces(&self, download: &Download, mut object: Object, meter: &Meter) -> Result<Downloaded> {
        let pieces = self.pieces(download, &mut object).await?;
        let algorithm = object.proof.algorithm();
        let name = self.download_name(download);
        let mut journal = Journal::open(&self.state, &name)?;
        let temporary = Temporary::beside(&download.path, &name)?;
        let remembered = Remembered {
            etag: object.etag.clone(),
            version_id: object.version_id.clone(),
            size: object.size,
            algorithm: algorithm.name(),
            lengths: pieces.iter().map(|piece| piece.length).collect(),
        };
        let (file, written) = reopen(&mut journal, &temporary, &remembered)?;
        let (file, journal) = (Arc::new(file), Mutex::new(journal));
        let sums = stream::iter(pieces.into_iter().enumerate().map(|(index, piece)| {
            let (file, journal, written, object) = (&file, &journal, written.get(&index), &object);
            async move {
                let _slot = self.slot().await?;
                if let Some(sum) = there(file, &piece, algorithm, written).await? {
                    meter.add(piece.length);
                    return Ok::<_, Error>((index, sum, true));
                }
                let mut reading = Reading::new(Some(algorithm));
                self.fetch(download, object, &piece, file, &mut reading, meter).await?;
                let bytes = reading.sum.map(|sum| sum.finalize().to_vec()).unwrap_or_default();
                let sum = Sum { bytes, length: piece.length };
                if piece.sum.as_ref().is_some_and(|wanted| *wanted != sum.text()) {
                    return Err(mismatch());
                }
                let line = Written { piece: index, sum: sum.text() };
                journal.lock().unwrap_or_else(PoisonError::into_inner).append(&line)?;
                Ok((index, sum, false))
            }
        }));
        let mut sums: Vec<(usize, Sum, bool)> = sums.buffer_unordered(self.at_once).try_collect().await?;
        sums.sort_by_key(|(index, ..)| *index);
        let resumed = sums.iter().filter(|(.., resumed)| *resumed).map(|(_, sum, _)| sum.length).sum();
        let sums: Vec<Sum> = sums.into_iter().map(|(_, sum, _)| sum).collect();
        let journal = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
        match prove(&object.proof, algorithm, &sums, &file, object.size).await {
            Ok(verified) => {
                self.finish(download, &object, &temporary, &file)?;
                journal.remove();
                Ok(downloaded(&object, verified, resumed))
            }
            Err(error) => {
                // Nobody can say which piece is wrong, so none is kept.
                temporary.discard();
                journal.remove();
                Err(error)
            }
        }
    }

    /// The pieces that an object is fetched in: its parts, where S3 keeps a sum for each of them and none for the whole.
    async fn pieces(&self, download: &Download, object: &mut Object) -> Result<Vec<Piece>> {
        if let Proof::Parts(algorithm, _) = object.proof {
            match self.parts(download, object, algorithm).await? {
                Some(parts) => return Ok(parts),
                None => object.proof = Proof::Nothing,
            }
        }
        let length = self.part_size(object.size);
        let offsets = (0..object.size.div_ceil(length)).map(|index| index * length);
        Ok(offsets.map(|offset| Piece { offset, length: length.min(object.size - offset), sum: None }).collect())
    }

    /// The parts of an object as S3 lists them; `None` where it does not, or may not say.
    async fn parts(&self, download: &Download, object: &Object, algorithm: Algorithm) -> Result<Option<Vec<Piece>>> {
        let (mut pieces, mut offset, mut marker) = (Vec::new(), 0, None);
        loop {
            let mut input = json!({
                "Bucket": download.bucket, "Key": download.key, "ObjectAttributes": ["ObjectParts"], "MaxParts": 1000,
            });
            if let Some(version) = &object.version_id {
                input["VersionId"] = version.clone().into();
            }
            if let Some(marker) = marker {
                input["PartNumberMarker"] = marker;
            }
            let answer = match self.call("GetObjectAttributes", input).await {
                Ok(answer) => answer["ObjectParts"].clone(),
                Err(error) if error.is_retryable() => return Err(error),
                Err(_) => return Ok(None),
            };
            for part in answer["Parts"].as_array().into_iter().flatten() {
                let Some(length) = part["Size"].as_u64() else { return Ok(None) };
                pieces.push(Piece { offset, length, sum: text(part, algorithm.member) });
                offset += length;
            }
            let next = answer["NextPartNumberMarker"].clone();
            if answer["IsTruncated"].as_bool() != Some(true) || next.is_null() || pieces.len() as u64 > super::MAX_PARTS
            {
                break;
            }
            marker = Some(next);
        }
        Ok(Some(pieces).filter(|_| offset == object.size))
    }

    /// Fetches a piece into its place in the file. What breaks off is gone on with where it broke off.
    async fn fetch(
        &self,
        download: &Download,
        object: &Object,
        piece: &Piece,
        file: &Arc<File>,
        reading: &mut Reading,
        meter: &Meter,
    ) -> Result<()> {
        let mut failures = 0;
        while reading.got < piece.length {
            let before = reading.got;
            match self.read_on(download, object, piece, file, reading, meter).await {
                Ok(()) => {}
                Err(error) if error.http_status_code() == Some(412) => {
                    return Err(Error::new(ErrorKind::Conflict, "the object was changed while it was downloaded")
                        .code("ObjectChanged")
                        .retryable(true)
                        .hint("repeat the call: it begins anew with the object as it is now"));
                }
                Err(error) if error.is_retryable() && failures < PATIENCE => {
                    failures = if reading.got > before { 1 } else { failures + 1 };
                    tokio::time::sleep(pause(failures)).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn read_on(
        &self,
        download: &Download,
        object: &Object,
        piece: &Piece,
        file: &Arc<File>,
        reading: &mut Reading,
        meter: &Meter,
    ) -> Result<()> {
        let (start, end) = (piece.offset + reading.got, piece.offset + piece.length);
        let whole = start == 0 && end == object.size;
        let mut input = json!({"Bucket": download.bucket, "Key": download.key});
        if !whole {
            input["Range"] = format!("bytes={start}-{}", end - 1).into();
        }
        if let Some(etag) = &object.etag {
            input["IfMatch"] = etag.clone().into();
        }
        if let Some(version) = object.version_id.as_ref().or(download.version_id.as_ref()) {
            input["VersionId"] = version.clone().into();
        }
        let (head, body) = self.receive(input).await?;
        // A server that does not know ranges sends the whole, which would be written to the wrong place.
        let range =
            head["ContentRange"].as_str().and_then(|range| range.trim_start_matches("bytes ").split('-').next());
        if !whole && range.and_then(|start| start.parse().ok()) != Some(start) {
            return Err(Error::unsupported("the server does not answer with the range that it is asked for"));
        }
        reading.begin(head);
        self.pour(body, piece, file, reading, meter).await
    }

    /// Writes a body to its place while it arrives.
    async fn pour(
        &self,
        mut body: SdkBody,
        piece: &Piece,
        file: &Arc<File>,
        reading: &mut Reading,
        meter: &Meter,
    ) -> Result<()> {
        let mut broken = None;
        while broken.is_none() {
            let (mut batch, mut length) = (Vec::new(), 0);
            while length < WRITE {
                match body.frame().await {
                    Some(Ok(frame)) => {
                        let data = frame.into_data().unwrap_or_default();
                        length += data.len();
                        batch.push(data);
                    }
                    Some(Err(error)) => {
                        broken = Some(crate::error::deepest(error.as_ref()));
                        break;
                    }
                    None => {
                        broken = Some("it ended early".to_owned());
                        break;
                    }
                }
            }
            let left = piece.length - reading.got;
            if length as u64 > left {
                return Err(Error::internal("more bytes arrived than the object has"));
            }
            reading.write(batch, piece.offset, file).await?;
            meter.add(length as u64);
            if reading.got == piece.length {
                return Ok(());
            }
        }
        let reason = broken.unwrap_or_default();
        Err(Error::new(ErrorKind::Network, format!("the object broke off: {reason}")).code("ConnectionBroken"))
    }

    /// Gives the file its name. It bears the time of the object, by which later calls know that it is the same.
    #[expect(clippy::unused_self, reason = "reads as a step of the transfer")]
    fn finish(&self, download: &Download, object: &Object, temporary: &Temporary, file: &File) -> Result<()> {
        if let Some(modified) = object.modified {
            file.set_modified(modified).map_err(|error| disk::failed("write", &temporary.path, &error))?;
        }
        temporary.finish(download.overwrite)
    }
}

/// A piece that is being read.
struct Reading {
    algorithm: Option<Algorithm>,
    sum: Option<Box<dyn HttpChecksum>>,
    got: u64,
    /// What S3 said before the first byte.
    head: Option<Value>,
}

impl Reading {
    fn new(algorithm: Option<Algorithm>) -> Self {
        Self { algorithm, sum: None, got: 0, head: None }
    }

    /// The sum begins with the first answer, which may say by which algorithm.
    fn begin(&mut self, head: Value) {
        let algorithm = *self.algorithm.get_or_insert_with(|| Proof::of(&head).algorithm());
        self.sum.get_or_insert_with(|| algorithm.begin());
        self.head.get_or_insert(head);
    }

    async fn write(&mut self, batch: Vec<Bytes>, offset: u64, file: &Arc<File>) -> Result<()> {
        let Some(mut sum) = self.sum.take() else { return Err(Error::internal("bytes before their answer")) };
        let (file, mut at) = (Arc::clone(file), offset + self.got);
        let written = spawn_blocking(move || {
            for bytes in batch {
                sum.update(&bytes);
                disk::write_at(&file, &bytes, at)?;
                at += bytes.len() as u64;
            }
            io::Result::Ok((sum, at))
        });
        let written = written.await.map_err(io::Error::other).flatten();
        let (sum, at) = written.map_err(|error| disk::failed("write", Path::new("the temporary file"), &error))?;
        (self.sum, self.got) = (Some(sum), at - offset);
        Ok(())
    }
}

/// The temporary file, and the pieces that its journal says it has; an empty one where that was another object's.
fn reopen(
    journal: &mut Journal,
    temporary: &Temporary,
    remembered: &Remembered,
) -> Result<(File, HashMap<usize, Written>)> {
    if let (Some((known, written)), Some(file)) = (journal.read::<Remembered, Written>(), temporary.reopen())
        && known == *remembered
        && file.metadata().is_ok_and(|about| about.len() == remembered.size)
    {
        return Ok((file, written.into_iter().map(|line| (line.piece, line)).collect()));
    }
    let file = temporary.create(remembered.size)?;
    journal.begin(remembered)?;
    Ok((file, HashMap::new()))
}

/// The sum of a piece that an earlier attempt wrote, if what is in the file is that piece.
async fn there(
    file: &Arc<File>,
    piece: &Piece,
    algorithm: Algorithm,
    written: Option<&Written>,
) -> Result<Option<Sum>> {
    let Some(written) = written else { return Ok(None) };
    let sum = algorithm.of_piece(file, piece.offset, piece.length).await?;
    let wanted = piece.sum.as_ref().unwrap_or(&written.sum);
    Ok(Some(sum).filter(|sum| sum.text() == written.sum && sum.text() == *wanted))
}

/// Compares the bytes with what S3 keeps. The name of the checksum, where there is one.
async fn prove(
    proof: &Proof,
    algorithm: Algorithm,
    sums: &[Sum],
    file: &Arc<File>,
    size: u64,
) -> Result<Option<String>> {
    let (name, same) = match proof {
        Proof::Whole(wanted, sum) => {
            let whole = match wanted.whole(sums.iter().cloned()).filter(|_| *wanted == algorithm) {
                Some(whole) => whole,
                None => wanted.of_piece(file, 0, size).await?,
            };
            (wanted.name(), whole.text() == *sum)
        }
        Proof::Parts(wanted, sum) => (wanted.name(), wanted.of_sums(sums.iter()) == *sum),
        Proof::Md5(etag) => ("md5".to_owned(), checksum::md5(file, 0, size).await? == *etag),
        Proof::Nothing => return Ok(None),
    };
    if same { Ok(Some(name)) } else { Err(mismatch()) }
}

fn mismatch() -> Error {
    Error::new(ErrorKind::Network, "what arrived is not what S3 keeps: the checksum denies it")
        .code("ChecksumMismatch")
        .hint("no file was written; repeat the call")
}

fn refuse_existing(download: &Download) -> Result<()> {
    match std::fs::symlink_metadata(&download.path) {
        Ok(found) if found.is_dir() => {
            Err(Error::validation(format!("{} is a folder", download.path.display())).code("LocalFile"))
        }
        Ok(_) if !download.overwrite => Err(disk::taken(&download.path)),
        _ => Ok(()),
    }
}

fn downloaded(object: &Object, verified: Option<String>, resumed_bytes: u64) -> Downloaded {
    Downloaded {
        bytes: object.size,
        resumed_bytes,
        etag: object.etag.clone(),
        version_id: object.version_id.clone(),
        verified,
    }
}
