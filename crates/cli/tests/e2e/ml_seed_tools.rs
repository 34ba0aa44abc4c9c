//! The ten AWS tools that ML platforms of today call by name, with the arguments that they pass.

use serde_json::{Value, json};
use trainyard_harness::{Era, Session};

use crate::{
    tool_cases::{
        Case, changes, check_complete, check_gates, check_marks, check_refusals, check_work, error, reads, reveals,
        said,
    },
    with_moto,
};

const TOOLSETS: &str = "lambda,cloudwatch";

fn cases() -> Vec<Case> {
    let function = json!({"FunctionName": "ml-train", "Runtime": "python3.13", "MemorySize": 2048, "Timeout": 900,
        "Role": "arn:aws:iam::111122223333:role/ml", "Architectures": ["arm64"], "PackageType": "Zip"});
    let point = |time: &str, average: f64| json!({"Timestamp": time, "Average": average, "Unit": "Percent"});
    let points = [point("2026-11-21T10:05:00Z", 0.5), point("2026-11-21T10:00:00Z", 0.25)];
    vec![
        reads(
            "lambda_list_functions",
            json!({"name_prefix": "ml-", "fields": ["name", "memory_mib"]}),
            vec![("lambda:ListFunctions", json!({"Functions": [function, {"FunctionName": "other"}]}))],
            ("/rows", json!([["ml-train", 2048]])),
        ),
        changes(
            "lambda_invoke",
            json!({"function_name": "ml-train", "payload": "{\"epochs\": 3}"}),
            vec![("lambda:Invoke", json!({"StatusCode": 200, "Payload": "eyJsb3NzIjowLjF9", "ExecutedVersion": "7"}))],
            ("/executed_version", json!("7")),
        ),
        reads(
            "cloudwatch_get_metric_statistics",
            json!({"namespace": "ML/Training", "metric_name": "TrainingProgress", "fields": ["time", "average"],
                "dimensions": [{"Name": "InstanceId", "Value": "i-0123456789abcdef0"}]}),
            vec![("cloudwatch:GetMetricStatistics", json!({"Label": "TrainingProgress", "Datapoints": points}))],
            ("/rows", json!([["2026-11-21T10:00:00Z", 0.25], ["2026-11-21T10:05:00Z", 0.5]])),
        ),
        reveals(
            "cloudwatch_get_log_events",
            json!({"log_group_name": "/aws/lambda/ml-train", "log_stream_name": "2026/11/21/[7]0123456789abcdef"}),
            vec![(
                "logs:GetLogEvents",
                json!({"events": [{"timestamp": 1_795_255_200_000_i64, "message": "epoch 1\n"}],
                    "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}),
            )],
            ("/next_token", json!("b/1")),
        ),
    ]
}

#[test]
fn every_listed_tool_has_a_case() {
    check_complete(TOOLSETS, &cases());
}

#[test]
fn every_tool_does_its_work_and_its_plan_does_none() {
    check_work(TOOLSETS, &cases());
}

#[test]
fn what_is_off_is_refused_and_sends_nothing() {
    check_gates(TOOLSETS, &cases());
}

#[test]
fn an_order_in_what_somebody_made_stands_between_marks() {
    // None of them shows what somebody may write; if one ever does, it has to be marked.
    check_marks(TOOLSETS, &cases());
}

#[test]
fn a_refusal_of_the_service_is_an_error_that_names_the_operation() {
    check_refusals(TOOLSETS, &cases());
}

/// A session with moto as AWS, for one service of which nothing else is there.
struct World {
    session: Session,
    home: String,
}

impl World {
    fn new(region: &str, toolsets: &str) -> Self {
        let at = with_moto(region);
        let home = at.home().display().to_string();
        let flags = ["--toolsets", toolsets, "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];
        let mut session = at.serve(&[&flags[..], &["--local-paths", &home]].concat(), Era::Legacy).unwrap();
        session.hello().unwrap();
        std::fs::create_dir_all(&home).unwrap();
        // The folder lasts as long as what holds it.
        std::mem::forget(at);
        Self { session, home }
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.session.call(tool, arguments).unwrap();
        said(&result).clone()
    }

    fn refused(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.session.call(tool, arguments).unwrap();
        error(&result).clone()
    }

    fn aws(&mut self, service: &str, operation: &str, parameters: &Value) -> Value {
        let arguments = json!({"service": service, "operation": operation, "parameters": parameters});
        self.call("aws_call", arguments)["result"].clone()
    }
}

#[test]
fn objects_are_put_listed_read_and_deleted() {
    let mut world = World::new("eu-central-1", "s3,aws");
    let place = json!({"LocationConstraint": "eu-central-1"});
    world.aws("s3", "CreateBucket", &json!({"Bucket": "ml-seed", "CreateBucketConfiguration": place}));
    let text = json!({"bucket": "ml-seed", "key": "datasets/a/config.json", "content": "{\"layers\": 48}"});
    let mut plan = text.clone();
    plan["dry_run"] = true.into();
    assert_eq!(world.call("s3_put_object", plan)["plan"], json!({"bytes": 14, "would_succeed": true}));
    let stored = world.call("s3_put_object", text.clone());
    assert_eq!((&stored["uri"], &stored["bytes"]), (&json!("s3://ml-seed/datasets/a/config.json"), &json!(14)));

    let again = world.refused("s3_put_object", text.clone());
    assert_eq!((&again["category"], &again["code"]), (&json!("already_exists"), &json!("ObjectExists")), "{again}");
    let mut over = text;
    over["overwrite"] = true.into();
    world.call("s3_put_object", over);

    let path = format!("{}/rows.csv", world.home);
    std::fs::write(&path, "x,y\n1,2\n").unwrap();
    let file = json!({"bucket": "ml-seed", "key": "datasets/a/rows.csv", "file_path": path});
    assert_eq!(world.call("s3_put_object", file)["bytes"], 8);

    let listed =
        world.call("s3_list_objects", json!({"bucket": "ml-seed", "prefix": "datasets/a/", "fields": ["key"]}));
    assert_eq!(listed["rows"], json!([["datasets/a/config.json"], ["datasets/a/rows.csv"]]));
    let read = world.call("s3_get_object", json!({"bucket": "ml-seed", "key": "datasets/a/rows.csv"}));
    assert!(read["text"].as_str().unwrap().contains("1,2"), "{read}");

    let key = json!({"bucket": "ml-seed", "key": "datasets/a/rows.csv"});
    let mut plan = key.clone();
    plan["dry_run"] = true.into();
    let loss = world.call("s3_delete_object", plan)["plan"].clone();
    assert_eq!((&loss["bytes"], &loss["for_good"]), (&json!(8), &json!(true)), "{loss}");
    world.call("s3_delete_object", key.clone());
    assert_eq!(world.refused("s3_delete_object", key)["category"], "not_found");

    let nowhere = json!({"bucket": "ml-seed-nowhere", "key": "k", "content": "x"});
    assert_eq!(world.refused("s3_put_object", nowhere)["code"], "NoSuchBucket");
    let nowhere = json!({"bucket": "ml-seed-nowhere", "key": "k"});
    assert_eq!(world.refused("s3_delete_object", nowhere)["category"], "not_found");

    let mut reading = with_moto("eu-central-1").serve(&["--toolsets", "s3"], Era::Legacy).unwrap();
    reading.hello().unwrap();
    for (tool, more) in [("s3_put_object", json!({"content": "x"})), ("s3_delete_object", json!({}))] {
        let mut arguments = json!({"bucket": "ml-seed", "key": "datasets/a/config.json"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let result = reading.call(tool, arguments).unwrap();
        assert_eq!(error(&result)["category"], "policy_denied", "{tool}: {result}");
    }
}

#[test]
fn a_version_is_hidden_first_and_gone_only_when_it_is_named() {
    let mut world = World::new("eu-central-1", "s3,aws");
    let place = json!({"LocationConstraint": "eu-central-1"});
    world.aws("s3", "CreateBucket", &json!({"Bucket": "ml-seed-versions", "CreateBucketConfiguration": place}));
    let enabled = json!({"Bucket": "ml-seed-versions", "VersioningConfiguration": {"Status": "Enabled"}});
    world.aws("s3", "PutBucketVersioning", &enabled);
    let put = json!({"bucket": "ml-seed-versions", "key": "k", "content_base64": "AAE="});
    let version = world.call("s3_put_object", put)["version_id"].clone();
    let plan = json!({"bucket": "ml-seed-versions", "key": "k", "dry_run": true});
    assert_eq!(world.call("s3_delete_object", plan)["plan"]["for_good"], false);
    let deleted = world.call("s3_delete_object", json!({"bucket": "ml-seed-versions", "key": "k"}));
    assert_eq!(deleted["delete_marker"], true, "{deleted}");
    let gone = json!({"bucket": "ml-seed-versions", "key": "k", "version_id": version});
    assert_eq!(world.call("s3_delete_object", gone)["version_id"], version);
}

#[test]
fn instances_are_run_and_described_by_the_names_of_ec2_itself() {
    let mut world = World::new("ap-south-1", "ec2,aws");
    let image = world.aws("ec2", "DescribeImages", &json!({"Owners": ["amazon"]}));
    let image = image["Images"][0]["ImageId"].clone();
    let run =
        json!({"ImageId": image, "InstanceType": "m5.xlarge", "MinCount": 1, "MaxCount": 1, "UserData": "#!/bin/sh"});
    let made = world.call("ec2_run_instances", run);
    let id = made["instances"][0]["instance_id"].clone();
    assert!(id.is_string(), "{made}");
    let described = world.call("ec2_describe_instances", json!({"instance_ids": [id]}));
    assert_eq!(described["instances"][0]["type"], "m5.xlarge", "{described}");
}

#[test]
fn functions_metrics_and_logs_of_an_emulator_are_read() {
    let mut world = World::new("sa-east-1", "lambda,cloudwatch,aws");
    let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"}}]}"#;
    let role = json!({"RoleName": "ml-seed", "AssumeRolePolicyDocument": trust});
    let role = world.aws("iam", "CreateRole", &role)["Role"]["Arn"].clone();
    // An empty archive.
    let code = json!({"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="});
    let function =
        json!({"FunctionName": "ml-seed", "Runtime": "python3.13", "Handler": "f.g", "Role": role, "Code": code});
    world.aws("lambda", "CreateFunction", &function);
    let listed = world.call("lambda_list_functions", json!({"fields": ["name", "runtime"]}));
    assert_eq!(listed["rows"], json!([["ml-seed", "python3.13"]]), "{listed}");
    let missing = world.refused("lambda_invoke", json!({"function_name": "not-there", "invocation_type": "Event"}));
    assert_eq!((&missing["category"], &missing["operation"]), (&json!("not_found"), &json!("Invoke")), "{missing}");

    let dimensions = json!([{"Name": "JobId", "Value": "j"}]);
    let data = json!([{"MetricName": "TrainingProgress", "Dimensions": dimensions, "Value": 0.75}]);
    world.aws("cloudwatch", "PutMetricData", &json!({"Namespace": "ML/Training", "MetricData": data}));
    let asked = json!({"namespace": "ML/Training", "metric_name": "TrainingProgress", "dimensions": dimensions,
        "fields": ["average"]});
    // The emulator stamps the point with now, and a question ends with the second before.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut statistics = world.call("cloudwatch_get_metric_statistics", asked.clone());
    while statistics["count"] == 0 && std::time::Instant::now() < end {
        std::thread::sleep(std::time::Duration::from_millis(200));
        statistics = world.call("cloudwatch_get_metric_statistics", asked.clone());
    }
    assert_eq!(statistics["rows"], json!([[0.75]]), "{statistics}");
    let wrong =
        json!({"namespace": "ML/Training", "metric_name": "x", "start_time": "2026-11-21", "end_time": "2026-11-20"});
    assert_eq!(world.refused("cloudwatch_get_metric_statistics", wrong)["category"], "validation");

    world.aws("logs", "CreateLogGroup", &json!({"logGroupName": "/ml/seed"}));
    world.aws("logs", "CreateLogStream", &json!({"logGroupName": "/ml/seed", "logStreamName": "one"}));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = u64::try_from(now).unwrap();
    let events: Vec<_> = (0..3).map(|at| json!({"timestamp": now + at, "message": format!("epoch {at}")})).collect();
    let put = json!({"logGroupName": "/ml/seed", "logStreamName": "one", "logEvents": events});
    world.aws("logs", "PutLogEvents", &put);
    let asked = json!({"log_group_name": "/ml/seed", "log_stream_name": "one", "start_from_head": true, "limit": 2});
    let first = world.call("cloudwatch_get_log_events", asked.clone());
    let messages = |answer: &Value| answer["events"].to_string();
    assert!(messages(&first).contains("epoch 1") && !messages(&first).contains("epoch 2"), "{first}");
    let mut rest = asked;
    rest["next_token"] = first["next_token"].clone();
    let rest = world.call("cloudwatch_get_log_events", rest);
    assert!(messages(&rest).contains("epoch 2") && !messages(&rest).contains("epoch 1"), "{rest}");
    let missing = json!({"log_group_name": "/ml/none", "log_stream_name": "one"});
    assert_eq!(world.refused("cloudwatch_get_log_events", missing)["category"], "not_found");
}
