//! CloudWatch Logs, through the client that the project ships.

use serde_json::{Value, json};

use super::state::{Client, account, text};

/// The moment at which the account of the tests stands.
const NOW: i64 = 1_795_255_200;

async fn query(aws: &Client, group: &str, text_of_query: &str) -> Vec<Value> {
    let input = json!({"logGroupName": group, "startTime": NOW - 86_400, "endTime": NOW, "queryString": text_of_query});
    let id = aws.call("logs", "StartQuery", input).await["queryId"].clone();
    let found = aws.call("logs", "GetQueryResults", json!({ "queryId": id })).await;
    assert_eq!(found["status"], "Complete");
    found["results"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn events_are_written_read_page_by_page_and_looked_for() {
    let server = account();
    let aws = Client::of(&server);
    let (group, stream) = ("/train/run-1", "rank-0");
    aws.call("logs", "CreateLogGroup", json!({"logGroupName": group, "tags": {"team": "research"}})).await;
    assert_eq!(
        aws.code("logs", "CreateLogGroup", json!({"logGroupName": group})).await,
        "ResourceAlreadyExistsException"
    );
    let named = json!({"logGroupName": group, "logStreamName": stream});
    aws.call("logs", "CreateLogStream", named.clone()).await;
    assert_eq!(aws.code("logs", "CreateLogStream", named.clone()).await, "ResourceAlreadyExistsException");
    let events: Vec<Value> = (0..25).map(|step| json!({"timestamp": (NOW - 60) * 1_000 + step, "message": format!("step {step} loss {}", 25 - step)})).collect();
    let put = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
    aws.call("logs", "PutLogEvents", put.clone()).await;
    let mut wrong = put.clone();
    wrong["logEvents"] = json!([{"timestamp": NOW * 1_000, "message": "b"}, {"timestamp": 1, "message": "a"}]);
    assert_eq!(aws.code("logs", "PutLogEvents", wrong.clone()).await, "InvalidParameterException", "out of order");
    wrong["logEvents"] = json!([{"timestamp": 1_000, "message": "a"}]);
    let rejected = aws.call("logs", "PutLogEvents", wrong).await;
    assert_eq!(rejected["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"], 1);

    let (mut token, mut seen) = (Value::Null, Vec::new());
    loop {
        let mut input = named.clone();
        input["limit"] = json!(10);
        input["startFromHead"] = json!(true);
        input["nextToken"] = token.clone();
        let page = aws.call("logs", "GetLogEvents", input).await;
        seen.extend(page["events"].as_array().expect("a list").iter().map(|event| text(&event["message"])));
        if page["nextForwardToken"] == token {
            break;
        }
        token = page["nextForwardToken"].clone();
    }
    assert_eq!((seen.len(), seen[24].as_str()), (25, "step 24 loss 1"));
    let mut last = named.clone();
    last["limit"] = json!(3);
    let page = aws.call("logs", "GetLogEvents", last.clone()).await;
    assert_eq!(page["events"][0]["message"], "step 22 loss 3", "the last ones, oldest first");
    last["nextToken"] = page["nextBackwardToken"].clone();
    let before = aws.call("logs", "GetLogEvents", last.clone()).await;
    assert_eq!(before["events"][2]["message"], "step 21 loss 4");
    last["nextToken"] = json!("x");
    assert_eq!(aws.code("logs", "GetLogEvents", last).await, "InvalidParameterException");

    let (mut token, mut found) = (Value::Null, 0);
    loop {
        let filter = json!({"logGroupName": group, "filterPattern": "\"step 1\"", "limit": 4, "nextToken": token});
        let page = aws.call("logs", "FilterLogEvents", filter).await;
        found += page["events"].as_array().expect("a list").len();
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(found, 11, "1 and 10 to 19");
    let json_pattern = json!({"logGroupName": group, "filterPattern": "{ $.a = 1 }"});
    let error = aws.try_call("logs", "FilterLogEvents", json_pattern).await.expect_err("JSON");
    assert!(error.to_string().contains("not in the sandbox"), "{error}");

    let groups = aws.call("logs", "DescribeLogGroups", json!({"logGroupNamePrefix": "/train"})).await;
    assert_eq!(groups["logGroups"].as_array().map(Vec::len), Some(1));
    assert!(groups["logGroups"][0]["storedBytes"].as_u64().is_some_and(|bytes| bytes > 25 * 26));
    assert_eq!(
        aws.call("logs", "ListTagsLogGroup", json!({"logGroupName": group})).await["tags"],
        json!({"team": "research"})
    );
    assert_eq!(
        aws.code("logs", "PutRetentionPolicy", json!({"logGroupName": group, "retentionInDays": 8})).await,
        "InvalidParameterException"
    );
    aws.call("logs", "PutRetentionPolicy", json!({"logGroupName": group, "retentionInDays": 7})).await;
    aws.call("logs", "DeleteLogGroup", json!({"logGroupName": group})).await;
    assert_eq!(aws.code("logs", "GetLogEvents", named).await, "ResourceNotFoundException");
}

#[tokio::test]
async fn queries_find_sort_and_sum_and_say_what_they_cannot() {
    let server = account();
    let aws = Client::of(&server);
    let lines: Vec<Value> = (0..60_u64)
        .map(|minute| {
            let level = if minute % 10 == 0 { "error" } else { "info" };
            json!({"seconds_ago": minute * 60 + 1, "message": json!({"level": level, "gpu": {"index": minute % 8}, "minute": minute}).to_string()})
        })
        .collect();
    let setting = json!({"logs": [{"group": "/gpu/health", "stream": "gpu-0001", "lines": lines}]});
    server.set(&serde_json::from_value(setting).expect("a setting")).expect("a sound setting");
    let found = query(
        &aws,
        "/gpu/health",
        "fields @timestamp, gpu.index | filter level = \"error\" and minute > 20 | sort @timestamp desc | limit 2",
    )
    .await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0][1], json!({"field": "gpu.index", "value": "6"}));
    let sums = query(&aws, "/gpu/health", "stats count(*) as n, max(minute) by level | sort n asc").await;
    assert_eq!(
        (&sums[0][0]["value"], &sums[0][1]["value"], &sums[1][1]["value"]),
        (&json!("error"), &json!("6"), &json!("54"))
    );
    let bins = query(&aws, "/gpu/health", "stats count(*) by bin(30m)").await;
    let all: u64 = bins.iter().map(|row| text(&row[1]["value"]).parse::<u64>().expect("a number")).sum();
    assert_eq!(all, 60);
    let (brackets, denials) = ("(".repeat(5_000), "not ".repeat(2_000));
    for text in ["parse @message \"*\" as a", &format!("filter {brackets}"), &format!("filter {denials}level = 1")] {
        let wrong = json!({"logGroupName": "/gpu/health", "startTime": 0, "endTime": NOW, "queryString": text});
        let error = aws.try_call("logs", "StartQuery", wrong).await.expect_err(text);
        assert_eq!(error.code_str(), "MalformedQueryException");
        assert!(error.to_string().contains("not in the sandbox"), "{error}");
    }
    let absent = json!({"logGroupName": "/none", "startTime": 0, "endTime": NOW, "queryString": "fields @message"});
    assert_eq!(aws.code("logs", "StartQuery", absent).await, "ResourceNotFoundException");
    let running =
        json!({"logGroupName": "/gpu/health", "startTime": 0, "endTime": NOW, "queryString": "fields @message"});
    let id = aws.call("logs", "StartQuery", running).await;
    assert_eq!(aws.call("logs", "StopQuery", id.clone()).await["success"], true);
    assert_eq!(aws.call("logs", "GetQueryResults", id.clone()).await["status"], "Cancelled");
    assert_eq!(aws.code("logs", "StopQuery", id).await, "InvalidParameterException");
    let queries = aws.call("logs", "DescribeQueries", json!({"status": "Complete"})).await;
    assert_eq!(queries["queries"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn the_fleet_wrote_its_logs_before_the_start() {
    let server = account();
    let aws = Client::of(&server);
    let cluster = aws.call("sagemaker", "DescribeCluster", json!({"ClusterName": "pretrain"})).await;
    let id = text(&cluster["ClusterArn"]).rsplit('/').next().expect("an id").to_owned();
    let group = format!("/aws/sagemaker/Clusters/pretrain/{id}");
    let streams = aws.call("logs", "DescribeLogStreams", json!({"logGroupName": group})).await;
    assert_eq!(streams["logStreams"].as_array().map(Vec::len), Some(5));
    let stream = &streams["logStreams"][0]["logStreamName"];
    let events = aws.call("logs", "GetLogEvents", json!({"logGroupName": group, "logStreamName": stream})).await;
    assert!(text(&events["events"][1]["message"]).contains("of cluster pretrain"), "{events}");
    let found =
        query(&aws, "/aws/eks/trainyard/cluster", "filter @logStream like /^kube-scheduler/ | stats count(*)").await;
    assert_eq!(found[0][0]["value"], "18");
}
