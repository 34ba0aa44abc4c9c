//! Where a call goes: partitions, FIPS, dual stack, accounts, and what S3 puts into a host name.
//!
//! The rules themselves are held against every published case in `endpoint_cases.rs`; here it is what they are asked.
//! What the environment decides runs this test binary again with an environment of its own.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope, Settings, StaticCredentials};
use trainyard_contract::Error;

fn engine(region: &str) -> Engine {
    Engine::new(Settings {
        region: Some(region.to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    })
}

async fn address(region: &str, (service, operation, input): (&str, &str, Value)) -> Result<String, Error> {
    let preview = engine(region).preview(service, operation, input, &Scope::default()).await?;
    Ok(preview.url)
}

#[tokio::test]
async fn a_region_decides_the_partition() {
    for (region, wanted) in [
        ("eu-west-1", "https://sts.eu-west-1.amazonaws.com/"),
        ("us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com/"),
        ("cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn/"),
        ("us-iso-east-1", "https://sts.us-iso-east-1.c2s.ic.gov/"),
        ("eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu/"),
        // Opened after this was built.
        ("eu-north-9", "https://sts.eu-north-9.amazonaws.com/"),
    ] {
        assert_eq!(address(region, ("sts", "GetCallerIdentity", json!({}))).await.unwrap(), wanted);
    }
}

#[tokio::test]
async fn a_bucket_is_found_by_its_name_or_by_an_arn() {
    let get = |bucket: &str| ("s3", "GetObject", json!({"Bucket": bucket, "Key": "a b/c"}));
    for (bucket, wanted) in [
        ("data", "https://data.s3.eu-west-1.amazonaws.com/a%20b/c"),
        ("data.example.com", "https://s3.eu-west-1.amazonaws.com/data.example.com/a%20b/c"),
        (
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/reports",
            "https://reports-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/a%20b/c",
        ),
        (
            // In the region that it names, whatever region the call is made in.
            "arn:aws:s3:us-east-2:123456789012:accesspoint:reports",
            "https://reports-123456789012.s3-accesspoint.us-east-2.amazonaws.com/a%20b/c",
        ),
        (
            "arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/cut",
            "https://cut-123456789012.s3-object-lambda.eu-west-1.amazonaws.com/a%20b/c",
        ),
        (
            "arn:aws:s3-outposts:eu-west-1:123456789012:outpost:op-01234567890123456:accesspoint:reports",
            "https://reports-123456789012.op-01234567890123456.s3-outposts.eu-west-1.amazonaws.com/a%20b/c",
        ),
    ] {
        let got = address("eu-west-1", get(bucket)).await.unwrap();
        assert_eq!(got.split('?').next(), Some(wanted), "{bucket}");
    }
    let got = address("eu-west-1", get("data--euw1-az1--x-s3")).await.unwrap();
    assert!(got.starts_with("https://data--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com/"), "{got}");
    // It takes a signature that is not made here, and says so rather than fail elsewhere.
    let error = address("eu-west-1", get("arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap")).await.unwrap_err();
    assert_eq!(error.code_str(), "unsupported", "{error}");
    // A name that is none is refused by the rules, before anything is sent.
    for bucket in ["arn:aws:s3:eu-west-1:123456789012:accesspoint/", "arn:aws:s3:eu-west-1::accesspoint/x"] {
        assert!(address("eu-west-1", get(bucket)).await.is_err(), "{bucket}");
    }
}

#[tokio::test]
async fn an_account_is_part_of_the_host_where_s3_control_wants_it() {
    let block = json!({"AccountId": "123456789012"});
    let got = address("eu-west-1", ("s3control", "GetPublicAccessBlock", block)).await.unwrap();
    assert!(got.starts_with("https://123456789012.s3-control.eu-west-1.amazonaws.com/"), "{got}");
}

/// Not a test of its own: prints where calls go in its environment.
#[tokio::test]
#[ignore = "run by the others"]
async fn child() {
    let engine = Engine::new(Settings::default());
    let mut said = serde_json::Map::new();
    for (service, operation, input) in [
        ("ec2", "DescribeVpcs", json!({})),
        ("dynamodb", "GetItem", json!({"TableName": "table", "Key": {"id": {"S": "1"}}})),
        ("s3", "HeadBucket", json!({"Bucket": "data"})),
    ] {
        let url = match engine.preview(service, operation, input, &Scope::default()).await {
            Ok(preview) => preview.url,
            Err(error) => error.code_str().to_owned(),
        };
        said.insert(service.to_owned(), Value::from(url));
    }
    println!("CASE {}", Value::Object(said));
}

/// Where calls go in this environment and no other.
fn case(environment: &[(&str, &str)]) -> Value {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "us-west-2")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| line.split_once("CASE ")).map(|(_, rest)| rest);
    serde_json::from_str(line.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&output.stderr)))).unwrap()
}

#[test]
fn fips_and_dual_stack_are_asked_for_in_the_environment() {
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let dual = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
    let said = case(&[fips]);
    assert_eq!(said["ec2"], "https://ec2-fips.us-west-2.amazonaws.com/");
    assert_eq!(said["s3"], "https://data.s3-fips.us-west-2.amazonaws.com/");
    let said = case(&[dual]);
    assert_eq!(said["ec2"], "https://ec2.us-west-2.api.aws/");
    assert_eq!(said["s3"], "https://data.s3.dualstack.us-west-2.amazonaws.com/");
    let said = case(&[fips, dual]);
    assert_eq!(said["ec2"], "https://ec2-fips.us-west-2.api.aws/");
    assert_eq!(said["s3"], "https://data.s3-fips.dualstack.us-west-2.amazonaws.com/");
}

#[test]
fn an_account_that_is_known_has_an_address_of_its_own() {
    let account = ("AWS_ACCOUNT_ID", "123456789012");
    let mode = |mode: &'static str| ("AWS_ACCOUNT_ID_ENDPOINT_MODE", mode);
    let general = "https://dynamodb.us-west-2.amazonaws.com/";
    assert_eq!(case(&[])["dynamodb"], general, "nobody knows the account");
    assert_eq!(case(&[account])["dynamodb"], "https://123456789012.ddb.us-west-2.amazonaws.com/");
    assert_eq!(case(&[account, mode("preferred")])["dynamodb"], "https://123456789012.ddb.us-west-2.amazonaws.com/");
    assert_eq!(case(&[account, mode("disabled")])["dynamodb"], general);
    assert_eq!(case(&[mode("required")])["dynamodb"], "endpoint_unresolved");
}
