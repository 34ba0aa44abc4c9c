//! Live calls over every protocol that moto speaks.

use std::{sync::LazyLock, time::Duration};

use crate::emulator::{Server, here};
use serde_json::{Value, json};
use trainyard_aws::{Engine, Patience, Scope, Settings};
use trainyard_contract::{Error, ErrorKind};

pub(crate) static MOTO: LazyLock<Server> = LazyLock::new(crate::emulator::moto);

async fn ok(engine: &Engine, service: &str, operation: &str, input: Value) -> Value {
    match engine.call(service, operation, input, &here()).await {
        Ok(reply) => reply.output,
        Err(error) => panic!("{service} {operation}: {error:?}"),
    }
}

async fn refused(engine: &Engine, service: &str, operation: &str, input: Value) -> Error {
    engine.call(service, operation, input, &here()).await.expect_err("refused")
}

async fn image(engine: &Engine) -> String {
    let images = ok(
        engine,
        "ec2",
        "DescribeImages",
        json!({"Owners": ["amazon"], "Filters": [
        {"Name": "name", "Values": ["amzn2-ami-hvm-*"]}]}),
    )
    .await;
    images["Images"][0]["ImageId"].as_str().expect("moto has images").to_owned()
}

#[tokio::test]
async fn sts_query_says_who_we_are() {
    let reply = MOTO.engine().call("sts", "GetCallerIdentity", json!({}), &here()).await.unwrap();
    assert_eq!(reply.output["Account"], "123456789012");
    assert!(reply.request_id.is_some());
    assert_eq!(reply.region, "eu-west-1");
}

#[tokio::test]
async fn ec2_instances_are_started_found_and_stopped() {
    let engine = MOTO.engine();
    let run = json!({"ImageId": image(&engine).await, "InstanceType": "t3.micro", "MinCount": 3, "MaxCount": 3,
        "UserData": "#!/bin/sh\necho hello\n",
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "job", "Value": "a & b = ü"}]}]});
    let started = ok(&engine, "ec2", "RunInstances", run).await;
    let instances = started["Instances"].as_array().unwrap();
    assert_eq!(instances.len(), 3);
    assert!(instances[0]["LaunchTime"].as_str().unwrap().ends_with('Z'), "{}", instances[0]["LaunchTime"]);
    let id = instances[0]["InstanceId"].as_str().unwrap();

    let found = ok(&engine, "ec2", "DescribeInstances", json!({"InstanceIds": [id]})).await;
    let instance = &found["Reservations"][0]["Instances"][0];
    assert_eq!(instance["Tags"], json!([{"Key": "job", "Value": "a & b = ü"}]));
    assert_eq!(instance["EbsOptimized"], json!(false));
    assert_eq!(instance["State"]["Code"], json!(16));

    let data = json!({"InstanceId": id, "Attribute": "userData"});
    let data = ok(&engine, "ec2", "DescribeInstanceAttribute", data).await;
    assert_eq!(data["UserData"]["Value"], "IyEvYmluL3NoCmVjaG8gaGVsbG8K");

    let dry = refused(&engine, "ec2", "StopInstances", json!({"InstanceIds": [id], "DryRun": true})).await;
    assert_eq!(dry.code_str(), "DryRunOperation");
    let stopped = ok(&engine, "ec2", "StopInstances", json!({"InstanceIds": [id]})).await;
    assert_eq!(stopped["StoppingInstances"][0]["InstanceId"], json!(id));
}

#[tokio::test]
async fn ec2_says_what_does_not_exist() {
    let error =
        refused(&MOTO.engine(), "ec2", "DescribeInstances", json!({"InstanceIds": ["i-0123456789abcdef0"]})).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.code_str(), "InvalidInstanceID.NotFound");
    assert!(error.message().contains("i-0123456789abcdef0"));
    assert!(!error.is_retryable());
    let shown = serde_json::to_value(&error).unwrap();
    assert_eq!(shown["service"], "ec2");
    assert_eq!(shown["operation"], "DescribeInstances");
    assert_eq!(shown["region"], "eu-west-1");
    assert_eq!(shown["http_status"], 400);
}

#[tokio::test]
async fn the_region_of_a_call_is_its_own() {
    let engine = MOTO.engine();
    let zones = engine.call("ec2", "DescribeAvailabilityZones", json!({}), &Scope::region("us-west-2")).await.unwrap();
    assert_eq!(zones.output["AvailabilityZones"][0]["RegionName"], "us-west-2");
    assert_eq!(zones.region, "us-west-2");
    let zones = ok(&engine, "ec2", "DescribeAvailabilityZones", json!({})).await;
    assert_eq!(zones["AvailabilityZones"][0]["RegionName"], "eu-west-1");
}

