//! CloudFormation's stacks, through the client that the project ships: they come about, fail, go back, change and go.

use std::time::Duration;

use serde_json::{Value, json};
use trainyard_sandbox::aws::Server;

use super::state::{Client, account, text};

const NETWORK: &str = r#"
Description: A network
Parameters:
  Team: { Type: String, AllowedValues: [research, vision] }
  Block: { Type: String, Default: 10.20.0.0/16 }
Conditions:
  Seen: !Equals [!Ref Team, vision]
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{ Effect: Allow, Principal: { Service: ec2.amazonaws.com }, Action: sts:AssumeRole }]
  Subnet:
    Type: AWS::EC2::Subnet
    Properties: { VpcId: !Ref Vpc, CidrBlock: !Select [1, !Cidr [!GetAtt Vpc.CidrBlock, 4, 8]], AvailabilityZone: !Select [1, !GetAZs ""] }
  Vpc:
    Type: AWS::EC2::VPC
    Properties: { CidrBlock: !Ref Block, Tags: [{ Key: team, Value: !Sub "${Team}-${AWS::Region}" }] }
  Group:
    Type: AWS::EC2::SecurityGroup
    Condition: Seen
    Properties:
      GroupDescription: nodes
      VpcId: !Ref Vpc
      SecurityGroupIngress: [{ IpProtocol: tcp, FromPort: 22, ToPort: "22", CidrIp: 10.0.0.0/8 }]
Outputs:
  VpcId: { Value: !Ref Vpc, Export: { Name: !Sub "${AWS::StackName}-vpc" } }
  Zone: { Value: !GetAtt Subnet.AvailabilityZone }
  Group: { Condition: Seen, Value: !GetAtt Group.GroupId }
"#;

fn stack(name: &str, template: &str, team: &str) -> Value {
    json!({
        "StackName": name, "TemplateBody": template, "Capabilities": ["CAPABILITY_IAM"],
        "Parameters": [{"ParameterKey": "Team", "ParameterValue": team}],
    })
}

async fn described(aws: &Client, name: &str) -> Value {
    aws.call("cloudformation", "DescribeStacks", json!({ "StackName": name })).await["Stacks"][0].clone()
}

async fn status(aws: &Client, name: &str) -> String {
    text(&described(aws, name).await["StackStatus"])
}

/// Events, oldest first, as `Resource STATUS`.
async fn events(aws: &Client, name: &str) -> Vec<(String, Value)> {
    let (mut token, mut all) = (Value::Null, Vec::new());
    loop {
        let page =
            aws.call("cloudformation", "DescribeStackEvents", json!({ "StackName": name, "NextToken": token })).await;
        for event in page["StackEvents"].as_array().expect("a list") {
            let said = format!("{} {}", text(&event["LogicalResourceId"]), text(&event["ResourceStatus"]));
            all.push((said, event["ResourceStatusReason"].clone()));
        }
        token = page["NextToken"].clone();
        if token.is_null() {
            all.reverse();
            return all;
        }
    }
}

fn said(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(said, _)| said.as_str()).collect()
}

