//! Where credentials come from: each source that AWS's tools know, from a file or an endpoint on loopback.
//!
//! As in `identity`, a child process has the environment that the cases want.

#![expect(clippy::unwrap_used, reason = "a test")]

mod mfa;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use aws_smithy_checksums::ChecksumAlgorithm;
use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope, Settings};
use trainyard_harness::{Endpoint, Reply, Seen};

/// Not a test of its own: asks twice who calls, as AWS sees it and as the engine knows it.
#[tokio::test]
#[ignore = "run by the others"]
#[expect(clippy::disallowed_methods, reason = "this is how the parent is told")]
async fn source_child() {
    let list = |name: &str| std::env::var(name).ok().map(|text| text.split(',').map(str::to_owned).collect());
    let settings = Settings {
        max_attempts: std::env::var("AWS_RETRY_MODE").is_err().then_some(1),
        allowed_profiles: list("CASE_PROFILES"),
        allowed_accounts: list("CASE_ACCOUNTS"),
        ..Settings::default()
    };
    let engine = Engine::new(settings);
    let scope = Scope { profile: std::env::var("CASE_PROFILE").ok(), ..Scope::region("eu-west-1") };
    let mut said = Vec::new();
    for _ in 0..2 {
        said.push(match engine.call("sagemaker", "ListClusters", Value::Null, &scope).await {
            Ok(reply) => reply.output,
            Err(error) => serde_json::to_value(error).unwrap(),
        });
    }
    let caller = match engine.caller(&scope).await {
        Ok(caller) => json!({"account": caller.account, "arn": caller.arn}),
        Err(error) => serde_json::to_value(error).unwrap(),
    };
    println!("CASE {}", json!({"said": said, "caller": caller}));
}

/// What the child says with these files and this environment.
fn case(name: &str, endpoint: &Endpoint, config: &str, environment: &[(&str, String)]) -> Value {
    case_of("source_child", name, endpoint, config, environment)
}

/// What that child says.
fn case_of(child: &str, name: &str, endpoint: &Endpoint, config: &str, environment: &[(&str, String)]) -> Value {
    let home = home(name);
    fs::write(home.join("config"), config).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", &home)
        .env("PATH", "/usr/bin:/bin")
        .env("AWS_CONFIG_FILE", home.join("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", home.join("none"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", endpoint.url())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| line.split_once("CASE ")).map(|(_, rest)| rest);
    serde_json::from_str(line.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&output.stderr)))).unwrap()
}

fn home(name: &str) -> PathBuf {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sources").join(name);
    fs::create_dir_all(&home).unwrap();
    home
}

const FAR: &str = "2099-01-01T00:00:00Z";

/// Access key and session token that a request was signed with.
fn signed(seen: &Seen) -> String {
    let header = seen.header("authorization").unwrap_or_default();
    let key = header.split_once("Credential=").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    format!("{key} {}", seen.header("x-amz-security-token").unwrap_or_default())
}

/// An AWS of two services: who signed a list of clusters is its only cluster, and STS knows one account.
fn aws(seen: &Seen) -> Reply {
    match seen.action() {
        Some("ListClusters") => {
            let clusters = json!({"ClusterSummaries": [{"ClusterName": signed(seen)}]});
            Reply::new(200, "application/x-amz-json-1.1", &clusters.to_string())
        }
        Some("GetCallerIdentity") => Reply::new(
            200,
            "text/xml",
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/u</Arn><UserId>U\
             </UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        ),
        other => Reply::new(404, "text/plain", &format!("nobody answers {other:?} {}", seen.path)),
    }
}

fn json_reply(value: &Value) -> Reply {
    Reply::new(200, "application/json", &value.to_string())
}

fn keys(key: &str, token: &str) -> Value {
    json!({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key, "SecretAccessKey": "s", "Token": token,
        "Expiration": FAR, "LastUpdated": "2020-01-01T00:00:00Z"})
}

/// Both calls were signed so.
fn signed_as(said: &Value, wanted: &str) {
    for call in said["said"].as_array().unwrap() {
        assert_eq!(call["ClusterSummaries"][0]["ClusterName"], wanted, "{said}");
    }
    assert_eq!(said["caller"]["account"], "123456789012", "{said}");
}