#[tokio::test]
async fn sagemaker_json_clusters_live_and_die() {
    let engine = MOTO.engine();
    let create = json!({"ClusterName": "train", "InstanceGroups": [{
        "InstanceCount": 2, "InstanceGroupName": "work", "InstanceType": "ml.p5.48xlarge", "ThreadsPerCore": 1,
        "ExecutionRole": "arn:aws:iam::123456789012:role/train",
        "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-train", "OnCreate": "on_create.sh"}}]});
    let made = ok(&engine, "sagemaker", "CreateCluster", create).await;
    assert!(made["ClusterArn"].as_str().unwrap().contains(":cluster/"));
    let listed = ok(&engine, "sagemaker", "ListClusters", json!({"NameContains": "train"})).await;
    let cluster = &listed["ClusterSummaries"][0];
    assert_eq!(cluster["ClusterName"], "train");
    assert!(cluster["CreationTime"].as_str().unwrap().starts_with("20"), "{cluster}");
    let described = ok(&engine, "sagemaker", "DescribeCluster", json!({"ClusterName": "train"})).await;
    assert_eq!(described["InstanceGroups"][0]["CurrentCount"], json!(2));
    let error = refused(&engine, "sagemaker", "DescribeCluster", json!({"ClusterName": "other"})).await;
    assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Validation), "{error:?}");
}

