//! One case for each call behind each HyperPod tool: what it is given, what AWS answers, and what has to come of it.

mod clusters;
mod drop_in;
mod nodes;
mod planning;
mod stacks;

use serde_json::{Value, json};
use trainyard_stand_in::StandIn;

pub(crate) use self::clusters::network;

/// A call, and everything that it needs.
pub(crate) struct Case {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
    /// The operation that is refused to see what becomes of that.
    pub(crate) refused: (&'static str, &'static str),
    pub(crate) answers: fn(&StandIn),
    /// Looks at the structured answer, and at what was sent.
    pub(crate) check: fn(&Value, &StandIn),
}

impl Case {
    /// Which call of the tool; empty where there is one only.
    pub(crate) fn operation(&self) -> &str {
        let older = self.tool.starts_with("manage_");
        self.arguments["operation"].as_str().filter(|_| older).unwrap_or_default()
    }
}

const ARN: &str = "arn:aws:sagemaker:us-west-2:123456789012:cluster/a1b2c3d4e5f6";
const STACK: &str = "arn:aws:cloudformation:us-west-2:123456789012:stack/train-stack/1";
const TIME: &str = "2026-11-20T10:00:00Z";
const KIND: &str = "ml.p5.48xlarge";

pub(crate) fn node_id(number: u32) -> String {
    format!("i-{number:017x}")
}

/// Two nodes: one runs, one failed.
pub(crate) fn nodes() -> Value {
    let node = |number, status, message| {
        json!({
            "InstanceGroupName": "workers", "InstanceId": node_id(number), "InstanceType": KIND, "LaunchTime": TIME,
            "InstanceStatus": { "Status": status, "Message": message },
            "CurrentImageReleaseVersion": "1.0.3", "ImageVersionStatus": "SecurityUpdateRequired"
        })
    };
    json!({ "ClusterNodeSummaries": [
        node(1, "Running", ""), node(2, "Failure", "lifecycle script failed")
    ] })
}

fn cluster() -> Value {
    json!({
        "ClusterArn": ARN, "ClusterName": "train", "ClusterStatus": "InService", "NodeRecovery": "Automatic",
        "Orchestrator": { "Eks": { "ClusterArn": "arn:aws:eks:us-west-2:123456789012:cluster/train" } },
        "InstanceGroups": [{
            "InstanceGroupName": "workers", "InstanceType": KIND, "CurrentCount": 2, "TargetCount": 3,
            "Status": "Degraded", "CurrentImageReleaseVersion": "1.0.3", "DesiredImageReleaseVersion": "1.0.5",
            "ImageVersionStatus": "SecurityUpdateRequired", "SoftwareUpdateStatus": "InProgress",
            "ScheduledUpdateConfig": { "ScheduleExpression": "cron(0 4 ? * SUN *)" }
        }]
    })
}

fn looked_at(aws: &StandIn) {
    let summary =
        json!({ "ClusterArn": ARN, "ClusterName": "train", "CreationTime": TIME, "ClusterStatus": "InService" });
    aws.answer("sagemaker", "ListClusters", json!({ "ClusterSummaries": [summary] }));
    aws.answer("sagemaker", "ListClusterNodes", nodes());
    aws.answer("sagemaker", "DescribeCluster", cluster());
    priced(aws);
}

/// A price list with a price on demand, and one of another kind beside it.
fn priced(aws: &StandIn) {
    let product = |usage: &str, price: &str| {
        json!({
            "product": { "sku": "S", "attributes": { "usagetype": usage, "regionCode": "us-west-2" } },
            "terms": { "OnDemand": { "A.B": { "priceDimensions": { "A.B.C": {
                "unit": "Hrs", "pricePerUnit": { "USD": price }
            } } } } }
        })
    };
    let list =
        [product("USW2-ReservedCluster:ml.p5.48xlarge", "1.0"), product("USW2-Cluster:ml.p5.48xlarge", "60.0000")];
    aws.answer("pricing", "GetProducts", json!({ "PriceList": list }));
    let gpus = json!({ "Gpus": [{ "Name": "H100", "Manufacturer": "NVIDIA", "Count": 8 }] });
    aws.answer(
        "ec2",
        "DescribeInstanceTypes",
        json!({ "InstanceTypes": [{ "InstanceType": "p5.48xlarge", "GpuInfo": gpus }] }),
    );
}

/// What the template of the tests declares, in the managed ones' words.
pub(crate) fn template(aws: &StandIn) {
    aws.answer(
        "cloudformation",
        "GetTemplateSummary",
        json!({
            "Parameters": [
                { "ParameterKey": "HyperPodClusterName", "ParameterType": "String" },
                { "ParameterKey": "Stage", "ParameterType": "String", "DefaultValue": "prod",
                  "ParameterConstraints": { "AllowedValues": ["gamma", "prod"] } },
                { "ParameterKey": "InstanceGroupSettings1", "ParameterType": "String", "DefaultValue": "[]" },
                { "ParameterKey": "VpcId", "ParameterType": "String", "DefaultValue": "", "Description": "A VPC." }
            ],
            "ResourceTypes": ["AWS::CloudFormation::Stack", "AWS::SageMaker::Cluster"]
        }),
    );
}

pub(crate) fn stack_with(status: &str, owner: &str) -> Value {
    json!({ "Stacks": [{
        "StackName": "train-stack", "StackId": STACK, "CreationTime": TIME, "StackStatus": status,
        "Outputs": [{ "OutputKey": "ClusterArn", "OutputValue": ARN }],
        "Tags": [{ "Key": "CreatedBy", "Value": owner }]
    }] })
}

fn ours(aws: &StandIn) {
    aws.answer("cloudformation", "DescribeStacks", stack_with("CREATE_COMPLETE", "HyperPodMCPServer"));
}

fn no_stack(aws: &StandIn) {
    let message = "Stack with id train-stack does not exist";
    aws.refuse("cloudformation", "DescribeStacks", 400, "ValidationError", message);
}

/// The answer of an older tool, in its older layout.
fn result(answer: &Value, expected: Value) {
    let mut whole = json!({ "isError": false, "content": [{ "type": "text", "text": "done" }] });
    let Value::Object(expected) = expected else { panic!("not an object") };
    whole.as_object_mut().unwrap().extend(expected);
    assert_eq!(answer["result"], whole);
}

/// A row of a list as an object.
fn row(answer: &Value, at: usize) -> Value {
    let columns = answer["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    columns.zip(answer["rows"][at].as_array().unwrap().iter().cloned()).collect::<serde_json::Map<_, _>>().into()
}

/// Everything that a plan may look at.
pub(crate) fn world(aws: &StandIn) {
    looked_at(aws);
    template(aws);
    ours(aws);
    planning::offered(aws);
    planning::governed(aws);
    network(aws, "vpc-1");
    clusters::quotas(aws);
    aws.answer("ec2", "DescribeAvailabilityZones", json!({ "AvailabilityZones": [{ "ZoneId": "usw2-az1" }] }));
    aws.answer("cloudformation", "ListStackResources", json!({ "StackResourceSummaries": [] }));
}

/// One for each call.
pub(crate) fn cases() -> Vec<Case> {
    [drop_in::cases(), stacks::cases(), nodes::cases(), clusters::cases(), planning::cases()]
        .into_iter()
        .flatten()
        .collect()
}
