//! Lambda: the sandbox's own functions run, and what they do is seen in logs, metrics and the account.

use std::time::Duration;

use serde_json::{Value, json};
use trainyard_aws::{from_base64, to_base64};
use trainyard_sandbox::aws::Server;

use super::state::{Client, account, text};

const NIGHTLY: &str = "fleet-nightly-report";

fn decoded(value: &Value) -> String {
    String::from_utf8(from_base64(&text(value)).expect("base64")).expect("UTF-8")
}

fn payload(reply: &Value) -> Value {
    serde_json::from_str(&decoded(&reply["Payload"])).expect("JSON")
}

/// A call with an event, and what may be set beside it.
fn event(function: &str, event: &Value, more: &Value) -> Value {
    let mut input = json!({"FunctionName": function, "Payload": to_base64(event.to_string().as_bytes())});
    for (member, value) in more.as_object().expect("members") {
        input[member.as_str()] = value.clone();
    }
    input
}

async fn run(aws: &Client, function: &str, with: &Value) -> Value {
    aws.call("lambda", "Invoke", event(function, with, &json!({"LogType": "Tail"}))).await
}

/// A sum of a metric of a function. What happens in a second is measured in the next one.
async fn sum(server: &Server, aws: &Client, function: &str, metric: &str, (start, end): (&str, &str)) -> f64 {
    server.advance(Duration::from_secs(1));
    let asked = json!({
        "Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": [{"Name": "FunctionName", "Value": function}],
        "StartTime": start, "EndTime": end, "Period": 86_400, "Statistics": ["Sum"],
    });
    let points = aws.call("cloudwatch", "GetMetricStatistics", asked).await;
    points["Datapoints"].as_array().expect("points").iter().filter_map(|point| point["Sum"].as_f64()).sum()
}

const DAY: (&str, &str) = ("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");

#[tokio::test]
async fn the_report_counts_what_the_account_holds_and_is_seen_in_logs_and_metrics() {
    let server = account();
    let aws = Client::of(&server);
    let before = sum(&server, &aws, NIGHTLY, "Invocations", DAY).await;
    let ran = run(&aws, NIGHTLY, &json!({})).await;
    assert_eq!((&ran["StatusCode"], &ran["ExecutedVersion"]), (&json!(200), &json!("$LATEST")));
    let report = payload(&ran);
    let rows = server.rows("instances").expect("a table");
    let running = rows.iter().filter(|row| row["State"]["Name"] == "running").count();
    assert_eq!(report["instances"]["running"], json!(running));
    assert_eq!(report["volumes_unattached"], json!({"count": 2, "gib": 4_500}));
    assert!(report["accelerators_running"].as_u64() > Some(8), "{report}");
    let mean = report["gpu_utilization_percent"]["mean"].as_f64().expect("a mean");
    assert!((10.0..=98.0).contains(&mean), "{mean}");

    let log = decoded(&ran["LogResult"]);
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].starts_with("START RequestId: ") && lines[0].ends_with("Version: $LATEST"), "{log}");
    let report = lines.last().expect("lines");
    for part in ["REPORT RequestId: ", "Duration: ", "Billed Duration: ", "Memory Size: 256 MB", "Max Memory Used: "] {
        assert!(report.contains(part), "{report}");
    }
    let found = aws
        .call(
            "logs",
            "FilterLogEvents",
            json!({"logGroupName": "/aws/lambda/fleet-nightly-report", "filterPattern": "REPORT"}),
        )
        .await;
    assert_eq!(found["events"].as_array().map(Vec::len), Some(4), "three nights and now: {found}");
    assert_eq!(found["events"][3]["message"], **report);
    let after = sum(&server, &aws, NIGHTLY, "Invocations", DAY).await;
    assert!((after - before - 1.0).abs() < 0.1, "{before} {after}");
    assert!(sum(&server, &aws, NIGHTLY, "Duration", DAY).await > 0.0);

    aws.call("ec2", "RunInstances", launch(&aws).await).await;
    server.advance(Duration::from_mins(1));
    let again = payload(&run(&aws, NIGHTLY, &json!({})).await);
    assert_eq!(again["instances"]["running"], json!(running + 1), "what runs now");
    server.advance(Duration::from_hours(48));
    let nights = sum(&server, &aws, NIGHTLY, "Invocations", ("2026-11-22T00:00:00Z", "2026-11-25T00:00:00Z")).await;
    assert!((nights - 2.0).abs() < 0.1, "{nights}: by the clock, without anybody's call");
}

async fn launch(aws: &Client) -> Value {
    let images = aws.call("ec2", "DescribeImages", json!({"Owners": ["amazon"]})).await;
    json!({"ImageId": images["Images"][0]["ImageId"], "InstanceType": "g5.xlarge", "MinCount": 1, "MaxCount": 1})
}