#[tokio::test]
async fn ec2_pages_are_followed_and_resumed() {
    let engine = MOTO.engine();
    let scope = Scope::region("ap-southeast-2");
    let image = engine.call("ec2", "DescribeImages", json!({"Owners": ["amazon"]}), &scope).await.unwrap();
    let image = &image.output["Images"][0]["ImageId"];
    for _ in 0..7 {
        let run = json!({"ImageId": image, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro"});
        engine.call("ec2", "RunInstances", run, &scope).await.unwrap();
    }
    let all = engine.pages("ec2", "DescribeInstances", json!({"MaxResults": 5}), &scope, None, None).await.unwrap();
    assert_eq!(all.output["Reservations"].as_array().unwrap().len(), 7);
    assert!(all.next.is_none());
    assert_eq!(all.pages, 2);

    let first = engine.pages("ec2", "DescribeInstances", json!({}), &scope, Some(6), None).await.unwrap();
    assert_eq!(first.output["Reservations"].as_array().unwrap().len(), 6);
    let cursor = serde_json::to_string(&first.next.unwrap()).unwrap();
    let cursor = serde_json::from_str(&cursor).unwrap();
    let rest = engine.pages("ec2", "DescribeInstances", json!({}), &scope, Some(6), Some(&cursor)).await.unwrap();
    assert_eq!(rest.output["Reservations"].as_array().unwrap().len(), 1);
    assert!(rest.next.is_none());
}

#[tokio::test]
async fn a_paginator_that_never_ends_is_left() {
    let engine = MOTO.engine();
    let create = json!({"ClusterName": "endless", "InstanceGroups": [{
        "InstanceCount": 3, "InstanceGroupName": "work", "InstanceType": "ml.p5.48xlarge", "ThreadsPerCore": 1,
        "ExecutionRole": "arn:aws:iam::123456789012:role/train",
        "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-train", "OnCreate": "on_create.sh"}}]});
    ok(&engine, "sagemaker", "CreateCluster", create).await;
    let input = json!({"ClusterName": "endless", "MaxResults": 1});
    let pages = engine.pages("sagemaker", "ListClusterNodes", input, &here(), None, None).await.unwrap();
    assert!(pages.pages <= 4, "{} pages", pages.pages);
}

#[tokio::test]
async fn s3_objects_are_put_listed_read_and_deleted() {
    let engine = MOTO.engine();
    let bucket = "trainyard-objects";
    let create = json!({"Bucket": bucket, "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    ok(&engine, "s3", "CreateBucket", create).await;
    let location = ok(&engine, "s3", "GetBucketLocation", json!({"Bucket": bucket})).await;
    assert_eq!(location["LocationConstraint"], "eu-west-1");
    for key in ["a/one", "a/two words & ü", "b/three"] {
        let put = json!({"Bucket": bucket, "Key": key, "Body": "aGVsbG8=", "Metadata": {"owner": "me"},
            "ContentType": "text/plain"});
        let put = ok(&engine, "s3", "PutObject", put).await;
        assert!(put["ETag"].as_str().unwrap().starts_with('"'));
    }
    let listed = ok(&engine, "s3", "ListObjectsV2", json!({"Bucket": bucket, "Prefix": "a/"})).await;
    let keys: Vec<&str> = listed["Contents"].as_array().unwrap().iter().map(|it| it["Key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["a/one", "a/two words & ü"]);
    assert_eq!(listed["Contents"][0]["Size"], json!(5));
    let got = ok(&engine, "s3", "GetObject", json!({"Bucket": bucket, "Key": "a/two words & ü"})).await;
    assert_eq!(got["Body"], "aGVsbG8=");
    assert_eq!(got["Metadata"], json!({"owner": "me"}));
    assert_eq!(got["ContentLength"], json!(5));
    assert!(got["LastModified"].as_str().unwrap().ends_with('Z'));
    let copy = json!({"Bucket": bucket, "Key": "copy", "CopySource": format!("{bucket}/a/two words & ü")});
    ok(&engine, "s3", "CopyObject", copy).await;

    let missing = refused(&engine, "s3", "GetObject", json!({"Bucket": bucket, "Key": "nope"})).await;
    assert_eq!((missing.kind(), missing.code_str()), (ErrorKind::NotFound, "NoSuchKey"));
    let missing = refused(&engine, "s3", "HeadObject", json!({"Bucket": bucket, "Key": "nope"})).await;
    assert_eq!(missing.kind(), ErrorKind::NotFound);

    let pages = engine.pages("s3", "ListObjectsV2", json!({"Bucket": bucket}), &here(), Some(3), None).await.unwrap();
    assert_eq!(pages.output["Contents"].as_array().unwrap().len(), 3);
    assert!(pages.next.is_some());
    let delete = json!({"Bucket": bucket, "Delete": {"Objects": [{"Key": "a/one"}, {"Key": "copy"}]}});
    let deleted = ok(&engine, "s3", "DeleteObjects", delete).await;
    assert_eq!(deleted["Deleted"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn iam_is_called_without_a_region_of_its_own() {
    let engine = MOTO.engine();
    let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let role = json!({"RoleName": "job", "AssumeRolePolicyDocument": trust, "Tags": [{"Key": "a", "Value": "b"}]});
    let made = ok(&engine, "iam", "CreateRole", role).await;
    assert_eq!(made["Role"]["RoleName"], "job");
    let roles = ok(&engine, "iam", "ListRoles", json!({})).await;
    assert!(roles["Roles"].as_array().unwrap().iter().any(|role| role["RoleName"] == "job"));
    assert_eq!(roles["IsTruncated"], json!(false));
    let missing = refused(&engine, "iam", "GetRole", json!({"RoleName": "other"})).await;
    assert_eq!((missing.kind(), missing.code_str()), (ErrorKind::NotFound, "NoSuchEntity"));
    let again = json!({"RoleName": "job", "AssumeRolePolicyDocument": trust});
    assert_eq!(refused(&engine, "iam", "CreateRole", again).await.kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn cloudformation_makes_a_stack_and_waits_for_it() {
    let (engine, scope) = (MOTO.engine(), here());
    let template = json!({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}).to_string();
    let create = json!({"StackName": "stack", "TemplateBody": template, "Tags": [{"Key": "CreatedBy", "Value": "us"}]});
    ok(&engine, "cloudformation", "CreateStack", create).await;
    let patience = Patience { max: Duration::from_secs(5), every: Some(Duration::from_millis(50)) };
    let input = json!({"StackName": "stack"});
    let waited = engine.wait("cloudformation", "StackCreateComplete", input.clone(), &scope, patience, |_, _| {});
    assert_eq!(waited.await.unwrap().output["Stacks"][0]["Tags"][0]["Key"], "CreatedBy");
    ok(&engine, "cloudformation", "DeleteStack", input.clone()).await;
    let patience = Patience { max: Duration::from_millis(200), every: Some(Duration::from_millis(50)) };
    let mut polls = 0;
    let never = engine.wait("cloudformation", "StackCreateComplete", input, &scope, patience, |_, _| polls += 1);
    assert!(never.await.is_err());
}

#[tokio::test]
async fn dynamodb_items_keep_their_types() {
    let engine = MOTO.engine();
    let create = json!({"TableName": "t", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]});
    ok(&engine, "dynamodb", "CreateTable", create).await;
    let item = json!({"id": {"S": "1"}, "n": {"N": "12345678901234567890"}, "b": {"B": "AAEC"}, "no": {"NULL": true},
        "l": {"L": [{"S": "x"}, {"M": {"deep": {"BOOL": false}}}]}});
    ok(&engine, "dynamodb", "PutItem", json!({"TableName": "t", "Item": item})).await;
    let got = ok(&engine, "dynamodb", "GetItem", json!({"TableName": "t", "Key": {"id": {"S": "1"}}})).await;
    assert_eq!(got["Item"], item);
    let missing = refused(&engine, "dynamodb", "DescribeTable", json!({"TableName": "nope"})).await;
    assert_eq!((missing.kind(), missing.code_str()), (ErrorKind::NotFound, "ResourceNotFoundException"));
}

#[tokio::test]
async fn rest_json_services_answer() {
    let engine = MOTO.engine();
    assert_eq!(ok(&engine, "lambda", "ListFunctions", json!({})).await["Functions"], json!([]));
    let missing = refused(&engine, "lambda", "GetFunction", json!({"FunctionName": "nope"})).await;
    assert_eq!((missing.kind(), missing.code_str()), (ErrorKind::NotFound, "ResourceNotFoundException"));
    assert_eq!(ok(&engine, "eks", "ListClusters", json!({})).await["clusters"], json!([]));
    let missing = refused(&engine, "eks", "DescribeCluster", json!({"name": "nope"})).await;
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let zone = json!({"Name": "example.com", "CallerReference": "1"});
    let zone = ok(&engine, "route53", "CreateHostedZone", zone).await;
    let id = zone["HostedZone"]["Id"].as_str().unwrap();
    assert!(id.starts_with("/hostedzone/"));
    assert_eq!(ok(&engine, "route53", "GetHostedZone", json!({"Id": id})).await["HostedZone"]["Name"], "example.com.");
}

#[tokio::test]
async fn what_an_emulator_does_not_know_is_an_error_that_makes_sense() {
    let engine = Engine::new(Settings { max_attempts: Some(1), ..crate::emulator::settings(&MOTO.url()) });
    let error = refused(&engine, "pricing", "GetProducts", json!({"ServiceCode": "AmazonEC2"})).await;
    assert!(error.http_status_code().is_some(), "{error:?}");
    assert!(!error.message().contains('<'), "{error:?}");
}

#[tokio::test]
async fn a_preview_is_the_request_that_would_be_sent() {
    let input = json!({"Bucket": "b", "Key": "a key", "Body": "aGVsbG8="});
    let preview = MOTO.engine().preview("s3", "PutObject", input, &here()).await.unwrap();
    assert_eq!((preview.method.as_str(), preview.body.as_str()), ("PUT", "hello"));
    assert_eq!(preview.url, format!("{}/b/a%20key", MOTO.url()));
    let header = |name: &str| preview.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(header("x-amz-checksum-crc32"), Some("NhCmhg=="));
    assert!(header("authorization").is_none());
    assert!(header("user-agent").unwrap().contains("trainyard"));
}

#[tokio::test]
async fn a_copy_between_regions_is_authorised_by_the_source() {
    let engine = MOTO.engine();
    let volume = json!({"AvailabilityZone": "eu-west-1a", "Size": 1});
    let volume = ok(&engine, "ec2", "CreateVolume", volume).await;
    let snapshot = ok(&engine, "ec2", "CreateSnapshot", json!({"VolumeId": volume["VolumeId"]})).await;
    let copy = json!({"SourceSnapshotId": snapshot["SnapshotId"], "SourceRegion": "eu-west-1"});
    let copied = engine.call("ec2", "CopySnapshot", copy, &Scope::region("us-east-2")).await.unwrap();
    assert!(copied.output["SnapshotId"].as_str().unwrap().starts_with("snap-"));
    assert_eq!(copied.region, "us-east-2");
}

#[tokio::test]
async fn a_scope_is_described_without_secrets() {
    let info = MOTO.engine().describe_scope(&Scope::region("eu-north-1")).await;
    assert_eq!(info.region.unwrap(), ("eu-north-1".to_owned(), "the call"));
    let credentials = info.credentials.unwrap();
    assert_eq!(credentials.access_key_id, "AKIA…MPLE");
    assert_eq!(info.endpoint_override, Some(MOTO.url()));
}
