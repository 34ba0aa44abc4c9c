//! Buckets.

use serde_json::{Value, json};

use super::{bucket, owner};
use crate::aws::{
    account::{Account, Cx},
    services::Operations,
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("s3", "CreateBucket", create),
    ("s3", "DeleteBucket", delete),
    ("s3", "GetBucketLocation", location),
    ("s3", "GetBucketVersioning", versioning),
    ("s3", "HeadBucket", head),
    ("s3", "ListBuckets", list),
];

/// Puts a bucket into the account.
pub(in crate::aws) fn new(account: &mut Account, region: &str, name: &str) {
    let row = json!({ "Name": name, "CreationDate": account.stamp(), "BucketRegion": region, "_tags": [] });
    account.insert("", Table::S3Buckets, name, row);
}

/// Whether a bucket can be called so.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = name.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'.'));
    let ends = [name.bytes().next(), name.bytes().last()].iter().all(|end| end.is_some_and(plain));
    (3..=63).contains(&name.len()) && inner && ends && !name.contains("..")
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("Bucket");
    if !is_name(&name) {
        return Err(Refusal::new(400, "InvalidBucketName", "The specified bucket is not valid."));
    }
    let wanted = cx.input["CreateBucketConfiguration"]["LocationConstraint"].as_str();
    if wanted.unwrap_or("us-east-1") != cx.region {
        let message = format!(
            "The {} location constraint is incompatible for the region specific endpoint this request was sent to.",
            wanted.unwrap_or("unspecified")
        );
        return Err(Refusal::new(400, "IllegalLocationConstraintException", message));
    }
    if cx.get(Table::S3Buckets, &name).is_some() {
        // In the oldest region it is no failure to make one's own bucket again.
        if cx.region == "us-east-1" {
            return Ok(json!({ "Location": format!("/{name}") }));
        }
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(Refusal::new(409, "BucketAlreadyOwnedByYou", message));
    }
    new(cx.account, cx.region, &name);
    Ok(json!({ "Location": format!("http://{name}.s3.amazonaws.com/") }))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = bucket(cx)?;
    if cx.rows(Table::S3Objects).any(|row| row["_bucket"] == name) {
        return Err(Refusal::new(409, "BucketNotEmpty", "The bucket you tried to delete is not empty"));
    }
    cx.remove(Table::S3Buckets, &name);
    Ok(json!({}))
}

fn head(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    bucket(cx)?;
    Ok(json!({ "BucketRegion": cx.region }))
}

fn location(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    bucket(cx)?;
    // The oldest region has no name here.
    Ok(if cx.region == "us-east-1" { json!({}) } else { json!({ "LocationConstraint": cx.region }) })
}

fn versioning(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    bucket(cx)?;
    Ok(json!({}))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (prefix, region) = (cx.text("Prefix").unwrap_or_default(), cx.text("BucketRegion"));
    let fits = |row: &&Value| {
        row["Name"].as_str().is_some_and(|name| name.starts_with(prefix))
            && region.is_none_or(|region| row["BucketRegion"] == region)
    };
    let mut rows: Vec<Value> = cx.rows(Table::S3Buckets).filter(fits).map(crate::aws::services::ec2::shown).collect();
    rows.sort_by(|one, other| one["Name"].as_str().cmp(&other["Name"].as_str()));
    Ok(json!({ "Buckets": rows, "Owner": owner(cx) }))
}
