//! Which identity, region and address a call gets, from the environment and the shared files.
//!
//! Each case runs this same test binary again with an environment of its own: nothing here changes ours.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    net::TcpListener,
    path::PathBuf,
    process::Command,
    sync::LazyLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope, Settings};

const CONFIG: &str = "
[default]
region = eu-central-1

[profile one]
region = eu-west-3
aws_access_key_id = AKIAONEONEONEONEONE1
aws_secret_access_key = one

[profile two]
aws_access_key_id = AKIATWOTWOTWOTWOTWO2
aws_secret_access_key = two
services = local

[profile role]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = absent

[services local]
sts =
  endpoint_url = http://127.0.0.1:3
";

/// Not a test of its own: prints what the environment makes of a scope.
#[tokio::test]
#[ignore = "run by the others"]
#[expect(clippy::disallowed_methods, reason = "this is how the parent is told")]
async fn child() {
    let scope = |name: &str| std::env::var(name).ok();
    let scope = Scope { profile: scope("CASE_PROFILE"), region: scope("CASE_REGION"), ..Scope::default() };
    let engine = Engine::new(Settings::default());
    let begun = Instant::now();
    let info = engine.describe_scope(&scope).await;
    let preview = engine.preview("sts", "GetCallerIdentity", Value::Null, &scope).await;
    let global = engine.preview("iam", "ListRoles", Value::Null, &scope).await;
    let call = match std::env::var("CASE_CALL") {
        Ok(_) => engine.call("sts", "GetCallerIdentity", Value::Null, &scope).await.err(),
        Err(_) => None,
    };
    let error = |error: &trainyard_contract::Error| serde_json::to_value(error).unwrap();
    println!(
        "CASE {}",
        json!({
            "region": info.region.as_ref().ok(),
            "region_error": info.region.as_ref().err().map(error),
            "credentials": info.credentials.as_ref().ok(),
            "credentials_error": info.credentials.as_ref().err().map(error),
            "sts": preview.as_ref().ok().map(|preview| preview.url.clone()),
            "sts_error": preview.as_ref().err().map(error),
            "iam": global.as_ref().ok().map(|preview| preview.url.clone()),
            "call_error": call.as_ref().map(error),
            "millis": begun.elapsed().as_millis(),
        })
    );
}

/// A home with the configuration in it, written once: the cases run side by side.
static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("identity");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("config"), CONFIG).unwrap();
    home
});

/// What the child says in this environment and nothing else.
fn case(environment: &[(&str, &str)]) -> Value {
    let (home, config) = (HOME.as_path(), HOME.join("config"));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", home)
        .env("AWS_CONFIG_FILE", &config)
        .env("AWS_SHARED_CREDENTIALS_FILE", home.join("none"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| line.split_once("CASE ")).map(|(_, rest)| rest);
    serde_json::from_str(line.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&output.stderr)))).unwrap()
}

#[test]
fn the_default_profile_gives_the_region_and_the_environment_the_keys() {
    let said = case(&[("AWS_ACCESS_KEY_ID", "AKIAENVENVENVENVENV9"), ("AWS_SECRET_ACCESS_KEY", "env")]);
    assert_eq!(said["region"], json!(["eu-central-1", "the profile"]));
    assert_eq!(said["credentials"]["access_key_id"], "AKIA…ENV9");
    assert_eq!(said["sts"], "https://sts.eu-central-1.amazonaws.com/");
    assert_eq!(said["iam"], "https://iam.amazonaws.com/");
}

#[test]
fn a_profile_that_is_named_goes_before_keys_in_the_environment() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENVENVENVENVENV9"), ("AWS_SECRET_ACCESS_KEY", "env")];
    let said = case(&[keys[0], keys[1], ("CASE_PROFILE", "one")]);
    assert_eq!(said["credentials"]["access_key_id"], "AKIA…ONE1");
    assert_eq!(said["region"], json!(["eu-west-3", "the profile"]));
    let said = case(&[keys[0], keys[1], ("CASE_PROFILE", "one"), ("AWS_REGION", "us-east-2")]);
    assert_eq!(said["region"], json!(["us-east-2", "AWS_REGION or AWS_DEFAULT_REGION"]));
    let said = case(&[keys[0], keys[1], ("CASE_PROFILE", "one"), ("CASE_REGION", "sa-east-1")]);
    assert_eq!(said["region"], json!(["sa-east-1", "the call"]));
}

