use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::{
    catalogue::{self, Entry, model::Protocol},
    service,
};

fn read(service_name: &str, operation: &str, body: &str) -> Result<Value> {
    let loaded = service::load(service_name).expect("a service");
    let prepared = loaded.operation(operation).expect("an operation");
    let (id, schema) = prepared.output.as_ref().expect("an output");
    let root = if loaded.service.protocol == Protocol::Query { Root::Result } else { Root::Outermost };
    read_members(&loaded.schemas, body.as_bytes(), schema, *id, root).map(Value::Object)
}

#[test]
fn what_is_written_means_the_same_however_it_is_written() {
    let body = r#"<?xml version="1.0"?><!-- by hand --><x:R xmlns:x="urn:x"><requestId>r</requestId>
        <reservationSet><item><unknown><deep/>text</unknown><instancesSet><item>
          <instanceId>i-<![CDATA[1]]><!-- and -->2</instanceId><ebsOptimized>true</ebsOptimized>
          <tagSet><item><key>a &lt;b&gt; &#x41;&amp;amp;</key><value> 1 &odd; &</value></item><item/></tagSet>
          <instanceState><code>16</code><name/></instanceState><launchTime>2026-11-21T10:00:00.000Z</launchTime>
        </item></instancesSet></item></reservationSet><nextToken/></x:R>"#;
    let found = read("ec2", "DescribeInstances", body).unwrap();
    assert_eq!(
        found,
        json!({
            "Reservations": [{ "Instances": [{
                "InstanceId": "i-12", "EbsOptimized": true,
                "Tags": [{ "Key": "a <b> A&amp;", "Value": " 1 &odd; &" }, {}],
                "State": { "Code": 16, "Name": "" }, "LaunchTime": "2026-11-21T10:00:00Z",
            }] }],
            "NextToken": "",
        })
    );
}

#[test]
fn a_flattened_list_is_gathered_from_where_its_items_stand() {
    let body = "<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents><Name>b</Name>\
                <Contents><Key>c</Key><Size>x</Size></Contents></ListBucketResult>";
    let found = read("s3", "ListObjectsV2", body).unwrap();
    assert_eq!(found["Contents"], json!([{ "Key": "a", "Size": 1 }, { "Key": "c", "Size": "x" }]));
    assert_eq!(found["Name"], "b");
}

#[test]
fn attributes_are_members_where_the_model_says_so() {
    let body = r#"<AccessControlPolicy><AccessControlList><Grant>
        <Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>me</ID></Grantee>
        </Grant></AccessControlList></AccessControlPolicy>"#;
    let found = read("s3", "GetBucketAcl", body).unwrap();
    assert_eq!(found["Grants"][0]["Grantee"], json!({ "Type": "CanonicalUser", "ID": "me" }));
    let location = read("s3", "GetBucketLocation", "<LocationConstraint>eu-west-1</LocationConstraint>").unwrap();
    assert_eq!(location, json!({ "LocationConstraint": "eu-west-1" }));
}

#[test]
fn the_result_is_found_in_its_envelope_and_without_it() {
    let inner = "<Arn>arn:x</Arn><Account>1</Account>";
    for body in [
        format!("<R><ResponseMetadata/><GetCallerIdentityResult>{inner}</GetCallerIdentityResult></R>"),
        format!("<GetCallerIdentityResult>{inner}</GetCallerIdentityResult>"),
        format!("<R>{inner}<ResponseMetadata/></R>"),
    ] {
        let found = read("sts", "GetCallerIdentity", &body).unwrap();
        assert_eq!(found, json!({ "Arn": "arn:x", "Account": "1" }), "{body}");
    }
    assert_eq!(read("sts", "GetCallerIdentity", "<R/>").unwrap(), json!({}));
}

#[test]
fn maps_are_read_with_the_names_of_their_entries() {
    let body = "<R><GetQueueAttributesResult><Attribute><Name>a</Name><Value>1</Value></Attribute>\
                <Attribute><Value>2</Value><Name>b</Name></Attribute><Attribute><Name>lost</Name></Attribute>\
                </GetQueueAttributesResult></R>";
    let wrapped = "<R><GetAccountSummaryResult><SummaryMap><entry><key>Users</key><value>3</value></entry></SummaryMap>\
                   </GetAccountSummaryResult></R>";
    assert_eq!(read("iam", "GetAccountSummary", wrapped).unwrap(), json!({ "SummaryMap": { "Users": 3 } }));
    if catalogue::service("sqs").unwrap().protocol == Protocol::Query {
        let found = read("sqs", "GetQueueAttributes", body).unwrap();
        assert_eq!(found, json!({ "Attributes": { "a": "1", "b": "2" } }));
    }
}

#[test]
fn what_is_not_well_formed_is_no_answer() {
    for body in [
        "",
        "no element",
        "<R><reservationSet>",
        "<R><reservationSet></R></reservationSet>",
        "<R><nextToken>x</R>",
        "<R><nextToken><deep/></nextToken></R>",
        "<R><unknown>",
        "<R",
    ] {
        assert!(read("ec2", "DescribeInstances", body).is_err(), "{body}");
    }
    let loaded = service::load("ec2").unwrap();
    let (id, schema) = loaded.operation("DescribeInstances").unwrap().output.as_ref().unwrap();
    assert!(read_members(&loaded.schemas, b"<R>\xff</R>", schema, *id, Root::Outermost).is_err());
}

#[test]
fn depth_is_bounded_where_it_is_read_and_free_where_it_is_not() {
    let unknown = format!("<R>{}{}</R>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert_eq!(read("ec2", "DescribeInstances", &unknown).unwrap(), json!({}));
}

/// An element's name alone says which member it is, wherever the search for it begins. The exceptions are operations of S3
/// that AWS took back long ago, where the event of old stands before the list that took its place.
#[test]
fn no_two_members_of_a_body_have_the_same_name() {
    let (mut looked_at, mut twice) = (0, BTreeSet::new());
    for service in catalogue::services().iter().map(Entry::service) {
        if !matches!(service.protocol, Protocol::Ec2 | Protocol::Query | Protocol::RestXml) {
            continue;
        }
        for shape in &service.shapes {
            let Kind::Structure(structure) = &shape.kind else { continue };
            let body = structure.members.iter().filter(|member| member.location == Location::Body);
            let names: Vec<_> = body.map(|member| member.wire_name.unwrap_or(member.name)).collect();
            let distinct: BTreeSet<_> = names.iter().collect();
            if distinct.len() < names.len() {
                twice.insert((service.name, shape.name));
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 1000, "{looked_at}");
    let known = ["CloudFunctionConfiguration", "QueueConfigurationDeprecated", "TopicConfigurationDeprecated"];
    assert_eq!(twice, known.map(|shape| ("s3", shape)).into());
}
