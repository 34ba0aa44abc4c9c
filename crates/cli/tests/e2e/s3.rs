//! Files to and from S3 through the binary: gates, plans, and a process that is killed in the middle.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::{Passage, Proxy, Trainyard};

use crate::{BINARY, moto};

const GATES: [&str; 4] = ["--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];

/// The size of a part.
const PART: usize = 8 * 1024 * 1024;

fn at(url: &str) -> Trainyard {
    Trainyard::at(BINARY, url).unwrap()
}

/// A call at the shell, as a command.
fn command(at: &Trainyard, tool: &str, arguments: &Value, more: &[&str]) -> Command {
    let files = at.home().display().to_string();
    let text = arguments.to_string();
    let mut words = vec!["call", tool, "--json", "--args", &text, "--toolsets", "all", "--local-paths", &files];
    words.extend(GATES);
    words.extend(more);
    at.command(&words)
}

fn call(at: &Trainyard, tool: &str, arguments: &Value) -> Value {
    let ended = command(at, tool, arguments, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{tool} {arguments}: {error}: {said} {}", String::from_utf8_lossy(&ended.stderr))
    })
}

/// A call whose process was killed. What became of that is said first; who repeats it all the same has it done.
fn repeated(at: &Trainyard, tool: &str, arguments: &Value) -> Value {
    let unknown = call(at, tool, arguments);
    assert_eq!(unknown["error"]["code"], "OutcomeUnknown", "{unknown}");
    call(at, tool, arguments)
}

