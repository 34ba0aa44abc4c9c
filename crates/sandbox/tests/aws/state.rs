//! What the account holds, and what becomes of it, through the client that the project ships.

use std::time::Duration;

use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope};
use trainyard_contract::Error;
use trainyard_sandbox::{
    aws::{KubernetesApi, Options, Server},
    kubernetes::{Fleet, Time},
};

use super::engine_with;

/// An account whose time stands still until it is moved.
pub(crate) fn account() -> Server {
    let kubernetes = KubernetesApi { url: "https://127.0.0.1:6443".to_owned(), authority: "PEM".to_owned() };
    Server::start(&Options {
        time: Time::Driven { start: 1_795_255_200 },
        fleet: Fleet { nodes: 12, mig_nodes: 1, neuron_nodes: 1, cpu_nodes: 2, ..Fleet::default() },
        kubernetes: Some(kubernetes),
        ..Options::default()
    })
    .expect("a port on loopback")
}

pub(crate) struct Client(Engine);

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        let key = Server::key();
        Self(engine_with(server.url(), &key.id, &key.secret))
    }

    pub(crate) async fn try_call(&self, service: &str, operation: &str, input: Value) -> Result<Value, Error> {
        let reply = self.0.call(service, operation, input, &Scope::region(Server::region())).await;
        reply.map(|reply| reply.output)
    }

    pub(crate) async fn call(&self, service: &str, operation: &str, input: Value) -> Value {
        self.try_call(service, operation, input).await.unwrap_or_else(|error| panic!("{service} {operation}: {error}"))
    }

    pub(crate) async fn code(&self, service: &str, operation: &str, input: Value) -> String {
        let error = self.try_call(service, operation, input).await.expect_err(operation);
        error.code_str().to_owned()
    }

    async fn state(&self, id: &str) -> String {
        let found = self.call("ec2", "DescribeInstances", json!({"InstanceIds": [id]})).await;
        found["Reservations"][0]["Instances"][0]["State"]["Name"].as_str().expect("a state").to_owned()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn an_instance_lives_from_its_launch_to_its_end() {
    let server = account();
    let aws = Client::of(&server);
    let images = aws.call("ec2", "DescribeImages", json!({"Owners": ["amazon"]})).await;
    let launch = json!({
        "ImageId": images["Images"][0]["ImageId"], "InstanceType": "g5.xlarge", "MinCount": 1, "MaxCount": 2,
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a & b"}]}],
    });
    let mut trial = launch.clone();
    trial["DryRun"] = json!(true);
    let tagged = json!({"Filters": [{"Name": "tag:team", "Values": ["a*b"]}]});
    assert_eq!(aws.code("ec2", "RunInstances", trial).await, "DryRunOperation");
    let none = aws.call("ec2", "DescribeInstances", tagged.clone()).await;
    assert_eq!(none["Reservations"], json!([]), "a dry run changes nothing");
    let launched = aws.call("ec2", "RunInstances", launch).await;
    let id = text(&launched["Instances"][0]["InstanceId"]);
    assert_eq!(aws.state(&id).await, "pending");
    server.advance(Duration::from_secs(30));
    assert_eq!(aws.state(&id).await, "running");
    let found = aws.call("ec2", "DescribeInstances", tagged).await;
    assert_eq!(found["Reservations"][0]["Instances"].as_array().map(Vec::len), Some(2));
    let disks = json!({"Filters": [{"Name": "attachment.instance-id", "Values": [id]}]});
    assert_eq!(
        aws.call("ec2", "DescribeVolumes", disks.clone()).await["Volumes"][0]["Size"],
        65,
        "as the image has it"
    );

    let one = json!({"InstanceIds": [id]});
    let stopping = aws.call("ec2", "StopInstances", one.clone()).await;
    assert_eq!(stopping["StoppingInstances"][0]["CurrentState"]["Name"], "stopping");
    assert_eq!(aws.code("ec2", "StartInstances", one.clone()).await, "IncorrectInstanceState");
    server.advance(Duration::from_secs(30));
    assert_eq!(aws.state(&id).await, "stopped");
    assert_eq!(aws.code("ec2", "RebootInstances", one.clone()).await, "IncorrectState");
    aws.call("ec2", "TerminateInstances", one.clone()).await;
    server.advance(Duration::from_secs(30));
    assert_eq!(aws.state(&id).await, "terminated");
    assert_eq!(aws.call("ec2", "DescribeVolumes", disks).await["Volumes"], json!([]), "its disk goes with it");
    server.advance(Duration::from_hours(2));
    assert_eq!(aws.code("ec2", "DescribeInstances", one).await, "InvalidInstanceID.NotFound");
}

#[tokio::test]
async fn a_token_makes_a_launch_happen_once() {
    let server = account();
    let aws = Client::of(&server);
    let images = aws.call("ec2", "DescribeImages", json!({"Owners": ["amazon"]})).await;
    let mut launch = json!({
        "ImageId": images["Images"][0]["ImageId"], "InstanceType": "g5.xlarge", "MinCount": 1, "MaxCount": 1, "ClientToken": "once",
    });
    let first = aws.call("ec2", "RunInstances", launch.clone()).await;
    let again = aws.call("ec2", "RunInstances", launch.clone()).await;
    assert_eq!(first["Instances"][0]["InstanceId"], again["Instances"][0]["InstanceId"]);
    launch["InstanceType"] = json!("g6.xlarge");
    assert_eq!(aws.code("ec2", "RunInstances", launch).await, "IdempotentParameterMismatch");
}

#[tokio::test]
async fn a_setting_changes_all_that_it_says_or_nothing() {
    let server = account();
    let aws = Client::of(&server);
    let set = |setting: Value| server.set(&serde_json::from_value(setting).expect("a setting"));
    let wrong = json!({
        "capacity": {"g5.xlarge": 0},
        "changes": [{"table": "instances", "id": "bastion", "members": {"/_status": "impaired"}},
                    {"table": "instances", "id": "nobody", "members": {}}],
    });
    assert!(set(wrong).expect_err("nobody is not there").contains("nobody"));
    for (wrong, why) in [
        (json!({"rows": {"instance": []}}), "no table"),
        (json!({"rows": {"volumes": [{"Size": 1}]}}), "VolumeId"),
        (json!({"region": "mars-1"}), "mars-1"),
        (json!({"quotas": {"L-00000000": 1}}), "L-00000000"),
        (
            json!({"calls": [{"service": "ec2", "operation": "DeleteVolume", "input": {"VolumeId": "vol-0"}}]}),
            "NotFound",
        ),
    ] {
        let error = set(wrong).expect_err(why);
        assert!(error.contains(why), "{error}");
    }
    let all =
        json!({"IncludeAllInstances": true, "Filters": [{"Name": "instance-status.status", "Values": ["impaired"]}]});
    let ill = aws.call("ec2", "DescribeInstanceStatus", all.clone()).await;
    assert_eq!(ill["InstanceStatuses"], json!([]), "a setting with an error changes nothing");
    set(json!({
        "changes": [{"table": "instances", "id": "bastion", "members": {"/_status": "impaired"}}],
        "rows": {"volumes": [{"VolumeId": "vol-1", "Size": 900, "State": "available", "VolumeType": "gp3",
            "AvailabilityZone": "us-west-2a", "Attachments": [], "Tags": []}]},
        "capacity": {"g6.12xlarge": 0},
        "quotas": {"L-DB2E81BA": 4},
        "refusals": [{"service": "ec2", "operation": "StopInstances", "code": "RequestLimitExceeded", "message": "slow", "times": 1}],
    }))
    .expect("a sound setting");
    assert_eq!(
        aws.call("ec2", "DescribeInstanceStatus", all).await["InstanceStatuses"].as_array().map(Vec::len),
        Some(1)
    );
    let volume = aws.call("ec2", "DescribeVolumes", json!({"VolumeIds": ["vol-1"]})).await;
    assert_eq!(volume["Volumes"][0]["Size"], 900);
    let stopped = json!({"Filters": [{"Name": "tag:Name", "Values": ["render-test"]}]});
    let found = aws.call("ec2", "DescribeInstances", stopped).await;
    let render = json!({"InstanceIds": [found["Reservations"][0]["Instances"][0]["InstanceId"]]});
    assert_eq!(aws.code("ec2", "StartInstances", render.clone()).await, "VcpuLimitExceeded");
    set(json!({"quotas": {"L-DB2E81BA": 400}})).expect("a sound setting");
    assert_eq!(aws.code("ec2", "StartInstances", render.clone()).await, "InsufficientInstanceCapacity");
    assert_eq!(aws.code("ec2", "StopInstances", render.clone()).await, "RequestLimitExceeded");
    aws.call("ec2", "StopInstances", render).await;
    let calls = server.calls();
    assert_eq!(calls.iter().filter(|call| call.refused.as_deref() == Some("VcpuLimitExceeded")).count(), 1);
    assert_eq!(server.rows("volumes").expect("a table").len(), 3);
}

/// Two pages and the last row: all pages take minutes to check without optimization.
#[tokio::test]
async fn fifty_thousand_instances_are_held_and_paged() {
    let server = Server::start(&Options { more_instances: 50_000, ..Options::default() }).expect("a port on loopback");
    let aws = Client::of(&server);
    let (mut token, mut seen) = (Value::Null, std::collections::HashSet::new());
    for _ in 0..2 {
        let page = aws.call("ec2", "DescribeInstances", json!({"MaxResults": 500, "NextToken": token})).await;
        let rows = page["Reservations"].as_array().expect("a list").iter();
        seen.extend(rows.map(|row| text(&row["Instances"][0]["InstanceId"])));
        token = page["NextToken"].clone();
    }
    assert_eq!((seen.len(), token.is_string()), (1_000, true));
    assert_eq!(server.rows("instances").expect("a table").len(), 50_003);
    let one = json!({"Filters": [{"Name": "tag:Name", "Values": ["batch-49999"]}]});
    let found = aws.call("ec2", "DescribeInstances", one).await;
    assert_eq!(found["Reservations"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn wrong_launches_are_refused_by_name() {
    let server = account();
    let aws = Client::of(&server);
    let images = aws.call("ec2", "DescribeImages", json!({})).await;
    let image = text(&images["Images"][0]["ImageId"]);
    for (wrong, code) in [
        (json!({"ImageId": "ami-0"}), "InvalidAMIID.NotFound"),
        (json!({"ImageId": image, "InstanceType": "p99.huge"}), "InvalidInstanceType"),
        (json!({"ImageId": image, "MinCount": 3}), "InvalidParameterValue"),
        (json!({"ImageId": image, "KeyName": "nobody"}), "InvalidKeyPair.NotFound"),
        (json!({"ImageId": image, "SubnetId": "subnet-0"}), "InvalidSubnetID.NotFound"),
        (json!({"ImageId": image, "SecurityGroupIds": ["sg-0"]}), "InvalidGroup.NotFound"),
        (json!({"ImageId": image, "InstanceType": "p5.48xlarge", "MaxCount": 1_000}), "VcpuLimitExceeded"),
    ] {
        let mut launch = json!({"MinCount": 1, "MaxCount": 1});
        launch.as_object_mut().expect("an object").extend(wrong.as_object().expect("an object").clone());
        assert_eq!(aws.code("ec2", "RunInstances", launch).await, code);
    }
    let filter = json!({"Filters": [{"Name": "colour", "Values": ["red"]}]});
    assert_eq!(aws.code("ec2", "DescribeInstances", filter).await, "InvalidParameterValue");
}

#[tokio::test]
async fn a_volume_goes_to_an_instance_and_back() {
    let server = account();
    let aws = Client::of(&server);
    let bastion = json!({"Filters": [{"Name": "tag:Name", "Values": ["bastion"]}]});
    let found = aws.call("ec2", "DescribeInstances", bastion).await;
    let instance = &found["Reservations"][0]["Instances"][0];
    let zone = text(&instance["Placement"]["AvailabilityZone"]);
    let made = aws.call("ec2", "CreateVolume", json!({"AvailabilityZone": zone, "Size": 10})).await;
    let volume = text(&made["VolumeId"]);
    let attach = json!({"VolumeId": volume, "InstanceId": instance["InstanceId"], "Device": "/dev/sdf"});
    assert_eq!(aws.code("ec2", "AttachVolume", attach.clone()).await, "IncorrectState", "it is still made");
    server.advance(Duration::from_secs(10));
    aws.call("ec2", "AttachVolume", attach).await;
    assert_eq!(aws.code("ec2", "DeleteVolume", json!({"VolumeId": volume})).await, "VolumeInUse");
    let attached = json!({"Filters": [{"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]}]});
    let found = aws.call("ec2", "DescribeVolumes", attached).await;
    assert_eq!(found["Volumes"][0]["VolumeId"], volume);
    aws.call("ec2", "DetachVolume", json!({"VolumeId": volume})).await;
    server.advance(Duration::from_secs(10));
    aws.call("ec2", "DeleteVolume", json!({"VolumeId": volume})).await;
    let gone = aws.code("ec2", "DescribeVolumes", json!({"VolumeIds": [volume]})).await;
    assert_eq!(gone, "InvalidVolume.NotFound");
}

#[tokio::test]
async fn pages_follow_each_other_and_forged_tokens_are_refused() {
    let server = account();
    let aws = Client::of(&server);
    let (mut token, mut seen) = (Value::Null, Vec::new());
    loop {
        let page = aws.call("ec2", "DescribeInstances", json!({"MaxResults": 5, "NextToken": token})).await;
        let rows = page["Reservations"].as_array().expect("a list");
        assert!(rows.len() <= 5);
        seen.extend(rows.iter().map(|row| text(&row["Instances"][0]["InstanceId"])));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    // 12 nodes and the three beside them.
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((count, seen.len()), (15, 15));
    for token in ["sandbox-99999", "forged"] {
        let input = json!({"MaxResults": 5, "NextToken": token});
        assert_eq!(aws.code("ec2", "DescribeInstances", input).await, "InvalidNextToken");
    }
}

#[tokio::test]
async fn what_has_no_state_is_refused_and_never_made_up() {
    let server = account();
    let aws = Client::of(&server);
    for (service, operation, input) in [
        ("ec2", "CreateCustomerGateway", json!({"Type": "ipsec.1"})),
        ("iam", "ListGroups", json!({})),
        ("dynamodb", "ListTables", json!({})),
        ("eks", "DeleteCluster", json!({"name": "trainyard"})),
        ("s3", "ListBucketIntelligentTieringConfigurations", json!({"Bucket": "trainyard-datasets"})),
    ] {
        let error = aws.try_call(service, operation, input).await.expect_err(operation);
        assert_eq!(error.code_str(), "NotInTheSandbox", "{operation}");
        assert!(error.to_string().contains("is not in the sandbox"), "{error}");
    }
    let elsewhere = Scope::region("ap-south-1");
    let error = aws.0.call("ec2", "DescribeVpcs", json!({}), &elsewhere).await.expect_err("another region");
    assert_eq!(error.code_str(), "NotInTheSandbox");
}

#[tokio::test]
async fn the_same_seed_makes_the_same_account() {
    let (one, other) = (account(), account());
    let everything = async |server: &Server| {
        let aws = Client::of(server);
        let mut all = Vec::new();
        for operation in
            ["DescribeInstances", "DescribeVolumes", "DescribeSnapshots", "DescribeSubnets", "DescribeSecurityGroups"]
        {
            all.push(aws.call("ec2", operation, json!({})).await);
        }
        all.push(aws.call("ec2", "DescribeSpotPriceHistory", json!({"InstanceTypes": ["p5.48xlarge"]})).await);
        all
    };
    assert_eq!(everything(&one).await, everything(&other).await);
}

/// Reads whose model requires nothing, and that need one of two members all the same.
const NEED_ONE_OF_TWO: &[&str] = &["DescribeLogStreams", "DescribeStackResources", "GetTemplate", "GetTemplateSummary"];

/// Every operation with state that takes nothing gives an answer that the API can give: the endpoint holds each against the
/// catalogue, and says so where it does not.
#[tokio::test]
async fn every_read_without_input_is_answered() {
    let server = account();
    let aws = Client::of(&server);
    let mut asked = 0;
    for (service, operation) in Server::operations() {
        let reads = ["List", "Describe", "Get"].iter().any(|verb| operation.starts_with(verb));
        if reads
            && !NEED_ONE_OF_TWO.contains(&operation)
            && trainyard_aws::validate(service, operation, &json!({})).is_ok()
        {
            aws.call(service, operation, json!({})).await;
            asked += 1;
        }
    }
    assert!(asked >= 15, "{asked} operations");
}
