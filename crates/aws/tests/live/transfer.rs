//! Files to and from S3 servers that others wrote, over a network that is not to be trusted.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_aws::{
    Engine,
    transfer::{Compare, Direction, Download, Existing, Sync, SyncStep, Transfers, Upload},
};
use trainyard_contract::{ErrorKind, Progress, Unheard};
use trainyard_harness::{Passage, Proxy};

use crate::{
    emulator::{Server, here, settings},
    moto::MOTO,
};

/// Checks the checksums that it is sent, which moto does not.
static CHECKING: LazyLock<Server> = LazyLock::new(crate::emulator::ministack_unsigned);

const PART: usize = 5 * 1024 * 1024;

/// A folder of one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trainyard-transfer-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// Journals that are left.
    fn left(&self) -> usize {
        fs::read_dir(self.state()).map_or(0, Iterator::count)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Bytes that differ everywhere.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

async fn bucket(engine: &Engine, name: &str) -> String {
    let create = json!({"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    engine.call("s3", "CreateBucket", create, &here()).await.unwrap();
    name.to_owned()
}

async fn ok(engine: &Engine, operation: &str, input: Value) -> Value {
    engine.call("s3", operation, input, &here()).await.unwrap().output
}

fn transfers(url: &str, folder: &Folder) -> Transfers {
    Transfers::new(Engine::new(settings(url)), here(), folder.state()).part_bytes(PART as u64).at_once(4)
}

fn silent() -> Arc<dyn Progress> {
    Arc::new(Unheard)
}

/// Waits until it is so.
async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is().await {
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_part(head: &str) -> bool {
    head.starts_with("PUT ") && head.contains("partNumber=")
}

fn is_get(head: &str) -> bool {
    head.starts_with("GET /") && head.contains("/large") && !head.contains("attributes")
}

/// Holds all but the first so many requests of this kind.
fn holding(url: &str, passes: usize, kind: fn(&str) -> bool) -> Proxy {
    let seen = AtomicUsize::new(0);
    let rule = move |head: &str, _| {
        let hold = kind(head) && seen.fetch_add(1, Ordering::SeqCst) >= passes;
        if hold { Passage::Hold } else { Passage::Open }
    };
    Proxy::start(url, rule).unwrap()
}

/// Does this to the n-th request of this kind.
fn once(url: &str, number: usize, kind: fn(&str) -> bool, passage: Passage) -> Proxy {
    let seen = AtomicUsize::new(0);
    let rule = move |head: &str, _| {
        let meant = kind(head) && seen.fetch_add(1, Ordering::SeqCst) == number;
        if meant { passage } else { Passage::Open }
    };
    Proxy::start(url, rule).unwrap()
}

#[tokio::test]
async fn files_go_up_and_come_back_byte_for_byte() {
    for (server, name) in [(&*MOTO, "moto"), (&*CHECKING, "checking")] {
        let folder = Folder::new(&format!("sizes-{name}"));
        let engine = server.engine();
        let bucket = bucket(&engine, &format!("sizes-{name}")).await;
        let transfers = transfers(&server.url(), &folder);
        for size in [0, 1, 16 * 1024, PART, PART + 1, 3 * PART + 12_345] {
            let content = bytes(size);
            let path = folder.file(&format!("up-{size}"), &content);
            let key = format!("with space/ü+&/{size}");
            let done = transfers.upload(&Upload::new(&path, &bucket, &key), silent()).await.unwrap();
            assert_eq!((done.bytes, done.resumed_bytes), (size as u64, 0), "{name}");
            assert_eq!(done.parts as usize, if size > PART { size.div_ceil(PART) } else { 0 }, "{name} {size}");
            let back = folder.0.join(format!("down/{size}"));
            let done = transfers.download(&Download::new(&bucket, &key, &back), silent()).await.unwrap();
            assert_eq!(done.bytes, size as u64);
            assert!(done.verified.is_some() || size == 0, "{name}: nothing proved {size} bytes");
            assert!(fs::read(&back).unwrap() == content, "{name} {size}");
            #[cfg(unix)]
            {
                let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&back).unwrap().permissions());
                assert_eq!(mode & 0o777, 0o600);
            }
            let again = transfers.download(&Download::new(&bucket, &key, &back), silent()).await.unwrap_err();
            assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{again:?}");
        }
        assert_eq!(folder.left(), 0, "{name}");
    }
}

#[tokio::test]
async fn an_upload_that_was_stopped_goes_on_where_it_was() {
    let (folder, engine) = (Folder::new("stopped"), MOTO.engine());
    let bucket = bucket(&engine, "stopped").await;
    let content = bytes(6 * PART + 7);
    let upload = Upload::new(folder.file("large", &content), &bucket, "large");
    let proxy = holding(&MOTO.url(), 3, is_part);
    let through = transfers(&proxy.url(), &folder);
    let stopped = tokio::spawn({
        let upload = upload.clone();
        async move { through.upload(&upload, silent()).await }
    });
    let there = async || {
        let uploads = ok(&engine, "ListMultipartUploads", json!({"Bucket": bucket})).await;
        let Some(id) = uploads["Uploads"][0]["UploadId"].as_str().map(str::to_owned) else { return 0 };
        let parts = ok(&engine, "ListParts", json!({"Bucket": bucket, "Key": "large", "UploadId": id})).await;
        parts["Parts"].as_array().map_or(0, Vec::len)
    };
    until("three parts", async || there().await == 3).await;

    // Another of the same while it is under way.
    let rival = transfers(&MOTO.url(), &folder);
    let refused = rival.upload(&upload, silent()).await.unwrap_err();
    assert_eq!(refused.code_str(), "TransferUnderWay");
    stopped.abort();
    drop(stopped.await);
    assert_eq!(folder.left(), 1);

    let done = rival.upload(&upload, silent()).await.unwrap();
    assert_eq!((done.resumed_bytes, done.parts), (3 * PART as u64, 7));
    assert_eq!(folder.left(), 0);
    let back = folder.0.join("back");
    rival.download(&Download::new(&bucket, "large", &back), silent()).await.unwrap();
    assert!(fs::read(&back).unwrap() == content);
}

#[tokio::test]
async fn a_file_that_changed_is_not_mixed_with_what_it_was() {
    let (folder, engine) = (Folder::new("changed"), MOTO.engine());
    let bucket = bucket(&engine, "changed").await;
    let upload = Upload::new(folder.file("large", &bytes(4 * PART)), &bucket, "large");
    let proxy = holding(&MOTO.url(), 2, is_part);
    let through = transfers(&proxy.url(), &folder);
    let stopped = tokio::spawn({
        let upload = upload.clone();
        async move { through.upload(&upload, silent()).await }
    });
    until("parts under way", async || proxy.requests() > 4).await;
    stopped.abort();
    drop(stopped.await);
    let other: Vec<u8> = bytes(4 * PART).iter().map(|byte| !byte).collect();
    folder.file("large", &other);
    let direct = transfers(&MOTO.url(), &folder);
    let done = direct.upload(&upload, silent()).await.unwrap();
    assert_eq!(done.resumed_bytes, 0);
    let uploads = ok(&engine, "ListMultipartUploads", json!({"Bucket": bucket})).await;
    assert!(uploads["Uploads"].as_array().is_none_or(Vec::is_empty), "the first was aborted: {uploads}");
    let back = folder.0.join("back");
    direct.download(&Download::new(&bucket, "large", &back), silent()).await.unwrap();
    assert!(fs::read(&back).unwrap() == other);
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let (folder, engine) = (Folder::new("given-up"), MOTO.engine());
    let bucket = bucket(&engine, "given-up").await;
    let upload = Upload::new(folder.file("large", &bytes(3 * PART)), &bucket, "large");
    let proxy = holding(&MOTO.url(), 1, is_part);
    let through = transfers(&proxy.url(), &folder);
    let stopped = tokio::spawn({
        let upload = upload.clone();
        async move { through.upload(&upload, silent()).await }
    });
    until("a part under way", async || proxy.requests() > 2).await;
    stopped.abort();
    drop(stopped.await);
    let direct = transfers(&MOTO.url(), &folder);
    assert!(direct.abort_upload(&upload).await.unwrap());
    assert!(!direct.abort_upload(&upload).await.unwrap(), "there is nothing left to give up");
    let uploads = ok(&engine, "ListMultipartUploads", json!({"Bucket": bucket})).await;
    assert!(uploads["Uploads"].as_array().is_none_or(Vec::is_empty), "{uploads}");
    assert_eq!(folder.left(), 0);
}

#[tokio::test]
async fn a_download_that_was_stopped_goes_on_and_believes_only_what_is_in_the_file() {
    let (folder, engine) = (Folder::new("halves"), CHECKING.engine());
    let bucket = bucket(&engine, "halves").await;
    let content = bytes(6 * PART);
    let direct = transfers(&CHECKING.url(), &folder);
    direct.upload(&Upload::new(folder.file("up", &content), &bucket, "large"), silent()).await.unwrap();
    let download = Download::new(&bucket, "large", folder.0.join("down/large"));
    let proxy = holding(&CHECKING.url(), 3, is_get);
    let through = transfers(&proxy.url(), &folder);
    let stopped = tokio::spawn({
        let download = download.clone();
        async move { through.download(&download, silent()).await }
    });
    let journal = || fs::read_dir(folder.state()).ok()?.next()?.ok().map(|entry| entry.path());
    let lines = || journal().map_or(0, |path| fs::read_to_string(path).unwrap_or_default().lines().count());
    until("three pieces", async || lines() == 4).await;
    stopped.abort();
    drop(stopped.await);
    assert!(!download.path.exists(), "a file that is not whole has no name");

    // One of the pieces is damaged on disk meanwhile.
    let partial = fs::read_dir(folder.0.join("down")).unwrap().next().unwrap().unwrap().path();
    let mut there = fs::read(&partial).unwrap();
    let piece = (0..6).find(|piece| there[piece * PART..][..PART] == content[piece * PART..][..PART]).unwrap();
    there[piece * PART + 99] ^= 1;
    fs::write(&partial, there).unwrap();

    let done = direct.download(&download, silent()).await.unwrap();
    assert_eq!(done.resumed_bytes, 2 * PART as u64);
    assert_eq!(done.verified.as_deref(), Some("crc64nvme"));
    assert!(fs::read(&download.path).unwrap() == content);
    assert_eq!(fs::read_dir(folder.0.join("down")).unwrap().count(), 1, "no temporary file is left");
    assert_eq!(folder.left(), 0);
}

#[tokio::test]
async fn a_body_that_is_damaged_on_the_way_up_is_refused_and_sent_again() {
    let (folder, engine) = (Folder::new("damaged"), CHECKING.engine());
    let bucket = bucket(&engine, "damaged").await;
    let path = folder.file("large", &bytes(2 * PART + 1));
    let proxy = once(&CHECKING.url(), 1, is_part, Passage::FlipRequest);
    let done = transfers(&proxy.url(), &folder).upload(&Upload::new(&path, &bucket, "large"), silent()).await.unwrap();
    assert_eq!(done.parts, 3);
    let back = folder.0.join("back");
    let direct = transfers(&CHECKING.url(), &folder);
    direct.download(&Download::new(&bucket, "large", &back), silent()).await.unwrap();
    assert!(fs::read(&back).unwrap() == fs::read(&path).unwrap());

    let small = folder.file("small", b"hello");
    let proxy = once(&CHECKING.url(), 0, |head| head.starts_with("PUT "), Passage::FlipRequest);
    transfers(&proxy.url(), &folder).upload(&Upload::new(small, &bucket, "small"), silent()).await.unwrap();
    let got = ok(&engine, "GetObject", json!({"Bucket": bucket, "Key": "small"})).await;
    assert_eq!(got["Body"], "aGVsbG8=");
}

#[tokio::test]
async fn a_body_that_is_damaged_or_cut_on_the_way_down_never_becomes_a_file() {
    let (folder, engine) = (Folder::new("cut"), CHECKING.engine());
    let bucket = bucket(&engine, "cut").await;
    let content = bytes(2 * PART + 1);
    let direct = transfers(&CHECKING.url(), &folder);
    direct.upload(&Upload::new(folder.file("up", &content), &bucket, "large"), silent()).await.unwrap();
    for size in ["large", "large-small"] {
        let path = folder.0.join(format!("{size}.down"));
        let content = if size == "large" { content.clone() } else { b"hello".to_vec() };
        if size != "large" {
            direct.upload(&Upload::new(folder.file("small", &content), &bucket, size), silent()).await.unwrap();
        }
        // What breaks off is gone on with.
        let proxy = once(&CHECKING.url(), 0, is_get, Passage::CutAnswer(3));
        let through = transfers(&proxy.url(), &folder);
        through.download(&Download::new(&bucket, size, &path), silent()).await.unwrap();
        assert!(fs::read(&path).unwrap() == content, "{size}");
        fs::remove_file(&path).unwrap();
        // What is damaged is found by the checksum.
        let proxy = once(&CHECKING.url(), 0, is_get, Passage::FlipAnswer);
        let through = transfers(&proxy.url(), &folder);
        let error = through.download(&Download::new(&bucket, size, &path), silent()).await.unwrap_err();
        assert_eq!((error.kind(), error.code_str()), (ErrorKind::Network, "ChecksumMismatch"), "{size}: {error:?}");
        assert!(error.is_retryable() && !path.exists());
        through.download(&Download::new(&bucket, size, &path), silent()).await.unwrap();
    }
    assert_eq!(folder.left(), 0);
}

#[tokio::test]
async fn an_answer_that_was_lost_does_not_make_a_failure_of_a_success() {
    let (folder, engine) = (Folder::new("lost"), CHECKING.engine());
    let bucket = bucket(&engine, "lost").await;
    let path = folder.file("large", &bytes(2 * PART));
    let complete = |head: &str| head.starts_with("POST ") && head.contains("uploadId=");
    let proxy = once(&CHECKING.url(), 0, complete, Passage::LoseAnswer);
    let upload = Upload::new(&path, &bucket, "large").existing(Existing::Refuse);
    let done = transfers(&proxy.url(), &folder).upload(&upload, silent()).await.unwrap();
    assert_eq!(done.bytes, 2 * PART as u64);
    assert_eq!(folder.left(), 0);
}

#[tokio::test]
async fn conditions_are_kept_by_the_server() {
    let (folder, engine) = (Folder::new("conditions"), CHECKING.engine());
    let bucket = bucket(&engine, "conditions").await;
    let transfers = transfers(&CHECKING.url(), &folder);
    for size in [5, PART + 1] {
        let path = folder.file("file", &bytes(size));
        let upload = |existing| Upload::new(&path, &bucket, format!("k{size}")).existing(existing);
        let first = transfers.upload(&upload(Existing::Refuse), silent()).await.unwrap();
        let second = transfers.upload(&upload(Existing::Refuse), silent()).await.unwrap_err();
        assert_eq!(second.kind(), ErrorKind::AlreadyExists, "{second:?}");
        let other = Existing::Only("\"00000000000000000000000000000000\"".to_owned());
        let third = transfers.upload(&upload(other), silent()).await.unwrap_err();
        assert_eq!(third.kind(), ErrorKind::Conflict, "{third:?}");
        transfers.upload(&upload(Existing::Only(first.etag.unwrap())), silent()).await.unwrap();
    }
}

#[tokio::test]
async fn objects_of_other_tools_are_proved_by_what_they_left() {
    let (folder, engine) = (Folder::new("others"), MOTO.engine());
    let bucket = bucket(&engine, "others").await;
    let transfers = transfers(&MOTO.url(), &folder);
    for algorithm in ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"] {
        let put = json!({"Bucket": bucket, "Key": algorithm, "Body": "aGVsbG8=", "ChecksumAlgorithm": algorithm});
        ok(&engine, "PutObject", put).await;
        let download = Download::new(&bucket, algorithm, folder.0.join(algorithm));
        let done = transfers.download(&download, silent()).await.unwrap();
        assert_eq!(done.verified, Some(algorithm.to_lowercase()));
    }
    let missing =
        transfers.download(&Download::new(&bucket, "none", folder.0.join("none")), silent()).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

fn sync(folder: &Path, bucket: &str, direction: Direction) -> Sync {
    let (folder, bucket, prefix) = (folder.to_owned(), bucket.to_owned(), "data".to_owned());
    Sync { folder, bucket, prefix, direction, delete: false, compare: Compare::default() }
}

#[tokio::test]
async fn a_folder_and_a_prefix_are_made_alike() {
    let (folder, engine) = (Folder::new("sync"), MOTO.engine());
    let bucket = bucket(&engine, "sync").await;
    let transfers = transfers(&MOTO.url(), &folder).at_once(16);
    let source = folder.0.join("source");
    // More than a page of a list.
    for number in 0..1_200 {
        folder.file(&format!("source/{:02}/{number:04}.bin", number % 7), format!("file {number}").as_bytes());
    }
    folder.file("source/with space/ü&.txt", b"odd");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", source.join("link")).unwrap();
    let up = sync(&source, &bucket, Direction::Up);
    let plan = transfers.sync_plan(&up).await.unwrap();
    assert_eq!((plan.copies, plan.deletes, plan.alike), (1_201, 0, 0));
    assert_eq!(plan.passed, u64::from(cfg!(unix)));
    let done = transfers.sync(&up, silent()).await.unwrap();
    assert_eq!((done.copied, done.bytes), (1_201, plan.bytes));
    let again = transfers.sync(&up, silent()).await.unwrap();
    assert_eq!((again.copied, again.alike), (0, 1_201));

    let target = folder.0.join("target");
    let down = sync(&target, &bucket, Direction::Down);
    assert_eq!(transfers.sync_plan(&down).await.unwrap().copies, 1_201);
    assert!(!target.exists(), "a plan changes nothing");
    assert_eq!(transfers.sync(&down, silent()).await.unwrap().copied, 1_201);
    assert_eq!(fs::read(target.join("with space/ü&.txt")).unwrap(), b"odd");
    let again = transfers.sync(&down, silent()).await.unwrap();
    assert_eq!((again.copied, again.alike), (0, 1_201));

    // One more, one other, one less.
    folder.file("source/new", b"new");
    fs::remove_file(source.join("00/0000.bin")).unwrap();
    let name = source.join("01/0001.bin");
    fs::write(&name, "file X").unwrap();
    let later = std::time::SystemTime::now() + Duration::from_hours(1);
    fs::File::options().write(true).open(&name).unwrap().set_modified(later).unwrap();
    let up = Sync { delete: true, ..up };
    let plan = transfers.sync_plan(&up).await.unwrap();
    assert_eq!((plan.copies, plan.replaces, plan.deletes), (2, 1, 1), "{plan:?}");
    assert!(plan.first.contains(&SyncStep::Delete { key: "00/0000.bin".to_owned() }), "{plan:?}");
    let done = transfers.sync(&up, silent()).await.unwrap();
    assert_eq!((done.copied, done.deleted), (2, 1));
    let down = Sync { delete: true, ..down };
    let done = transfers.sync(&down, silent()).await.unwrap();
    assert_eq!((done.copied, done.deleted, done.alike), (2, 1, 1_199));
    assert!(!target.join("00/0000.bin").exists());
    assert_eq!(fs::read(target.join("01/0001.bin")).unwrap(), b"file X");
    let content = Sync { compare: Compare::Content, ..sync(&source, &bucket, Direction::Up) };
    assert_eq!(transfers.sync_plan(&content).await.unwrap().copies, 0);
}

#[tokio::test]
async fn keys_that_lead_astray_are_passed_over() {
    let (folder, engine) = (Folder::new("astray"), MOTO.engine());
    let bucket = bucket(&engine, "astray").await;
    for key in ["data/good", "data/../../evil", "data//evil", "data/./evil", "data/folder/"] {
        ok(&engine, "PutObject", json!({"Bucket": bucket, "Key": key, "Body": "aGVsbG8="})).await;
    }
    let transfers = transfers(&MOTO.url(), &folder);
    let down = sync(&folder.0.join("target"), &bucket, Direction::Down);
    let done = transfers.sync(&down, silent()).await.unwrap();
    assert_eq!((done.copied, done.passed), (1, 3));
    let names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name == "evil"), "{names:?}");
    assert_eq!(fs::read_dir(folder.0.join("target")).unwrap().count(), 1);
}

