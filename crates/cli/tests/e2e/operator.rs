//! What an operator has in hand: policy, approval in a terminal, the stop switch, and the log.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Trainyard, Wait, run};

use crate::{
    BINARY,
    gates::{cases, recorder},
};

const SOON: Duration = Duration::from_secs(20);
const TERMINATE: &str = "ec2_terminate_instances";
const INSTANCE: &str = "i-0123456789abcdef0";

/// Runs a command of the binary in a terminal, with what a person types there.
pub(crate) fn in_terminal(at: &Trainyard, arguments: &str, typed: &str) -> trainyard_harness::Ended {
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{BINARY} {arguments}"), "/dev/null"]);
    command.env_clear().envs(at.variables()).env("SHELL", "/bin/sh").current_dir(at.home());
    run(&mut command, &format!("{typed}\n"), SOON).unwrap()
}

/// The operator agrees to a plan in a terminal of their own.
pub(crate) fn approve(at: &Trainyard, handle: &str, word: &str) {
    let ended = in_terminal(at, &format!("approve {handle}"), word);
    assert!(ended.status.success(), "{ended:?}");
}

/// The binary with a policy.
pub(crate) fn ruled(url: &str, policy: &str) -> Trainyard {
    let at = Trainyard::at(BINARY, url).unwrap();
    write_policy(&at, policy);
    at
}

pub(crate) fn write_policy(at: &Trainyard, policy: &str) {
    let folder = at.home().join(".config/trainyard");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("policy.toml"), policy).unwrap();
}

fn audit(at: &Trainyard, arguments: &[&str]) -> Value {
    let all: Vec<&str> = ["audit"].iter().chain(arguments).copied().collect();
    serde_json::from_str(&at.run(&all).unwrap().stdout).unwrap()
}

#[test]
fn a_policy_that_refuses_everything_lets_nothing_through_in_either_era() {
    let recorder = recorder();
    let refuse = "[default]\nreads = \"deny\"\nreveals = \"deny\"\nchanges = \"deny\"\ndestroys = \"deny\"\n";
    let at = ruled(&recorder.url(), refuse);
    let cases = cases(&at);
    for era in [Era::Legacy, Era::Modern] {
        for confirm in ["never", "changes"] {
            let flags = ["--toolsets", "all", "--allow-write", "--allow-sensitive-data-access", "--confirm", confirm];
            let mut session = at.serve(&flags, era).unwrap();
            session.hello().unwrap();
            for case in &cases {
                for dry_run in [false, true] {
                    let mut arguments = case.arguments.clone();
                    if dry_run {
                        if !matches!(case.effect.as_str(), "changes" | "destroys") {
                            continue;
                        }
                        arguments["dry_run"] = true.into();
                    }
                    let result = session.call(&case.tool, arguments).unwrap();
                    let error = &result["structuredContent"]["error"];
                    assert_eq!(error["code"], "PolicyDenied", "{} in {era:?}: {result}", case.tool);
                    assert!(error["message"].as_str().unwrap().contains("default."), "{error}");
                }
            }
            assert!(recorder.take().is_empty(), "nothing is sent");
        }
    }
}

