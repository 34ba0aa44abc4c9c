//! The life of a HyperPod stack: on moto with a template of ours, and with a stand-in where moto has nothing to fail.

use serde_json::{Value, json};
use trainyard_harness::{Session, Trainyard};
use trainyard_stand_in::{Answer, StandIn};

use crate::{
    hyperpod_cases::{stack_with, template},
    hyperpod_tools::{at, placed, session},
    with_moto,
};

const TOOL: &str = "manage_hyperpod_stacks";
const FLAGS: [&str; 3] = ["--allow-write", "--confirm", "never"];

fn call(session: &mut Session, arguments: &Value) -> Value {
    session.call(TOOL, arguments.clone()).unwrap()
}

/// The inner object of a call that has to succeed.
fn done(session: &mut Session, arguments: &Value) -> Value {
    let result = call(session, arguments);
    assert_eq!(result["isError"], false, "{arguments}: {result}");
    result["structuredContent"]["result"].clone()
}

/// The error of a call that has to fail.
fn error(session: &mut Session, arguments: &Value) -> Value {
    let result = call(session, arguments);
    assert_eq!(result["isError"], true, "{arguments}: {result}");
    result["structuredContent"]["error"].clone()
}

fn template_file(at: &Trainyard) -> String {
    let path = at.home().join("cluster.yaml");
    std::fs::write(&path, include_str!("templates/cluster.yaml")).unwrap();
    path.display().to_string()
}

#[test]
fn a_stack_is_written_down_planned_made_changed_and_deleted() {
    let at = with_moto("ap-northeast-2");
    let template = template_file(&at);
    let file = at.home().join("parameters.json").display().to_string();
    let mut session = session(&at, &FLAGS);
    let with = |more: Value| {
        let mut arguments = json!({ "stack_name": "train-stack", "params_file": file, "template": template });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };

    let written =
        done(&mut session, &json!({ "operation": "write_params", "params_file": file, "template": template }));
    assert_eq!((&written["parameters"], &written["to_fill_in"]), (&json!(5), &json!([])), "{written}");
    let again = json!({ "operation": "write_params", "params_file": file, "template": template });
    assert_eq!(error(&mut session, &again)["category"], "already_exists");

    let planned = done(&mut session, &with(json!({ "operation": "plan" })));
    let changes = planned["planned"]["changes"].as_array().unwrap();
    assert!(
        changes.iter().any(|change| change["resource_type"] == "AWS::EC2::VPC" && change["action"] == "Add"),
        "{planned}"
    );
    let change_set = planned["planned"]["change_set"].clone();
    let refused = error(&mut session, &with(json!({ "operation": "deploy" })));
    assert_eq!(refused["code"], "OnlyPlanned", "{refused}");

    let deploy =
        json!({ "operation": "deploy", "stack_name": "train-stack", "change_set": change_set, "wait_seconds": 30 });
    let deployed = done(&mut session, &deploy);
    assert_eq!(
        (&deployed["stack_status"], &deployed["failure"]),
        (&json!("CREATE_COMPLETE"), &json!(null)),
        "{deployed}"
    );

    let shown = done(&mut session, &json!({ "operation": "delete", "stack_name": "train-stack", "dry_run": true }));
    let dying: Vec<_> =
        shown["plan"]["deleted"].as_array().unwrap().iter().map(|one| one["resource_type"].clone()).collect();
    for kind in ["AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::SecurityGroup", "AWS::IAM::Role"] {
        assert!(dying.contains(&kind.into()), "{kind}: {shown}");
    }

    let mut parameters: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let name = parameters.iter_mut().find(|one| one["ParameterKey"] == "HyperPodClusterName").unwrap();
    name["ParameterValue"] = "changed".into();
    std::fs::write(&file, json!(parameters).to_string()).unwrap();
    let updated = done(&mut session, &with(json!({ "operation": "deploy", "wait_seconds": 30 })));
    assert_eq!(updated["stack_status"], "UPDATE_COMPLETE", "{updated}");

    done(&mut session, &json!({ "operation": "delete", "stack_name": "train-stack", "wait_seconds": 30 }));
    let gone = error(&mut session, &json!({ "operation": "describe", "stack_name": "train-stack" }));
    assert_eq!(gone["category"], "not_found", "{gone}");

    // moto gives a stack no outputs that came from a change set.
    let made = done(&mut session, &with(json!({ "operation": "deploy", "wait_seconds": 30 })));
    assert_eq!(made["stack_status"], "CREATE_COMPLETE", "{made}");
    let stack = done(&mut session, &json!({ "operation": "describe", "stack_name": "train-stack" }));
    assert!(stack["outputs"]["VpcId"].as_str().unwrap().starts_with("vpc-"), "{stack}");
}

