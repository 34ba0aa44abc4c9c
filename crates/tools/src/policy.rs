//! What an operator's policy asks about a call and its arguments do not say: account, region, tags, and what a free call
//! would send and reach. Read access only; what cannot be found out stays unknown.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use trainyard_aws::{Aws, Scope, catalogue};
use trainyard_contract::{Found, Inquiry, Reads, Result};

use crate::App;

/// Operations that are sent to find out what policies ask about tags.
pub const SENT_FOR_POLICIES: &[&str] =
    &["ec2:DescribeTags", "sagemaker:DescribeCluster", "sagemaker:ListTags", "cloudformation:DescribeStacks"];

/// The free tool: its arguments name service, operation and parameters.
pub(crate) const FREE: &str = "aws_call";

type Tags = BTreeMap<String, String>;

pub(crate) async fn facts(app: &App, inquiry: Inquiry<'_>) -> Found {
    let text = |name: &str| inquiry.arguments.get(name).and_then(Value::as_str).map(str::to_owned);
    let region = text("region").or_else(|| text("region_name")).or_else(|| one_of(&inquiry.arguments["regions"]));
    let scope = Scope { profile: text("profile").or_else(|| text("profile_name")), region, ..Scope::default() };
    let aws: Aws<Reads> = app.aws_as(inquiry.principal, scope);
    let mut found = Found::default();
    if inquiry.tool == FREE {
        (found.operations, found.clusters) = free(inquiry.arguments);
    } else {
        found.operations = operations(inquiry.tool, inquiry.call);
    }
    if let Some(call) = crate::k8s::facts(&app.kubernetes, &inquiry) {
        (found.clusters, found.kinds) = call;
    }
    if inquiry.region {
        found.region = app.aws.describe_scope(aws.scope()).await.region.ok().map(|(region, _)| region);
    }
    if inquiry.account {
        let caller = aws.call("sts", "GetCallerIdentity", json!({})).await;
        found.account = caller.ok().and_then(|reply| reply.output["Account"].as_str().map(str::to_owned));
    }
    if inquiry.tags
        && let Some(target) = inquiry.target
    {
        let tags = match target.system {
            "kubernetes" => crate::k8s::labels(&app.kubernetes_as(inquiry.principal), inquiry.arguments).await,
            _ => tags(&aws, &target.kind, &target.ids).await,
        };
        // Tags that cannot be read are not known, and the policy says so where that decides.
        found.tags = tags.unwrap_or_default();
    }
    found
}

/// What each call may send: the operations that its code can reach, written down by a test that reads the sources.
static REACHED: &str = include_str!("../operations.tsv");

