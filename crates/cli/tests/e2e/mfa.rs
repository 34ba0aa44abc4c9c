//! A profile whose role wants the code of an MFA device: asked for in a terminal, explained to everybody else.

use std::time::Duration;

use serde_json::json;
use trainyard_harness::{Endpoint, Era, Reply, Seen, Trainyard};

use crate::{BINARY, operator::in_terminal};

const SOON: Duration = Duration::from_mins(1);

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

#[test]
fn a_client_that_can_ask_gives_the_code_by_a_request_of_the_server() {
    let endpoint = Endpoint::start(sts).unwrap();
    let at = admin(&endpoint);
    let mut session = at.serve(&[], Era::Legacy).unwrap();
    let hello = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": { "elicitation": {} },
        "clientInfo": { "name": "harness", "version": "1" }
    });
    session.ask("initialize", hello).unwrap();
    session.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).unwrap();
    let mut ask = |action: &str, code: &str| {
        let call = json!({ "name": "iam_get_caller_identity", "arguments": {} });
        let id = session.request("tools/call", call).unwrap();
        let asked = session.find(SOON, |message| message["method"] == "elicitation/create").unwrap();
        assert!(asked["params"]["message"].as_str().unwrap().contains("arn:aws:iam::123456789012:mfa/u"), "{asked}");
        let answer = json!({ "action": action, "content": { "word": code } });
        session.send(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": answer })).unwrap();
        session.answer(id).unwrap()["result"].to_string()
    };
    assert!(ask("decline", "123456").contains("MfaCodeRequired"));
    assert!(ask("accept", "12").contains("MfaCodeMalformed"));
    assert!(endpoint.take().is_empty(), "nothing was sent");
    assert!(ask("accept", "000000").contains("MfaRefused"));
    assert!(ask("accept", "123456").contains("assumed-role/admin/me"));
    let again = session.call("iam_get_caller_identity", json!({})).unwrap().to_string();
    assert!(again.contains("assumed-role/admin/me"), "asked once for each session: {again}");
}

#[test]
fn a_client_of_the_newest_protocol_is_asked_for_the_code_by_an_answer() {
    let endpoint = Endpoint::start(sts).unwrap();
    let at = admin(&endpoint);
    let mut session = at.serve(&[], Era::Modern).unwrap();
    let mut call = |responses: Option<serde_json::Value>| {
        let mut call = json!({
            "name": "iam_get_caller_identity",
            "arguments": {},
            "_meta": { "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} } }
        });
        if let Some(responses) = responses {
            call["inputResponses"] = responses;
        }
        session.ask("tools/call", call).unwrap()
    };
    let asked = call(None);
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let message = asked["inputRequests"]["word"]["params"]["message"].as_str().unwrap();
    assert!(message.contains("arn:aws:iam::123456789012:mfa/u"), "{message}");
    assert!(endpoint.take().is_empty(), "nothing was sent");
    let word = |action: &str, code: &str| Some(json!({ "word": { "action": action, "content": { "word": code } } }));
    assert!(call(word("cancel", "123456")).to_string().contains("MfaCodeRequired"), "not asked again");
    assert!(call(word("accept", "000000")).to_string().contains("MfaRefused"));
    assert!(call(word("accept", "123456")).to_string().contains("assumed-role/admin/me"));
    assert!(call(None).to_string().contains("assumed-role/admin/me"), "asked once for each session");
    let log = std::fs::read_to_string(at.home().join(".local/state/trainyard/audit.jsonl")).unwrap();
    assert!(!log.contains("123456\""), "a code is in no log: {log}");
}