#[test]
fn addresses_come_from_the_environment_and_the_profile() {
    let one = [("CASE_PROFILE", "one"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    let said = case(&one);
    assert_eq!(said["sts"], "http://127.0.0.1:1/");
    assert_eq!(said["iam"], "http://127.0.0.1:1/");
    let said = case(&[one[0], one[1], ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:2")]);
    assert_eq!(said["sts"], "http://127.0.0.1:2/");
    assert_eq!(said["iam"], "http://127.0.0.1:1/");
    let said = case(&[one[0], one[1], ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]);
    assert_eq!(said["sts"], "https://sts.eu-west-3.amazonaws.com/");
    let said = case(&[("CASE_PROFILE", "two"), ("CASE_REGION", "eu-west-1")]);
    assert_eq!(said["sts"], "http://127.0.0.1:3/");
    assert_eq!(said["iam"], "https://iam.amazonaws.com/");
    let said = case(&[("CASE_PROFILE", "one"), ("AWS_USE_FIPS_ENDPOINT", "true"), ("CASE_REGION", "us-east-1")]);
    assert_eq!(said["sts"], "https://sts-fips.us-east-1.amazonaws.com/");
    let said = case(&[("CASE_PROFILE", "one"), ("CASE_REGION", "cn-north-1")]);
    assert_eq!(said["sts"], "https://sts.cn-north-1.amazonaws.com.cn/");
}

#[test]
fn what_is_missing_is_named_with_where_it_was_looked_for() {
    let said = case(&[("AWS_CONFIG_FILE", "/nonexistent"), ("CASE_PROFILE", "one")]);
    assert_eq!(said["region_error"]["code"], "MissingRegion");
    for part in ["AWS_REGION", "AWS_DEFAULT_REGION", "one", "instance metadata"] {
        assert!(said["region_error"]["message"].as_str().unwrap().contains(part), "{said}");
    }
    let said = case(&[]);
    assert_eq!(said["credentials_error"]["code"], "MissingCredentials");
    assert_eq!(said["sts_error"]["code"], "MissingCredentials");
    assert_eq!(said["sts_error"]["category"], "credentials");
    assert!(said["sts_error"]["hint"].as_str().unwrap().contains("aws sso login"), "{said}");
    let said = case(&[("CASE_PROFILE", "nosuch")]);
    assert_eq!(said["credentials_error"]["category"], "credentials");
    assert!(said["credentials_error"].to_string().contains("nosuch"), "{said}");
    let said = case(&[("CASE_PROFILE", "role")]);
    assert_eq!(said["credentials_error"]["category"], "credentials");
    assert!(said["credentials_error"]["message"].as_str().unwrap().contains("absent"), "{said}");
}

#[test]
fn instance_metadata_that_does_not_answer_costs_little() {
    // A port that accepts and says nothing is the worst that the address can be.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let said = case(&[
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint),
        ("CASE_REGION", "eu-west-1"),
    ]);
    assert_eq!(said["sts_error"]["code"], "MissingCredentials", "{said}");
    // Asked three times over: the description and two previews.
    assert!(said["millis"].as_u64().unwrap() < 8_000, "{said}");
}

#[test]
fn settings_that_make_no_sense_are_an_error_and_not_the_end() {
    let said = case(&[("AWS_RETRY_MODE", "sometimes"), ("CASE_PROFILE", "one")]);
    assert_eq!(said["credentials_error"]["category"], "validation", "{said}");
    let said = case(&[("CASE_PROFILE", "one"), ("CASE_REGION", "evil.example.com/")]);
    assert_eq!(said["region_error"]["code"], "InvalidRegion");
}

#[test]
fn the_number_of_attempts_is_the_environment_s() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{nobody}");
    let begun = Instant::now();
    let said = case(&[
        ("CASE_PROFILE", "one"),
        ("AWS_ENDPOINT_URL", &endpoint),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("CASE_CALL", "1"),
    ]);
    assert_eq!(said["call_error"]["category"], "network", "{said}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// Not a test of its own: calls, mends the file, and calls again.
#[tokio::test]
#[ignore = "run by another"]
#[expect(clippy::disallowed_methods, reason = "this is how the parent is told")]
async fn mending_child() {
    let engine = Engine::new(Settings { max_attempts: Some(1), ..Settings::default() });
    let scope = Scope { profile: Some("late".to_owned()), ..Scope::default() };
    let before = engine.call("sts", "GetCallerIdentity", Value::Null, &scope).await.unwrap_err();
    std::fs::write(std::env::var_os("AWS_CONFIG_FILE").unwrap(), CONFIG.replace("profile one", "profile late"))
        .unwrap();
    let after = engine.call("sts", "GetCallerIdentity", Value::Null, &scope).await.unwrap_err();
    println!("CASE {}", json!({"before": before, "after": after}));
}

#[test]
fn a_file_that_is_mended_counts_from_the_next_call_on() {
    let config = HOME.join("mended");
    std::fs::write(&config, "").unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "mending_child", "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", HOME.as_path())
        .env("AWS_CONFIG_FILE", &config)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", format!("http://{nobody}"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| line.split_once("CASE ")).map(|(_, rest)| rest);
    let said: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{said}"))).unwrap();
    assert_eq!(said["before"]["code"], "MissingRegion", "{said}");
    assert_eq!(said["after"]["category"], "network", "{said}");
}
