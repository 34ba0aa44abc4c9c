//! Calls to a server that checks signatures.

use std::{sync::LazyLock, time::Duration};

use crate::emulator::{Server, here, settings};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use trainyard_aws::{Engine, Settings, StaticCredentials};
use trainyard_contract::ErrorKind;

static MINISTACK: LazyLock<Server> = LazyLock::new(crate::emulator::ministack);

/// An engine with the keys of a user who may do anything. The root key that MiniStack starts with is never checked.
async fn administrator(name: &str) -> (Engine, StaticCredentials) {
    let root = StaticCredentials {
        access_key_id: "test".to_owned(),
        secret_access_key: "test".to_owned(),
        session_token: None,
    };
    let root = Engine::new(Settings { credentials: Some(root), ..settings(&MINISTACK.url()) });
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let policy = json!({"UserName": name, "PolicyName": "all", "PolicyDocument": policy.to_string()});
    ok(&root, "iam", "CreateUser", json!({"UserName": name})).await;
    ok(&root, "iam", "PutUserPolicy", policy).await;
    let made = ok(&root, "iam", "CreateAccessKey", json!({"UserName": name})).await;
    let text = |member: &str| made["AccessKey"][member].as_str().unwrap().to_owned();
    let keys = StaticCredentials {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretAccessKey"),
        session_token: None,
    };
    (engine(keys.clone()), keys)
}

fn engine(keys: StaticCredentials) -> Engine {
    Engine::new(Settings { credentials: Some(keys), ..settings(&MINISTACK.url()) })
}

async fn ok(engine: &Engine, service: &str, operation: &str, input: Value) -> Value {
    match engine.call(service, operation, input, &here()).await {
        Ok(reply) => reply.output,
        Err(error) => panic!("{service} {operation}: {error:?}"),
    }
}

#[tokio::test]
async fn signatures_of_every_kind_are_accepted() {
    let (engine, _) = administrator("all").await;
    assert!(ok(&engine, "sts", "GetCallerIdentity", json!({})).await["Arn"].as_str().unwrap().ends_with("user/all"));
    assert!(ok(&engine, "ec2", "DescribeVpcs", json!({})).await["Vpcs"].is_array());
    assert!(ok(&engine, "iam", "ListRoles", json!({})).await["Roles"].is_array());
    assert!(ok(&engine, "dynamodb", "ListTables", json!({})).await["TableNames"].is_array());
    assert!(ok(&engine, "lambda", "ListFunctions", json!({})).await["Functions"].is_array());
}

