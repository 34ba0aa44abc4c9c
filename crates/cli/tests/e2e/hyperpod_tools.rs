//! Every call behind every HyperPod tool, through the protocol: it works, it is refused where it is not allowed, and
//! what the service says against it is an error.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_stand_in::{Answer, StandIn};

use crate::{
    BINARY,
    hyperpod_cases::{Case, cases, network, node_id, nodes, world},
    marks::{self, ORDER},
};

const TOOLSETS: [&str; 2] = ["--toolsets", "hyperpod,hyperpod_admin"];
const ALLOWED: [&str; 6] =
    ["--toolsets", "hyperpod,hyperpod_admin", "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];

/// The binary at a stand-in, with a parameters file in its home.
pub(crate) fn at(aws: &StandIn) -> Trainyard {
    let at = Trainyard::at(BINARY, &aws.url()).unwrap().with("AWS_REGION", "us-west-2");
    let parameters = json!([
        { "ParameterKey": "HyperPodClusterName", "ParameterValue": "train" },
        { "ParameterKey": "InstanceGroupSettings1", "ParameterValue": json!([
            { "InstanceCount": 2, "InstanceGroupName": "workers", "InstanceType": "ml.p5.48xlarge" }
        ]).to_string() },
    ]);
    std::fs::write(at.home().join("parameters.json"), parameters.to_string()).unwrap();
    at
}

/// With `$HOME` in texts put in.
pub(crate) fn placed(arguments: &Value, at: &Trainyard) -> Value {
    let text = arguments.to_string().replace("$HOME", &at.home().display().to_string());
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn session(at: &Trainyard, flags: &[&str]) -> Session {
    let mut session = at.serve(flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    session
}

fn call(case: &Case, at: &Trainyard, flags: &[&str]) -> Value {
    session(at, flags).call(case.tool, placed(&case.arguments, at)).unwrap()
}

/// Each call of the two toolsets, with its effect.
fn listed() -> Vec<(String, String, String)> {
    let at = Trainyard::bare(BINARY).unwrap();
    let read = |arguments: &[&str]| -> Value {
        let arguments = [arguments, &TOOLSETS].concat();
        serde_json::from_str(&at.run(&arguments).unwrap().stdout).unwrap()
    };
    let mut calls = Vec::new();
    for tool in read(&["tools", "--json"])["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        for one in read(&["tools", name, "--json"])["calls"].as_array().unwrap() {
            let text = |member: &str| one[member].as_str().unwrap().to_owned();
            let operation = if text("name") == name { String::new() } else { text("name") };
            calls.push((name.to_owned(), operation, text("effect")));
        }
    }
    calls
}

#[test]
fn every_call_has_a_case() {
    let listed: BTreeSet<_> = listed().into_iter().map(|(tool, operation, _)| (tool, operation)).collect();
    let tested: BTreeSet<_> = cases().iter().map(|case| (case.tool.to_owned(), case.operation().to_owned())).collect();
    assert_eq!(listed, tested);
}

#[test]
fn every_call_does_what_it_is_for() {
    for case in cases() {
        let aws = StandIn::start();
        (case.answers)(&aws);
        let at = at(&aws);
        let result = call(&case, &at, &ALLOWED);
        assert_eq!(result["isError"], false, "{} {}: {result}", case.tool, case.arguments);
        (case.check)(&result["structuredContent"], &aws);
    }
}

#[test]
fn an_order_in_what_somebody_made_stands_between_marks() {
    for case in cases() {
        let aws = StandIn::start();
        aws.inject(ORDER);
        (case.answers)(&aws);
        // Few of them show what somebody may write. Whatever does has to mark it.
        marks::count(case.tool, &call(&case, &at(&aws), &ALLOWED));
    }
}

#[test]
fn what_is_not_allowed_is_refused_and_nothing_is_sent() {
    let effects = listed();
    for case in cases() {
        let known = effects.iter().find(|(tool, operation, _)| tool == case.tool && operation == case.operation());
        let (_, _, effect) = known.unwrap();
        if effect == "reads" {
            continue;
        }
        let aws = StandIn::start();
        let result = call(&case, &at(&aws), &TOOLSETS);
        assert_eq!(result["isError"], true, "{} {effect}: {result}", case.tool);
        assert_eq!(result["structuredContent"]["error"]["category"], "policy_denied", "{}: {result}", case.tool);
        assert_eq!(aws.calls(), [], "{}", case.tool);
    }
}

/// The case of a tool that has one call only.
fn case(tool: &str) -> Case {
    cases().into_iter().find(|case| case.tool == tool).unwrap()
}

/// What a dry run of these arguments says.
fn planned(aws: &StandIn, tool: &str, arguments: &Value) -> Value {
    let at = at(aws);
    let mut arguments = placed(arguments, &at);
    arguments["dry_run"] = true.into();
    session(&at, &ALLOWED).call(tool, arguments).unwrap()
}

#[test]
fn a_plan_only_reads() {
    let effects = listed();
    for case in cases() {
        let known = effects.iter().find(|(tool, operation, _)| tool == case.tool && operation == case.operation());
        let (_, _, effect) = known.unwrap();
        if effect != "changes" && effect != "destroys" {
            continue;
        }
        let aws = StandIn::start();
        world(&aws);
        let mut arguments = case.arguments.clone();
        if arguments.get("delete_instance_groups").is_some() {
            arguments["delete_instance_groups"] = json!(["workers"]);
        }
        let result = planned(&aws, case.tool, &arguments);
        assert_eq!(result["isError"], false, "{} {arguments}: {result}", case.tool);
        let calls = aws.calls();
        let reads = |name: &str| ["Describe", "List", "Get", "Search"].iter().any(|verb| name.starts_with(verb));
        let writes: Vec<_> = calls.iter().filter(|call| !reads(call.operation)).collect();
        assert!(writes.is_empty() && !calls.is_empty(), "{} {arguments}: {calls:?}", case.tool);
    }
}

#[test]
fn a_new_cluster_is_planned_with_its_quotas_and_cost_and_not_begun_where_it_cannot_come_up() {
    let new = case("hyperpod_create_cluster");
    let aws = StandIn::start();
    world(&aws);
    let mut more = new.arguments.clone();
    more["instance_groups"][0]["count"] = 7.into();
    let result = planned(&aws, new.tool, &more);
    let plan = &result["structuredContent"]["plan"];
    assert_eq!(plan["cost"]["cost_per_hour"], "420", "{result}");
    assert_eq!(plan["quotas"][0]["left"], 6.0, "{result}");
    assert_eq!(plan["warnings"], json!(["the quota of ml.p5.48xlarge leaves 6 nodes, and 7 are wanted"]));

    network(&aws, "vpc-2");
    aws.answer("s3", "ListObjectsV2", json!({ "KeyCount": 0 }));
    let result = call(&new, &at(&aws), &ALLOWED);
    let error = &result["structuredContent"]["error"];
    assert_eq!((&result["isError"], &error["category"]), (&json!(true), &json!("validation")), "{result}");
    for fault in
        ["is of VPC \"vpc-2\", the subnets are not", "no lifecycle script s3://sagemaker-scripts/train/on_create.sh"]
    {
        assert!(error["message"].as_str().unwrap().contains(fault), "{fault}: {error}");
    }
    assert!(aws.calls_of("CreateCluster").is_empty());
}

#[test]
fn a_training_plan_is_not_bought_at_another_fee_than_the_one_agreed_to() {
    let buy = case("hyperpod_create_training_plan");
    let aws = StandIn::start();
    world(&aws);
    let at = at(&aws);
    let mut cheaper = buy.arguments.clone();
    cheaper["upfront_fee"] = "8000".into();
    let result = session(&at, &ALLOWED).call(buy.tool, cheaper).unwrap();
    assert_eq!(result["structuredContent"]["error"]["category"], "conflict", "{result}");
    let flags = [&TOOLSETS[..], &["--allow-write"]].concat();
    let asked = session(&at, &flags).call(buy.tool, buy.arguments).unwrap();
    let asked = &asked["structuredContent"];
    assert_eq!(asked["error"]["code"], "ConfirmationRequired", "what costs is asked about: {asked}");
    assert_eq!(asked["plan"]["upfront_fee"], "9000.00", "{asked}");
    assert!(aws.calls_of("CreateTrainingPlan").is_empty());
}

#[test]
fn what_the_service_says_against_it_is_an_error() {
    for case in cases() {
        let aws = StandIn::start();
        (case.answers)(&aws);
        let (service, operation) = case.refused;
        aws.refuse(service, operation, 400, "AccessDeniedException", "not for you");
        let result = call(&case, &at(&aws), &ALLOWED);
        let what = format!("{} {}: {result}", case.tool, case.arguments);
        assert_eq!(result["isError"], true, "{what}");
        let error = &result["structuredContent"]["error"];
        assert_eq!((&error["category"], &error["operation"]), (&json!("access_denied"), &json!(operation)), "{what}");
        let inner = &result["structuredContent"]["result"];
        assert!(inner.is_null() || inner["isError"] == true, "{what}");
        assert!(result["content"][0]["text"].as_str().unwrap().contains("not for you"), "{what}");
    }
}

#[test]
fn a_deletion_that_is_throttled_says_what_became_of_each_node() {
    let aws = StandIn::start();
    aws.answer_in_turn(
        "sagemaker",
        "BatchDeleteClusterNodes",
        [Answer::refusal(400, "ThrottlingException", "slow down")],
    );
    let ids = [node_id(1), node_id(2)];
    let arguments = json!({ "operation": "batch_delete", "cluster_name": "train", "node_ids": ids });
    let result = session(&at(&aws), &ALLOWED).call("manage_hyperpod_cluster_nodes", arguments).unwrap();
    assert_eq!(result["isError"], true, "{result}");
    let error = &result["structuredContent"]["error"];
    assert_eq!(error["category"], "throttled", "{result}");
    assert_eq!(error["partial"], json!([format!("{}: left alone", ids[0]), format!("{}: left alone", ids[1])]));
    assert!(result["content"][0]["text"].as_str().unwrap().contains(&ids[1]), "a model reads the text: {result}");
}

#[test]
fn a_reboot_that_stops_half_way_says_what_became_of_each_node() {
    let aws = StandIn::start();
    let ids: Vec<_> = (0..27).map(node_id).collect();
    let done = json!({ "Successful": ids[1..25], "Failed": [
        { "NodeId": ids[0], "ErrorCode": "InvalidInstanceStatus", "Message": "is being replaced" }
    ] });
    aws.answer_in_turn(
        "sagemaker",
        "BatchRebootClusterNodes",
        [done.into(), Answer::refusal(400, "AccessDeniedException", "no more")],
    );
    let arguments = json!({ "cluster_name": "train", "node_ids": ids });
    let result = session(&at(&aws), &ALLOWED).call("hyperpod_reboot_nodes", arguments).unwrap();
    assert_eq!(result["isError"], true, "{result}");
    let partial = result["structuredContent"]["error"]["partial"].as_array().unwrap().clone();
    assert_eq!(partial.len(), 27, "{partial:?}");
    assert_eq!(partial[0], format!("{}: done", ids[1]));
    assert_eq!(partial[24], format!("{}: is being replaced (InvalidInstanceStatus)", ids[0]));
    assert_eq!(partial[26], format!("{}: left alone", ids[26]));
}

#[test]
fn region_and_profile_of_a_call_are_those_that_it_names() {
    let aws = StandIn::start();
    aws.answer("sagemaker", "ListClusters", json!({ "ClusterSummaries": [] }));
    let at = at(&aws);
    std::fs::create_dir_all(at.home().join(".aws")).unwrap();
    let credentials = "[other]\naws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = other\n";
    std::fs::write(at.home().join(".aws/credentials"), credentials).unwrap();
    let mut session = session(&at, &ALLOWED);
    let mut list = |more: Value| {
        let mut arguments = json!({ "operation": "list_clusters" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let result = session.call("manage_hyperpod_cluster_nodes", arguments).unwrap();
        assert_eq!(result["isError"], false, "{result}");
    };
    list(json!({}));
    list(json!({ "region_name": "af-south-1" }));
    list(json!({ "region_name": null, "profile_name": "other" }));
    let regions: Vec<_> = aws.calls().into_iter().map(|call| call.region).collect();
    assert_eq!(regions, ["us-west-2", "af-south-1", "us-west-2"], "AWS_REGION, and any region there is");
}

#[test]
fn a_report_says_what_is_wrong_what_is_behind_and_what_it_costs_over_regions() {
    let aws = StandIn::start();
    let report = case("hyperpod_report");
    (report.answers)(&aws);
    aws.answer_with("sagemaker", "ListClusterNodes", |call| match call.region.as_str() {
        "eu-west-1" => Answer::refusal(400, "AccessDeniedException", "not here"),
        _ => nodes().into(),
    });
    let arguments = json!({ "regions": ["us-west-2", "eu-west-1"] });
    let result = session(&at(&aws), &ALLOWED).call("hyperpod_report", arguments).unwrap();
    let report = &result["structuredContent"];
    assert_eq!(result["isError"], false, "{result}");
    assert_eq!(report["count"], 1, "{report}");
    assert_eq!(report["region_errors"]["eu-west-1"]["category"], "access_denied", "{report}");
    assert_eq!(report["cost"]["cost_per_hour"], "120", "{report}");
}
