//! Every call behind every tool, under every pair of gates. What is refused leaves no trace on the wire.

use std::time::Duration;

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Trainyard};

use crate::BINARY;

const WRITE: &str = "--allow-write";
const SENSITIVE: &str = "--allow-sensitive-data-access";

/// Tools that answer from what the binary holds.
const OFFLINE: [&str; 2] = ["aws_search", "aws_describe"];
/// Toolsets whose calls go elsewhere than to AWS, or need a cluster or a data set before they send anything: their own
/// tests have these.
const ELSEWHERE: [&str; 4] = ["eks", "gpu", "k8s", "ml"];

/// One call, and what it does.
pub(crate) struct Case {
    pub(crate) tool: String,
    pub(crate) arguments: Value,
    pub(crate) effect: String,
    /// It shows content of others besides.
    pub(crate) reveals: bool,
    /// What it sends when it is allowed is not for AWS alone.
    elsewhere: bool,
}

impl Case {
    /// The flags that it needs.
    fn flags(&self) -> &'static [&'static str] {
        match self.effect.as_str() {
            "reads" => &[],
            "reveals" => &[SENSITIVE],
            "changes" | "destroys" if self.reveals => &[WRITE, SENSITIVE],
            "changes" | "destroys" => &[WRITE],
            other => panic!("no such effect: {other}"),
        }
    }
}

/// What the tools say of themselves; the calls of `aws_call`, whose effect depends on the operation, are written here.
pub(crate) fn cases(at: &Trainyard) -> Vec<Case> {
    let list: Value = serde_json::from_str(&at.run(&["tools", "--json", "--toolsets", "all"]).unwrap().stdout).unwrap();
    let mut cases = Vec::new();
    for tool in list["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let elsewhere = ELSEWHERE.contains(&tool["toolset"].as_str().unwrap());
        if name == "aws_call" {
            continue;
        }
        let one = at.run(&["tools", name, "--json", "--toolsets", "all"]).unwrap();
        let one: Value = serde_json::from_str(&one.stdout).unwrap();
        for call in one["calls"].as_array().unwrap() {
            let effect = call["effect"].as_str().unwrap().to_owned();
            let mut arguments = call["example"].clone();
            if arguments.get("params_file").is_some() {
                let file = at.home().join("parameters.json");
                std::fs::write(&file, "[]").unwrap();
                arguments["params_file"] = file.display().to_string().into();
            }
            for place in ["path", "folder"] {
                if arguments.get(place).is_some() {
                    arguments[place] = local(&at.home().join("files"), name, place).into();
                }
            }
            // What these do depends on an argument, so one example does not do for all of their calls.
            match (name, effect.as_str()) {
                ("list_k8s_resources", "reveals") => arguments["kind"] = "Secret".into(),
                ("generate_app_manifest", "changes") => {
                    arguments["output_dir"] = at.home().join("files").display().to_string().into();
                }
                _ => {}
            }
            let reveals = ["dataset_download", "lambda_invoke", "s3_download"].contains(&name);
            cases.push(Case { tool: name.to_owned(), arguments, effect, reveals, elsewhere });
        }
    }
    for (effect, service, operation, parameters) in [
        ("reads", "ec2", "DescribeVpcs", json!({})),
        ("reads", "s3", "ListBuckets", json!({})),
        ("reads", "sagemaker", "ListTrainingJobs", json!({})),
        ("reveals", "secretsmanager", "GetSecretValue", json!({ "SecretId": "s" })),
        ("reveals", "ec2", "GetPasswordData", json!({ "InstanceId": "i-0123456789abcdef0" })),
        ("reveals", "s3", "GetObject", json!({ "Bucket": "b", "Key": "k" })),
        ("changes", "ec2", "StartInstances", json!({ "InstanceIds": ["i-0123456789abcdef0"] })),
        ("changes", "sagemaker", "StopTrainingJob", json!({ "TrainingJobName": "j" })),
        ("changes", "s3", "PutObject", json!({ "Bucket": "b", "Key": "k", "Body": "eA==" })),
        ("destroys", "ec2", "TerminateInstances", json!({ "InstanceIds": ["i-0123456789abcdef0"] })),
        ("destroys", "sagemaker", "DeleteCluster", json!({ "ClusterName": "c" })),
        ("destroys", "s3", "DeleteBucket", json!({ "Bucket": "b" })),
        ("destroys", "cloudformation", "DeleteStack", json!({ "StackName": "s" })),
    ] {
        let arguments = json!({ "service": service, "operation": operation, "parameters": parameters });
        cases.push(Case {
            tool: "aws_call".to_owned(),
            arguments,
            effect: effect.to_owned(),
            reveals: false,
            elsewhere: false,
        });
    }
    cases
}

