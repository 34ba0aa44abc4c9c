//! Live calls over every protocol that moto speaks.

#![expect(clippy::unwrap_used, reason = "a test")]

mod emulator;

use std::sync::LazyLock;

use emulator::{Server, here};
use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope};
use trainyard_contract::{Error, ErrorKind};

static MOTO: LazyLock<Server> = LazyLock::new(emulator::moto);

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
    let listed = ok(&engine, "sagemaker", "ListClusters", json!({})).await;
    let cluster = &listed["ClusterSummaries"][0];
    assert_eq!(cluster["ClusterName"], "train");
    assert!(cluster["CreationTime"].as_str().unwrap().starts_with("20"), "{cluster}");
    let described = ok(&engine, "sagemaker", "DescribeCluster", json!({"ClusterName": "train"})).await;
    assert_eq!(described["InstanceGroups"][0]["CurrentCount"], json!(2));
    let error = refused(&engine, "sagemaker", "DescribeCluster", json!({"ClusterName": "other"})).await;
    assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Validation), "{error:?}");
}
