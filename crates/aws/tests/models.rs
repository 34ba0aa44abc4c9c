//! Descriptions from a directory: a program calls operations, and services, that came after it.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use trainyard_aws::{
    Engine, Scope, Settings, StaticCredentials, catalogue,
    catalogue::model::{AccessLevel, Operation},
};
use trainyard_contract::{Ceiling, Error};
use trainyard_harness::{Endpoint, Reply};

/// A service of three operations in the words of its time.
fn description(id: &str, prefix: &str, target: &str, operations: &[&str]) -> Value {
    let operation = |name: &&str| {
        let call = json!({
            "name": name, "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "Question"}, "output": {"shape": "Answer"},
        });
        ((*name).to_owned(), call)
    };
    json!({
        "metadata": {
            "apiVersion": "2031-01-01", "endpointPrefix": prefix, "jsonVersion": "1.1", "protocol": "json",
            "protocols": ["json"], "serviceFullName": id, "serviceId": id, "signatureVersion": "v4",
            "targetPrefix": target, "auth": ["aws.auth#sigv4"],
        },
        "operations": operations.iter().map(operation).collect::<serde_json::Map<_, _>>(),
        "shapes": {
            "Question": {"type": "structure", "required": ["Colour"], "members": {
                "Colour": {"shape": "Text"}, "NextToken": {"shape": "Text"},
            }},
            "Answer": {"type": "structure", "members": {"Shade": {"shape": "Text"}, "NextToken": {"shape": "Text"}}},
            "Text": {"type": "string", "min": 1, "max": 8},
        },
    })
}

fn rules(host: &str) -> Value {
    let region = json!({"builtIn": "AWS::Region", "required": true, "type": "String"});
    let own = json!({"builtIn": "SDK::Endpoint", "required": false, "type": "String"});
    let endpoint = |url: Value| json!({"url": url, "properties": {}, "headers": {}});
    json!({"version": "1.0", "parameters": {"Region": region, "Endpoint": own}, "rules": [
        {"conditions": [{"fn": "isSet", "argv": [{"ref": "Endpoint"}]}], "type": "endpoint",
            "endpoint": endpoint(json!({"ref": "Endpoint"}))},
        {"conditions": [], "type": "endpoint", "endpoint": endpoint(json!(format!("https://{host}.{{Region}}.example")))},
    ]})
}

fn write(root: &Path, service: &str, kind: &str, value: &Value) {
    let folder = root.join(service).join("2031-01-01");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{kind}.json")), value.to_string()).unwrap();
}

fn write_compressed(root: &Path, service: &str, kind: &str, value: &Value) {
    let folder = root.join(service).join("2031-01-01");
    fs::create_dir_all(&folder).unwrap();
    let file = fs::File::create(folder.join(format!("{kind}.json.gz"))).unwrap();
    let mut encoder = GzEncoder::new(file, Compression::default());
    encoder.write_all(value.to_string().as_bytes()).unwrap();
    encoder.finish().unwrap();
}

/// One directory, since a process is told of its directories once: a service that is new, one that grew, and one whose
/// operations have the names of others'.
fn directory() -> &'static Path {
    static MADE: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let made = tempfile::tempdir().unwrap();
        let root = made.path();
        let new = description("Paint Box", "paintbox", "PaintBox", &["MixPaint", "GetPaint"]);
        write_compressed(root, "paintbox", "service-2", &new);
        write_compressed(root, "paintbox", "endpoint-rule-set-1", &rules("paintbox"));
        let pages = json!({"pagination": {"GetPaint": {
            "input_token": "NextToken", "output_token": "NextToken", "result_key": "Shade",
        }}});
        write(root, "paintbox", "paginators-1", &pages);
        // As `aws configure add-model` leaves it: a description and nothing else.
        let grown = description("SageMaker", "api.sagemaker", "SageMaker", &["ListClusters", "ListPaints"]);
        let mut grown = grown;
        grown["metadata"]["signingName"] = json!("sagemaker");
        write(root, "sagemaker", "service-2", &grown);
        let masked = description("Kinesis", "kinesis", "SomethingElse_20310101", &["ListStreams"]);
        write(root, "kinesis", "service-2", &masked);
        write(root, "broken", "service-2", &json!({"metadata": {}}));
        catalogue::read_from(vec![root.to_owned()]).unwrap();
        made
    })
    .path()
}

