//! Never the wrong account: calls of several identities and regions at once, each answered with who signed it.
//!
//! As in `identity`, a child process has the environment that the cases want.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};
use trainyard_aws::{Engine, Role, Scope, Settings};
use trainyard_harness::{Endpoint, Reply, Seen};

const CONFIG: &str = "
[profile alpha]
region = eu-west-1
[profile beta]
region = us-east-2
[profile gamma]
region = ap-southeast-2
";

const CREDENTIALS: &str = "
[alpha]
aws_access_key_id = AKIAALPHAALPHAALPHA1
aws_secret_access_key = alpha
[beta]
aws_access_key_id = AKIABETABETABETABET2
aws_secret_access_key = beta
[gamma]
aws_access_key_id = AKIAGAMMAGAMMAGAMMA3
aws_secret_access_key = gamma
";

const PROFILES: [(&str, &str); 3] =
    [("alpha", "AKIAALPHAALPHAALPHA1"), ("beta", "AKIABETABETABETABET2"), ("gamma", "AKIAGAMMAGAMMAGAMMA3")];
const REGIONS: [&str; 3] = ["eu-north-1", "us-west-2", "sa-east-1"];
const CALLS: usize = 200;

/// Access key and region that a request is signed for.
fn signed_by(seen: &Seen) -> (String, String) {
    let header = seen.header("authorization").unwrap_or_default();
    let scope = header.split_once("Credential=").map_or("", |(_, rest)| rest.split(',').next().unwrap_or_default());
    let parts: Vec<&str> = scope.split('/').collect();
    match parts.as_slice() {
        [key, _, region, ..] => ((*key).to_owned(), (*region).to_owned()),
        _ => (String::new(), String::new()),
    }
}

/// An endpoint that says who signed, and what beside.
fn tell(seen: &Seen) -> Reply {
    let (key, region) = signed_by(seen);
    let token = seen.header("x-amz-security-token").unwrap_or_default();
    Reply::new(
        200,
        "text/xml",
        &format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{key}</Arn><UserId>{region}</UserId>\
             <Account>{token}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    )
}

fn expired() -> Reply {
    let error = "<Error><Code>ExpiredToken</Code><Message>The security token is expired</Message></Error>";
    Reply::new(403, "text/xml", &format!("<ErrorResponse>{error}</ErrorResponse>"))
}

/// A small generator, the same on every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Every identity in every region, so many times over, in an order that only the seed knows.
fn calls() -> Vec<(usize, usize)> {
    let mut calls: Vec<(usize, usize)> = Vec::new();
    for profile in 0..PROFILES.len() {
        for region in 0..REGIONS.len() {
            calls.extend(std::iter::repeat_n((profile, region), CALLS));
        }
    }
    let mut seeded = Seeded(0x5eed_cafe);
    for at in (1..calls.len()).rev() {
        calls.swap(at, seeded.below(at + 1));
    }
    calls
}

/// Not a test of its own: makes all calls at once, and says how many were answered for somebody else.
#[tokio::test]
#[ignore = "run by another"]
async fn many_child() {
    let engine = Engine::new(Settings { max_attempts: Some(1), ..Settings::default() });
    let (at_once, mut running) = (Arc::new(Semaphore::new(CALLS)), JoinSet::new());
    for (profile, region) in calls() {
        let (engine, at_once) = (engine.clone(), Arc::clone(&at_once));
        running.spawn(async move {
            let _turn = at_once.acquire_owned().await.unwrap();
            let ((profile, key), region) = (PROFILES[profile], REGIONS[region]);
            let scope = Scope { profile: Some(profile.to_owned()), ..Scope::region(region) };
            match engine.call("sts", "GetCallerIdentity", Value::Null, &scope).await {
                Ok(reply) if reply.output["Arn"] == key && reply.output["UserId"] == region => "right",
                Ok(reply) => panic!("{profile} in {region} was answered with {}", reply.output),
                // The endpoint says so now and then; whatever was known about the profile is looked up again.
                Err(error) if error.code_str() == "ExpiredToken" => "expired",
                Err(error) => panic!("{profile} in {region}: {error:?}"),
            }
        });
    }
    let outcomes = running.join_all().await;
    let count = |wanted: &str| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    println!("CASE {}", json!({"right": count("right"), "expired": count("expired")}));
}

/// Runs a child of this binary against an endpoint, and gives what it says.
fn child(name: &str, endpoint: &Endpoint) -> Value {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("config"), CONFIG).unwrap();
    std::fs::write(home.join("credentials"), CREDENTIALS).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", &home)
        .env("AWS_CONFIG_FILE", home.join("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", home.join("credentials"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", endpoint.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| line.split_once("CASE ")).map(|(_, rest)| rest);
    serde_json::from_str(line.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&output.stderr)))).unwrap()
}

