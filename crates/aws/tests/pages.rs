//! Lists against a server on loopback: as a stream, by type and by name.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeSet, ops::RangeInclusive};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trainyard_aws::{Aws, Engine, Operation, Paged, Scope, Settings, StaticCredentials, Wanted};
use trainyard_contract::Reads;
use trainyard_harness::{Endpoint, Reply, Seen};

/// Items of the long list, and how many a page holds.
const ALL: usize = 20_000;
const PAGE: usize = 100;

fn settings(url: String) -> Settings {
    Settings {
        endpoint_url: Some(url),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    }
}

fn json_reply(body: &Value) -> Reply {
    Reply::new(200, "application/x-amz-json-1.1", &body.to_string())
}

fn start(answer: impl Fn(&Value, &Seen) -> Reply + Send + Sync + 'static) -> (Endpoint, Engine) {
    let endpoint =
        Endpoint::start(move |seen| answer(&serde_json::from_str(&seen.body).unwrap_or_default(), seen)).unwrap();
    let engine = Engine::new(settings(endpoint.url()));
    (endpoint, engine)
}

/// SageMaker with as many clusters as wanted. Each fills two kilobytes.
fn clusters(request: &Value, all: usize, most: usize) -> Reply {
    let from = request["NextToken"].as_str().map_or(0, |token| token.parse::<usize>().unwrap());
    let asked = request["MaxResults"].as_u64().map_or(most, |asked| usize::try_from(asked).unwrap());
    let to = (from + asked.min(most)).min(all);
    let summaries: Vec<Value> = (from..to)
        .map(|number| {
            let padding = "x".repeat(2000);
            json!({"ClusterName": format!("c{number}"), "ClusterArn": padding, "ClusterStatus": "InService",
                "CreationTime": 1_790_000_000})
        })
        .collect();
    let mut page = json!({"ClusterSummaries": summaries});
    if to < all {
        page["NextToken"] = to.to_string().into();
    }
    json_reply(&page)
}

#[tokio::test]
async fn a_page_is_asked_for_when_it_is_wanted_and_not_before() {
    let (endpoint, engine) = start(|request, _| clusters(request, ALL, PAGE));
    let mut stream = engine.page_stream("sagemaker", "ListClusters", json!({}), &Scope::default(), None).unwrap();
    assert_eq!(endpoint.take().len(), 0, "nothing is asked for before a page is wanted");
    let (mut names, mut pages) = (BTreeSet::new(), 0);
    while let Some(page) = stream.next().await {
        pages += 1;
        let page = page.unwrap();
        for cluster in page.output["ClusterSummaries"].as_array().unwrap() {
            assert!(names.insert(cluster["ClusterName"].as_str().unwrap().to_owned()));
        }
        assert_eq!(endpoint.take().len(), 1);
    }
    assert_eq!((names.len(), pages), (ALL, ALL / PAGE));
}

#[derive(Serialize, Default)]
struct ListClusters;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Clusters {
    cluster_summaries: Vec<Cluster>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cluster {
    cluster_name: String,
}

impl Operation for ListClusters {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "ListClusters";
    type Needs = Reads;
    type Reply = Clusters;
}

impl Paged for ListClusters {
    type Item = String;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(3..=7)
    }

    /// Two items a cluster: what a tool lists need not be what the service lists.
    fn items(reply: Clusters) -> Vec<String> {
        let half = |cluster: Cluster| [format!("{}a", cluster.cluster_name), format!("{}b", cluster.cluster_name)];
        reply.cluster_summaries.into_iter().flat_map(half).collect()
    }
}

fn expected(clusters: usize) -> Vec<String> {
    (0..clusters).flat_map(|number| [format!("c{number}a"), format!("c{number}b")]).collect()
}

#[tokio::test]
async fn every_limit_hands_out_each_item_once() {
    let (_endpoint, engine) = start(|request, _| clusters(request, 20, 5));
    let aws = Aws::<Reads>::new(engine, Scope::default());
    for limit in [1, 2, 3, 7, 10, 11, 39, 40, 41] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let wanted = Wanted { limit, cursor: cursor.as_ref(), binding: "b" };
            let found = aws.list(&ListClusters, wanted).await.unwrap();
            assert!(found.items.len() <= limit);
            assert_eq!(found.pages[0].start, 0);
            seen.extend(found.items);
            cursor = found.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected(20), "limit {limit}");
    }
}

