//! The EKS tools through the protocol, in the words of the local and of the hosted AWS server: two parts in the same
//! layout, refusals where something is not allowed, and errors where the service refuses.

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_stand_in::{Answer, StandIn};

use crate::{
    BINARY,
    eks_cases::{Case, TEMPLATE, cases, no_stack, region, role_without, stack_of, statement},
    marks::{self, ORDER},
    with_moto,
};

const TOOLSET: [&str; 2] = ["--toolsets", "eks"];
const ALLOWED: [&str; 6] =
    ["--toolsets", "eks", "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];

/// The binary at a stand-in, with a template in its home.
fn at(aws: &StandIn) -> Trainyard {
    let at = Trainyard::at(BINARY, &aws.url()).unwrap().with("AWS_REGION", "us-west-2");
    std::fs::write(at.home().join("cluster.yaml"), TEMPLATE).unwrap();
    at
}

/// With `$HOME` in texts put in.
fn placed(value: &Value, at: &Trainyard) -> Value {
    let home = at.home().canonicalize().unwrap();
    serde_json::from_str(&value.to_string().replace("$HOME", &home.display().to_string())).unwrap()
}

fn session(at: &Trainyard, flags: &[&str]) -> Session {
    let mut session = at.serve(flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    session
}

fn call(case: &Case, at: &Trainyard, flags: &[&str]) -> Value {
    session(at, flags).call(case.tool, placed(&case.arguments, at)).unwrap()
}

/// The second part of an answer in two parts.
pub(crate) fn second_part(result: &Value, what: &str) -> Value {
    assert_eq!(result["isError"], false, "{what}: {result}");
    let content = result["content"].as_array().unwrap();
    assert_eq!(content.len(), 2, "{what}: {result}");
    let summary = content[0]["text"].as_str().unwrap();
    assert!((10..200).contains(&summary.len()) && !summary.contains('\n'), "{what}: {summary}");
    let second: Value = serde_json::from_str(content[1]["text"].as_str().unwrap()).unwrap();
    assert_eq!(second, result["structuredContent"], "{what}");
    second
}

#[test]
fn every_call_answers_in_the_layout_of_the_older_server() {
    for case in cases() {
        let aws = StandIn::start();
        (case.answers)(&aws);
        let at = at(&aws);
        let what = format!("{} {}", case.tool, case.arguments);
        let second = second_part(&call(&case, &at, &ALLOWED), &what);
        for (name, value) in placed(&case.expected, &at).as_object().unwrap() {
            assert_eq!(second.get(name), Some(value), "{what}: {name} in {second}");
        }
        if !case.sends.is_empty() {
            assert!(!aws.calls_of(case.sends).is_empty(), "{what}: {:?}", aws.calls());
        }
    }
}

#[test]
fn an_order_in_what_somebody_made_stands_between_marks() {
    let mut seen = 0;
    for case in cases() {
        let aws = StandIn::start();
        aws.inject(ORDER);
        (case.answers)(&aws);
        seen += marks::count(case.tool, &call(&case, &at(&aws), &ALLOWED));
    }
    assert!(seen > 0, "no answer showed the order");
}

#[test]
fn what_is_not_allowed_is_refused_with_its_flag_and_nothing_is_sent() {
    for case in cases() {
        let writes = match case.tool {
            "manage_eks_stacks" => case.arguments["operation"] != "describe",
            tool => tool == "add_inline_policy",
        };
        let flag = match case.tool {
            "get_cloudwatch_logs" => "--allow-sensitive-data-access",
            _ if writes => "--allow-write",
            _ => continue,
        };
        let aws = StandIn::start();
        let result = call(&case, &at(&aws), &TOOLSET);
        assert_eq!(result["isError"], true, "{}: {result}", case.tool);
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(flag), "{}: {text}", case.tool);
        assert_eq!(aws.calls(), [], "{}", case.tool);
    }
}

#[test]
fn what_the_service_refuses_is_an_error_and_never_an_absence() {
    for case in cases() {
        let Some((service, operation)) = case.refused else { continue };
        let aws = StandIn::start();
        (case.answers)(&aws);
        aws.refuse(service, operation, 403, "AccessDeniedException", "not for you");
        let result = call(&case, &at(&aws), &ALLOWED);
        let what = format!("{} {}: {result}", case.tool, case.arguments);
        assert_eq!(result["isError"], true, "{what}");
        let error = &result["structuredContent"]["error"];
        assert_eq!((&error["category"], &error["operation"]), (&json!("access_denied"), &json!(operation)), "{what}");
        for never in ["PutRolePolicy", "UpdateStack"] {
            assert!(aws.calls_of(never).is_empty(), "{what}");
        }
    }
}

#[test]
fn a_stack_that_may_not_be_looked_at_is_not_taken_for_a_new_one() {
    let aws = StandIn::start();
    no_stack(&aws);
    aws.refuse("cloudformation", "DescribeStacks", 403, "AccessDenied", "not for you");
    let deploy = json!({ "operation": "deploy", "cluster_name": "train", "template_content": TEMPLATE });
    let result = session(&at(&aws), &ALLOWED).call("manage_eks_stacks", deploy).unwrap();
    assert_eq!(result["structuredContent"]["error"]["category"], "access_denied", "{result}");
    assert!(aws.calls_of("CreateStack").is_empty());
}

#[test]
fn a_stack_of_somebody_else_is_left_alone() {
    let aws = StandIn::start();
    aws.answer("cloudformation", "DescribeStacks", stack_of("HyperPodMCPServer"));
    let at = at(&aws);
    let mut session = session(&at, &ALLOWED);
    for operation in ["deploy", "describe", "delete"] {
        let mut arguments = json!({ "operation": operation, "cluster_name": "train" });
        if operation == "deploy" {
            arguments["template_content"] = TEMPLATE.into();
        }
        let result = session.call("manage_eks_stacks", arguments).unwrap();
        assert_eq!(result["structuredContent"]["error"]["code"], "NotOwned", "{operation}: {result}");
    }
    assert!(aws.calls().iter().all(|call| call.operation == "DescribeStacks"), "{:?}", aws.calls());
}

#[test]
fn an_update_that_changes_nothing_is_no_failure() {
    let aws = StandIn::start();
    aws.answer("cloudformation", "DescribeStacks", stack_of("EksMcpServer"));
    aws.refuse("cloudformation", "UpdateStack", 400, "ValidationError", "No updates are to be performed.");
    let deploy = json!({ "operation": "deploy", "cluster_name": "train", "template_content": TEMPLATE });
    let result = session(&at(&aws), &ALLOWED).call("manage_eks_stacks", deploy).unwrap();
    let second = second_part(&result, "deploy");
    assert_eq!((&second["unchanged"], &second["stack_status"]), (&json!(true), &json!("CREATE_COMPLETE")));
}

#[test]
fn a_stack_is_tagged_as_the_older_server_did() {
    let aws = StandIn::start();
    no_stack(&aws);
    let deploy = json!({ "operation": "deploy", "cluster_name": "train", "template_file": "$HOME/cluster.yaml" });
    let at = at(&aws);
    let result = session(&at, &ALLOWED).call("manage_eks_stacks", placed(&deploy, &at)).unwrap();
    assert_eq!(result["isError"], false, "{result}");
    let sent = &aws.calls_of("CreateStack")[0];
    assert_eq!(sent["StackName"], "eks-train-stack");
    assert_eq!(sent["Tags"], json!([{ "Key": "CreatedBy", "Value": "EksMcpServer" }]));
    assert_eq!((&sent["OnFailure"], &sent["TemplateBody"]), (&json!("DELETE"), &json!(TEMPLATE)));
}

/// A template without its cluster and what is said of it: each is a block below a section.
fn without_cluster(template: &str) -> String {
    let (mut section, mut dropped, mut kept) = ("", false, String::new());
    for line in template.lines() {
        let indent = line.len() - line.trim_start().len();
        match indent {
            0 => (section, dropped) = (line, false),
            2 => {
                dropped = matches!(section, "Resources:" | "Outputs:")
                    && (line.contains("EksCluster:") || line.contains("  Cluster"));
            }
            _ => {}
        }
        if !dropped {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[test]
fn a_template_that_is_generated_can_be_deployed() {
    let at = with_moto("ap-southeast-2");
    let mut session = session(&at, &ALLOWED);
    let file = at.home().canonicalize().unwrap().join("train.yaml").display().to_string();
    let generate = json!({ "operation": "generate", "cluster_name": "train", "template_file": file });
    let second = second_part(&session.call("manage_eks_stacks", generate.clone()).unwrap(), "generate");
    assert_eq!(second["template_path"], file);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("AWS::EKS::Cluster") && !text.contains("arn:aws:"), "{text}");
    let again = session.call("manage_eks_stacks", generate).unwrap();
    assert_eq!(again["structuredContent"]["error"]["category"], "already_exists", "{again}");

    // moto reads the same text with a parser of others', and makes all of it but the cluster, which it does not know.
    std::fs::write(&file, without_cluster(&text)).unwrap();
    let deploy = json!({ "operation": "deploy", "cluster_name": "train", "template_file": file, "wait_seconds": 30 });
    let made = second_part(&session.call("manage_eks_stacks", deploy).unwrap(), "deploy");
    assert_eq!((&made["stack_status"], &made["stack_name"]), (&json!("CREATE_COMPLETE"), &json!("eks-train-stack")));
    let known = session.call("read_eks_stacks", json!({ "cluster_name": "train" })).unwrap();
    let known = second_part(&known, "describe");
    assert!(known["outputs"]["VpcId"].as_str().unwrap().starts_with("vpc-"), "{known}");
}

#[test]
fn a_pool_with_a_capacity_block_is_where_the_block_is() {
    let aws = StandIn::start();
    region(&aws);
    let pool = json!({ "name": "h100", "instance_type": "p5.48xlarge", "count": 4, "efa": true, "capacity_reservation_id": "cr-1" });
    let generate =
        json!({ "operation": "generate", "cluster_name": "train", "node_pools": [pool], "kubernetes_version": "1.30" });
    let at = at(&aws);
    let mut session = session(&at, &ALLOWED);
    let second = second_part(&session.call("manage_eks_stacks", generate.clone()).unwrap(), "generate");
    let text = second["template_content"].as_str().unwrap();
    for part in [
        "us-west-2c",
        "capacity-block",
        "CAPACITY_BLOCK",
        "AL2023_x86_64_NVIDIA",
        "efa-only",
        "cluster",
        "vpc-cni",
        "\"1.30\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let mut older = generate;
    older["kubernetes_version"] = "1.29".into();
    let refused = session.call("manage_eks_stacks", older).unwrap();
    let hint = refused["structuredContent"]["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("1.34, 1.33, 1.30"), "{refused}");
}

#[test]
fn files_are_only_touched_where_they_may_be() {
    let aws = StandIn::start();
    region(&aws);
    let at = at(&aws);
    std::fs::create_dir_all(at.home().join("allowed")).unwrap();
    std::fs::create_dir_all(at.home().join(".aws")).unwrap();
    let home = at.home().canonicalize().unwrap().display().to_string();
    let generate = |path: &str| json!({ "operation": "generate", "cluster_name": "train", "template_file": placed(&json!(path), &at) });
    let mut free = session(&at, &ALLOWED);
    for path in ["relative.yaml", "$HOME/.aws/x.yaml", "/etc/x.yaml", "$HOME/x.sh", "$HOME/nowhere/x.yaml"] {
        let refused = free.call("manage_eks_stacks", generate(path)).unwrap();
        assert_eq!(refused["isError"], true, "{path}: {refused}");
    }
    let allowed = format!("{home}/allowed");
    let mut bound = session(&at, &[&ALLOWED[..], &["--local-paths", &allowed]].concat());
    let refused = bound.call("manage_eks_stacks", generate("$HOME/x.yaml")).unwrap();
    assert_eq!(refused["structuredContent"]["error"]["category"], "policy_denied", "{refused}");
    second_part(&bound.call("manage_eks_stacks", generate("$HOME/allowed/x.yaml")).unwrap(), "generate");
}

#[test]
fn a_policy_that_is_there_is_never_changed_and_a_plan_says_what_is_new() {
    let aws = StandIn::start();
    role_without(&aws);
    let at = at(&aws);
    let mut session = session(&at, &ALLOWED);
    let arguments = |name: &str, permissions: Value, dry_run: bool| json!({ "policy_name": name, "role_name": "node", "permissions": permissions, "dry_run": dry_run });
    let there = session.call("add_inline_policy", arguments("own", json!([statement()]), false)).unwrap();
    assert_eq!(there["structuredContent"]["error"]["code"], "InlinePolicyExists", "{there}");
    let wide = json!([statement(), { "Effect": "Allow", "Action": "s3:*", "Resource": "*" }]);
    let planned = session.call("add_inline_policy", arguments("new", wide, true)).unwrap();
    let plan = &planned["structuredContent"]["plan"];
    assert_eq!(plan["adds"], json!(["Allow s3:* on *"]), "{planned}");
    assert_eq!(plan["already"], json!(["Allow s3:GetObject on b/* (in own)"]));
    assert_eq!(plan["warnings"].as_array().unwrap().len(), 2, "{planned}");
    assert!(aws.calls_of("PutRolePolicy").is_empty());
}

#[test]
fn somebody_elses_policy_of_the_same_moment_is_found_out() {
    let aws = StandIn::start();
    aws.answer("iam", "PutRolePolicy", json!({}));
    let found = |document: &str| json!({ "RoleName": "node", "PolicyName": "new", "PolicyDocument": document });
    aws.answer(
        "iam",
        "GetRole",
        json!({ "Role": { "Path": "/", "RoleName": "node", "RoleId": "AROAEXAMPLEEXAMPLEXX",
        "Arn": "arn:aws:iam::123456789012:role/node", "CreateDate": "2026-11-20T10:00:00Z" } }),
    );
    aws.answer_in_turn(
        "iam",
        "GetRolePolicy",
        [Answer::refusal(404, "NoSuchEntity", "not there"), found(r#"{"Statement": []}"#).into()],
    );
    let arguments = json!({ "policy_name": "new", "role_name": "node", "permissions": [statement()] });
    let result = session(&at(&aws), &ALLOWED).call("add_inline_policy", arguments).unwrap();
    assert_eq!(result["structuredContent"]["error"]["code"], "PolicyRace", "{result}");
}

fn log_call(more: &Value) -> Value {
    let mut arguments = json!({ "resource_type": "pod", "cluster_name": "train", "log_type": "application" });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    arguments
}

#[test]
fn a_query_that_times_out_is_an_error_at_once() {
    let aws = StandIn::start();
    aws.answer("logs", "StartQuery", json!({ "queryId": "q-1" }));
    aws.answer("logs", "GetQueryResults", json!({ "status": "Timeout", "results": [] }));
    let result = session(&at(&aws), &ALLOWED).call("get_cloudwatch_logs", log_call(&json!({}))).unwrap();
    let error = &result["structuredContent"]["error"];
    assert_eq!((&error["category"], &error["code"]), (&json!("timeout"), &json!("QueryTimeout")), "{result}");
    assert_eq!(aws.calls_of("GetQueryResults").len(), 1);
    assert!(aws.calls_of("StopQuery").is_empty(), "it has ended by itself");
}

#[test]
fn what_is_looked_for_stays_a_value_in_the_query() {
    let aws = StandIn::start();
    aws.answer("logs", "StartQuery", json!({ "queryId": "q-1" }));
    aws.answer("logs", "GetQueryResults", json!({ "status": "Complete", "results": [] }));
    let more = json!({ "resource_name": "x\" | fields @log | filter a like \"", "filter_pattern": "out of memory" });
    let result = session(&at(&aws), &ALLOWED).call("get_cloudwatch_logs", log_call(&more)).unwrap();
    second_part(&result, "logs");
    let sent = aws.calls_of("StartQuery")[0]["queryString"].as_str().unwrap().to_owned();
    assert_eq!(
        sent,
        "fields @timestamp, @message\n| filter @message like \"x\\\" | fields @log | filter a like \\\"\"\n\
         | filter @message like \"out of memory\"\n| sort @timestamp desc\n| limit 50"
    );
}

#[test]
fn a_query_ends_with_the_call_that_asked() {
    let aws = StandIn::start();
    aws.answer("logs", "StartQuery", json!({ "queryId": "q-1" }));
    aws.answer("logs", "GetQueryResults", json!({ "status": "Running", "results": [] }));
    aws.answer("logs", "StopQuery", json!({ "success": true }));
    let at = at(&aws);
    let mut session = session(&at, &ALLOWED);
    let params = json!({ "name": "get_cloudwatch_logs", "arguments": log_call(&json!({})) });
    let id = session.request("tools/call", params).unwrap();
    let until = |operation: &str| {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while aws.calls_of(operation).is_empty() {
            assert!(std::time::Instant::now() < end, "{operation} was not sent: {:?}", aws.calls());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    until("GetQueryResults");
    session
        .send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } }))
        .unwrap();
    until("StopQuery");
    assert_eq!(aws.calls_of("StopQuery")[0]["queryId"], "q-1");
}

#[test]
fn a_series_without_points_is_answered_with_the_dimensions_that_there_are() {
    let aws = StandIn::start();
    aws.answer("cloudwatch", "GetMetricData", json!({ "MetricDataResults": [] }));
    let dimension = |name: &str, value: &str| json!({ "Name": name, "Value": value });
    let known = json!({ "Namespace": "ContainerInsights", "MetricName": "pod_gpu_utilization",
        "Dimensions": [dimension("ClusterName", "train"), dimension("Namespace", "ml")] });
    aws.answer("cloudwatch", "ListMetrics", json!({ "Metrics": [known] }));
    let arguments = json!({ "cluster_name": "train", "metric_name": "pod_gpu_utilization", "namespace": "ContainerInsights",
        "dimensions": { "ClusterName": "train", "PodName": "x" } });
    let at = at(&aws);
    let mut session = session(&at, &ALLOWED);
    let second = second_part(&session.call("get_cloudwatch_metrics", arguments.clone()).unwrap(), "metrics");
    assert_eq!(second["known_dimensions"], json!(["ClusterName=train,Namespace=ml"]));
    let mut other = arguments;
    other["dimensions"]["ClusterName"] = "prod".into();
    let sent = aws.calls().len();
    let refused = session.call("get_cloudwatch_metrics", other).unwrap();
    assert_eq!(refused["structuredContent"]["error"]["category"], "validation", "{refused}");
    assert_eq!(aws.calls().len(), sent, "nothing is asked");
}

#[test]
fn the_guide_is_found_under_either_servers_name_and_asks_nobody() {
    let aws = StandIn::start();
    let at = at(&aws);
    let mut session = session(&at, &TOOLSET);
    for name in ["search_eks_troubleshoot_guide", "search_eks_troubleshooting_guide", "search_eks_documentation"] {
        let result = session.call(name, json!({ "query": "NCCL timeout over EFA" })).unwrap();
        assert_eq!(result["content"].as_array().unwrap().len(), 1, "{result}");
        let title = &result["structuredContent"]["articles"][0]["title"];
        assert_eq!(title, "EFA and NCCL are slow or hang", "{result}");
    }
    assert_eq!(aws.calls(), []);
}

#[test]
fn a_list_says_more_than_names_and_keeps_what_cannot_be_described() {
    let aws = StandIn::start();
    let case = cases().into_iter().find(|case| case.tool == "list_eks_resources").unwrap();
    (case.answers)(&aws);
    let second = second_part(&call(&case, &at(&aws), &TOOLSET), "list");
    let rows = second["resources"].as_array().unwrap();
    assert_eq!(rows[0]["issues"][0]["code"], "AsgInstanceLaunchFailures", "{second}");
    assert_eq!((&rows[0]["name"], &rows[0]["instance_types"]), (&json!("h100"), &json!(["p5.48xlarge"])));
    assert_eq!(rows[1]["name"], "gone");
    assert!(rows[1]["error"].as_str().unwrap().contains("no such group"), "{second}");
}