#[tokio::test]
async fn a_function_changes_the_account_by_the_operations_of_other_services() {
    let server = account();
    let aws = Client::of(&server);
    let ran = run(&aws, "ebs-idle-volumes", &json!({"older_than_days": 60})).await;
    let found = payload(&ran);
    assert_eq!((&found["gib"], &found["tagged"]), (&json!(4_000), &json!(false)));
    let tagged = json!({"Filters": [{"Name": "tag-key", "Values": ["idle-since"]}]});
    assert_eq!(aws.call("ec2", "DescribeVolumes", tagged.clone()).await["Volumes"], json!([]), "it was asked to look");
    run(&aws, "ebs-idle-volumes:live", &json!({"older_than_days": 60, "tag": true})).await;
    let volumes = aws.call("ec2", "DescribeVolumes", tagged).await;
    assert_eq!(volumes["Volumes"][0]["VolumeId"], found["volumes"][0]["volume"]);

    let bucket = json!({"Bucket": "trainyard-checkpoints", "Key": "run-7/step-100.pt", "Body": to_base64(b"weights")});
    aws.call("s3", "PutObject", bucket).await;
    let index =
        payload(&run(&aws, "checkpoint-index", &json!({"bucket": "trainyard-checkpoints", "prefix": "run-7/"})).await);
    assert_eq!((&index["objects"], &index["bytes"]), (&json!(1), &json!(7)));
    assert_eq!(index["newest"][0]["key"], "run-7/step-100.pt");
}

#[tokio::test]
async fn a_function_fails_runs_out_of_time_and_is_throttled() {
    let server = account();
    let aws = Client::of(&server);
    let bad = run(&aws, "checkpoint-index", &json!({"prefix": "run-7/"})).await;
    assert_eq!(bad["FunctionError"], "Unhandled");
    let error = payload(&bad);
    assert_eq!(
        (text(&error["errorType"]), text(&error["errorMessage"])),
        ("InvalidEvent".into(), "the event has no \"bucket\"".into())
    );
    assert!(!error["stackTrace"].as_array().expect("frames").is_empty());
    let refused = payload(&run(&aws, "checkpoint-index", &json!({"bucket": "nobody-at-all"})).await);
    assert!(text(&refused["errorMessage"]).contains("(NoSuchBucket) when calling the ListObjectsV2"), "{refused}");
    assert!((sum(&server, &aws, "checkpoint-index", "Errors", DAY).await - 2.0).abs() < 0.1);

    let slow = run(&aws, "dataset-scan", &json!({"samples": 400})).await;
    let error = payload(&slow);
    assert_eq!(
        (text(&slow["FunctionError"]), text(&error["errorType"])),
        ("Unhandled".into(), "Sandbox.Timedout".into())
    );
    assert!(text(&error["errorMessage"]).ends_with("Task timed out after 3.00 seconds"), "{error}");
    let log = decoded(&slow["LogResult"]);
    assert!(log.contains("Duration: 3000.00 ms") && log.contains("Status: timeout"), "{log}");
    assert!(!log.contains("sampled 200"), "what is after the end did not happen: {log}");
    aws.call("lambda", "UpdateFunctionConfiguration", json!({"FunctionName": "dataset-scan", "Timeout": 15})).await;
    let changing = event("dataset-scan", &json!({}), &json!({}));
    assert_eq!(aws.code("lambda", "Invoke", changing).await, "ResourceConflictException");
    server.advance(Duration::from_secs(5));
    assert_eq!(payload(&run(&aws, "dataset-scan", &json!({"samples": 400})).await), json!({"samples": 400}));

    let watch = event("quota-watch", &json!({}), &json!({}));
    assert_eq!(aws.code("lambda", "Invoke", watch.clone()).await, "TooManyRequestsException");
    assert!((sum(&server, &aws, "quota-watch", "Throttles", DAY).await - 1.0).abs() < 0.1);
    assert!(sum(&server, &aws, "quota-watch", "Invocations", DAY).await < 0.1);
    aws.call("lambda", "DeleteFunctionConcurrency", json!({"FunctionName": "quota-watch"})).await;
    let quotas = payload(&aws.call("lambda", "Invoke", watch).await);
    assert!(quotas["quotas"].as_array().expect("rows").iter().any(|row| row["vcpus"].as_u64() > Some(0)), "{quotas}");
}

#[tokio::test]
async fn an_event_is_run_later_and_again_where_that_failed() {
    let server = account();
    let aws = Client::of(&server);
    let left =
        aws.call("lambda", "Invoke", event("checkpoint-index", &json!({}), &json!({"InvocationType": "Event"}))).await;
    assert_eq!((&left["StatusCode"], &left["Payload"]), (&json!(202), &Value::Null));
    for (seconds, errors) in [(1, 1.0), (61, 2.0), (121, 3.0), (3_600, 3.0)] {
        server.advance(Duration::from_secs(seconds));
        assert!(
            (sum(&server, &aws, "checkpoint-index", "Errors", DAY).await - errors).abs() < 0.1,
            "after {seconds} s"
        );
    }
    let tried =
        aws.call("lambda", "Invoke", event("checkpoint-index", &json!({}), &json!({"InvocationType": "DryRun"}))).await;
    assert_eq!(tried["StatusCode"], 204);
    assert!((sum(&server, &aws, "checkpoint-index", "Invocations", DAY).await - 3.0).abs() < 0.1, "it was only tried");
}