#[tokio::test]
async fn a_list_that_was_cut_goes_on_from_the_page_that_it_was_cut_in() {
    let (_endpoint, engine) = start(|request, _| clusters(request, 20, 5));
    let aws = Aws::<Reads>::new(engine, Scope::default());
    let whole = aws.list(&ListClusters, Wanted { limit: 40, cursor: None, binding: "b" }).await.unwrap();
    assert!(whole.pages.len() >= 4);
    for cut in 0..40 {
        // As dispatch does it: the page that the cut falls into, and so many rows further.
        let mark = whole.pages.iter().rev().find(|mark| mark.start <= cut).unwrap();
        let cursor = mark.cursor.further(cut - mark.start);
        let rest = aws.list(&ListClusters, Wanted { limit: 40, cursor: Some(&cursor), binding: "b" }).await.unwrap();
        assert_eq!(rest.items, expected(20)[cut..], "cut at {cut}");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_the_call_that_it_was_made_by() {
    let (_endpoint, engine) = start(|request, _| clusters(request, 20, 5));
    let aws = Aws::<Reads>::new(engine, Scope::default());
    let found = aws.list(&ListClusters, Wanted { limit: 3, cursor: None, binding: "b" }).await.unwrap();
    let wanted = Wanted { limit: 3, cursor: found.next.as_ref(), binding: "other" };
    assert!(aws.list(&ListClusters, wanted).await.unwrap_err().message().contains("other arguments"));
    let named = aws.call_pages("sagemaker", "ListClusters", json!({}), Wanted { binding: "other", ..wanted }).await;
    assert!(named.is_err());
}

#[tokio::test]
async fn an_endpoint_that_repeats_itself_or_never_ends_does_not_keep_us() {
    let (_endpoint, engine) = start(|_, _| json_reply(&json!({"ClusterSummaries": [], "NextToken": "same"})));
    let aws = Aws::<Reads>::new(engine, Scope::default());
    let wanted = Wanted { limit: 5, cursor: None, binding: "b" };
    let found = aws.list(&ListClusters, wanted).await.unwrap();
    assert_eq!((found.pages.len(), found.next), (2, None));
    let (_endpoint, engine) = start(|request, _| {
        let next = request["NextToken"].as_str().map_or(0, |token| token.parse::<usize>().unwrap()) + 1;
        json_reply(&json!({"ClusterSummaries": [], "NextToken": next.to_string()}))
    });
    let aws = Aws::<Reads>::new(engine, Scope::default());
    let found = aws.list(&ListClusters, wanted).await.unwrap();
    assert_eq!(found.pages.len(), 500);
    assert!(found.next.is_some(), "what there may be more of is not said to be all");
}

#[tokio::test]
async fn several_tokens_travel_together() {
    let (endpoint, engine) = start(|_, seen| {
        let set = |name: &str, more: bool| {
            let next = "<NextRecordName>b.example.</NextRecordName><NextRecordType>A</NextRecordType>";
            format!(
                "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>{name}</Name>\
                 <Type>A</Type></ResourceRecordSet></ResourceRecordSets><IsTruncated>{more}</IsTruncated>{next}\
                 <MaxItems>1</MaxItems></ListResourceRecordSetsResponse>"
            )
        };
        let second = seen.path.contains("name=b.example.") && seen.path.contains("type=A");
        Reply::new(200, "text/xml", &if second { set("b", false) } else { set("a", true) })
    });
    let aws = Aws::<Reads>::new(engine, Scope::default());
    let call = |limit, cursor| {
        let wanted = Wanted { limit, cursor, binding: "b" };
        aws.call_pages("route53", "ListResourceRecordSets", json!({"HostedZoneId": "Z1"}), wanted)
    };
    let whole = call(10, None).await.unwrap();
    let names: Vec<&str> = whole.output["ResourceRecordSets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| set["Name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert!(whole.next.is_none(), "the service said that this was all, whatever else it named");
    let first = call(1, None).await.unwrap();
    let second = call(1, first.next.as_ref()).await.unwrap();
    assert_eq!(second.output["ResourceRecordSets"][0]["Name"], "b");
    assert_eq!(endpoint.take().len(), 4);
}
