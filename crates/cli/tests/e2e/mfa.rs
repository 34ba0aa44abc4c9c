//! A profile whose role wants the code of an MFA device: asked for in a terminal, explained to everybody else.

use serde_json::json;
use trainyard_harness::{Endpoint, Era, Reply, Seen, Trainyard};

use crate::{BINARY, operator::in_terminal};

const CONFIG: &str = "
[profile user]
aws_access_key_id = AKIAUSER
aws_secret_access_key = s
[profile admin]
role_arn = arn:aws:iam::123456789012:role/admin
source_profile = user
mfa_serial = arn:aws:iam::123456789012:mfa/u
";

/// STS with one role, which wants the code 123456.
fn sts(seen: &Seen) -> Reply {
    let has = |pair: &str| seen.body.split('&').any(|found| found == pair);
    match seen.action() {
        Some("AssumeRole") if has("TokenCode=123456") => Reply::new(
            200,
            "text/xml",
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAADMIN</AccessKeyId><SecretAccessKey>s\
             </SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
             </AssumeRoleResult></AssumeRoleResponse>",
        ),
        Some("GetCallerIdentity") => Reply::new(
            200,
            "text/xml",
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/admin/me\
             </Arn><UserId>A:me</UserId><Account>123456789012</Account></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>",
        ),
        _ => Reply::new(
            403,
            "text/xml",
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>invalid MFA one time pass code</Message></Error>\
             </ErrorResponse>",
        ),
    }
}

fn admin(endpoint: &Endpoint) -> Trainyard {
    let at = Trainyard::bare(BINARY).unwrap();
    std::fs::create_dir(at.home().join(".aws")).unwrap();
    std::fs::write(at.home().join(".aws/config"), CONFIG).unwrap();
    at.with("AWS_ENDPOINT_URL", &endpoint.url()).with("AWS_REGION", "eu-west-1").with("AWS_PROFILE", "admin")
}

#[test]
fn a_code_is_asked_for_in_a_terminal() {
    let endpoint = Endpoint::start(sts).unwrap();
    let at = admin(&endpoint);
    let ended = in_terminal(&at, "call iam_get_caller_identity", "123456");
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("Code of the MFA device arn:aws:iam::123456789012:mfa/u"), "{}", ended.stdout);
    assert!(ended.stdout.contains("assumed-role/admin/me"), "{}", ended.stdout);
    let wrong = in_terminal(&at, "call iam_get_caller_identity", "000000");
    assert!(!wrong.status.success() && wrong.stdout.contains("invalid MFA one time pass code"), "{}", wrong.stdout);
}

#[test]
fn without_a_terminal_the_error_says_where_the_code_can_be_given() {
    let endpoint = Endpoint::start(sts).unwrap();
    let at = admin(&endpoint);
    let ended = at.run(&["call", "iam_get_caller_identity"]).unwrap();
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("aws sts get-caller-identity --profile admin"), "{}", ended.stderr);
    let mut session = at.serve(&[], Era::Modern).unwrap();
    let answer = session.call("iam_get_caller_identity", json!({})).unwrap();
    let text = answer.to_string();
    assert!(text.contains("MfaCodeRequired") && text.contains("--profile admin"), "{text}");
    assert!(endpoint.take().is_empty(), "nothing was sent");
}