#[tokio::test]
async fn wrong_calls_are_refused_as_lambda_does() {
    let server = account();
    let aws = Client::of(&server);
    for (input, code) in [
        (event("nobody", &json!({}), &json!({})), "ResourceNotFoundException"),
        (event(NIGHTLY, &json!({}), &json!({"Qualifier": "9"})), "ResourceNotFoundException"),
        (event("fleet-nightly-report:live", &json!({}), &json!({"Qualifier": "1"})), "InvalidParameterValueException"),
        (json!({"FunctionName": NIGHTLY, "Payload": to_base64(b"{")}), "InvalidRequestContentException"),
        (event(NIGHTLY, &json!("x".repeat(6 << 20)), &json!({})), "RequestTooLargeException"),
        (event(NIGHTLY, &json!("x".repeat(1 << 20)), &json!({"InvocationType": "Event"})), "RequestTooLargeException"),
    ] {
        assert_eq!(aws.code("lambda", "Invoke", input).await, code);
    }
    let live = aws.call("lambda", "Invoke", event("fleet-nightly-report:live", &json!({}), &json!({}))).await;
    assert_eq!(live["ExecutedVersion"], "1");
}

#[tokio::test]
async fn code_that_came_in_a_request_is_kept_and_not_run_and_the_sandboxs_own_runs() {
    let server = account();
    let aws = Client::of(&server);
    let got =
        aws.call("s3", "GetObject", json!({"Bucket": "trainyard-functions", "Key": "ebs-idle-volumes.zip"})).await;
    let mut stranger = from_base64(&text(&got["Body"])).expect("base64");
    let at = stranger.windows(6).position(|bytes| bytes == b"exit 1").expect("its script");
    stranger[at + 5] = b'0';
    let role = "arn:aws:iam::111122223333:role/trainyard-functions";
    let made = |name: &str, code: Value| json!({"FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": role, "Code": code});
    let kept = aws.call("lambda", "CreateFunction", made("stranger", json!({"ZipFile": to_base64(&stranger)}))).await;
    assert_eq!((&kept["State"], &kept["CodeSize"]), (&json!("Pending"), &json!(stranger.len())));
    aws.call(
        "lambda",
        "CreateFunction",
        made("mine", json!({"S3Bucket": "trainyard-functions", "S3Key": "ebs-idle-volumes.zip"})),
    )
    .await;
    server.advance(Duration::from_secs(5));
    for kind in ["RequestResponse", "Event", "DryRun"] {
        let call = event("stranger", &json!({}), &json!({"InvocationType": kind}));
        let error = aws.try_call("lambda", "Invoke", call).await.expect_err("it is not run");
        assert_eq!(error.code_str(), "NotInTheSandbox");
        assert!(error.message().contains(NIGHTLY) && error.message().contains("quota-watch"), "{}", error.message());
    }
    assert_eq!(payload(&run(&aws, "mine", &json!({})).await)["gib"], 4_500);
}

#[tokio::test]
async fn a_stack_makes_a_function_that_runs() {
    let server = account();
    let aws = Client::of(&server);
    let template = json!({
        "Resources": {"Report": {"Type": "AWS::Lambda::Function", "Properties": {
            "FunctionName": "weekly", "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": "30",
            "Role": "arn:aws:iam::111122223333:role/trainyard-functions", "Tags": [{"Key": "team", "Value": "a"}],
            "Code": {"S3Bucket": "trainyard-functions", "S3Key": "fleet-nightly-report.zip"},
        }}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Report", "Arn"]}}},
    });
    let stack = json!({"StackName": "reports", "TemplateBody": template.to_string()});
    aws.call("cloudformation", "CreateStack", stack).await;
    server.advance(Duration::from_mins(2));
    let stack = aws.call("cloudformation", "DescribeStacks", json!({"StackName": "reports"})).await;
    assert_eq!(stack["Stacks"][0]["StackStatus"], "CREATE_COMPLETE", "{stack}");
    assert!(text(&stack["Stacks"][0]["Outputs"][0]["OutputValue"]).ends_with(":function:weekly"));
    let made = aws.call("lambda", "GetFunction", json!({"FunctionName": "weekly"})).await;
    assert_eq!((&made["Configuration"]["Timeout"], &made["Tags"]), (&json!(30), &json!({"team": "a"})));
    assert!(payload(&run(&aws, "weekly", &json!({})).await)["instances"]["running"].as_u64() > Some(0));
    aws.call("cloudformation", "DeleteStack", json!({"StackName": "reports"})).await;
    server.advance(Duration::from_mins(2));
    assert_eq!(aws.code("lambda", "GetFunction", json!({"FunctionName": "weekly"})).await, "ResourceNotFoundException");
}
