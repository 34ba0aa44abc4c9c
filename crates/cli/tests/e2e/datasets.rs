//! Datasets through the binary, as an assistant has them: here, and in S3 on servers that others wrote.

use std::{fs, sync::OnceLock};

use serde_json::{Value, json};
use trainyard_harness::{Era, MiniStack, Session, Trainyard, venv};

use crate::{BINARY, moto};

/// `MiniStack`: a second S3 server, by others than moto's. One for all tests of this process.
pub(crate) fn ministack() -> String {
    static SERVER: OnceLock<MiniStack> = OnceLock::new();
    SERVER.get_or_init(|| MiniStack::start(&venv(), false).unwrap()).url()
}

fn serve(at: &Trainyard) -> Session {
    let files = at.home().display().to_string();
    let gates = ["--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];
    let mut words = vec!["--toolsets", "ml,s3,aws", "--local-paths", &files];
    words.extend(gates);
    at.serve(&words, Era::Modern).unwrap()
}

fn call(session: &mut Session, tool: &str, arguments: &Value) -> Value {
    let answer = session.call(tool, arguments.clone()).unwrap();
    let structured = answer["structuredContent"].clone();
    if structured.is_null() { answer } else { structured }
}

const TABLE: &str = "age,email,grade\n31,ann@example.org,a\n42,bob@example.org,b\n,cy@example.org,a\n";

#[test]
fn a_file_becomes_a_dataset_that_can_be_looked_into() {
    let at = Trainyard::bare(BINARY).unwrap();
    let path = at.home().join("People 2024.csv");
    fs::write(&path, TABLE).unwrap();
    let mut session = serve(&at);
    let made = call(&mut session, "dataset_upload", &json!({ "file_path": path, "tags": { "team": "a" } }));
    let dataset = &made["dataset"];
    assert_eq!((&dataset["dataset_id"], &dataset["version"]), (&json!("people-2024"), &json!(1)), "{made}");
    assert_eq!((&dataset["rows"], &dataset["columns"]), (&json!(3), &json!(3)));
    assert!(dataset["cloud_path"].is_null(), "nobody verified anything in S3: {made}");
    assert!(made["findings"].to_string().contains("personal_data"), "{made}");
    // The name that the ML platform's guide gave it.
    let again = call(&mut session, "upload_dataset_to_s3", &json!({ "dataset_path": path }));
    assert_eq!(again["deduplicated"], true, "{again}");

    let listed = call(&mut session, "dataset_list", &json!({ "fields": ["dataset_id", "rows"] }));
    assert_eq!(listed["rows"], json!([["people-2024", 3]]), "{listed}");
    let described = call(&mut session, "dataset_get", &json!({ "dataset_id": "people-2024" }));
    assert_eq!(described["schema"], json!([["age", "integer"], ["email", "text"], ["grade", "text"]]), "{described}");
    let profile =
        json!({ "dataset_id": "people-2024", "target": "grade", "fields": ["column", "missing", "median", "top"] });
    let profiled = call(&mut session, "dataset_get_profile", &profile);
    assert_eq!(
        profiled["rows"],
        json!([["age", 1, 42.0, null], ["email", 0, null, null], ["grade", 0, null, "a (2)"]]),
        "{profiled}"
    );
    let shown = call(&mut session, "dataset_preview", &json!({ "dataset_id": "people-2024", "rows": 2 }));
    let rows = shown["rows"].to_string();
    assert!(rows.contains("31") && rows.contains("(hidden)") && !rows.contains("ann@"), "{shown}");
    assert_eq!(shown["hidden"], json!(["email"]));

    let drawn = session.call("dataset_get_profile", json!({ "dataset_id": "people-2024", "picture": true })).unwrap();
    let content = drawn["content"].as_array().unwrap();
    let image = content.iter().find(|part| part["type"] == "image").unwrap_or_else(|| panic!("{drawn}"));
    assert_eq!(image["mimeType"], "image/png");

    let back = at.home().join("back.csv");
    call(&mut session, "dataset_download", &json!({ "dataset_id": "people-2024", "file_path": back }));
    assert_eq!(fs::read_to_string(&back).unwrap(), TABLE);
    let twice = call(&mut session, "dataset_download", &json!({ "dataset_id": "people-2024", "file_path": back }));
    assert_eq!(twice["error"]["category"], "already_exists", "{twice}");

    fs::write(&path, "age\n1\n").unwrap();
    call(&mut session, "dataset_upload", &json!({ "file_path": path }));
    let versions = call(&mut session, "dataset_list_versions", &json!({ "dataset_id": "people-2024" }));
    assert_eq!(versions["count"], 2, "{versions}");
    let verified =
        call(&mut session, "dataset_verify", &json!({ "dataset_id": "people-2024", "version": 1, "deep": true }));
    assert_eq!(verified["ok"], true, "{verified}");
    let deleted = call(&mut session, "dataset_delete", &json!({ "dataset_id": "people-2024", "all_versions": true }));
    assert_eq!(deleted["versions"], json!([2, 1]), "{deleted}");
    assert_eq!(call(&mut session, "dataset_list", &json!({}))["count"], 0);
    let kept = fs::read_dir(at.home().join(".local/state/trainyard/ml/datasets")).unwrap().count();
    assert_eq!(kept, 0);
    session.close().unwrap();
}

#[test]
fn bad_input_is_refused_and_nothing_is_stored() {
    let at = Trainyard::bare(BINARY).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = at.home().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut session = serve(&at);
    let workbook = file("book.csv", b"PK\x03\x04\x00\x00");
    let refused = call(&mut session, "dataset_upload", &json!({ "file_path": workbook }));
    assert!(refused["error"]["message"].as_str().unwrap().contains("Excel"), "{refused}");
    let outside = call(&mut session, "dataset_upload", &json!({ "file_path": "/etc/hostname" }));
    assert_eq!(outside["error"]["category"], "policy_denied", "{outside}");
    let good = file("good.csv", b"a,b\n1,2\n");
    let unnamed = call(&mut session, "dataset_upload", &json!({ "file_path": good, "dataset_id": "../up" }));
    assert_eq!(unnamed["error"]["category"], "validation", "{unnamed}");
    let cloudless = call(&mut session, "dataset_upload", &json!({ "file_path": good, "store": "s3" }));
    assert_eq!(cloudless["error"]["code"], "NoDataBucket", "{cloudless}");
    assert_eq!(call(&mut session, "dataset_list_stored", &json!({}))["error"]["code"], "NoDataBucket");
    assert_eq!(call(&mut session, "dataset_list", &json!({}))["count"], 0);

    call(&mut session, "dataset_upload", &json!({ "file_path": good, "keep": "reference" }));
    let target = json!({ "dataset_id": "good", "target": "c" });
    let wrong = call(&mut session, "dataset_get_profile", &target);
    assert!(wrong["error"]["hint"].as_str().unwrap().contains("a, b"), "{wrong}");
    file("good.csv", b"a,b\n1,2\n3,4\n");
    let changed = call(&mut session, "dataset_preview", &json!({ "dataset_id": "good" }));
    assert_eq!(changed["error"]["code"], "DatasetChanged", "{changed}");
    let planned = call(&mut session, "dataset_delete", &json!({ "dataset_id": "good", "version": 1, "dry_run": true }));
    assert_eq!(planned["plan"]["files_kept"], json!([good]), "{planned}");
    call(&mut session, "dataset_delete", &json!({ "dataset_id": "good", "version": 1 }));
    assert!(good.exists());
    session.close().unwrap();
}

/// What a server of S3 has to do for datasets.
fn in_s3(url: &str, bucket: &str, rows: u32) {
    let at = Trainyard::at(BINARY, url).unwrap().with("ML_DATA_BUCKET", bucket).with("AWS_REGION", "us-east-1");
    let path = at.home().join("wine.csv");
    let mut table = String::from("id,value\n");
    (0..rows).for_each(|row| table.push_str(&format!("{row},{}\n", "value ".repeat(40))));
    fs::write(&path, "id,value\n1,2\n").unwrap();
    let mut session = serve(&at);
    let aws = |session: &mut Session, operation: &str, parameters: Value| {
        call(session, "aws_call", &json!({ "service": "s3", "operation": operation, "parameters": parameters }))
    };
    let missing = call(&mut session, "dataset_upload", &json!({ "file_path": path }));
    assert!(missing["error"]["partial"].to_string().contains("registered here"), "{missing}");
    let told = call(&mut session, "dataset_get", &json!({ "dataset_id": "wine" }));
    assert!(told["dataset"]["cloud_path"].is_null(), "no bucket, no path: {told}");

    aws(&mut session, "CreateBucket", json!({ "Bucket": bucket }));
    let stored = call(&mut session, "dataset_upload", &json!({ "file_path": path }));
    let uri = format!("s3://{bucket}/datasets/wine/wine.csv");
    assert_eq!((&stored["dataset"]["cloud_path"], &stored["deduplicated"]), (&json!(uri), &json!(true)), "{stored}");
    let manifest = aws(&mut session, "GetObject", json!({ "Bucket": bucket, "Key": "datasets/wine/_manifest.json" }));
    let body = manifest["result"]["Body"].as_str().unwrap_or_default();
    assert!(body.contains("row_count"), "{manifest}");
    let sound = call(&mut session, "dataset_verify", &json!({ "dataset_id": "wine" }));
    assert_eq!((&sound["ok"], &sound["cloud_path"]), (&json!(true), &json!(uri)), "{sound}");

    // What is there is seen, whoever put it there.
    aws(&mut session, "PutObject", json!({ "Bucket": bucket, "Key": "datasets/theirs/a.csv", "Body": "YSxiCjEsMgo=" }));
    let fields = json!({ "fields": ["dataset_id", "managed", "version", "rows", "registered_version"] });
    let listed = call(&mut session, "list_datasets_from_s3", &fields);
    assert_eq!(listed["rows"], json!([["theirs", false, null, null, null], ["wine", true, 1, 1, 1]]), "{listed}");
    aws(&mut session, "DeleteObject", json!({ "Bucket": bucket, "Key": "datasets/theirs/a.csv" }));

    // The next version takes its place.
    fs::write(&path, &table).unwrap();
    let second = call(&mut session, "dataset_upload", &json!({ "file_path": path }));
    assert_eq!((&second["dataset"]["version"], &second["dataset"]["rows"]), (&json!(2), &json!(rows)), "{second}");
    assert_eq!(second["dataset"]["cloud_path"], uri.as_str(), "{second}");
    assert_eq!(call(&mut session, "dataset_verify", &json!({ "dataset_id": "wine" }))["ok"], true);

    // Somebody puts something else there: it is seen, and never replaced.
    aws(
        &mut session,
        "PutObject",
        json!({ "Bucket": bucket, "Key": "datasets/wine/wine.csv", "Body": "bm90IG91cnM=" }),
    );
    let drifted = call(&mut session, "dataset_verify", &json!({ "dataset_id": "wine" }));
    assert_eq!(drifted["ok"], false, "{drifted}");
    let refused = call(&mut session, "dataset_upload", &json!({ "file_path": path }));
    assert_eq!(refused["error"]["code"], "NotOurs", "{refused}");
    aws(&mut session, "DeleteObject", json!({ "Bucket": bucket, "Key": "datasets/wine/wine.csv" }));
    call(&mut session, "dataset_upload", &json!({ "file_path": path }));
    assert_eq!(call(&mut session, "dataset_verify", &json!({ "dataset_id": "wine" }))["ok"], true);

    let gone = call(&mut session, "dataset_delete", &json!({ "dataset_id": "wine", "all_versions": true }));
    assert_eq!(gone["cloud_paths"], json!([uri]), "{gone}");
    let left = call(&mut session, "s3_list_objects", &json!({ "bucket": bucket, "recursive": true }));
    assert_eq!(left["count"], 0, "{left}");
    session.close().unwrap();
}

#[test]
fn datasets_go_to_s3_and_are_verified_there_by_moto() {
    // Large enough to go in parts.
    in_s3(&moto(), "datasets-by-moto", 40_000);
}

#[test]
fn datasets_go_to_s3_and_are_verified_there_by_ministack() {
    in_s3(&ministack(), "datasets-by-ministack", 400);
}
