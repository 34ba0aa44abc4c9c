//! Profiles with `mfa_serial`, against an STS that wants the code.

use std::{
    fs,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_types::date_time::{DateTime, Format};
use serde_json::{Value, json};
use trainyard_aws::{Codes, Device, Engine, Scope, Settings};
use trainyard_contract::{Error, Result};
use trainyard_harness::{Endpoint, Reply, Seen};

use super::{aws, case_of, home};

const CONFIG: &str = "
[profile user]
aws_access_key_id = AKIAUSER
aws_secret_access_key = s
[profile admin]
role_arn = arn:aws:iam::123456789012:role/admin
source_profile = user
mfa_serial = arn:aws:iam::123456789012:mfa/u
[profile far]
role_arn = arn:aws:iam::210987654321:role/far
source_profile = admin
";

/// Gives one code after the other, as somebody at a terminal would.
#[derive(Debug)]
struct Given {
    codes: Mutex<Vec<String>>,
    asked: AtomicUsize,
}

impl Codes for Given {
    fn code<'a>(&'a self, device: &'a Device) -> Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>> {
        Box::pin(async move {
            assert_eq!((device.serial.as_str(), device.profile.as_str()), ("arn:aws:iam::123456789012:mfa/u", "admin"));
            self.asked.fetch_add(1, Ordering::SeqCst);
            // Longer than calls at the same moment need to arrive here.
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.codes.lock().unwrap().pop().ok_or_else(|| Error::validation("no more codes"))
        })
    }
}

/// Not a test of its own: calls at the same moment, then twice alone, and how often a code was asked for.
#[tokio::test]
#[ignore = "run by the others"]
#[expect(clippy::disallowed_methods, reason = "this is how the parent is told")]
async fn child() {
    let text = |name: &str| std::env::var(name).ok();
    let mut codes: Vec<String> =
        text("CASE_CODES").iter().flat_map(|codes| codes.split(',')).map(str::to_owned).collect();
    codes.reverse();
    let given = (!codes.is_empty()).then(|| Arc::new(Given { codes: Mutex::new(codes), asked: AtomicUsize::new(0) }));
    let engine = Engine::new(Settings {
        max_attempts: Some(1),
        codes: given.clone().map(|given| given as Arc<dyn Codes>),
        cli_cache: text("HOME").map(|home| std::path::PathBuf::from(home).join(".aws/cli/cache")),
        ..Settings::default()
    });
    let scope = Scope { profile: text("CASE_PROFILE"), ..Scope::region("eu-west-1") };
    let one = || {
        let (engine, scope) = (engine.clone(), scope.clone());
        async move {
            match engine.call("sagemaker", "ListClusters", Value::Null, &scope).await {
                Ok(reply) => reply.output["ClusterSummaries"][0]["ClusterName"].clone(),
                Err(error) => json!({"code": error.code_str(), "hint": error.hint_str(), "message": error.message()}),
            }
        }
    };
    let at_once = text("CASE_AT_ONCE").map_or(0, |count| count.parse().unwrap());
    let workers: Vec<_> = (0..at_once).map(|_| tokio::spawn(one())).collect();
    let mut said = Vec::new();
    for worker in workers {
        said.push(worker.await.unwrap());
    }
    said.extend([one().await, one().await]);
    println!("CASE {}", json!({"said": said, "asked": given.map_or(0, |given| given.asked.load(Ordering::SeqCst))}));
}

fn run(name: &str, endpoint: &Endpoint, profile: &str, environment: &[(&str, &str)]) -> Value {
    let mut all = vec![("CASE_PROFILE", profile.to_owned())];
    all.extend(environment.iter().map(|(name, value)| (*name, (*value).to_owned())));
    case_of("mfa::child", name, endpoint, CONFIG, &all)
}

fn time(from_now: Duration) -> String {
    DateTime::from(SystemTime::now() + from_now).fmt(Format::DateTime).unwrap()
}

const HOUR: Duration = Duration::from_hours(1);

fn keys(key: &str, end: &str) -> Reply {
    let body = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s\
         </SecretAccessKey><SessionToken>t</SessionToken><Expiration>{end}</Expiration></Credentials><AssumedRoleUser>\
         <AssumedRoleId>A:me</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/admin/me</Arn></AssumedRoleUser>\
         </AssumeRoleResult></AssumeRoleResponse>"
    );
    Reply::new(200, "text/xml", &body)
}