async fn vpcs(aws: &Client) -> Vec<Value> {
    let found =
        aws.call("ec2", "DescribeVpcs", json!({"Filters": [{"Name": "is-default", "Values": ["false"]}]})).await;
    found["Vpcs"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_stack_comes_about_changes_and_goes_and_its_network_with_it() {
    let server = account();
    let aws = Client::of(&server);
    let made = aws.call("cloudformation", "CreateStack", stack("net", NETWORK, "research")).await;
    assert_eq!(status(&aws, "net").await, "CREATE_IN_PROGRESS");
    server.advance(Duration::from_secs(5));
    assert_eq!(
        said(&events(&aws, "net").await),
        ["net CREATE_IN_PROGRESS", "Role CREATE_IN_PROGRESS", "Vpc CREATE_IN_PROGRESS"]
    );
    server.advance(Duration::from_mins(2));
    let whole = described(&aws, "net").await;
    assert_eq!((&whole["StackStatus"], &whole["StackId"]), (&json!("CREATE_COMPLETE"), &made["StackId"]));
    let vpc = vpcs(&aws).await.remove(0);
    assert_eq!(
        whole["Outputs"][0],
        json!({"OutputKey": "VpcId", "OutputValue": vpc["VpcId"], "ExportName": "net-vpc"})
    );
    assert_eq!(whole["Outputs"][1]["OutputValue"], "us-west-2b");
    let tags = vpc["Tags"].as_array().expect("tags");
    assert!(tags.contains(&json!({"Key": "team", "Value": "research-us-west-2"})), "{tags:?}");
    assert!(tags.contains(&json!({"Key": "aws:cloudformation:logical-id", "Value": "Vpc"})), "{tags:?}");
    let subnets = json!({"Filters": [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]});
    let subnets = aws.call("ec2", "DescribeSubnets", subnets).await;
    assert_eq!(subnets["Subnets"][0]["CidrBlock"], "10.20.1.0/24");

    let unchanged =
        aws.try_call("cloudformation", "UpdateStack", stack("net", NETWORK, "research")).await.expect_err("no change");
    assert!(unchanged.to_string().contains("No updates are to be performed."), "{unchanged}");
    aws.call("cloudformation", "UpdateStack", stack("net", NETWORK, "vision")).await;
    assert_eq!(
        aws.code("cloudformation", "UpdateStack", stack("net", NETWORK, "research")).await,
        "ValidationError",
        "busy"
    );
    server.advance(Duration::from_mins(2));
    let whole = described(&aws, "net").await;
    assert_eq!(
        (&whole["StackStatus"], &whole["Outputs"][2]["OutputKey"]),
        (&json!("UPDATE_COMPLETE"), &json!("Group"))
    );
    let group = json!({"GroupIds": [whole["Outputs"][2]["OutputValue"]]});
    let group = aws.call("ec2", "DescribeSecurityGroups", group).await;
    assert_eq!(group["SecurityGroups"][0]["IpPermissions"][0]["ToPort"], 22);
    let tail = events(&aws, "net").await;
    assert_eq!(said(&tail)[tail.len() - 2..], ["Group CREATE_COMPLETE", "net UPDATE_COMPLETE"]);

    aws.call("cloudformation", "DeleteStack", json!({"StackName": "net"})).await;
    server.advance(Duration::from_mins(3));
    assert_eq!(aws.code("cloudformation", "DescribeStacks", json!({"StackName": "net"})).await, "ValidationError");
    assert_eq!(status(&aws, &text(&made["StackId"])).await, "DELETE_COMPLETE", "by its ARN it is remembered");
    assert_eq!(vpcs(&aws).await, Vec::<Value>::new());
    let gone = aws.call("cloudformation", "ListStacks", json!({"StackStatusFilter": ["DELETE_COMPLETE"]})).await;
    assert_eq!(gone["StackSummaries"][0]["TemplateDescription"], "A network");
}

fn too_wide() -> Value {
    json!([{"ParameterKey": "Team", "ParameterValue": "vision"}, {"ParameterKey": "Block", "ParameterValue": "10.0.0.0/8"}])
}

#[tokio::test]
async fn what_cannot_be_made_is_said_and_the_rest_taken_back() {
    let server = account();
    let aws = Client::of(&server);
    // A network that is too wide is refused by EC2, not by the template.
    let mut wide = stack("wide", NETWORK, "vision");
    wide["Parameters"] = too_wide();
    aws.call("cloudformation", "CreateStack", wide).await;
    server.advance(Duration::from_mins(2));
    let whole = described(&aws, "wide").await;
    assert_eq!(whole["StackStatus"], "ROLLBACK_COMPLETE");
    let told = events(&aws, "wide").await;
    let (_, reason) = told.iter().find(|(said, _)| said == "Vpc CREATE_FAILED").expect("an event");
    assert!(text(reason).contains("The CIDR '10.0.0.0/8' is invalid (Service: Ec2, Status Code: 400"), "{reason}");
    let (_, reason) = told.iter().find(|(said, _)| said == "wide ROLLBACK_IN_PROGRESS").expect("an event");
    assert_eq!(reason, "The following resource(s) failed to create: [Role, Vpc]. Rollback requested by user.");
    let (_, reason) = told.iter().find(|(said, _)| said == "Role CREATE_FAILED").expect("an event");
    assert_eq!(reason, "Resource creation cancelled");
    assert_eq!(
        aws.code("cloudformation", "CreateStack", stack("wide", NETWORK, "vision")).await,
        "AlreadyExistsException"
    );
    let mut kept = stack("kept", NETWORK, "vision");
    kept["Parameters"] = too_wide();
    kept["OnFailure"] = json!("DO_NOTHING");
    aws.call("cloudformation", "CreateStack", kept).await;
    server.advance(Duration::from_mins(2));
    assert_eq!(status(&aws, "kept").await, "CREATE_FAILED");
}

/// A stack with two levels below it, as the templates for HyperPod have them.
fn nested() -> Value {
    let address = |name: &str| format!("https://templates.s3.us-west-2.amazonaws.com/{name}.yaml");
    let outer = format!(
        "Parameters:\n  Name: {{ Type: String }}\nResources:\n  Network:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      \
         TemplateURL: {}\n  ClusterStack:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {}\n      Parameters:\n        \
         Name: !Ref Name\n        VpcId: !GetAtt Network.Outputs.VpcId\nOutputs:\n  Arn: {{ Value: !GetAtt ClusterStack.Outputs.Arn }}\n",
        address("network"),
        address("cluster")
    );
    let network = "Resources:\n  Vpc: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.30.0.0/16 } }\nOutputs:\n  VpcId: { Value: !Ref Vpc }\n";
    let cluster = "Parameters:\n  Name: { Type: String }\n  VpcId: { Type: AWS::EC2::VPC::Id }\nResources:\n  Subnet: { Type: AWS::EC2::Subnet, \
                   Properties: { VpcId: !Ref VpcId, CidrBlock: 10.30.1.0/24 } }\n  EksCluster: { Type: AWS::EKS::Cluster, Properties: { Name: !Ref Name, \
                   RoleArn: r, ResourcesVpcConfig: { SubnetIds: [!Ref Subnet] } } }\nOutputs:\n  Arn: { Value: !GetAtt EksCluster.Arn }\n";
    json!({
        "templates": { address("network"): network, address("cluster"): cluster, address("outer"): outer },
        "calls": [{"service": "cloudformation", "operation": "CreateStack", "seconds_ago": 7_200, "input": {
            "StackName": "hyperpod", "TemplateURL": address("outer"),
            "Parameters": [{"ParameterKey": "Name", "ParameterValue": "train"}],
        }}],
    })
}

fn set(server: &Server, setting: Value) {
    server.set(&serde_json::from_value(setting).expect("a setting")).expect("a sound setting");
}

#[tokio::test]
async fn a_failure_in_a_nested_stack_that_happened_hours_ago_is_found_from_the_top() {
    let server = account();
    let mut setting = nested();
    let why = "Cannot create cluster 'train' because us-west-2d does not currently have sufficient capacity to support the cluster.";
    setting["stack_failures"] = json!([{"stack": "hyperpod", "resource": "ClusterStack/EksCluster", "reason": why}]);
    set(&server, setting);
    let aws = Client::of(&server);
    assert_eq!(status(&aws, "hyperpod").await, "ROLLBACK_COMPLETE");
    let top = aws.call("cloudformation", "DescribeStackEvents", json!({"StackName": "hyperpod"})).await;
    let top = top["StackEvents"].as_array().expect("a list");
    let failed = top.iter().rev().find(|event| event["ResourceStatus"] == "CREATE_FAILED").expect("a failure");
    assert_eq!(failed["LogicalResourceId"], "ClusterStack");
    let inner = text(&failed["PhysicalResourceId"]);
    let wanted = format!(
        "Embedded stack {inner} was not successfully created: The following resource(s) failed to create: [EksCluster]. "
    );
    assert_eq!(failed["ResourceStatusReason"], wanted);
    let times: Vec<String> = top.iter().rev().map(|event| text(&event["Timestamp"])).collect();
    assert_eq!(times[0], "2026-11-21T08:00:00Z", "two hours before the start");
    assert!(times.is_sorted() && times.last().is_some_and(|last| last.as_str() < "2026-11-21T09:00:00Z"), "{times:?}");
    let below = events(&aws, &inner).await;
    let (_, reason) = below.iter().find(|(said, _)| said == "EksCluster CREATE_FAILED").expect("the cause");
    assert_eq!(reason, why);
    assert_eq!(below.last().map(|(said, _)| said.ends_with("DELETE_COMPLETE")), Some(true), "{below:?}");
    assert_eq!(vpcs(&aws).await, Vec::<Value>::new(), "all of it went back");
}

#[tokio::test]
async fn nested_stacks_come_about_are_planned_changed_and_go() {
    let server = account();
    set(&server, nested());
    let aws = Client::of(&server);
    let whole = described(&aws, "hyperpod").await;
    assert_eq!(whole["StackStatus"], "CREATE_COMPLETE");
    assert_eq!(whole["Outputs"][0]["OutputValue"], "arn:aws:eks:us-west-2:111122223333:cluster/train");
    let resources = aws.call("cloudformation", "ListStackResources", json!({"StackName": "hyperpod"})).await;
    let inner = text(&resources["StackResourceSummaries"][1]["PhysicalResourceId"]);
    assert_eq!(described(&aws, &inner).await["RootId"], whole["StackId"]);
    let change = json!({
        "StackName": "hyperpod", "ChangeSetName": "rename", "UsePreviousTemplate": true, "IncludeNestedStacks": true,
        "Parameters": [{"ParameterKey": "Name", "ParameterValue": "retrain"}],
    });
    let set = aws.call("cloudformation", "CreateChangeSet", change).await;
    let named = json!({"ChangeSetName": set["Id"]});
    assert_eq!(
        aws.code("cloudformation", "ExecuteChangeSet", named.clone()).await,
        "InvalidChangeSetStatus",
        "not yet worked out"
    );
    server.advance(Duration::from_secs(10));
    let shown = aws.call("cloudformation", "DescribeChangeSet", named.clone()).await;
    assert_eq!((&shown["Status"], &shown["ExecutionStatus"]), (&json!("CREATE_COMPLETE"), &json!("AVAILABLE")));
    let changes = shown["Changes"].as_array().expect("a list");
    let of_cluster = changes
        .iter()
        .find(|change| change["ResourceChange"]["LogicalResourceId"] == "ClusterStack")
        .expect("a change");
    let below = json!({"ChangeSetName": of_cluster["ResourceChange"]["ChangeSetId"]});
    let below = aws.call("cloudformation", "DescribeChangeSet", below).await;
    let of_eks = &below["Changes"][0]["ResourceChange"];
    assert_eq!(
        (&of_eks["LogicalResourceId"], &of_eks["Replacement"]),
        (&json!("EksCluster"), &json!("True")),
        "{below}"
    );
    aws.call("cloudformation", "ExecuteChangeSet", named).await;
    server.advance(Duration::from_mins(30));
    let whole = described(&aws, "hyperpod").await;
    assert_eq!((&whole["StackStatus"], &whole["ChangeSetId"]), (&json!("UPDATE_COMPLETE"), &set["Id"]));
    assert_eq!(whole["Outputs"][0]["OutputValue"], "arn:aws:eks:us-west-2:111122223333:cluster/retrain");
    aws.call("cloudformation", "DeleteStack", json!({"StackName": "hyperpod"})).await;
    server.advance(Duration::from_mins(30));
    assert_eq!(status(&aws, &inner).await, "DELETE_COMPLETE");
    assert_eq!(vpcs(&aws).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_update_that_fails_goes_back_to_what_was() {
    let server = account();
    set(&server, nested());
    set(
        &server,
        json!({"stack_failures": [{"stack": "hyperpod", "resource": "ClusterStack/EksCluster", "reason": "no", "when": "update"}]}),
    );
    let aws = Client::of(&server);
    let change = json!({
        "StackName": "hyperpod", "UsePreviousTemplate": true, "Parameters": [{"ParameterKey": "Name", "ParameterValue": "retrain"}],
    });
    aws.call("cloudformation", "UpdateStack", change).await;
    server.advance(Duration::from_hours(1));
    let whole = described(&aws, "hyperpod").await;
    assert_eq!(whole["StackStatus"], "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(whole["Parameters"][0]["ParameterValue"], "train");
    let told = events(&aws, "hyperpod").await;
    let (_, reason) = told.iter().find(|(said, _)| said == "ClusterStack UPDATE_FAILED").expect("an event");
    assert!(text(reason).contains("was not successfully updated"), "{reason}");
    let resources = aws.call("cloudformation", "ListStackResources", json!({"StackName": "hyperpod"})).await;
    assert_eq!(
        status(&aws, &text(&resources["StackResourceSummaries"][1]["PhysicalResourceId"])).await,
        "UPDATE_ROLLBACK_COMPLETE"
    );
}

#[tokio::test]
async fn a_planned_stack_is_made_by_its_change_set_and_one_without_changes_fails() {
    let server = account();
    let aws = Client::of(&server);
    let mut plan = stack("net", NETWORK, "vision");
    plan["ChangeSetName"] = json!("first");
    plan["ChangeSetType"] = json!("CREATE");
    aws.call("cloudformation", "CreateChangeSet", plan.clone()).await;
    assert_eq!(status(&aws, "net").await, "REVIEW_IN_PROGRESS");
    server.advance(Duration::from_secs(10));
    let named = json!({"ChangeSetName": "first", "StackName": "net"});
    let shown = aws.call("cloudformation", "DescribeChangeSet", named.clone()).await;
    let added: Vec<&Value> =
        shown["Changes"].as_array().expect("a list").iter().map(|change| &change["ResourceChange"]["Action"]).collect();
    assert_eq!(added, ["Add", "Add", "Add", "Add"]);
    aws.call("cloudformation", "ExecuteChangeSet", named).await;
    server.advance(Duration::from_mins(3));
    assert_eq!(status(&aws, "net").await, "CREATE_COMPLETE");
    plan["ChangeSetName"] = json!("second");
    plan["ChangeSetType"] = json!("UPDATE");
    aws.call("cloudformation", "CreateChangeSet", plan).await;
    server.advance(Duration::from_secs(10));
    let second =
        aws.call("cloudformation", "DescribeChangeSet", json!({"ChangeSetName": "second", "StackName": "net"})).await;
    assert_eq!(second["Status"], "FAILED");
    assert!(text(&second["StatusReason"]).contains("didn't contain changes"));
}

#[tokio::test]
async fn wrong_templates_are_refused_in_awss_words() {
    let server = account();
    let aws = Client::of(&server);
    let vpc = |more: &str| {
        format!("Resources:\n  Vpc: {{ Type: AWS::EC2::VPC, Properties: {{ CidrBlock: 10.0.0.0/16 }} }}\n{more}")
    };
    for (template, code, said) in [
        ("{".to_owned(), "ValidationError", "JSON not well-formed"),
        ("Resources: {}".to_owned(), "ValidationError", "At least one Resources member must be defined."),
        (vpc("Oututs: {}"), "ValidationError", "Invalid template property or properties [Oututs]"),
        (
            vpc("Outputs: { A: { Value: !Ref Nobody } }"),
            "ValidationError",
            "Unresolved resource dependencies [Nobody] in the Outputs block",
        ),
        (vpc("  B: { Properties: {} }"), "ValidationError", "Every Resources object must contain a Type member"),
        (vpc("  B: { Type: Network }"), "ValidationError", "Unrecognized resource types: [Network]"),
        (vpc("  B: { Type: AWS::DynamoDB::Table }"), "NotInTheSandbox", "AWS::DynamoDB::Table"),
        (
            vpc("  B: { Type: AWS::EC2::EIP, DependsOn: C }\n  C: { Type: AWS::EC2::EIP, DependsOn: B }"),
            "ValidationError",
            "Circular dependency between resources: [B, C]",
        ),
        (
            vpc("  R: { Type: AWS::IAM::Role, Properties: { RoleName: r } }"),
            "InsufficientCapabilitiesException",
            "Requires capabilities : [CAPABILITY_NAMED_IAM]",
        ),
        (vpc("Parameters: { Size: { Type: Number } }"), "ValidationError", "Parameters: [Size] must have values"),
        (
            vpc("Parameters: { Size: { Type: Number, Default: big } }"),
            "ValidationError",
            "Parameter 'Size' must be a number",
        ),
        (vpc("Transform: AWS::Serverless-2016-10-31"), "NotInTheSandbox", "macro"),
    ] {
        let input = json!({"StackName": "s", "TemplateBody": template});
        let error = aws.try_call("cloudformation", "CreateStack", input).await.expect_err(said);
        assert_eq!(error.code_str(), code, "{template}: {error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    for (input, said) in [
        (json!({"StackName": "a_b", "TemplateBody": vpc("")}), "[a-zA-Z][-a-zA-Z0-9]*"),
        (json!({"StackName": "s"}), "must be specified"),
        (json!({"StackName": "s", "TemplateURL": "https://example.org/t.yaml"}), "must be a supported URL"),
        (json!({"StackName": "s", "TemplateURL": "https://b.s3.amazonaws.com/t.yaml"}), "S3 error: Access Denied"),
        (
            json!({"StackName": "s", "TemplateBody": vpc(""), "Parameters": [{"ParameterKey": "X", "ParameterValue": "1"}]}),
            "Parameters: [X] do not exist",
        ),
    ] {
        let error = aws.try_call("cloudformation", "CreateStack", input).await.expect_err(said);
        assert!(error.to_string().contains(said), "{error}");
    }
    let summary = aws.call("cloudformation", "GetTemplateSummary", json!({"TemplateBody": NETWORK})).await;
    assert_eq!(summary["Capabilities"], json!(["CAPABILITY_IAM"]));
    assert_eq!(summary["Parameters"][0]["ParameterConstraints"]["AllowedValues"], json!(["research", "vision"]));
}
