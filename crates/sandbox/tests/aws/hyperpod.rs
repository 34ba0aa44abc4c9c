//! HyperPod clusters as they are made, checked, shared by teams, and given capacity that lies ahead.

use std::time::Duration;

use serde_json::{Value, json};

use super::state::{Client, account, text};

async fn network(aws: &Client) -> (Value, Value) {
    let subnets = aws.call("ec2", "DescribeSubnets", json!({})).await;
    let groups = aws.call("ec2", "DescribeSecurityGroups", json!({})).await;
    (subnets["Subnets"][0]["SubnetId"].clone(), groups["SecurityGroups"][0]["GroupId"].clone())
}

async fn wanted(aws: &Client, count: u64) -> Value {
    let (subnet, group) = network(aws).await;
    json!({
        "ClusterName": "sweep", "VpcConfig": {"Subnets": [subnet], "SecurityGroupIds": [group]}, "NodeRecovery": "None",
        "InstanceGroups": [{
            "InstanceGroupName": "workers", "InstanceType": "ml.g6.12xlarge", "InstanceCount": count,
            "ExecutionRole": "arn:aws:iam::111122223333:role/hyperpod",
            "LifeCycleConfig": {"SourceS3Uri": "s3://trainyard-datasets/lifecycle/", "OnCreate": "on_create.sh"},
        }],
    })
}

async fn statuses(aws: &Client) -> Vec<String> {
    let nodes = aws.call("sagemaker", "ListClusterNodes", json!({"ClusterName": "sweep"})).await;
    let nodes = nodes["ClusterNodeSummaries"].as_array().expect("nodes");
    nodes.iter().map(|node| text(&node["InstanceStatus"]["Status"])).collect()
}