fn operation(service: &str, name: &str) -> &'static Operation<'static> {
    directory();
    catalogue::service(service).unwrap().operation(name).unwrap()
}

fn engine(url: String, ceiling: Ceiling) -> Engine {
    directory();
    Engine::new(Settings {
        ceiling,
        endpoint_url: Some(url),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    })
}

#[tokio::test]
async fn operations_that_came_later_are_called() {
    let server = Endpoint::start(|seen| {
        Reply::new(200, "application/x-amz-json-1.1", &format!("{{\"Shade\": {:?}}}", seen.body))
    })
    .unwrap();
    let engine = engine(server.url(), Ceiling { write: true, sensitive: false });
    for (service, name, target) in
        [("paintbox", "MixPaint", "PaintBox.MixPaint"), ("sagemaker", "ListPaints", "SageMaker.ListPaints")]
    {
        let reply = engine.call(service, name, json!({"Colour": "red"}), &Scope::default()).await.unwrap();
        assert_eq!(reply.output["Shade"], "{\"Colour\":\"red\"}");
        let seen = server.take();
        assert_eq!(seen[0].header("x-amz-target"), Some(target));
        let signed = format!("/eu-west-1/{service}/aws4_request");
        assert!(seen[0].header("authorization").is_some_and(|value| value.contains(&signed)), "{signed}");
    }
}

#[tokio::test]
async fn they_are_judged_as_unknown_and_checked_as_any_other() {
    let server = Endpoint::start(|_| Reply::new(200, "application/x-amz-json-1.1", "{}")).unwrap();
    let engine = engine(server.url(), Ceiling::READ_ONLY);
    // It calls itself a look, and nobody who was asked knows it.
    let refused = |name: &'static str, input: Value| {
        let engine = engine.clone();
        async move { engine.call("sagemaker", name, input, &Scope::default()).await.unwrap_err() }
    };
    let colour = || json!({"Colour": "red"});
    assert_eq!(refused("ListPaints", colour()).await.code_str(), "AboveCeiling");
    engine.call("sagemaker", "ListClusters", colour(), &Scope::default()).await.unwrap();
    let message = |error: Error| error.message().to_owned();
    assert!(message(refused("ListClusters", json!({})).await).contains("Colour"));
    assert!(message(refused("ListClusters", json!({"Colour": "vermilion"})).await).contains("at most 8"));
    assert_eq!(server.take().len(), 1);
}

#[test]
fn a_level_is_kept_where_the_words_are_the_same() {
    assert_eq!(operation("sagemaker", "ListClusters").access, AccessLevel::Read);
    assert_eq!(operation("sagemaker", "ListPaints").access, AccessLevel::Unknown);
    assert_eq!(operation("paintbox", "GetPaint").access, AccessLevel::Unknown);
    // Spoken to under another target, it may be anything.
    assert_eq!(operation("kinesis", "ListStreams").access, AccessLevel::Unknown);
}

#[test]
fn what_a_directory_lacks_is_taken_from_what_is_embedded() {
    directory();
    let sagemaker = catalogue::service("sagemaker").unwrap();
    assert!(sagemaker.operation("CreateCluster").is_none(), "the directory's description counts, and only it");
    assert!(operation("sagemaker", "ListClusters").pages.is_some());
    assert!(operation("paintbox", "GetPaint").pages.is_some());
    assert!(catalogue::service("ec2").unwrap().operation("RunInstances").is_some(), "not in the directory");
    assert!(!sagemaker.rules.rules.is_empty());
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_it() {
    directory();
    let error = catalogue::service("broken").unwrap_err();
    assert!(error.message().contains("broken") && error.code_str() == "InvalidDescription", "{error}");
    assert!(catalogue::service("../paintbox").is_err());
    assert!(catalogue::read_from(vec!["/nowhere/at/all".into()]).is_err());
}
