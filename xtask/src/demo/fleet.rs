//! A small fleet, made through the tools themselves.

use serde_json::{Value, json};
use trainyard_harness::Trainyard;

use crate::Result;

/// A region in which moto knows every type below.
pub(super) const REGION: &str = "us-west-2";

/// Makes it; the ids of its instances.
pub(super) fn fill(trainyard: &Trainyard) -> Result<Vec<String>> {
    let mut instances = Vec::new();
    for (instance_type, count, name, team) in
        [("p5.48xlarge", 2, "pretrain", "llm"), ("g6.xlarge", 3, "serve", "vision"), ("m7i.large", 1, "head", "llm")]
    {
        let tags = json!([{ "Key": "Name", "Value": name }, { "Key": "team", "Value": team }]);
        let made = call(
            trainyard,
            "ec2",
            "RunInstances",
            json!({
                "ImageId": "ami-12345678",
                "InstanceType": instance_type,
                "MinCount": count,
                "MaxCount": count,
                "TagSpecifications": [{ "ResourceType": "instance", "Tags": tags }]
            }),
        )?;
        let made = made["result"]["Instances"].as_array().cloned().unwrap_or_default();
        instances.extend(made.iter().filter_map(|instance| Some(instance["InstanceId"].as_str()?.to_owned())));
    }
    let group = |name: &str, instance_type: &str, count: u32| {
        json!({
            "InstanceGroupName": name,
            "InstanceType": instance_type,
            "InstanceCount": count,
            "ExecutionRole": "arn:aws:iam::123456789012:role/hyperpod",
            "LifeCycleConfig": { "SourceS3Uri": "s3://sagemaker-lifecycle/base", "OnCreate": "on_create.sh" },
            // moto fails without it, and keeps half a cluster.
            "ThreadsPerCore": 1
        })
    };
    let groups = [group("controller", "ml.m5.xlarge", 1), group("workers", "ml.p5.48xlarge", 3)];
    call(trainyard, "sagemaker", "CreateCluster", json!({ "ClusterName": "llm", "InstanceGroups": groups }))?;
    let role = "arn:aws:iam::123456789012:role/eks";
    call(trainyard, "eks", "CreateCluster", json!({ "name": "research", "roleArn": role, "resourcesVpcConfig": {} }))?;
    let place = json!({ "LocationConstraint": REGION });
    call(trainyard, "s3", "CreateBucket", json!({ "Bucket": "datasets", "CreateBucketConfiguration": place }))?;
    Ok(instances)
}

#[expect(clippy::needless_pass_by_value, reason = "parameters are written where the call is")]
fn call(trainyard: &Trainyard, service: &str, operation: &str, parameters: Value) -> Result<Value> {
    let arguments = json!({ "service": service, "operation": operation, "parameters": parameters }).to_string();
    let ended = trainyard.run(&["call", "aws_call", "--allow-write", "--yes", "--json", "--args", &arguments])?;
    if !ended.status.success() {
        return Err(format!("{service} {operation}: {}", ended.stderr).into());
    }
    Ok(serde_json::from_str(&ended.stdout)?)
}