#[test]
fn a_rule_decides_by_account_region_and_tag_as_they_are_and_not_as_they_are_said_to_be() {
    let endpoint = Endpoint::start(|seen| match seen.action() {
        Some("GetCallerIdentity") => Reply::new(
            200,
            "text/xml",
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/a</Arn><UserId>A</UserId>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>",
        ),
        Some("DescribeTags") => Reply::new(
            200,
            "text/xml",
            "<DescribeTagsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><tagSet><item>\
             <resourceId>i-0123456789abcdef0</resourceId><resourceType>instance</resourceType><key>mcp-protected</key>\
             <value>true</value></item></tagSet></DescribeTagsResponse>",
        ),
        _ => Reply::new(400, "text/xml", "<Response><Errors><Error><Code>X</Code></Error></Errors></Response>"),
    })
    .unwrap();
    let actions = |endpoint: &Endpoint| -> Vec<String> {
        endpoint.take().iter().filter_map(|seen| seen.action().map(str::to_owned)).collect()
    };
    let stop = json!({ "instance_ids": [INSTANCE] });
    for (policy, rule, asked) in [
        ("[protected]\ntags = { mcp-protected = \"true\" }\n", "protected.tags.mcp-protected", vec!["DescribeTags"]),
        ("[only]\naccounts = [\"999999999999\"]\n", "only.accounts", vec!["GetCallerIdentity"]),
        ("[only]\nregions = [\"us-*\"]\n", "only.regions", vec![]),
    ] {
        let at = ruled(&endpoint.url(), policy);
        let mut session = at.serve(&["--toolsets", "all", "--allow-write"], Era::Modern).unwrap();
        session.hello().unwrap();
        let result = session.call("ec2_stop_instances", stop.clone()).unwrap();
        let message = result["structuredContent"]["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("{rule:?}")), "{policy}: {result}");
        assert_eq!(actions(&endpoint), asked, "{policy}");
    }
    let at = ruled(&endpoint.url(), "[only]\naccounts = [\"111122223333\"]\nregions = [\"eu-west-1\"]\n");
    let mut session = at.serve(&["--toolsets", "all", "--allow-write"], Era::Modern).unwrap();
    session.hello().unwrap();
    session.call("ec2_stop_instances", stop).unwrap();
    assert_eq!(actions(&endpoint), ["GetCallerIdentity", "StopInstances"]);
}

#[test]
fn a_server_with_a_bad_policy_does_not_start_and_says_where() {
    let at = ruled("http://127.0.0.1:9", "[limits]\nobjects = 3\n\n[[rule]]\nname = \"a\"\nverdikt = \"deny\"\n");
    for arguments in [&["serve"][..], &["call", "iam_get_caller_identity"]] {
        let ended = at.run(arguments).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(ended.stderr.contains("line 6, column 1") && ended.stderr.contains("verdict"), "{}", ended.stderr);
    }
    let missing = at.run(&["--policy", "nowhere.toml", "tools"]).unwrap();
    assert_eq!(missing.status.code(), Some(2), "a policy that was named has to be there");
}

#[test]
fn a_policy_is_explained_tested_and_written_down_without_a_call() {
    let at = ruled(
        "http://127.0.0.1:9",
        "[default]\ndestroys = \"deny\"\n[[rule]]\nname = \"own region\"\nverdict = \"confirm\"\n\
         tools = [\"ec2_terminate_instances\"]\nregions = [\"eu-west-1\"]\n",
    );
    let explain = ["policy", "explain", TERMINATE, "instance_ids=i-0123456789abcdef0", "region=eu-west-1"];
    let closed = at.run(&explain).unwrap();
    let said: Value = serde_json::from_str(&closed.stdout).unwrap();
    assert_eq!((&said["verdict"], &said["rule"]), (&json!("deny"), &json!("--allow-write")), "{said}");
    assert_eq!(closed.status.code(), Some(3));
    let open: Vec<&str> = explain.iter().copied().chain(["--allow-write"]).collect();
    let said: Value = serde_json::from_str(&at.run(&open).unwrap().stdout).unwrap();
    assert_eq!((&said["verdict"], &said["rule"]), (&json!("confirm"), &json!("own region")), "{said}");
    assert_eq!(said["facts"]["regions"], json!(["eu-west-1"]));

    let file = at.home().join("cases.toml");
    let case = |expect: &str, region: &str| {
        format!(
            "[[case]]\ntool = \"{TERMINATE}\"\nexpect = \"{expect}\"\n\
             arguments = {{ instance_ids = [\"i-0123456789abcdef0\"], region = \"{region}\" }}\n"
        )
    };
    let path = file.to_str().unwrap();
    std::fs::write(&file, case("confirm", "eu-west-1") + &case("deny", "us-west-2")).unwrap();
    let ended = at.run(&["policy", "test", path]).unwrap();
    assert!(ended.status.success(), "{ended:?}");
    std::fs::write(&file, case("allow", "eu-west-1")).unwrap();
    let ended = at.run(&["policy", "test", path]).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&report["failed"], &report["results"][0]["rule"]), (&json!(1), &json!("own region")));

    let iam = |flags: &[&str]| -> Value {
        let all: Vec<&str> = ["policy", "iam", "--toolsets", "ec2"].iter().chain(flags).copied().collect();
        serde_json::from_str(&at.run(&all).unwrap().stdout).unwrap()
    };
    let reads = iam(&[]);
    assert_eq!(reads["Statement"].as_array().unwrap().len(), 1, "{reads}");
    assert!(reads["Statement"][0]["Action"].as_array().unwrap().contains(&json!("ec2:DescribeInstances")));
    let writes = iam(&["--allow-write", "--operation", "s3:ListObjectsV2"]).to_string();
    assert!(writes.contains("ec2:TerminateInstances") && writes.contains("s3:ListBucket"), "{writes}");
    assert!(!reads.to_string().contains("Terminate"));
    let refused = at.run(&["policy", "iam", "--operation", "s3:DeleteBucket"]).unwrap();
    assert_eq!(refused.status.code(), Some(3), "above the gates");
    let schema: Value = serde_json::from_str(&at.run(&["policy", "schema"]).unwrap().stdout).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn agreeing_takes_a_terminal_and_the_name_of_what_is_destroyed() {
    let endpoint = Endpoint::start(|seen| match seen.action() {
        Some("DescribeInstances") => Reply::new(
            200,
            "text/xml",
            "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet/>\
             </DescribeInstancesResponse>",
        ),
        _ => Reply::new(400, "text/xml", "<Response><Errors><Error><Code>X</Code></Error></Errors></Response>"),
    })
    .unwrap();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let mut session = at.serve(&["--toolsets", "all", "--allow-write"], Era::Legacy).unwrap();
    session.hello().unwrap();
    let asked = session.call(TERMINATE, json!({ "instance_ids": [INSTANCE] })).unwrap();
    let handle = asked["structuredContent"]["confirm"].as_str().unwrap().to_owned();
    let hint = asked["structuredContent"]["error"]["hint"].as_str().unwrap();
    assert!(hint.contains(&format!("trainyard approve {handle}")), "{hint}");

    let waiting: Value = serde_json::from_str(&at.run(&["approve", "--list"]).unwrap().stdout).unwrap();
    assert_eq!(waiting["plans"][0]["handle"], json!(handle));
    let piped = run(&mut at.command(&["approve", &handle]), &format!("{INSTANCE}\n"), SOON).unwrap();
    assert_eq!(piped.status.code(), Some(3), "{piped:?}");
    assert!(piped.stderr.contains("terminal"), "{}", piped.stderr);
    assert!(!in_terminal(&at, &format!("approve {handle}"), "yes").status.success(), "what is destroyed is named");
    let agreed = json!({ "instance_ids": [INSTANCE], "confirm": handle });
    let refused = session.call(TERMINATE, agreed.clone()).unwrap();
    assert_eq!(refused["structuredContent"]["error"]["code"], "ConfirmationRequired");
    endpoint.take();
    approve(&at, &handle, INSTANCE);
    session.call(TERMINATE, agreed.clone()).unwrap();
    assert!(endpoint.take().iter().any(|seen| seen.action() == Some("TerminateInstances")));
    let again = session.call(TERMINATE, agreed).unwrap();
    assert_eq!(again["structuredContent"]["error"]["code"], "PlanRefused");
    assert!(endpoint.take().is_empty());
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_a_change_is_answered_truthfully() {
    let endpoint = Endpoint::start(|_| Reply::new(200, "text/xml", "").after(Wait::UntilClosed)).unwrap();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let stop = json!({ "instance_ids": [INSTANCE] });
    let flags = ["--toolsets", "all", "--allow-write", "--confirm", "never"];
    let mut session = at.serve(&flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    session.request("tools/call", json!({ "name": "ec2_stop_instances", "arguments": stop })).unwrap();
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.under_way() == 1));
    // Dropping the session ends its process by force.
    drop(session);
    endpoint.take();

    let report = audit(&at, &["verify"]);
    assert_eq!(report["sound"], true, "{report}");
    assert_eq!(report["unfinished"][0]["tool"], "ec2_stop_instances", "{report}");
    let number = report["unfinished"][0]["sequence"].to_string();
    assert_eq!(audit(&at, &["show", &number])["outcome_unknown"], true);

    let mut session = at.serve(&flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    let retried = session.call("ec2_stop_instances", stop.clone()).unwrap();
    let error = &retried["structuredContent"]["error"];
    assert_eq!(error["code"], "OutcomeUnknown", "{retried}");
    assert!(error["message"].as_str().unwrap().contains("the outcome is unknown"), "{error}");
    assert!(endpoint.take().is_empty(), "nothing is sent");
    session.request("tools/call", json!({ "name": "ec2_stop_instances", "arguments": stop })).unwrap();
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.under_way() == 1), "told once; then it is the caller's word");
}