#[test]
fn a_process_gives_credentials() {
    let endpoint = Endpoint::start(aws).unwrap();
    let home = home("process");
    let count = home.join("count");
    drop(fs::remove_file(&count));
    let script = home.join("keys.sh");
    let keys = json!({"Version": 1, "AccessKeyId": "ASIAPROCESS", "SecretAccessKey": "s", "SessionToken": "t",
        "Expiration": FAR});
    fs::write(&script, format!("echo x >> '{}'\necho '{keys}'\n", count.display())).unwrap();
    let config = format!("[profile made]\ncredential_process = sh {}\n", script.display());
    let said = case("process", &endpoint, &config, &[("CASE_PROFILE", "made".to_owned())]);
    signed_as(&said, "ASIAPROCESS t");
    assert!(fs::read_to_string(count).unwrap().lines().count() <= 2, "it is not run for each call");
}

#[test]
fn a_token_of_a_web_identity_is_exchanged_once() {
    let endpoint = Endpoint::start(|seen| match seen.action() {
        Some("AssumeRoleWithWebIdentity") => {
            assert!(seen.body.contains("WebIdentityToken=a-token"), "{}", seen.body);
            Reply::new(
                200,
                "text/xml",
                &format!(
                    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>\
                     ASIAWEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>w</SessionToken><Expiration>\
                     {FAR}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
                     </AssumeRoleWithWebIdentityResponse>"
                ),
            )
        }
        _ => aws(seen),
    })
    .unwrap();
    let token = home("web").join("token");
    fs::write(&token, "a-token").unwrap();
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod".to_owned()),
    ];
    signed_as(&case("web", &endpoint, "", &environment), "ASIAWEB w");
    let exchanged = endpoint.take().iter().filter(|seen| seen.action() == Some("AssumeRoleWithWebIdentity")).count();
    assert!(exchanged <= 2, "{exchanged}");
}

#[test]
fn a_container_gives_credentials_to_who_has_its_token() {
    let endpoint = Endpoint::start(|seen| match seen.path.as_str() {
        "/keys" if seen.header("authorization") == Some("a-token") => json_reply(&keys("ASIAPOD", "p")),
        "/keys" => Reply::new(403, "application/json", "{}"),
        _ => aws(seen),
    })
    .unwrap();
    let token = home("container").join("token");
    fs::write(&token, "a-token").unwrap();
    let environment = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/keys", endpoint.url())),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.display().to_string()),
    ];
    signed_as(&case("container", &endpoint, "", &environment), "ASIAPOD p");
}

#[test]
fn an_instance_gives_credentials_to_who_asks_for_a_token_first() {
    let endpoint = Endpoint::start(|seen| {
        let authorised = seen.header("x-aws-ec2-metadata-token") == Some("a-token");
        match (seen.method.as_str(), seen.path.as_str()) {
            ("PUT", "/latest/api/token") => {
                let mut reply = Reply::new(200, "text/plain", "a-token");
                reply.headers.push(("x-aws-ec2-metadata-token-ttl-seconds", "21600".to_owned()));
                reply
            }
            ("GET", path) if path.starts_with("/latest/") && !authorised => Reply::new(401, "text/plain", ""),
            ("GET", path) if path.trim_end_matches('/').ends_with("security-credentials") => {
                Reply::new(200, "text/plain", "worker")
            }
            ("GET", path) if path.ends_with("security-credentials/worker") => json_reply(&keys("ASIAINSTANCE", "i")),
            _ => aws(seen),
        }
    })
    .unwrap();
    let environment =
        [("AWS_EC2_METADATA_DISABLED", "false".to_owned()), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.url())];
    signed_as(&case("instance", &endpoint, "", &environment), "ASIAINSTANCE i");
}

/// The file that `aws sso login` leaves, with a token that has ended and another to renew it with.
fn ended_login(home: &Path) {
    let mut digest = ChecksumAlgorithm::Sha1.into_impl();
    digest.update(b"corporate");
    let name: String = digest.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let cache = home.join(".aws/sso/cache");
    fs::create_dir_all(&cache).unwrap();
    let login = json!({"startUrl": "https://example.awsapps.com/start", "region": "eu-west-1", "accessToken": "ended",
        "expiresAt": "2020-01-01T00:00:00Z", "clientId": "client", "clientSecret": "secret", "refreshToken": "renew",
        "registrationExpiresAt": FAR});
    fs::write(cache.join(format!("{name}.json")), login.to_string()).unwrap();
}