/// Every AWS operation that a call of a tool, or its plan, may send, as `ec2:DescribeInstances`. `None` where only the
/// arguments tell.
pub fn operations(tool: &str, call: &str) -> Option<Vec<String>> {
    let line = REACHED.lines().find_map(|line| {
        let mut cells = line.split('\t');
        (cells.next() == Some(tool) && cells.next() == Some(call)).then(|| cells.next())?
    })?;
    Some(line.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// The only one of a list.
fn one_of(list: &Value) -> Option<String> {
    match list.as_array().map(Vec::as_slice) {
        Some([Value::String(one)]) if one != "*" => Some(one.clone()),
        _ => None,
    }
}

/// Operation and clusters of a free call. An empty list of clusters says that the call may reach one and does not say
/// which; `None`, that it reaches none.
fn free(arguments: &Value) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
    let Ok(service) = catalogue::service(text("service")) else { return (None, None) };
    let Some(operation) = service.find_operation(text("operation")) else { return (None, None) };
    let mut clusters = Vec::new();
    if let Some(parameters) = arguments["parameters"].as_object() {
        named(parameters, &mut clusters);
        let own = ["eks", "sagemaker", "ecs"].contains(&service.name) && operation.name.ends_with("Cluster");
        // EKS and SageMaker call a cluster `name` where the operation is about nothing else.
        clusters.extend(parameters.get("name").filter(|_| own).and_then(Value::as_str).map(str::to_owned));
    }
    let may_reach = !clusters.is_empty() || ["eks", "sagemaker", "ecs"].contains(&service.name);
    (Some(vec![format!("{}:{}", service.name, operation.name)]), may_reach.then_some(clusters))
}

/// Every text whose name says that it is a cluster.
fn named(members: &Map<String, Value>, clusters: &mut Vec<String>) {
    for (name, value) in members {
        let about = name.to_ascii_lowercase();
        match value {
            Value::String(text) if about.ends_with("cluster") || about.ends_with("clustername") => {
                clusters.push(text.rsplit('/').next().unwrap_or(text).to_owned());
            }
            Value::Object(inner) => named(inner, clusters),
            _ => {}
        }
    }
}

/// Tags of each of `ids`, for the kinds that can be read; `None` for others.
async fn tags(aws: &Aws<Reads>, kind: &str, ids: &[String]) -> Result<Option<Vec<Tags>>> {
    if ids.is_empty() {
        return Ok(None);
    }
    if kind.starts_with("new ") {
        return Ok(Some(Vec::new()));
    }
    // Nodes of HyperPod bear ids of EC2 as well, but live in an account that nobody can look into.
    let elsewhere = kind.starts_with("hyperpod ") || kind.starts_with("sagemaker ");
    if !elsewhere && ids.iter().all(|id| is_ec2(id)) {
        return ec2(aws, ids).await.map(Some);
    }
    let [one] = ids else { return Ok(None) };
    match kind {
        "hyperpod cluster" => cluster(aws, one).await.map(|tags| Some(vec![tags])),
        "cloudformation stack" => stack(aws, one).await.map(|tags| Some(vec![tags])),
        _ => Ok(None),
    }
}

/// `i-0123456789abcdef0`, `vol-…`, `subnet-…`: one look-up answers for all of them.
fn is_ec2(id: &str) -> bool {
    id.rsplit_once('-').is_some_and(|(kind, number)| {
        !kind.is_empty()
            && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            && (8..=17).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

async fn ec2(aws: &Aws<Reads>, ids: &[String]) -> Result<Vec<Tags>> {
    let mut by_id: BTreeMap<&str, Tags> = ids.iter().map(|id| (id.as_str(), Tags::new())).collect();
    let mut input = json!({ "Filters": [{ "Name": "resource-id", "Values": ids }] });
    loop {
        let reply = aws.call("ec2", "DescribeTags", input.clone()).await?.output;
        for tag in reply["Tags"].as_array().into_iter().flatten() {
            let text = |name: &str| tag[name].as_str().unwrap_or_default();
            if let Some(tags) = by_id.get_mut(text("ResourceId")) {
                tags.insert(text("Key").to_owned(), text("Value").to_owned());
            }
        }
        match reply["NextToken"].as_str() {
            Some(next) if !next.is_empty() => input["NextToken"] = next.into(),
            _ => return Ok(by_id.into_values().collect()),
        }
    }
}

async fn cluster(aws: &Aws<Reads>, name: &str) -> Result<Tags> {
    let found = aws.call("sagemaker", "DescribeCluster", json!({ "ClusterName": name })).await?.output;
    let tags = aws.call("sagemaker", "ListTags", json!({ "ResourceArn": found["ClusterArn"] })).await?.output;
    Ok(pairs(&tags["Tags"]))
}

async fn stack(aws: &Aws<Reads>, name: &str) -> Result<Tags> {
    let found = aws.call("cloudformation", "DescribeStacks", json!({ "StackName": name })).await?.output;
    Ok(pairs(&found["Stacks"][0]["Tags"]))
}

fn pairs(tags: &Value) -> Tags {
    let text = |tag: &Value, name: &str| tag[name].as_str().unwrap_or_default().to_owned();
    tags.as_array().into_iter().flatten().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_call_is_known_by_its_own_name_however_it_is_spelt() {
        let call = |service: &str, operation: &str, parameters: Value| {
            free(&json!({ "service": service, "operation": operation, "parameters": parameters }))
        };
        let (operations, clusters) = call("ec2", "terminate-instances", json!({ "InstanceIds": ["i-1"] }));
        assert_eq!((operations.unwrap(), clusters), (vec!["ec2:TerminateInstances".to_owned()], None));
        assert_eq!(call("eks", "DeleteCluster", json!({ "name": "prod-1" })).1.unwrap(), ["prod-1"]);
        assert_eq!(
            call("eks", "DeleteNodegroup", json!({ "clusterName": "a", "nodegroupName": "b" })).1.unwrap(),
            ["a"]
        );
        let arn = json!({ "ClusterName": "arn:aws:sagemaker:eu-west-1:1:cluster/abc" });
        assert_eq!(call("sagemaker", "DeleteCluster", arn).1.unwrap(), ["abc"]);
        assert_eq!(call("sagemaker", "DeleteEndpoint", json!({})).1.unwrap(), [""; 0], "not known");
    }

    #[test]
    fn ids_of_ec2_are_recognised() {
        for id in ["i-0123456789abcdef0", "vol-01234567", "eipalloc-0123456789abcdef0"] {
            assert!(is_ec2(id), "{id}");
        }
        for id in ["my-cluster", "i-", "bucket-12345678x", "A-01234567"] {
            assert!(!is_ec2(id), "{id}");
        }
    }

    #[test]
    fn what_is_sent_for_policies_only_reads() {
        for name in SENT_FOR_POLICIES {
            let (service, operation) = name.split_once(':').unwrap();
            let operation = catalogue::service(service).unwrap().operation(operation).unwrap();
            assert_eq!(trainyard_aws::effect(operation), trainyard_contract::Effect::Reads, "{name}");
        }
    }
}