#[tokio::test]
async fn s3_paths_are_signed_as_they_are_sent() {
    let (engine, _) = administrator("paths").await;
    let create = json!({"Bucket": "signed", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    ok(&engine, "s3", "CreateBucket", create).await;
    for key in ["plain", "with space", "a//b/../c", "ü/&?=+%41"] {
        ok(&engine, "s3", "PutObject", json!({"Bucket": "signed", "Key": key, "Body": "aGVsbG8="})).await;
        let got = ok(&engine, "s3", "GetObject", json!({"Bucket": "signed", "Key": key})).await;
        assert_eq!(got["Body"], "aGVsbG8=", "{key}");
    }
    let delete = json!({"Bucket": "signed", "Delete": {"Objects": [{"Key": "plain"}]}});
    assert_eq!(ok(&engine, "s3", "DeleteObjects", delete).await["Deleted"][0]["Key"], "plain");
}

#[tokio::test]
async fn checksums_are_the_right_ones() {
    let (engine, _) = administrator("sums").await;
    let create = json!({"Bucket": "sums", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    ok(&engine, "s3", "CreateBucket", create).await;
    for algorithm in ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"] {
        let put = json!({"Bucket": "sums", "Key": algorithm, "Body": "aGVsbG8=", "ChecksumAlgorithm": algorithm});
        ok(&engine, "s3", "PutObject", put).await;
        let head = json!({"Bucket": "sums", "Key": algorithm, "ChecksumMode": "ENABLED"});
        let head = ok(&engine, "s3", "HeadObject", head).await;
        assert!(head[format!("Checksum{algorithm}")].is_string(), "{algorithm}: {head}");
    }
    let wrong = json!({"Bucket": "sums", "Key": "wrong", "Body": "aGVsbG8=", "ChecksumCRC32": "AAAAAA=="});
    let error = engine.call("s3", "PutObject", wrong, &here()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Validation, "{error:?}");
}

#[tokio::test]
async fn cloudwatch_takes_and_gives_numbers() {
    let (engine, _) = administrator("numbers").await;
    let data = json!({"Namespace": "train", "MetricData": [{"MetricName": "loss", "Value": 0.25, "Unit": "None"}]});
    ok(&engine, "cloudwatch", "PutMetricData", data).await;
    let metrics = ok(&engine, "cloudwatch", "ListMetrics", json!({"Namespace": "train"})).await;
    assert_eq!(metrics["Metrics"][0]["MetricName"], "loss");
}

/// What a plain GET of an address answers.
async fn get(url: &str, headers: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_signed_address_makes_its_call_and_no_other() {
    let (engine, _) = administrator("signed").await;
    let minute = Duration::from_mins(1);
    let headers = [("x-k8s-aws-id", "cluster")];
    let signed = engine.presign("sts", "GetCallerIdentity", json!({}), &here(), &headers, minute).await.unwrap();
    assert!(signed.url.contains("X-Amz-SignedHeaders=host%3Bx-k8s-aws-id"), "{}", signed.url);
    assert!(get(&signed.url, "x-k8s-aws-id: cluster\r\n").await.contains("user/signed"));
    assert!(get(&signed.url, "x-k8s-aws-id: other\r\n").await.contains("403"));

    let create = json!({"Bucket": "addressed", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    ok(&engine, "s3", "CreateBucket", create).await;
    ok(&engine, "s3", "PutObject", json!({"Bucket": "addressed", "Key": "a b/ü", "Body": "aGVsbG8="})).await;
    let input = json!({"Bucket": "addressed", "Key": "a b/ü"});
    let signed = engine.presign("s3", "GetObject", input, &here(), &[], minute).await.unwrap();
    assert!(get(&signed.url, "").await.ends_with("hello"));
    assert!(get(&signed.url.replace("a%20b", "a%20c"), "").await.contains("403"));

    let listing = engine.presign("dynamodb", "ListTables", json!({}), &here(), &[], minute).await.unwrap_err();
    assert_eq!(listing.kind(), ErrorKind::Unsupported);
    assert!(engine.presign("sts", "GetCallerIdentity", json!({}), &here(), &[], Duration::ZERO).await.is_err());
}

#[tokio::test]
async fn a_wrong_secret_is_said_to_be_one() {
    let (_, keys) = administrator("wrong").await;
    let wrong = engine(StaticCredentials { secret_access_key: "wrong".to_owned(), ..keys });
    let unknown = engine(StaticCredentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: "x".to_owned(),
        session_token: None,
    });
    for (service, operation) in [
        ("sts", "GetCallerIdentity"),
        ("ec2", "DescribeVpcs"),
        ("s3", "ListBuckets"),
        ("iam", "ListRoles"),
        ("dynamodb", "ListTables"),
        ("lambda", "ListFunctions"),
    ] {
        for engine in [&wrong, &unknown] {
            let error = engine.call(service, operation, json!({}), &here()).await.expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Credentials, "{service}: {error:?}");
            assert!(!error.is_retryable());
        }
    }
}

#[tokio::test]
async fn what_the_identity_lacks_is_named() {
    let (administrator, _) = administrator("maker").await;
    ok(&administrator, "iam", "CreateUser", json!({"UserName": "nobody"})).await;
    let made = ok(&administrator, "iam", "CreateAccessKey", json!({"UserName": "nobody"})).await;
    let text = |member: &str| made["AccessKey"][member].as_str().unwrap().to_owned();
    let nobody = engine(StaticCredentials {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretAccessKey"),
        session_token: None,
    });
    for (service, operation) in [("ec2", "DescribeVpcs"), ("s3", "ListBuckets"), ("dynamodb", "ListTables")] {
        let error = nobody.call(service, operation, json!({}), &here()).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{service}: {error:?}");
        assert!(error.hint_str().unwrap().contains(&format!("{service}:")), "{error:?}");
    }
}