#[test]
fn a_template_is_taken_from_a_bucket_that_the_operator_allows_and_from_no_other() {
    let at = with_moto("ap-northeast-3");
    let flags = [&FLAGS[..], &["--template-buckets", "trainyard-templates"]].concat();
    let mut session = session(&at, &flags);
    let mut aws = |operation: &str, parameters: Value| {
        let arguments = json!({ "service": "s3", "operation": operation, "parameters": parameters });
        let result = session.call("aws_call", arguments).unwrap();
        assert_eq!(result["isError"], false, "{result}");
    };
    let here = json!({ "LocationConstraint": "ap-northeast-3" });
    aws("CreateBucket", json!({ "Bucket": "trainyard-templates", "CreateBucketConfiguration": here }));
    // "{}" would be no template; this one declares a bucket and nothing else.
    let body = "UmVzb3VyY2VzOgogIEtleToKICAgIFR5cGU6IEFXUzo6UzM6OkJ1Y2tldAo=";
    aws("PutObject", json!({ "Bucket": "trainyard-templates", "Key": "t/small.yaml", "Body": body }));
    let file = at.home().join("none.json");
    std::fs::write(&file, "[]").unwrap();
    let deploy = |template: &str| json!({ "operation": "deploy", "stack_name": "small", "params_file": file, "template": template, "wait_seconds": 30 });
    let refused = error(&mut session, &deploy("https://other.s3.amazonaws.com/t/small.yaml"));
    assert_eq!((&refused["category"], &refused["code"]), (&json!("policy_denied"), &json!("TemplateNotAllowed")));
    let made = done(&mut session, &deploy("https://trainyard-templates.s3.amazonaws.com/t/small.yaml"));
    assert_eq!(made["stack_status"], "CREATE_COMPLETE", "{made}");
}

#[test]
fn what_does_not_fit_the_template_is_said_at_once_and_nothing_is_made() {
    let aws = StandIn::start();
    template(&aws);
    let at = at(&aws);
    let parameters = json!([
        { "ParameterKey": "HyperPodClusterNam", "ParameterValue": "train" },
        { "ParameterKey": "Stage", "ParameterValue": "beta" },
        { "ParameterKey": "InstanceGroupSettings1", "ParameterValue": "[{\"InstanceCount\": 1, \"InstanceGroupName\": \"w\", \"InstanceType\": \"p5.48xlarge\"}]" },
    ]);
    std::fs::write(at.home().join("wrong.json"), parameters.to_string()).unwrap();
    let mut session = session(&at, &FLAGS);
    for operation in ["deploy", "plan"] {
        let arguments =
            json!({ "operation": operation, "stack_name": "train-stack", "params_file": "$HOME/wrong.json" });
        let refused = error(&mut session, &placed(&arguments, &at));
        assert_eq!((&refused["category"], &refused["code"]), (&json!("validation"), &json!("InvalidParameters")));
        for fault in [
            "HyperPodClusterNam is unknown (did you mean HyperPodClusterName?)",
            "HyperPodClusterName is missing",
            "Stage is one of gamma, prod, not \"beta\"",
            "begins with ml., unlike \"p5.48xlarge\"",
        ] {
            assert!(refused["message"].as_str().unwrap().contains(fault), "{fault}: {refused}");
        }
    }
    assert!(aws.calls().iter().all(|call| call.operation == "GetTemplateSummary"), "{:?}", aws.calls());
}