#[tokio::test]
async fn files_that_fail_are_named_and_nothing_is_deleted_then() {
    let (folder, engine) = (Folder::new("failing"), MOTO.engine());
    let bucket = bucket(&engine, "failing").await;
    ok(&engine, "PutObject", json!({"Bucket": bucket, "Key": "data/extra", "Body": "aGVsbG8="})).await;
    for name in ["a", "bad", "c"] {
        folder.file(&format!("source/{name}"), b"x");
    }
    let rule = |head: &str, _| {
        let bad = head.starts_with("PUT ") && head.contains("/bad");
        if bad { Passage::LoseAnswer } else { Passage::Open }
    };
    let proxy = Proxy::start(&MOTO.url(), rule).unwrap();
    let up = Sync { delete: true, ..sync(&folder.0.join("source"), &bucket, Direction::Up) };
    let error = transfers(&proxy.url(), &folder).sync(&up, silent()).await.unwrap_err();
    assert!(error.message().contains("\"bad\""), "{error:?}");
    let listed = ok(&engine, "ListObjectsV2", json!({"Bucket": bucket})).await;
    let keys: Vec<_> = listed["Contents"].as_array().unwrap().iter().map(|object| object["Key"].clone()).collect();
    assert!(keys.contains(&json!("data/extra")) && keys.contains(&json!("data/c")), "{keys:?}");
}
