//! The same tools for people: commands, exit codes, arguments from files.

use serde_json::{Value, json};
use trainyard_harness::{Ended, Trainyard, run};
use trainyard_stand_in::StandIn;

use crate::{BINARY, with_moto};

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", ended.stdout, ended.stderr))
}

#[test]
fn help_is_enough_to_start() {
    let at = Trainyard::bare(BINARY).unwrap();
    let help = at.run(&["--help"]).unwrap();
    assert!(help.status.success());
    for word in ["doctor", "tools", "call", "serve", "completions", "--allow-write", "--region"] {
        assert!(help.stdout.contains(word), "no {word} in:\n{}", help.stdout);
    }
    assert!(at.run(&["--version"]).unwrap().stdout.starts_with("trainyard "));
    let slip = at.run(&["tols"]).unwrap();
    assert_eq!(slip.status.code(), Some(2));
    assert!(slip.stderr.contains("tools"), "{}", slip.stderr);
}

#[test]
fn tools_are_listed_and_shown() {
    let at = Trainyard::bare(BINARY).unwrap();
    let list = at.run(&["tools"]).unwrap();
    assert!(list.stdout.contains("ec2_list_instances"), "{}", list.stdout);
    let list = json_of(&at.run(&["tools", "--json"]).unwrap());
    for tool in list["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
        assert!(at.run(&["tools", name]).unwrap().stdout.contains("Example:"), "{name}");
    }
    let former = at.run(&["tools", "ec2.list_instances"]).unwrap();
    assert!(former.stdout.starts_with("ec2_list_instances"), "{}", former.stdout);
    let slip = at.run(&["tools", "ec2_list_instance"]).unwrap();
    assert_eq!(slip.status.code(), Some(6));
    assert!(slip.stderr.contains("ec2_list_instances"), "{}", slip.stderr);
    let few = json_of(
        &at.run(&["tools", "--json", "--toolsets", "iam,ec2", "--exclude-tools", "ec2_list_instances"]).unwrap(),
    );
    let few = few["tools"].as_array().unwrap();
    assert!(!few.is_empty() && few.iter().all(|tool| tool["toolset"] == "iam" || tool["toolset"] == "ec2"), "{few:?}");
    assert!(few.iter().all(|tool| tool["name"] != "ec2_list_instances"), "{few:?}");
    assert_eq!(at.run(&["tools", "--toolsets", "nope"]).unwrap().status.code(), Some(2));
}

#[test]
fn the_definitions_have_a_checksum_that_changes_with_them() {
    let at = Trainyard::bare(BINARY).unwrap();
    let digest = |flags: &[&str]| json_of(&at.run(&[&["tools", "--digest", "--json"], flags].concat()).unwrap());
    let usual = digest(&[]);
    assert_eq!(usual, digest(&[]));
    assert_eq!(usual["sha256"].as_str().unwrap().len(), 64);
    // Another list, and the same list with another hint: what a gate opens is no longer read-only.
    assert_ne!(usual["sha256"], digest(&["--toolsets", "iam"])["sha256"]);
    assert_ne!(usual["sha256"], digest(&["--allow-write"])["sha256"]);
    let said = at.run(&["tools", "--digest"]).unwrap().stdout;
    assert_eq!(said, format!("{}  {} tools\n", usual["sha256"].as_str().unwrap(), usual["tools"]));
}

#[test]
fn completions_are_scripts_that_their_shells_can_read() {
    let at = Trainyard::bare(BINARY).unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = at.run(&["completions", shell]).unwrap().stdout;
        assert!(script.contains("trainyard") && script.contains("serve"), "{shell}");
        if shell == "bash" {
            let limit = std::time::Duration::from_secs(10);
            let read = run(std::process::Command::new("bash").arg("-n"), &script, limit).unwrap();
            assert!(read.status.success(), "{}", read.stderr);
        }
    }
}