fn bucket(at: &Trainyard, name: &str) {
    let create = json!({ "Bucket": name, "CreateBucketConfiguration": { "LocationConstraint": "eu-west-1" } });
    call(at, "aws_call", &json!({ "service": "s3", "operation": "CreateBucket", "parameters": create }));
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

/// Holds all but the first so many requests whose first line has this in it.
fn holding(passes: usize, mark: &'static str) -> Proxy {
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let rule = move |head: &str, _| {
        let first = head.lines().next().unwrap_or_default();
        // The range of a download stands below the first line.
        let meant = first.contains(mark) && (mark != "GET /" || head.contains("range: "));
        let hold = meant && seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= passes;
        if hold { Passage::Hold } else { Passage::Open }
    };
    Proxy::start(&moto(), rule).unwrap()
}

/// Waits until it is so.
fn until(what: &str, child: &mut Child, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is() {
        assert!(child.try_wait().unwrap().is_none(), "{what}: the process ended by itself");
        assert!(Instant::now() < end, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Kills a process in a way that it cannot notice.
fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn journals(at: &Trainyard) -> Vec<String> {
    let Ok(found) = fs::read_dir(at.home().join(".local/state/trainyard/transfers")) else { return Vec::new() };
    found.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn a_process_that_was_killed_while_it_uploaded_goes_on_where_it_was() {
    let direct = at(&moto());
    bucket(&direct, "killed-up");
    let path = direct.home().join("large");
    let content = bytes(5 * PART);
    fs::write(&path, &content).unwrap();
    let upload = json!({ "path": path, "bucket": "killed-up", "key": "large" });
    let proxy = holding(2, "partNumber=");
    let mut through = command(&direct, "s3_upload", &upload, &[]);
    through.env("AWS_ENDPOINT_URL", proxy.url()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = through.spawn().unwrap();
    let parts = || {
        let named = |operation: &str, parameters: Value| {
            let call_of = json!({ "service": "s3", "operation": operation, "parameters": parameters });
            call(&direct, "aws_call", &call_of)["result"].clone()
        };
        let uploads = named("ListMultipartUploads", json!({ "Bucket": "killed-up" }));
        let Some(id) = uploads["Uploads"][0]["UploadId"].as_str() else { return 0 };
        let parts = named("ListParts", json!({ "Bucket": "killed-up", "Key": "large", "UploadId": id }));
        parts["Parts"].as_array().map_or(0, Vec::len)
    };
    until("two parts", &mut child, || parts() == 2);
    kill(child);
    assert_eq!(journals(&direct).len(), 1);

    let done = repeated(&direct, "s3_upload", &upload);
    assert_eq!((&done["bytes"], &done["resumed_bytes"]), (&json!(content.len()), &json!(2 * PART)), "{done}");
    assert!(journals(&direct).is_empty());

    let target = direct.home().join("back");
    let download = json!({ "bucket": "killed-up", "key": "large", "path": target });
    let proxy = holding(3, "GET /");
    let mut through = command(&direct, "s3_download", &download, &[]);
    through.env("AWS_ENDPOINT_URL", proxy.url()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = through.spawn().unwrap();
    // A line for the download, and one for each piece.
    until("three pieces", &mut child, || journals(&direct).iter().any(|text| text.lines().count() == 4));
    kill(child);
    assert!(!target.exists());
    let done = repeated(&direct, "s3_download", &download);
    assert!(done["resumed_bytes"].as_u64().unwrap() >= 3 * PART as u64, "{done}");
    assert_eq!(done["verified_by"], "crc64nvme");
    assert!(fs::read(&target).unwrap() == content);
    assert!(journals(&direct).is_empty());
}

#[test]
fn a_plan_says_what_would_be_moved_and_moves_nothing() {
    let at = at(&moto());
    bucket(&at, "planned");
    let path = at.home().join("file");
    fs::write(&path, "hello").unwrap();
    let upload = json!({ "path": path, "bucket": "planned", "key": "a/b" });
    let planned = |tool: &str, arguments: &Value| {
        let mut arguments = arguments.clone();
        arguments["dry_run"] = true.into();
        call(&at, tool, &arguments)["plan"].clone()
    };
    assert_eq!(planned("s3_upload", &upload), json!({ "bytes": 5, "would_succeed": true }));
    let list = |prefix: &str| call(&at, "s3_list_objects", &json!({ "bucket": "planned", "prefix": prefix }));
    assert_eq!(list("")["count"], 0);
    call(&at, "s3_upload", &upload);
    assert_eq!(list("")["rows"][0][0], "a/", "one level, as in a folder");
    assert_eq!(planned("s3_upload", &upload)["would_succeed"], false);
    assert_eq!(call(&at, "s3_upload", &upload)["error"]["category"], "already_exists");
    let about = call(&at, "s3_describe_object", &json!({ "bucket": "planned", "key": "a/b" }));
    assert_eq!((&about["size"], about["checksum"].as_str().unwrap().starts_with("crc64nvme ")), (&json!(5), true));
    let content = json!({ "bucket": "planned", "key": "a/b", "from": 1, "max_bytes": 3 });
    let content = call(&at, "s3_get_object", &content);
    let text = content["text"].as_str().unwrap();
    assert!(text.starts_with("[[") && text.contains(": ell :"), "words of others: {content}");
    assert_eq!(content["next"], 4);
    let missing = call(&at, "s3_describe_object", &json!({ "bucket": "planned", "key": "none" }));
    assert_eq!(missing["error"]["category"], "not_found");

    let folder = at.home().join("tree");
    for name in ["one", "sub/two"] {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), name).unwrap();
    }
    let sync = json!({ "folder": folder, "bucket": "planned", "prefix": "a", "direction": "up", "delete": true });
    let plan = planned("s3_sync", &sync);
    assert_eq!(plan["first"], json!(["delete b", "copy one (3 bytes)", "copy sub/two (7 bytes)"]), "{plan}");
    let done = call(&at, "s3_sync", &sync);
    assert_eq!((&done["copied"], &done["deleted"]), (&json!(2), &json!(1)), "{done}");
    let buckets = call(&at, "s3_list_buckets", &json!({}));
    assert!(buckets["rows"].as_array().unwrap().iter().any(|row| row[0] == "planned"), "{buckets}");
}

#[test]
fn only_files_that_the_operator_names_are_touched() {
    let at = at(&moto());
    bucket(&at, "files");
    let inside = at.home().join("file");
    fs::write(&inside, "x").unwrap();
    let refused = |path: &Path, flags: &[&str]| {
        let upload = json!({ "path": path, "bucket": "files", "key": "k" }).to_string();
        let mut words = vec!["call", "s3_upload", "--json", "--args", &upload, "--toolsets", "s3", "--allow-write"];
        words.extend(flags);
        let said: Value = serde_json::from_slice(&at.command(&words).output().unwrap().stdout).unwrap();
        said["error"]["category"].clone()
    };
    assert_eq!(refused(&inside, &[]), "policy_denied");
    let home = at.home().display().to_string();
    assert_eq!(refused(Path::new("/etc/passwd"), &["--local-paths", &home]), "policy_denied");
    assert_eq!(refused(&inside, &["--local-paths", &home]), Value::Null);
}