/// STS as it is: the role `admin` wants the code 123456 of one device, the role `far` wants `admin`.
fn sts(seen: &Seen) -> Reply {
    let by = |key: &str| seen.header("authorization").unwrap_or_default().contains(&format!("Credential={key}/"));
    let has = |pair: &str| seen.body.split('&').any(|found| found == pair);
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>MultiFactorAuthentication \
                  failed with invalid MFA one time pass code.</Message></Error></ErrorResponse>";
    match seen.action() {
        Some("AssumeRole") if seen.body.contains("role%2Fadmin") => {
            let device = has("SerialNumber=arn%3Aaws%3Aiam%3A%3A123456789012%3Amfa%2Fu");
            if by("AKIAUSER") && device && has("TokenCode=123456") {
                keys("ASIAADMIN", &time(HOUR))
            } else {
                Reply::new(403, "text/xml", denied)
            }
        }
        // Ends so soon that every call takes it on anew.
        Some("AssumeRole") if by("ASIAADMIN") && !seen.body.contains("TokenCode") => {
            keys("ASIAFAR", &time(Duration::from_mins(1)))
        }
        Some("AssumeRole") => Reply::new(403, "text/xml", denied),
        _ => aws(seen),
    }
}

fn count(endpoint: &Endpoint, action: &str) -> usize {
    endpoint.take().iter().filter(|seen| seen.action() == Some(action)).count()
}

#[test]
fn a_code_is_asked_for_once_and_its_session_kept() {
    let endpoint = Endpoint::start(sts).unwrap();
    let said = run("mfa", &endpoint, "admin", &[("CASE_CODES", "123456"), ("CASE_AT_ONCE", "20")]);
    assert_eq!(said["asked"], 1, "{said}");
    assert_eq!(said["said"], json!(vec!["ASIAADMIN t"; 22]));
    assert_eq!(count(&endpoint, "AssumeRole"), 1);
}

#[test]
fn a_role_behind_the_one_with_the_code_is_renewed_without_another() {
    let endpoint = Endpoint::start(sts).unwrap();
    let said = run("mfa-far", &endpoint, "far", &[("CASE_CODES", "123456")]);
    assert_eq!((said["asked"].as_u64(), &said["said"]), (Some(1), &json!(["ASIAFAR t", "ASIAFAR t"])), "{said}");
    assert!(count(&endpoint, "AssumeRole") >= 3, "the code's role once, the other for each call");
}

#[test]
fn a_wrong_code_is_refused_and_the_next_call_asks_for_another() {
    let endpoint = Endpoint::start(sts).unwrap();
    let said = run("mfa-wrong", &endpoint, "admin", &[("CASE_CODES", "654321,123456")]);
    assert_eq!(said["said"][0]["code"], "MfaRefused", "{said}");
    assert!(said["said"][0]["message"].as_str().unwrap().contains("invalid MFA one time pass code"), "{said}");
    assert_eq!((&said["said"][1], said["asked"].as_u64()), (&json!("ASIAADMIN t"), Some(2)));
    drop(endpoint.take());
    let said = run("mfa-odd", &endpoint, "admin", &[("CASE_CODES", "12 456,123456")]);
    assert_eq!((&said["said"][0]["code"], &said["said"][1]), (&json!("MfaCodeMalformed"), &json!("ASIAADMIN t")));
    assert_eq!(count(&endpoint, "AssumeRole"), 1, "what cannot be a code is not sent");
}

#[test]
fn with_nobody_to_ask_the_error_says_what_to_do_and_a_session_of_the_command_line_helps() {
    let endpoint = Endpoint::start(sts).unwrap();
    let said = run("mfa-nobody", &endpoint, "admin", &[]);
    assert_eq!(said["said"][0]["code"], "MfaCodeRequired", "{said}");
    assert!(
        said["said"][0]["hint"].as_str().unwrap().contains("aws sts get-caller-identity --profile admin"),
        "{said}"
    );
    assert!(endpoint.take().is_empty(), "nothing was sent");
    // The name is the one that botocore gives to these arguments.
    let folder = home("mfa-nobody").join(".aws/cli/cache");
    fs::create_dir_all(&folder).unwrap();
    let keep = |from_now: Duration| {
        let kept = json!({"Credentials": {"AccessKeyId": "ASIACLI", "SecretAccessKey": "s", "SessionToken": "k",
            "Expiration": time(from_now)}, "AssumedRoleUser": {}});
        fs::write(folder.join("0846023f7a5f507a7f1814f995960fb1f0bcfa9e.json"), kept.to_string()).unwrap();
    };
    keep(Duration::ZERO);
    assert_eq!(run("mfa-nobody", &endpoint, "admin", &[])["said"][0]["code"], "MfaCodeRequired", "it has ended");
    keep(HOUR);
    assert_eq!(run("mfa-nobody", &endpoint, "admin", &[])["said"], json!(["ASIACLI k", "ASIACLI k"]));
    assert_eq!(count(&endpoint, "AssumeRole"), 0);
    fs::remove_dir_all(&folder).unwrap();
}