#[test]
fn arguments_come_as_pairs_as_json_from_files_and_from_standard_input() {
    let at = with_moto("eu-central-1");
    let made = at.run(&["call", "aws_call", "--allow-write", "--yes", "--args", &instances(2).to_string()]).unwrap();
    assert!(made.status.success(), "{}", made.stderr);
    let count = |ended: &Ended| json_of(ended)["count"].clone();
    let pairs =
        at.run(&["call", "ec2_list_instances", "states=running", "limit=10", r#"tags={"team":"shell"}"#]).unwrap();
    assert_eq!(count(&pairs), 2, "{}{}", pairs.stdout, pairs.stderr);
    std::fs::write(at.home().join("arguments.json"), r#"{"states": ["running"], "tags": {"team": "shell"}}"#).unwrap();
    let file = at.run(&["call", "ec2_list_instances", "--args", "@arguments.json", "--arg", "limit=1"]).unwrap();
    assert_eq!((count(&file), &json_of(&file)["truncated"]), (json!(1), &json!(true)));
    let limit = std::time::Duration::from_mins(1);
    let input =
        run(&mut at.command(&["call", "ec2_list_instances", "--args", "-"]), r#"{"states": ["stopped"]}"#, limit);
    assert_eq!(count(&input.unwrap()), 0);
    for (arguments, code) in [
        (&["call", "ec2_list_instances", "--args", "@missing.json"][..], 2),
        (&["call", "ec2_list_instances", "--args", "{"], 2),
        (&["call", "ec2_list_instances", "states"], 2),
        (&["call", "ec2_list_instances", "stats=running"], 2),
        (&["call", "no_such_tool"], 6),
        (&["call", "aws_call", "service=ec2", "operation=StartInstances"], 3),
    ] {
        let ended = at.run(arguments).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty() && ended.stderr.starts_with("error: "), "{}{}", ended.stdout, ended.stderr);
    }
    let failed = at.run(&["call", "no_such_tool", "--json"]).unwrap();
    assert_eq!(json_of(&failed)["error"]["category"], "not_found", "with --json, errors are JSON as well");
}

/// A call that starts instances.
fn instances(count: u32) -> Value {
    json!({
        "service": "ec2",
        "operation": "RunInstances",
        "parameters": {
            "ImageId": "ami-12345678",
            "InstanceType": "g6.xlarge",
            "MinCount": count,
            "MaxCount": count,
            "TagSpecifications": [{ "ResourceType": "instance", "Tags": [{ "Key": "team", "Value": "shell" }] }]
        },
        "query": "Instances[].InstanceId"
    })
}

#[test]
fn what_destroys_waits_for_a_yes() {
    let at = with_moto("eu-central-2");
    let made = at.run(&["call", "aws_call", "--allow-write", "--args", &instances(1).to_string(), "--yes"]).unwrap();
    let id = json_of(&made)["result"][0].as_str().unwrap().to_owned();
    let call = json!({ "service": "ec2", "operation": "TerminateInstances", "parameters": { "InstanceIds": [id] } });
    let call = call.to_string();
    let states = || {
        let list = at.run(&["call", "ec2_list_instances", "fields=[\"state\"]"]).unwrap();
        json_of(&list)["rows"].to_string()
    };

    let refused = at.run(&["call", "aws_call", "--args", &call, "--yes"]).unwrap();
    assert_eq!(refused.status.code(), Some(3));
    assert!(refused.stderr.contains("--allow-write"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("ask the operator"), "at the shell that is the reader: {}", refused.stderr);
    let asked = at.run(&["call", "aws_call", "--args", &call, "--allow-write"]).unwrap();
    assert_eq!(asked.status.code(), Some(3));
    assert!(asked.stderr.contains(&id) && asked.stderr.contains("--yes"), "{}", asked.stderr);
    let shown = at.run(&["call", "aws_call", "--args", &call, "--allow-write", "--arg", "dry_run=true"]).unwrap();
    assert_eq!(json_of(&shown)["plan"]["dry_run"]["would_succeed"], true, "{}", shown.stdout);
    assert_eq!(states(), r#"[["running"]]"#);

    let done = at.run(&["call", "aws_call", "--args", &call, "--allow-write", "--yes"]).unwrap();
    assert!(done.status.success(), "{}", done.stderr);
    assert_eq!(states(), r#"[["terminated"]]"#);

    let log = std::fs::read_to_string(at.home().join(".local/state/trainyard/audit.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes = |name: &str| lines.iter().filter(|line| line["outcome"] == name).count();
    // Asked: before what costs, before what destroys without --yes, and with it.
    assert_eq!((outcomes("asked"), outcomes("failed")), (3, 1), "{log}");
}

#[test]
fn without_a_log_nothing_is_changed() {
    let at = with_moto("eu-south-1");
    std::fs::write(at.home().join("file"), "").unwrap();
    let flags = ["--state-dir", "file/below", "--allow-write", "--yes"];
    let changed = at.run(&[&["call", "aws_call", "--args", &instances(1).to_string()], &flags[..]].concat()).unwrap();
    assert_eq!(changed.status.code(), Some(3), "{}", changed.stderr);
    assert!(changed.stderr.contains("audit"), "{}", changed.stderr);
    let read = at.run(&["call", "ec2_list_instances", "--state-dir", "file/below"]).unwrap();
    assert_eq!(json_of(&read)["count"], 0, "a read goes on without one");
}

#[test]
fn the_doctor_says_what_works() {
    let well = with_moto("eu-west-1").run(&["doctor", "--json"]).unwrap();
    assert!(well.status.success());
    let facts = json_of(&well);
    assert_eq!(facts["healthy"], true, "{facts}");
    assert!(facts.to_string().contains("123456789012"), "{facts}");
    assert!(!well.stdout.contains("AKIAIOSFODNN7EXAMPLE"), "the key id is shortened");

    let ill = Trainyard::bare(BINARY).unwrap().run(&["doctor", "--json"]).unwrap();
    assert_eq!(ill.status.code(), Some(1));
    let facts = json_of(&ill);
    let of = |name: &str| facts["checks"].as_array().unwrap().iter().find(|check| check["check"] == name).cloned();
    assert_eq!(of("credentials").unwrap()["health"], "fail", "{facts}");
    assert_eq!(of("region").unwrap()["health"], "fail", "{facts}");
    assert!(of("credentials").unwrap()["hint"].is_string(), "{facts}");
}

#[test]
fn a_settings_file_counts_below_flags_and_is_read_strictly() {
    let at = with_moto("eu-west-1");
    std::fs::create_dir_all(at.home().join(".config/trainyard")).unwrap();
    let file = at.home().join(".config/trainyard/trainyard.toml");
    let call = ["call", "aws_call", "service=ec2", "operation=CreateVpc", r#"parameters={"CidrBlock":"10.9.0.0/16"}"#];
    std::fs::write(&file, "allow_write = true\n").unwrap();
    assert!(at.run(&call).unwrap().status.success());
    assert_eq!(at.run(&[&call[..], &["--no-allow-write"]].concat()).unwrap().status.code(), Some(3));
    std::fs::write(&file, "allow_writes = true\n").unwrap();
    let slip = at.run(&["tools"]).unwrap();
    assert_eq!(slip.status.code(), Some(2));
    assert!(slip.stderr.contains("allow_writes"), "{}", slip.stderr);
    assert_eq!(at.run(&["tools", "--config", "nowhere.toml"]).unwrap().status.code(), Some(2));
}

#[test]
fn the_doctor_warns_of_an_administrator_who_may_make_changes() {
    let aws = StandIn::start();
    let arn = "arn:aws:sts::111122223333:assumed-role/train/me";
    let who = json!({ "Arn": arn, "Account": "111122223333", "UserId": "AROA:me" });
    aws.answer("sts", "GetCallerIdentity", who);
    let at = Trainyard::at(BINARY, &aws.url()).unwrap();
    let rights = |flags: &[&str]| -> Value {
        let found = json_of(&at.run(&[&["doctor", "--json"], flags].concat()).unwrap());
        let checks = found["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == "rights").cloned().unwrap_or_default()
    };
    for (decision, health) in [("allowed", "warn"), ("implicitDeny", "ok")] {
        aws.answer_with("iam", "SimulatePrincipalPolicy", move |call| {
            assert_eq!(call.input["PolicySourceArn"], "arn:aws:iam::111122223333:role/train");
            let asked = call.input["ActionNames"].as_array().unwrap().iter();
            let results: Vec<_> =
                asked.map(|action| json!({ "EvalActionName": action, "EvalDecision": decision })).collect();
            json!({ "EvaluationResults": results }).into()
        });
        assert_eq!(rights(&["--allow-write"])["health"], health, "{decision}");
    }
    aws.refuse("iam", "SimulatePrincipalPolicy", 403, "AccessDenied", "not for you");
    assert!(rights(&["--allow-write"])["found"].as_str().unwrap().starts_with("not known"));
    aws.forget_calls();
    assert_eq!(rights(&[]), Value::Null, "who may change nothing is not asked about");
    assert!(aws.calls_of("SimulatePrincipalPolicy").is_empty());
}
