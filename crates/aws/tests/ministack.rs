//! Calls to a server that checks signatures.

#![expect(clippy::unwrap_used, reason = "a test")]

mod emulator;

use std::sync::LazyLock;

use emulator::{Server, here, settings};
use serde_json::{Value, json};
use trainyard_aws::{Engine, Settings, StaticCredentials};
use trainyard_contract::ErrorKind;

static MINISTACK: LazyLock<Server> = LazyLock::new(emulator::ministack);

/// The account's own keys, as MiniStack has them from the start.
fn keys(secret: &str) -> StaticCredentials {
    StaticCredentials { access_key_id: "test".to_owned(), secret_access_key: secret.to_owned(), session_token: None }
}

fn engine(secret: &str) -> Engine {
    Engine::new(Settings { credentials: Some(keys(secret)), ..settings(&MINISTACK.url()) })
}

async fn ok(service: &str, operation: &str, input: Value) -> Value {
    match engine("test").call(service, operation, input, &here()).await {
        Ok(reply) => reply.output,
        Err(error) => panic!("{service} {operation}: {error:?}"),
    }
}

#[tokio::test]
async fn signatures_of_every_kind_are_accepted() {
    assert!(ok("sts", "GetCallerIdentity", json!({})).await["Arn"].is_string());
    assert!(ok("ec2", "DescribeVpcs", json!({})).await["Vpcs"].is_array());
    assert!(ok("iam", "ListRoles", json!({})).await["Roles"].is_array());
    assert!(ok("dynamodb", "ListTables", json!({})).await["TableNames"].is_array());
    assert!(ok("lambda", "ListFunctions", json!({})).await["Functions"].is_array());
}

#[tokio::test]
async fn s3_paths_are_signed_as_they_are_sent() {
    let create = json!({"Bucket": "signed", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    ok("s3", "CreateBucket", create).await;
    for key in ["plain", "with space", "a//b/../c", "ü/&?=+%41"] {
        ok("s3", "PutObject", json!({"Bucket": "signed", "Key": key, "Body": "aGVsbG8="})).await;
        let got = ok("s3", "GetObject", json!({"Bucket": "signed", "Key": key})).await;
        assert_eq!(got["Body"], "aGVsbG8=", "{key}");
    }
    let sums = json!({"Bucket": "signed", "Key": "sum", "Body": "aGVsbG8=", "ChecksumAlgorithm": "SHA256"});
    let put = ok("s3", "PutObject", sums).await;
    assert_eq!(put["ChecksumSHA256"], "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    let delete = json!({"Bucket": "signed", "Delete": {"Objects": [{"Key": "plain"}]}});
    assert_eq!(ok("s3", "DeleteObjects", delete).await["Deleted"][0]["Key"], "plain");
}

#[tokio::test]
async fn cloudwatch_takes_and_gives_numbers() {
    let data = json!({"Namespace": "train", "MetricData": [{"MetricName": "loss", "Value": 0.25, "Unit": "None"}]});
    ok("cloudwatch", "PutMetricData", data).await;
    let metrics = ok("cloudwatch", "ListMetrics", json!({"Namespace": "train"})).await;
    assert_eq!(metrics["Metrics"][0]["MetricName"], "loss");
}

#[tokio::test]
async fn a_wrong_secret_is_said_to_be_one() {
    for (service, operation) in [("sts", "GetCallerIdentity"), ("ec2", "DescribeVpcs"), ("s3", "ListBuckets")] {
        let error = engine("wrong").call(service, operation, json!({}), &here()).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Credentials, "{service}: {error:?}");
        assert!(!error.is_retryable());
    }
}