#[test]
fn stopping_reaches_a_running_server_and_going_on_takes_a_terminal() {
    let endpoint = Endpoint::start(|_| Reply::new(200, "text/xml", "").after(Wait::UntilClosed)).unwrap();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let flags = ["--toolsets", "all", "--allow-write", "--confirm", "never"];
    let mut session = at.serve(&flags, Era::Modern).unwrap();
    session.hello().unwrap();
    let call = json!({ "name": "ec2_stop_instances", "arguments": { "instance_ids": [INSTANCE] } });
    let id = session.request("tools/call", call.clone()).unwrap();
    assert!(endpoint.eventually(SOON, |endpoint| endpoint.under_way() == 1));
    assert!(at.run(&["policy", "stop", "incident 7"]).unwrap().status.success());
    let started = Instant::now();
    let cut_off = session.answer(id).unwrap();
    assert!(started.elapsed() < SOON);
    assert_eq!(cut_off["result"]["structuredContent"]["error"]["code"], "Stopped", "{cut_off}");
    let refused = session.ask("tools/call", call).unwrap();
    assert!(refused["content"][0]["text"].as_str().unwrap().contains("incident 7"), "{refused}");

    let piped = run(&mut at.command(&["policy", "resume"]), "resume\n", SOON).unwrap();
    assert_eq!(piped.status.code(), Some(3), "{piped:?}");
    assert!(in_terminal(&at, "policy resume", "resume").status.success());
    assert!(!at.home().join(".local/state/trainyard/stop").exists());
}

