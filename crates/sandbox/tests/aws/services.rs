//! What stands around the machines: HyperPod, EKS, metrics, prices and quotas, through the client that the project ships.

use std::time::Duration;

use serde_json::{Value, json};

use super::state::{Client, account, text};

#[tokio::test]
async fn series_are_the_same_for_the_same_moment_and_what_a_setting_says_holds() {
    let server = account();
    let aws = Client::of(&server);
    let list = json!({"Namespace": "ContainerInsights", "MetricName": "node_gpu_utilization"});
    let metrics = aws.call("cloudwatch", "ListMetrics", list).await;
    let metrics = metrics["Metrics"].as_array().expect("a list");
    // Eight nodes with H100, one with A100 in parts, and the cluster as a whole.
    assert_eq!(metrics.len(), 10);
    let one = &metrics[1];
    let question = json!({
        "Namespace": "ContainerInsights", "MetricName": "node_gpu_utilization", "Dimensions": one["Dimensions"],
        "StartTime": "2026-11-21T08:00:00Z", "EndTime": "2026-11-21T09:00:00Z", "Period": 600, "Statistics": ["Average", "Maximum"],
    });
    let first = aws.call("cloudwatch", "GetMetricStatistics", question.clone()).await;
    let points = first["Datapoints"].as_array().expect("a list");
    assert_eq!(points.len(), 6);
    assert!(points.iter().all(|point| point["Average"].as_f64().is_some_and(|value| (40.0..=98.0).contains(&value))));
    assert_eq!(first, aws.call("cloudwatch", "GetMetricStatistics", question.clone()).await);
    let node =
        one["Dimensions"].as_array().expect("a list").iter().find(|it| it["Name"] == "NodeName").expect("a name");
    let idle = json!({"metrics": [{"metric": "node_gpu_utilization", "dimensions": {"NodeName": node["Value"]}, "value": 0, "since_seconds": 86_400}]});
    server.set(&serde_json::from_value(idle).expect("a setting")).expect("a sound setting");
    let data = json!({
        "StartTime": "2026-11-21T08:00:00Z", "EndTime": "2026-11-21T09:00:00Z", "ScanBy": "TimestampAscending",
        "MetricDataQueries": [{"Id": "m", "MetricStat": {"Period": 600, "Stat": "p90", "Metric": {
            "Namespace": "ContainerInsights", "MetricName": "node_gpu_utilization", "Dimensions": one["Dimensions"]}}}],
    });
    let told = aws.call("cloudwatch", "GetMetricData", data).await;
    assert_eq!(told["MetricDataResults"][0]["Values"], json!([0.0, 0.0, 0.0, 0.0, 0.0, 0.0]));
    let mut wrong = question.clone();
    wrong["Period"] = json!(61);
    assert_eq!(aws.code("cloudwatch", "GetMetricStatistics", wrong).await, "InvalidParameterValue");
    let mut long = question;
    long["StartTime"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(aws.code("cloudwatch", "GetMetricStatistics", long).await, "InvalidParameterCombination");
}

#[tokio::test]
async fn nodes_of_hyperpod_are_rebooted_replaced_and_added_and_the_cluster_goes() {
    let server = account();
    let aws = Client::of(&server);
    let named = json!({"ClusterName": "pretrain"});
    let nodes = aws.call("sagemaker", "ListClusterNodes", named.clone()).await;
    let id = |at: usize| text(&nodes["ClusterNodeSummaries"][at]["InstanceId"]);
    let some = json!({"ClusterName": "pretrain", "NodeIds": [id(0), "i-0123456789abcdef0"]});
    let done = aws.call("sagemaker", "BatchRebootClusterNodes", some.clone()).await;
    assert_eq!((&done["Successful"], &done["Failed"][0]["ErrorCode"]), (&json!([id(0)]), &json!("InstanceIdNotFound")));
    let again = aws.call("sagemaker", "BatchRebootClusterNodes", some).await;
    assert_eq!(again["Failed"][0]["ErrorCode"], "InvalidInstanceStatus", "it is on its way");
    let other = json!({"ClusterName": "pretrain", "NodeIds": [id(1)]});
    aws.call("sagemaker", "BatchReplaceClusterNodes", other).await;
    let more = json!({"ClusterName": "pretrain", "NodesToAdd": [{"InstanceGroupName": "workers", "IncrementTargetCountBy": 2}]});
    let added = aws.call("sagemaker", "BatchAddClusterNodes", more).await;
    assert_eq!(added["Successful"].as_array().map(Vec::len), Some(2));
    server.advance(Duration::from_mins(5));
    let nodes = aws.call("sagemaker", "ListClusterNodes", named.clone()).await;
    let nodes = nodes["ClusterNodeSummaries"].as_array().expect("a list");
    assert_eq!(nodes.len(), 7);
    assert!(nodes.iter().all(|node| node["InstanceStatus"]["Status"] == "Running" && node["InstanceId"] != id(1)));
    aws.call("sagemaker", "DeleteCluster", named.clone()).await;
    server.advance(Duration::from_mins(5));
    assert_eq!(aws.code("sagemaker", "DescribeCluster", named).await, "ResourceNotFound");
}

#[tokio::test]
async fn parts_of_an_eks_cluster_are_listed_and_described() {
    let server = account();
    let aws = Client::of(&server);
    let of = json!({"clusterName": "trainyard"});
    for (list, rows, describe, member) in [
        ("ListAddons", "addons", "DescribeAddon", "addonName"),
        ("ListAccessEntries", "accessEntries", "DescribeAccessEntry", "principalArn"),
    ] {
        let names = aws.call("eks", list, of.clone()).await;
        let name = names[rows][0].clone();
        assert!(name.is_string(), "{list}");
        aws.call("eks", describe, json!({"clusterName": "trainyard", member: name})).await;
        let none = json!({"clusterName": "trainyard", member: "nothing"});
        assert_eq!(aws.code("eks", describe, none).await, "ResourceNotFoundException");
        assert_eq!(aws.code("eks", list, json!({"clusterName": "other"})).await, "ResourceNotFoundException");
    }
    for list in ["ListFargateProfiles", "ListPodIdentityAssociations", "ListInsights"] {
        aws.call("eks", list, of.clone()).await;
    }
}

#[tokio::test]
async fn prices_and_quotas_are_those_that_launches_are_held_against() {
    let server = account();
    let aws = Client::of(&server);
    let filters = json!([
        {"Type": "TERM_MATCH", "Field": "instanceType", "Value": "p5.48xlarge"},
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-west-2"},
    ]);
    let found = aws.call("pricing", "GetProducts", json!({"ServiceCode": "AmazonEC2", "Filters": filters})).await;
    let list = found["PriceList"].as_array().expect("a list");
    assert_eq!(list.len(), 1);
    assert!(list[0].to_string().contains("55.04"), "{}", list[0]);
    let code = aws.code("pricing", "GetProducts", json!({"ServiceCode": "AmazonBraket"})).await;
    assert_eq!(code, "NotFoundException");
    let quota = json!({"ServiceCode": "ec2", "QuotaCode": "L-417A185B"});
    // 8 x 192 + 96 virtual CPUs are in use.
    assert_eq!(aws.call("service-quotas", "GetServiceQuota", quota).await["Quota"]["Value"], 2_400.0);
    let none = json!({"ServiceCode": "ec2", "QuotaCode": "L-00000000"});
    assert_eq!(aws.code("service-quotas", "GetServiceQuota", none).await, "NoSuchResourceException");
    let mut token = Value::Null;
    let mut codes = Vec::new();
    loop {
        let input = json!({"ServiceCode": "sagemaker", "MaxResults": 10, "NextToken": token});
        let page = aws.call("service-quotas", "ListServiceQuotas", input).await;
        codes.extend(page["Quotas"].as_array().expect("a list").iter().map(|row| text(&row["QuotaCode"])));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let count = codes.len();
    codes.sort();
    codes.dedup();
    assert_eq!((count > 10, count), (true, codes.len()));
}

#[tokio::test]
async fn a_hyperpod_cluster_grows_and_loses_nodes() {
    let server = account();
    let aws = Client::of(&server);
    let list = aws.call("sagemaker", "ListClusters", json!({})).await;
    assert_eq!(list["ClusterSummaries"].as_array().map(Vec::len), Some(2));
    let named = json!({"ClusterName": "pretrain"});
    let groups = |count: usize| {
        let group = |name: &str, kind: &str, count: usize| {
            json!({
                "InstanceGroupName": name, "InstanceType": kind, "InstanceCount": count, "ExecutionRole": "arn:aws:iam::111122223333:role/r",
                "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-a/", "OnCreate": "on_create.sh"},
            })
        };
        json!({"ClusterName": "pretrain", "InstanceGroups": [group("workers", "ml.p5.48xlarge", count)]})
    };
    assert_eq!(aws.code("sagemaker", "UpdateCluster", groups(3)).await, "ValidationException");
    aws.call("sagemaker", "UpdateCluster", groups(6)).await;
    assert_eq!(aws.code("sagemaker", "UpdateCluster", groups(7)).await, "ConflictException", "it is being updated");
    let workers = async || {
        let found = aws.call("sagemaker", "DescribeCluster", named.clone()).await;
        let group = &found["InstanceGroups"][0];
        (group["CurrentCount"].clone(), group["TargetCount"].clone())
    };
    assert_eq!(workers().await, (json!(4), json!(6)));
    server.advance(Duration::from_mins(5));
    assert_eq!(workers().await, (json!(6), json!(6)));
    let nodes = aws.call("sagemaker", "ListClusterNodes", named.clone()).await;
    let node = text(&nodes["ClusterNodeSummaries"][0]["InstanceId"]);
    let one = json!({"ClusterName": "pretrain", "NodeIds": [node, "i-00000000000000000"]});
    let gone = aws.call("sagemaker", "BatchDeleteClusterNodes", one).await;
    assert_eq!((&gone["Successful"], &gone["Failed"][0]["Code"]), (&json!([node]), &json!("NodeIdNotFound")));
    server.advance(Duration::from_mins(5));
    assert_eq!(workers().await, (json!(5), json!(5)));
    let detail = json!({"ClusterName": "pretrain", "NodeId": node});
    assert_eq!(aws.code("sagemaker", "DescribeClusterNode", detail).await, "ResourceNotFound");
    let events = aws.call("sagemaker", "ListClusterEvents", named).await;
    assert_eq!(events["Events"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn the_eks_cluster_points_to_the_sandbox_and_its_machines_are_there() {
    let server = account();
    let aws = Client::of(&server);
    assert_eq!(aws.call("eks", "ListClusters", json!({})).await["clusters"], json!(["trainyard"]));
    let cluster = aws.call("eks", "DescribeCluster", json!({"name": "trainyard"})).await;
    assert_eq!(cluster["cluster"]["endpoint"], "https://127.0.0.1:6443");
    let groups = aws.call("eks", "ListNodegroups", json!({"clusterName": "trainyard"})).await;
    assert_eq!(groups["nodegroups"], json!(["gpu", "mig", "neuron", "cpu"]));
    let gpu = json!({"clusterName": "trainyard", "nodegroupName": "gpu"});
    let group = aws.call("eks", "DescribeNodegroup", gpu).await;
    assert_eq!(group["nodegroup"]["scalingConfig"]["desiredSize"], 8);
    let of_group = json!({"Filters": [{"Name": "tag:eks:nodegroup-name", "Values": ["gpu"]}]});
    let machines = aws.call("ec2", "DescribeInstances", of_group).await;
    assert_eq!(machines["Reservations"].as_array().map(Vec::len), Some(8));
    assert_eq!(aws.code("eks", "DescribeCluster", json!({"name": "other"})).await, "ResourceNotFoundException");
}