#[tokio::test]
async fn a_cluster_is_made_checked_and_deleted() {
    let server = account();
    let aws = Client::of(&server);
    let made = aws.call("sagemaker", "CreateCluster", wanted(&aws, 2).await).await;
    assert!(text(&made["ClusterArn"]).contains(":cluster/"));
    assert_eq!(aws.code("sagemaker", "CreateCluster", wanted(&aws, 1).await).await, "ResourceInUse");
    let named = json!({"ClusterName": "sweep"});
    let cluster = aws.call("sagemaker", "DescribeCluster", named.clone()).await;
    assert_eq!((&cluster["ClusterStatus"], &cluster["NodeRecovery"]), (&json!("Creating"), &json!("None")));
    assert_eq!(statuses(&aws).await, ["Pending", "Pending"]);
    server.advance(Duration::from_mins(5));
    let cluster = aws.call("sagemaker", "DescribeCluster", named.clone()).await;
    assert_eq!(
        (&cluster["ClusterStatus"], &cluster["InstanceGroups"][0]["CurrentCount"]),
        (&json!("InService"), &json!(2))
    );
    assert_eq!(statuses(&aws).await, ["Running", "Running"]);

    let check = |group: &str| {
        json!({"ClusterName": "sweep", "DeepHealthCheckConfigurations": [
            {"InstanceGroupName": group, "DeepHealthChecks": ["InstanceStress"]},
        ]})
    };
    assert_eq!(aws.code("sagemaker", "StartClusterHealthCheck", check("nobody")).await, "ValidationException");
    aws.call("sagemaker", "StartClusterHealthCheck", check("workers")).await;
    assert_eq!(statuses(&aws).await, ["DeepHealthCheckInProgress", "DeepHealthCheckInProgress"]);
    server.advance(Duration::from_mins(5));
    assert_eq!(statuses(&aws).await, ["Running", "Running"]);
    aws.call("sagemaker", "DeleteCluster", named.clone()).await;
    server.advance(Duration::from_mins(5));
    assert_eq!(aws.code("sagemaker", "DescribeCluster", named).await, "ResourceNotFound");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_is_refused_or_fails() {
    let server = account();
    let aws = Client::of(&server);
    assert_eq!(aws.code("sagemaker", "CreateCluster", wanted(&aws, 900).await).await, "ResourceLimitExceeded");
    let mut nowhere = wanted(&aws, 1).await;
    nowhere["VpcConfig"]["Subnets"] = json!(["subnet-0123456789abcdef0"]);
    assert_eq!(aws.code("sagemaker", "CreateCluster", nowhere).await, "ValidationException");
    let none = json!({"capacity": {"ml.g6.12xlarge": 1}});
    server.set(&serde_json::from_value(none).expect("a setting")).expect("it applies");
    aws.call("sagemaker", "CreateCluster", wanted(&aws, 2).await).await;
    server.advance(Duration::from_mins(5));
    let cluster = aws.call("sagemaker", "DescribeCluster", json!({"ClusterName": "sweep"})).await;
    assert_eq!(cluster["ClusterStatus"], "Failed");
    assert!(text(&cluster["FailureMessage"]).contains("capacity"), "{cluster}");
}

#[tokio::test]
async fn teams_share_a_cluster() {
    let server = account();
    let aws = Client::of(&server);
    let cluster =
        aws.call("sagemaker", "DescribeCluster", json!({"ClusterName": "pretrain"})).await["ClusterArn"].clone();
    let classes =
        |weight: u64| json!({"PriorityClasses": [{"Name": "training", "Weight": weight}], "FairShare": "Enabled"});
    let policy = json!({"Name": "fair", "ClusterArn": cluster, "SchedulerConfig": classes(80)});
    let id =
        text(&aws.call("sagemaker", "CreateClusterSchedulerConfig", policy.clone()).await["ClusterSchedulerConfigId"]);
    assert_eq!(aws.code("sagemaker", "CreateClusterSchedulerConfig", policy).await, "ConflictException");
    server.advance(Duration::from_mins(1));
    let change = |version: u64| json!({"ClusterSchedulerConfigId": id, "TargetVersion": version, "SchedulerConfig": classes(40)});
    assert_eq!(aws.code("sagemaker", "UpdateClusterSchedulerConfig", change(7)).await, "ConflictException");
    aws.call("sagemaker", "UpdateClusterSchedulerConfig", change(1)).await;
    server.advance(Duration::from_mins(1));
    let shown = aws.call("sagemaker", "DescribeClusterSchedulerConfig", json!({"ClusterSchedulerConfigId": id})).await;
    assert_eq!((&shown["ClusterSchedulerConfigVersion"], &shown["Status"]), (&json!(2), &json!("Updated")));
    assert_eq!(shown["SchedulerConfig"]["PriorityClasses"][0]["Weight"], 40);

    let quota = |name: &str, team: &str| {
        json!({"Name": name, "ClusterArn": cluster, "ComputeQuotaTarget": {"TeamName": team, "FairShareWeight": 10}, "ComputeQuotaConfig": {
            "ComputeQuotaResources": [{"InstanceType": "ml.p5.48xlarge", "Count": 2}],
            "ResourceSharingConfig": {"Strategy": "LendAndBorrow", "BorrowLimit": 50}, "PreemptTeamTasks": "LowerPriority",
        }})
    };
    for team in ["vision", "research"] {
        aws.call("sagemaker", "CreateComputeQuota", quota(team, team)).await;
    }
    assert_eq!(aws.code("sagemaker", "CreateComputeQuota", quota("other", "vision")).await, "ConflictException");
    let named = json!({"ClusterArn": cluster, "SortBy": "Name", "MaxResults": 1});
    let mut page = named.clone();
    let mut teams = Vec::new();
    loop {
        let rows = aws.call("sagemaker", "ListComputeQuotas", page.clone()).await;
        teams.push(text(&rows["ComputeQuotaSummaries"][0]["ComputeQuotaTarget"]["TeamName"]));
        let Some(token) = rows["NextToken"].as_str() else { break };
        page = named.clone();
        page["NextToken"] = token.into();
    }
    assert_eq!(teams, ["research", "vision"]);
    let unknown = json!({"ComputeQuotaId": "0123456789ab"});
    assert_eq!(aws.code("sagemaker", "DescribeComputeQuota", unknown).await, "ResourceNotFound");
}

#[tokio::test]
async fn a_training_plan_is_offered_bought_and_used_in_its_time() {
    let server = account();
    let aws = Client::of(&server);
    let search = json!({
        "InstanceType": "ml.p5.48xlarge", "InstanceCount": 2, "DurationHours": 48, "TargetResources": ["hyperpod-cluster"],
    });
    let offers = aws.call("sagemaker", "SearchTrainingPlanOfferings", search.clone()).await;
    let offer = &offers["TrainingPlanOfferings"][0];
    assert!(text(&offer["UpfrontFee"]).parse::<f64>().expect("dollars") > 1_000.0);
    let buy = json!({"TrainingPlanName": "november", "TrainingPlanOfferingId": offer["TrainingPlanOfferingId"]});
    aws.call("sagemaker", "CreateTrainingPlan", buy.clone()).await;
    assert_eq!(aws.code("sagemaker", "CreateTrainingPlan", buy).await, "ResourceInUse");
    let again = json!({"TrainingPlanName": "december", "TrainingPlanOfferingId": offer["TrainingPlanOfferingId"]});
    assert_eq!(aws.code("sagemaker", "CreateTrainingPlan", again).await, "ResourceNotFound", "it is sold");
    for (days, status) in [(0, "Scheduled"), (3, "Active"), (3, "Expired")] {
        server.advance(Duration::from_hours(24 * days));
        let plans = aws.call("sagemaker", "ListTrainingPlans", json!({})).await;
        assert_eq!(plans["TrainingPlanSummaries"][0]["Status"], status);
    }
    let none = json!({"capacity": {"ml.p5.48xlarge": 1}});
    server.set(&serde_json::from_value(none).expect("a setting")).expect("it applies");
    let offers = aws.call("sagemaker", "SearchTrainingPlanOfferings", search).await;
    assert_eq!(offers["TrainingPlanOfferings"], json!([]));
}

#[tokio::test]
async fn a_quota_is_raised_when_aws_has_decided() {
    let server = account();
    let aws = Client::of(&server);
    let named = json!({"ServiceCode": "ec2", "QuotaCode": "L-417A185B"});
    let value = async || {
        let quota = aws.call("service-quotas", "GetServiceQuota", named.clone()).await;
        quota["Quota"]["Value"].as_f64().expect("a number")
    };
    let before = value().await;
    let ask = |more: f64| json!({"ServiceCode": "ec2", "QuotaCode": "L-417A185B", "DesiredValue": more});
    assert_eq!(
        aws.code("service-quotas", "RequestServiceQuotaIncrease", ask(before)).await,
        "IllegalArgumentException"
    );
    let asked = aws.call("service-quotas", "RequestServiceQuotaIncrease", ask(before * 2.0)).await;
    assert_eq!(asked["RequestedQuota"]["Status"], "PENDING");
    assert_eq!(
        aws.code("service-quotas", "RequestServiceQuotaIncrease", ask(before * 3.0)).await,
        "ResourceAlreadyExistsException"
    );
    assert!((value().await - before).abs() < 0.1, "not yet");
    server.advance(Duration::from_mins(20));
    assert!((value().await - before * 2.0).abs() < 0.1);
    aws.call("service-quotas", "RequestServiceQuotaIncrease", ask(before * 100.0)).await;
    server.advance(Duration::from_mins(20));
    assert!((value().await - before * 2.0).abs() < 0.1, "people look at that");
    let history =
        aws.call("service-quotas", "ListRequestedServiceQuotaChangeHistory", json!({"ServiceCode": "ec2"})).await;
    let found: Vec<String> =
        history["RequestedQuotas"].as_array().expect("requests").iter().map(|row| text(&row["Status"])).collect();
    assert_eq!(found, ["APPROVED", "CASE_OPENED"]);
}