#[test]
fn each_of_1800_calls_is_signed_by_its_own_identity_in_its_own_region() {
    let number = AtomicUsize::new(0);
    let endpoint =
        Endpoint::start(
            move |seen| {
                if number.fetch_add(1, Ordering::SeqCst) % 41 == 40 { expired() } else { tell(seen) }
            },
        )
        .unwrap();
    let said = child("many_child", &endpoint);
    let count = |what: &str| said[what].as_u64().unwrap();
    assert_eq!(count("right") + count("expired"), 1800, "{said}");
    assert_eq!(count("expired"), 1800 / 41, "{said}");
}

fn role(name: &str, external_id: Option<&str>) -> Role {
    Role {
        arn: format!("arn:aws:iam::123456789012:role/{name}"),
        external_id: external_id.map(str::to_owned),
        session_name: Some(format!("session-{name}")),
        tags: vec![("team".to_owned(), "ml".to_owned())],
    }
}

/// Not a test of its own: calls as roles, side by side with the identities that took them on.
#[tokio::test]
#[ignore = "run by another"]
async fn role_child() {
    let engine = Engine::new(Settings { max_attempts: Some(1), ..Settings::default() });
    let scope = |profile: &str, role| Scope { profile: Some(profile.to_owned()), role, ..Scope::default() };
    let ask = async |scope: Scope| match engine.call("sts", "GetCallerIdentity", Value::Null, &scope).await {
        Ok(reply) => reply.output,
        Err(error) => serde_json::to_value(error).unwrap(),
    };
    let (reader, writer) = (role("reader", Some("e-1")), role("writer", None));
    let answers = json!({
        "alpha": ask(scope("alpha", None)).await,
        "reader": ask(scope("alpha", Some(reader.clone()))).await,
        "writer": ask(scope("alpha", Some(writer.clone()))).await,
        "reader_of_beta": ask(scope("beta", Some(reader.clone()))).await,
        "reader_again": ask(scope("alpha", Some(reader))).await,
        "denied": ask(scope("alpha", Some(role("denied", None)))).await,
        "malformed": ask(scope("alpha", Some(Role::arn("admin")))).await,
    });
    println!("CASE {answers}");
}

fn assume(seen: &Seen) -> Reply {
    let field = |name: &str| {
        let pairs = seen.body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let name = field("RoleArn").rsplit("%2F").next().unwrap().to_owned();
    if name == "denied" {
        let error =
            "<Error><Code>AccessDenied</Code><Message>not authorized to perform sts:AssumeRole</Message></Error>";
        return Reply::new(403, "text/xml", &format!("<ErrorResponse>{error}</ErrorResponse>"));
    }
    let (base, _) = signed_by(seen);
    let token = [base, field("ExternalId"), field("RoleSessionName"), field("Tags.member.1.Key")].join("_");
    let key = format!("ASIA{}", name.to_uppercase());
    Reply::new(
        200,
        "text/xml",
        &format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s\
             </SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
             </Credentials></AssumeRoleResult></AssumeRoleResponse>"
        ),
    )
}

#[test]
fn a_role_is_taken_on_for_the_calls_that_name_it_and_no_other() {
    let endpoint = Endpoint::start(|seen| match seen.action() {
        Some("AssumeRole") => assume(seen),
        _ => tell(seen),
    })
    .unwrap();
    let said = child("role_child", &endpoint);
    assert_eq!(said["alpha"]["Arn"], "AKIAALPHAALPHAALPHA1", "{said}");
    assert_eq!(said["reader"]["Arn"], "ASIAREADER");
    assert_eq!(said["reader"]["Account"], "AKIAALPHAALPHAALPHA1_e-1_session-reader_team");
    assert_eq!(said["reader"]["UserId"], "eu-west-1");
    assert_eq!(said["writer"]["Account"], "AKIAALPHAALPHAALPHA1__session-writer_team");
    assert_eq!(said["reader_of_beta"]["Account"], "AKIABETABETABETABET2_e-1_session-reader_team");
    assert_eq!(said["reader_of_beta"]["UserId"], "us-east-2");
    assert_eq!(said["reader_again"], said["reader"]);
    assert_eq!(said["denied"]["category"], "credentials", "{said}");
    assert!(said["denied"]["message"].as_str().unwrap().contains("role/denied"), "{said}");
    assert!(said["denied"].to_string().contains("trust policy"), "{said}");
    assert_eq!(said["malformed"]["code"], "InvalidRole");
    let assumed = endpoint.take().iter().filter(|seen| seen.action() == Some("AssumeRole")).count();
    assert_eq!(assumed, 4, "once for each role and identity");
}
