//! Tags of objects and buckets.

use serde_json::{Value, json};

use super::{bucket, object};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[
    ("s3", "DeleteBucketTagging", delete_of_bucket),
    ("s3", "DeleteObjectTagging", delete),
    ("s3", "GetBucketTagging", get_of_bucket),
    ("s3", "GetObjectTagging", get),
    ("s3", "PutBucketTagging", put_of_bucket),
    ("s3", "PutObjectTagging", put),
];

/// Tags that an object can have.
const MOST: usize = 10;

/// The tags that a put brings in its header: `a=1&b=2`.
pub(super) fn in_header(cx: &Cx<'_>) -> Result<Option<Value>, Refusal> {
    let Some(text) = cx.text("Tagging") else { return Ok(None) };
    let pairs = form_urlencoded::parse(text.as_bytes());
    let tags: Vec<Value> = pairs.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    checked(&tags)?;
    Ok(Some(tags.into()))
}

fn checked(tags: &[Value]) -> Result<(), Refusal> {
    if tags.len() > MOST {
        return Err(Refusal::new(400, "BadRequest", format!("Object tags cannot be greater than {MOST}")));
    }
    let twice = tags.iter().enumerate().any(|(at, tag)| tags[..at].iter().any(|other| other["Key"] == tag["Key"]));
    if twice {
        return Err(Refusal::new(400, "InvalidTag", "Cannot provide multiple Tags with the same key"));
    }
    Ok(())
}

fn given(cx: &Cx<'_>) -> Vec<Value> {
    cx.input["Tagging"]["TagSet"].as_array().cloned().unwrap_or_default()
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = object(cx)?;
    Ok(json!({ "TagSet": row["_tags"] }))
}

fn put(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, _) = object(cx)?;
    let tags = given(cx);
    checked(&tags)?;
    cx.put(Table::S3Objects, &id, "/_tags", tags.into());
    Ok(json!({}))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, _) = object(cx)?;
    cx.put(Table::S3Objects, &id, "/_tags", json!([]));
    Ok(json!({}))
}

fn get_of_bucket(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = bucket(cx)?;
    let tags = cx.get(Table::S3Buckets, &name).map(|row| row["_tags"].clone()).unwrap_or_default();
    if tags.as_array().is_none_or(Vec::is_empty) {
        return Err(Refusal::new(404, "NoSuchTagSet", "The TagSet does not exist"));
    }
    Ok(json!({ "TagSet": tags }))
}

fn put_of_bucket(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, tags) = (bucket(cx)?, given(cx));
    cx.put(Table::S3Buckets, &name, "/_tags", tags.into());
    Ok(json!({}))
}

fn delete_of_bucket(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = bucket(cx)?;
    cx.put(Table::S3Buckets, &name, "/_tags", json!([]));
    Ok(json!({}))
}