#[test]
fn a_stack_of_somebody_else_is_left_alone() {
    let aws = StandIn::start();
    template(&aws);
    aws.answer("cloudformation", "DescribeStacks", stack_with("CREATE_COMPLETE", "EksMcpServer"));
    let at = at(&aws);
    let mut session = session(&at, &FLAGS);
    for (operation, more) in [
        ("deploy", json!({ "params_file": "$HOME/parameters.json" })),
        ("deploy", json!({ "change_set": "arn:outer" })),
        ("plan", json!({ "params_file": "$HOME/parameters.json" })),
        ("describe", json!({})),
        ("delete", json!({})),
    ] {
        let mut arguments = json!({ "operation": operation, "stack_name": "train-stack" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let refused = error(&mut session, &placed(&arguments, &at));
        assert_eq!(
            (&refused["category"], &refused["code"]),
            (&json!("policy_denied"), &json!("NotOwned")),
            "{operation}"
        );
    }
    let only_looked = ["DescribeStacks", "GetTemplateSummary", "GetProducts"];
    let others: Vec<_> = aws.calls().into_iter().filter(|call| !only_looked.contains(&call.operation)).collect();
    assert_eq!(others, [], "nothing was sent that changes anything");
}

const OUTER: &str = "arn:aws:cloudformation:us-west-2:123456789012:stack/train-stack/1";
const INNER: &str = "arn:aws:cloudformation:us-west-2:123456789012:stack/train-stack-Network/2";

fn event(stack: &str, id: &str, physical: &str, kind: &str, status: &str, reason: &str) -> Value {
    json!({
        "StackId": stack, "StackName": "train-stack", "EventId": format!("{id}-{status}"), "Timestamp": "2026-11-20T10:00:00Z",
        "LogicalResourceId": id, "PhysicalResourceId": physical, "ResourceType": kind, "ResourceStatus": status,
        "ResourceStatusReason": reason
    })
}

/// A stack whose network, a stack in it, could not be made; two pages of events.
fn failed_events(aws: &StandIn) {
    const STACK: &str = "AWS::CloudFormation::Stack";
    aws.answer_with("cloudformation", "DescribeStackEvents", |call| {
        let begun = |id| event(id, "s", id, STACK, "CREATE_IN_PROGRESS", "User Initiated");
        let failed = |stack, id, physical, kind, reason| event(stack, id, physical, kind, "CREATE_FAILED", reason);
        match (call.input["StackName"].as_str(), call.input["NextToken"].as_str()) {
            (Some(INNER), _) => json!({ "StackEvents": [
                failed(INNER, "Role", "", "AWS::IAM::Role", "Resource creation cancelled"),
                failed(INNER, "Nat", "", "AWS::EC2::EIP", "the maximum number of addresses has been reached"),
                begun(INNER),
            ] }),
            (_, None) => json!({ "NextToken": "more", "StackEvents": [
                event(OUTER, "s", OUTER, STACK, "DELETE_IN_PROGRESS", "The following resource(s) failed to create: [Network]"),
                failed(OUTER, "Cluster", "", "AWS::SageMaker::Cluster", "Resource creation cancelled"),
            ] }),
            (_, Some(_)) => json!({ "StackEvents": [
                failed(OUTER, "Network", INNER, STACK, "Embedded stack was not successfully created"),
                begun(OUTER),
                failed(OUTER, "Older", "", "AWS::EC2::VPC", "a failure of an operation before"),
            ] }),
        }
        .into()
    });
}

#[test]
fn a_failure_is_explained_by_its_first_event_in_the_nested_stack() {
    let aws = StandIn::start();
    aws.answer("cloudformation", "DescribeStacks", stack_with("ROLLBACK_COMPLETE", "HyperPodMCPServer"));
    failed_events(&aws);
    let at = at(&aws);
    let stack = done(&mut session(&at, &FLAGS), &json!({ "operation": "describe", "stack_name": "train-stack" }));
    assert_eq!(stack["failure"], "Network > Nat: the maximum number of addresses has been reached");
}

#[test]
fn a_stack_that_failed_and_was_taken_away_is_still_explained() {
    let aws = StandIn::start();
    aws.answer_with("cloudformation", "DescribeStacks", |call| match call.input["StackName"].as_str() {
        Some(OUTER) => stack_with("DELETE_COMPLETE", "HyperPodMCPServer").into(),
        _ => Answer::refusal(400, "ValidationError", "Stack with id train-stack does not exist"),
    });
    let summary = |name: &str, id: &str| json!({ "StackName": name, "StackId": id, "CreationTime": "2026-11-20T10:00:00Z", "StackStatus": "DELETE_COMPLETE" });
    let gone = [summary("other", "arn:other"), summary("train-stack", OUTER), summary("train-stack", "arn:older")];
    aws.answer("cloudformation", "ListStacks", json!({ "StackSummaries": gone }));
    failed_events(&aws);
    let at = at(&aws);
    let gone = error(&mut session(&at, &FLAGS), &json!({ "operation": "describe", "stack_name": "train-stack" }));
    assert_eq!(gone["category"], "not_found", "{gone}");
    let why = gone["hint"].as_str().unwrap();
    assert!(why.contains("Network > Nat: the maximum number of addresses has been reached"), "{why}");
}

#[test]
fn a_deployment_that_is_followed_tells_how_far_it_is_and_why_it_failed() {
    let aws = StandIn::start();
    template(&aws);
    let missing = Answer::refusal(400, "ValidationError", "Stack with id train-stack does not exist");
    aws.answer_in_turn(
        "cloudformation",
        "DescribeStacks",
        [
            missing.clone(),
            missing,
            stack_with("CREATE_IN_PROGRESS", "HyperPodMCPServer").into(),
            stack_with("DELETE_COMPLETE", "HyperPodMCPServer").into(),
        ],
    );
    aws.answer("cloudformation", "CreateStack", json!({ "StackId": OUTER }));
    failed_events(&aws);
    let at = at(&aws);
    let mut session = session(&at, &FLAGS);
    let arguments = json!({ "operation": "deploy", "stack_name": "train-stack", "params_file": "$HOME/parameters.json", "wait_seconds": 30 });
    let call = json!({ "name": TOOL, "arguments": placed(&arguments, &at), "_meta": { "progressToken": "mine" } });
    let id = session.request("tools/call", call).unwrap();
    let answer = session.answer(id).unwrap();
    let deployed = &answer["result"]["structuredContent"]["result"];
    assert_eq!(deployed["stack_status"], "DELETE_COMPLETE", "{answer}");
    assert_eq!(deployed["failure"], "Network > Nat: the maximum number of addresses has been reached");
    let limit = std::time::Duration::from_secs(1);
    let told = session.find(limit, |message| message["method"] == "notifications/progress").unwrap();
    assert!(told["params"]["message"].as_str().unwrap().starts_with("CREATE_IN_PROGRESS"), "{told}");
}

#[test]
fn what_is_deleted_is_shown_down_into_nested_stacks() {
    let aws = StandIn::start();
    aws.answer("cloudformation", "DescribeStacks", stack_with("CREATE_COMPLETE", "HyperPodMCPServer"));
    aws.answer_with("cloudformation", "ListStackResources", |call| {
        let resource = |id: &str, physical: &str, kind: &str| {
            json!({ "LogicalResourceId": id, "PhysicalResourceId": physical, "ResourceType": kind,
                "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": "2026-11-20T10:00:00Z" })
        };
        let inner = call.input["StackName"] == INNER;
        let resources = if inner {
            json!([resource("Files", "fs-0123", "AWS::FSx::FileSystem")])
        } else {
            json!([resource("Storage", INNER, "AWS::CloudFormation::Stack"), resource("Role", "r", "AWS::IAM::Role")])
        };
        json!({ "StackResourceSummaries": resources }).into()
    });
    let at = at(&aws);
    // Nobody was asked, so the plan comes back instead of a deletion.
    let mut session = session(&at, &["--allow-write"]);
    let asked = call(&mut session, &json!({ "operation": "delete", "stack_name": "train-stack" }));
    let dying = &asked["structuredContent"]["plan"]["deleted"];
    assert_eq!(dying.as_array().unwrap().len(), 3, "{asked}");
    assert_eq!((&dying[2]["stack"], &dying[2]["physical_resource_id"]), (&json!("Storage"), &json!("fs-0123")));
    assert!(aws.calls_of("DeleteStack").is_empty());
}