#[test]
fn a_login_that_ended_is_renewed_without_a_restart() {
    let endpoint = Endpoint::start(|seen| match seen.path.split('?').next().unwrap() {
        "/token" => {
            assert!(seen.body.contains("\"refreshToken\":\"renew\""), "{}", seen.body);
            json_reply(
                &json!({"accessToken": "fresh", "expiresIn": 3600, "tokenType": "Bearer", "refreshToken": "next"}),
            )
        }
        "/federation/credentials" => {
            let token = seen.header("x-amz-sso_bearer_token").unwrap_or_default();
            json_reply(&json!({"roleCredentials": {"accessKeyId": "ASIALOGIN", "secretAccessKey": "s",
                "sessionToken": format!("by-{token}"), "expiration": 4_070_908_800_000_i64}}))
        }
        _ => aws(seen),
    })
    .unwrap();
    ended_login(&home("login"));
    let config = "
[profile me]
sso_session = corporate
sso_account_id = 123456789012
sso_role_name = engineer
[sso-session corporate]
sso_region = eu-west-1
sso_start_url = https://example.awsapps.com/start
";
    let said = case("login", &endpoint, config, &[("CASE_PROFILE", "me".to_owned())]);
    signed_as(&said, "ASIALOGIN by-fresh");
}

#[test]
fn a_client_that_adapts_to_throttling_gets_through() {
    let number = std::sync::atomic::AtomicUsize::new(0);
    let endpoint = Endpoint::start(move |seen| match number.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 | 1 => Reply::new(400, "application/x-amz-json-1.1", r#"{"__type":"ThrottlingException","message":"slow"}"#),
        _ => aws(seen),
    })
    .unwrap();
    let environment = [("CASE_PROFILE", "dev".to_owned()), ("AWS_RETRY_MODE", "adaptive".to_owned())];
    let said = case("adaptive", &endpoint, TWO, &environment);
    signed_as(&said, "AKIADEV ");
    assert_eq!(endpoint.take().len(), 5, "two refused, two calls, and who called");
}

const TWO: &str = "
[profile dev]
aws_access_key_id = AKIADEV
aws_secret_access_key = s
[profile prod]
aws_access_key_id = AKIAPROD
aws_secret_access_key = s
";

#[test]
fn a_profile_or_account_that_the_operator_does_not_allow_sends_nothing() {
    let endpoint = Endpoint::start(aws).unwrap();
    let text = |text: &str| text.to_owned();
    let said = case("allowed", &endpoint, TWO, &[("CASE_PROFILE", text("dev")), ("CASE_PROFILES", text("dev,test"))]);
    signed_as(&said, "AKIADEV ");
    drop(endpoint.take());
    let said = case("allowed", &endpoint, TWO, &[("CASE_PROFILE", text("prod")), ("CASE_PROFILES", text("dev,test"))]);
    assert_eq!(said["said"][0]["code"], "ProfileNotAllowed", "{said}");
    assert_eq!(said["said"][0]["category"], "policy_denied");
    assert!(endpoint.take().is_empty());

    let account = |accounts: &str| {
        let said = case("allowed", &endpoint, TWO, &[("CASE_PROFILE", text("dev")), ("CASE_ACCOUNTS", text(accounts))]);
        let asked: Vec<_> = endpoint.take().iter().map(|seen| seen.action().unwrap_or_default().to_owned()).collect();
        (said, asked)
    };
    let (said, asked) = account("123456789012");
    signed_as(&said, "AKIADEV ");
    assert_eq!(asked, ["GetCallerIdentity", "ListClusters", "ListClusters"], "who calls is asked once");
    let (said, asked) = account("210987654321");
    assert_eq!(said["said"][0]["code"], "AccountNotAllowed", "{said}");
    assert_eq!(asked, ["GetCallerIdentity"], "and nothing else is sent");
}