/// The first that was sent though the code of the tool was not found to reach it: permissions are made from what is reached. None for
/// tools that reach no operation of AWS.
fn unknown<'a>(tool: &str, sent: &'a [trainyard_harness::Seen]) -> Option<&'a str> {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/operations.tsv");
    let table = std::fs::read_to_string(table).unwrap();
    let mut lines = table.lines().filter(|line| line.split('\t').next() == Some(tool)).peekable();
    lines.peek()?;
    let known: Vec<&str> = lines.flat_map(|line| line.rsplit('\t').next().unwrap().split(' ')).collect();
    let mut actions = sent.iter().filter_map(|seen| seen.action());
    actions.find(|action| !known.iter().any(|name| name.rsplit(':').next() == Some(action)))
}

/// A file to upload, a path to download to, or a folder.
fn local(files: &std::path::Path, tool: &str, place: &str) -> String {
    let path = files.join(tool);
    std::fs::create_dir_all(if place == "folder" { &path } else { files }).unwrap();
    if tool == "s3_upload" {
        std::fs::write(&path, "x").unwrap();
    }
    path.display().to_string()
}

/// Takes everything down and refuses it in a way that no client repeats.
pub(crate) fn recorder() -> Endpoint {
    Endpoint::start(|_| {
        Reply::new(400, "application/x-amz-json-1.1", r#"{"__type":"ValidationException","message":"recorded"}"#)
    })
    .unwrap()
}

#[test]
fn what_is_refused_names_its_flag_and_sends_nothing_and_what_is_allowed_arrives() {
    gates_hold(Era::Legacy);
}

#[test]
fn what_is_refused_sends_nothing_and_what_is_allowed_arrives_in_the_newest_protocol_as_well() {
    gates_hold(Era::Modern);
}

fn gates_hold(era: Era) {
    let recorder = recorder();
    let at = Trainyard::at(BINARY, &recorder.url()).unwrap();
    let cases = cases(&at);
    let effects: std::collections::BTreeSet<_> = cases.iter().map(|case| case.effect.as_str()).collect();
    assert_eq!(effects.len(), 4, "{effects:?}");
    let (mut refused, mut allowed) = (0, 0);
    for gates in [&[][..], &[WRITE], &[SENSITIVE], &[WRITE, SENSITIVE]] {
        let files = at.home().join("files").display().to_string();
        let mut flags = vec!["--toolsets", "all", "--confirm", "never", "--local-paths", &files];
        flags.extend(gates);
        let mut session = at.serve(&flags, era).unwrap();
        session.hello().unwrap();
        for case in &cases {
            let what = format!("{} {} under {gates:?} in {era:?}", case.tool, case.arguments);
            let mut ask = || {
                let result = session.call(&case.tool, case.arguments.clone()).unwrap();
                (result, recorder.take())
            };
            let (mut result, mut sent) = ask();
            let offline = OFFLINE.contains(&case.tool.as_str());
            let missing = case.flags().iter().find(|flag| !gates.contains(flag));
            let strange = unknown(&case.tool, &sent).is_some() || (offline || missing.is_some()) && !sent.is_empty();
            if strange {
                // A tool that asks several things at once fails with the first answer, and on a busy machine the others arrive during a later
                // call. Asked again in silence, a call has nothing but its own.
                while recorder.eventually(Duration::from_millis(500), |recorder| !recorder.take().is_empty()) {}
                (result, sent) = ask();
            }
            assert_eq!(unknown(&case.tool, &sent), None, "{what}");
            let Some(missing) = missing else {
                if !case.elsewhere {
                    assert_eq!(sent.is_empty(), offline, "{what}: {result}");
                    assert_eq!(result["isError"], !offline, "{what}: {result}");
                }
                // A place that this server may not touch is refused as well, and names another flag.
                let refusal = result["structuredContent"]["error"]["hint"].as_str().unwrap_or_default();
                assert!(!refusal.contains(WRITE) && !refusal.contains(SENSITIVE), "{what}: {result}");
                allowed += 1;
                continue;
            };
            assert!(sent.is_empty(), "{what} sent {sent:?}");
            assert_eq!(result["isError"], true, "{what}: {result}");
            let error = &result["structuredContent"]["error"];
            assert_eq!(error["category"], "policy_denied", "{what}: {error}");
            assert!(error["message"].as_str().unwrap().contains(missing), "{what}: {error}");
            assert!(result["content"][0]["text"].as_str().unwrap().contains(missing), "{what}: a model reads the text");
            refused += 1;
        }
        let (status, ..) = session.close().unwrap();
        assert!(status.success());
    }
    println!("{} calls under 4 pairs of gates: {refused} refused with nothing sent, {allowed} allowed", cases.len());
}

#[test]
fn a_call_that_would_be_asked_about_sends_nothing_but_reads_before_the_answer() {
    for era in [Era::Legacy, Era::Modern] {
        asked_about(era);
    }
}

fn asked_about(era: Era) {
    let recorder = Endpoint::start(|seen| {
        if seen.action() == Some("ListClusterNodes") {
            return Reply::new(200, "application/x-amz-json-1.1", r#"{"ClusterNodeSummaries":[]}"#);
        }
        Reply::new(400, "application/x-amz-json-1.1", r#"{"__type":"ValidationException","message":"recorded"}"#)
    })
    .unwrap();
    let at = Trainyard::at(BINARY, &recorder.url()).unwrap();
    let mut session = at.serve(&[WRITE], era).unwrap();
    session.hello().unwrap();
    let arguments = json!({ "operation": "batch_delete", "cluster_name": "c", "node_ids": ["i-0123456789abcdef0"] });
    let actions = |recorder: &Endpoint| -> Vec<String> {
        recorder.take().iter().map(|seen| seen.action().unwrap_or_default().to_owned()).collect()
    };

    let asked = session.call("manage_hyperpod_cluster_nodes", arguments.clone()).unwrap();
    assert_eq!(asked["structuredContent"]["error"]["code"], "ConfirmationRequired", "{asked}");
    assert_eq!(actions(&recorder), ["ListClusterNodes"]);

    let mut shown = arguments.clone();
    shown["dry_run"] = true.into();
    let shown = session.call("manage_hyperpod_cluster_nodes", shown).unwrap();
    assert_eq!(shown["isError"], false, "{shown}");
    assert_eq!(actions(&recorder), ["ListClusterNodes"]);

    let mut wrong = arguments.clone();
    wrong["confirm"] = "plan-00000000000000000000000000000000".into();
    let wrong = session.call("manage_hyperpod_cluster_nodes", wrong).unwrap();
    assert_eq!(wrong["isError"], true);
    assert_eq!(actions(&recorder), [""; 0], "a made-up handle opens nothing");

    let handle = asked["structuredContent"]["confirm"].clone();
    let mut other = arguments.clone();
    other["confirm"] = handle;
    other["node_ids"] = json!(["i-0123456789abcdef1"]);
    assert_eq!(session.call("manage_hyperpod_cluster_nodes", other).unwrap()["isError"], true);
    assert_eq!(actions(&recorder), [""; 0], "a handle is good for its own call only");

    let asked = session.call("manage_hyperpod_cluster_nodes", arguments.clone()).unwrap();
    assert_eq!(actions(&recorder), ["ListClusterNodes"], "shown for another call it is used up, so ask again");
    let mut agreed = arguments;
    agreed["confirm"] = asked["structuredContent"]["confirm"].clone();
    let alone = session.call("manage_hyperpod_cluster_nodes", agreed.clone()).unwrap();
    assert_eq!(alone["structuredContent"]["error"]["code"], "ConfirmationRequired", "{alone}");
    assert_eq!(actions(&recorder), [""; 0], "the caller's word is not a person's");
    crate::operator::approve(&at, agreed["confirm"].as_str().unwrap(), "i-0123456789abcdef0");
    session.call("manage_hyperpod_cluster_nodes", agreed.clone()).unwrap();
    assert_eq!(actions(&recorder), ["ListClusterNodes", "BatchDeleteClusterNodes"], "the plan has to hold still");
    assert_eq!(session.call("manage_hyperpod_cluster_nodes", agreed).unwrap()["isError"], true);
    assert_eq!(actions(&recorder), [""; 0], "a handle is good once");
}