#[test]
fn the_log_is_shown_and_an_altered_one_is_found() {
    let recorder = recorder();
    let at = Trainyard::at(BINARY, &recorder.url()).unwrap();
    for _ in 0..3 {
        at.run(&["call", "iam_get_caller_identity"]).unwrap();
    }
    let tail = at.run(&["audit", "tail", "-n", "2"]).unwrap();
    assert_eq!(tail.stdout.lines().count(), 2, "{tail:?}");
    let verified = audit(&at, &["verify"]);
    assert_eq!((&verified["sound"], &verified["lines"]), (&json!(true), &json!(6)), "three processes, one chain");
    let hash = verified["last"].as_str().unwrap().to_owned();
    assert!(at.run(&["audit", "verify", "--expect", &hash]).unwrap().status.success());
    let shown = audit(&at, &["show", "1"]);
    assert_eq!(
        (&shown["begin"]["tool"], &shown["end"]["outcome"]),
        (&json!("iam_get_caller_identity"), &json!("failed"))
    );

    let log = at.home().join(".local/state/trainyard/audit.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("\"door\":\"shell\"", "\"door\":\"stdio\"", 1)).unwrap();
    let broken = at.run(&["audit", "verify"]).unwrap();
    assert_eq!(broken.status.code(), Some(1));
    assert!(broken.stdout.contains("does not follow"), "{}", broken.stdout);
}

#[test]
fn no_secret_leaves_by_any_way_out() {
    let secrets = ["hunter2hunter2", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN0123456789"];
    let endpoint = Endpoint::start(|_| {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>Bad</Code><Message>refused: password=hunter2hunter2 \
                    Authorization: Bearer wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY \u{202e}hidden</Message></Error>\
                    <RequestId>1</RequestId></ErrorResponse>";
        Reply::new(400, "text/xml", body)
    })
    .unwrap();
    let at = Trainyard::at(BINARY, &endpoint.url())
        .unwrap()
        .with("AWS_SECRET_ACCESS_KEY", secrets[1])
        .with("AWS_SESSION_TOKEN", secrets[2]);
    for arguments in [
        &["-vvv", "call", "iam_get_caller_identity"][..],
        &["-vvv", "call", "--json", "iam_get_caller_identity"],
        &["-vvv", "call", "aws_call", "service=sts", "operation=GetCallerIdentity", "query=password=hunter2hunter2"],
        &["-vvv", "doctor"],
        &["-vvv", "audit", "tail"],
    ] {
        let ended = at.run(arguments).unwrap();
        for secret in secrets {
            assert!(!ended.stdout.contains(secret), "{arguments:?}: {}", ended.stdout);
            assert!(!ended.stderr.contains(secret), "{arguments:?}: {}", ended.stderr);
        }
        assert!(!ended.stderr.contains('\u{202e}') && !ended.stdout.contains('\u{202e}'), "{arguments:?}");
    }
    let log = std::fs::read_to_string(at.home().join(".local/state/trainyard/audit.jsonl")).unwrap();
    for secret in secrets {
        assert!(!log.contains(secret), "{log}");
    }
}
