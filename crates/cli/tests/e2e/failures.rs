//! What goes wrong outside: the caller learns what kind of failure it was and what to do next.

use std::time::Duration;

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Trainyard, Wait, free_port};

use crate::{BINARY, with_moto};

/// The error of a call that has to fail.
fn error(at: &Trainyard, flags: &[&str], tool: &str, arguments: Value) -> Value {
    let mut session = at.serve(flags, Era::Modern).unwrap();
    session.hello().unwrap();
    let mut result = session.call(tool, arguments).unwrap();
    assert_eq!(result["isError"], true, "{result}");
    println!("{}", result["content"][0]["text"].as_str().unwrap());
    result["structuredContent"]["error"].take()
}

fn identity(at: &Trainyard) -> Value {
    error(at, &[], "iam_get_caller_identity", json!({}))
}

fn says(error: &Value, words: &[&str]) {
    let text = format!("{} {}", error["message"], error["hint"]);
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[test]
fn without_credentials_the_sources_are_named() {
    let bare = Trainyard::bare(BINARY).unwrap().with("AWS_REGION", "eu-west-1");
    let error = identity(&bare.with("AWS_ENDPOINT_URL", "http://127.0.0.1:9"));
    assert_eq!(error["category"], "credentials");
    says(&error, &["AWS_ACCESS_KEY_ID", "profile"]);
}

#[test]
fn without_a_region_the_sources_are_named() {
    let at = Trainyard::at(BINARY, "http://127.0.0.1:9").unwrap().without("AWS_REGION");
    let error = error(&at, &[], "ec2_list_instances", json!({}));
    says(&error, &["region", "AWS_REGION"]);
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let at = with_moto("eu-west-1");
    let error = error(&at, &[], "iam_get_caller_identity", json!({ "profile": "nobody" }));
    says(&error, &["nobody"]);
}

#[test]
fn an_endpoint_that_is_down_is_a_network_failure() {
    let at = Trainyard::at(BINARY, &format!("http://127.0.0.1:{}", free_port().unwrap())).unwrap();
    let error = identity(&at);
    assert_eq!((&error["category"], &error["retryable"]), (&json!("network"), &json!(true)), "{error}");
    assert_eq!((&error["service"], &error["operation"]), (&json!("sts"), &json!("GetCallerIdentity")), "{error}");
}

#[test]
fn throttling_is_said_to_pass_after_it_was_tried_again() {
    let endpoint = Endpoint::start(|_| {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message>\
                    </Error><RequestId>11111111-2222-3333-4444-555555555555</RequestId></ErrorResponse>";
        Reply::new(400, "text/xml", body)
    })
    .unwrap();
    let error = identity(&Trainyard::at(BINARY, &endpoint.url()).unwrap());
    assert_eq!((&error["category"], &error["retryable"]), (&json!("throttled"), &json!(true)), "{error}");
    assert_eq!(error["request_id"], "11111111-2222-3333-4444-555555555555", "{error}");
    assert!(endpoint.take().len() > 1, "a throttled call is tried again");
}

#[test]
fn a_page_of_html_is_no_aws_error() {
    let endpoint =
        Endpoint::start(|_| Reply::new(500, "text/html", "<html><body><h1>Internal Server Error</h1></body></html>"))
            .unwrap();
    let error = identity(&Trainyard::at(BINARY, &endpoint.url()).unwrap());
    says(&error, &["500", "text/html"]);
    assert!(!error.to_string().contains("<h1>"), "{error}");
}

#[test]
fn an_answer_that_never_comes_is_a_timeout() {
    let endpoint = Endpoint::start(|_| Reply::new(200, "text/xml", "").after(Wait::UntilClosed)).unwrap();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let error = error(&at, &["--call-timeout", "1"], "iam_get_caller_identity", json!({}));
    assert_eq!((&error["category"], &error["retryable"]), (&json!("timeout"), &json!(true)), "{error}");
    says(&error, &["--call-timeout"]);
    assert!(endpoint.eventually(Duration::from_secs(10), |endpoint| endpoint.closed_early() == 1));
}

#[test]
fn a_refusal_of_aws_says_which_permission_is_missing() {
    let endpoint = Endpoint::start(|_| {
        let body = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to \
                    perform this operation. User: arn:aws:iam::123456789012:user/me is not authorized to perform: \
                    ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action\
                    </Message></Error></Errors><RequestID>abc</RequestID></Response>";
        Reply::new(403, "text/xml", body)
    })
    .unwrap();
    let error = error(&Trainyard::at(BINARY, &endpoint.url()).unwrap(), &[], "ec2_list_instances", json!({}));
    assert_eq!((&error["category"], &error["retryable"]), (&json!("access_denied"), &json!(false)), "{error}");
    says(&error, &["ec2:DescribeInstances"]);
}

#[test]
fn what_is_misspelt_is_answered_with_what_was_meant() {
    let endpoint = Endpoint::start(|_| Reply::new(500, "text/plain", "")).unwrap();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    for (tool, arguments, near) in [
        ("ec2_list_instances", json!({ "instance_typ": ["p5.48xlarge"] }), "instance_types"),
        ("ec2_list_instances", json!({ "states": ["runing"] }), "running"),
        ("manage_hyperpod_cluster_nodes", json!({ "operation": "list_node" }), "list_nodes"),
        ("manage_hyperpod_cluster_nodes", json!({ "operation": "list_nodes" }), "cluster_name"),
        ("aws_call", json!({ "service": "ec3", "operation": "DescribeVpcs" }), "ec2"),
        ("aws_call", json!({ "service": "ec2", "operation": "DescribeVpc" }), "DescribeVpcs"),
        ("aws_call", json!({ "service": "ec2", "operation": "DescribeVpcs", "parameters": { "VpcId": 1 } }), "VpcIds"),
        ("aws_call", json!({ "service": "ec2", "operation": "DescribeVpcs", "region": "evil.example/" }), "eu-west-1"),
    ] {
        let error = error(&at, &[], tool, arguments);
        assert!(["validation", "not_found"].contains(&error["category"].as_str().unwrap()), "{error}");
        says(&error, &[near]);
        assert!(endpoint.take().is_empty(), "a malformed call was sent");
    }
}
