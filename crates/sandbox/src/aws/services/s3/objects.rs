//! Objects: put, got in whole or in part, copied, deleted.

use aws_smithy_types::{DateTime, date_time::Format};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{bucket, bytes, exists, id, no_key, object, tag, text_of};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[
    ("s3", "CopyObject", copy),
    ("s3", "DeleteObject", delete),
    ("s3", "DeleteObjects", delete_many),
    ("s3", "GetObject", get),
    ("s3", "HeadObject", head),
    ("s3", "PutObject", put),
];

/// What an object keeps of the call that put it, beside its body.
pub(super) const KEPT: &[&str] = &[
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Metadata",
    "StorageClass",
];
/// Checksums that a caller may give.
const CHECKSUMS: &[&str] =
    &["ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256", "ChecksumType"];

/// Members of a call or a row, those that it has.
pub(super) fn kept(of: &Value, names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), of.get(*name).filter(|value| !value.is_null())?.clone())))
        .collect()
}

/// Puts an object in place of another.
pub(super) fn keep(cx: &mut Cx<'_>, bucket: &str, key: &str, body: &[u8], of: &Value, etag: &str) -> Value {
    let mut row = json!({
        "Key": key, "Size": body.len(), "ETag": etag, "LastModified": cx.account.stamp(), "_bucket": bucket, "_body": text_of(body),
        "_kept": kept(of, KEPT), "_tags": [],
    });
    let checksums = kept(of, CHECKSUMS);
    row["_checksums"] = checksums.into();
    cx.insert(Table::S3Objects, &id(bucket, key), row.clone());
    row
}

fn put(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (bucket, key, body) = (bucket(cx)?, cx.name("Key"), bytes(&cx.input["Body"]));
    if let Some(given) = cx.text("ContentMD5") {
        let digest = <md5::Md5 as md5::Digest>::digest(&body);
        if text_of(&digest) != given {
            return Err(Refusal::new(
                400,
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
    }
    let there = cx.get(Table::S3Objects, &id(&bucket, &key));
    let failed =
        || Refusal::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    match (cx.text("IfNoneMatch"), cx.text("IfMatch"), there) {
        (Some("*"), _, Some(_)) => return Err(failed()),
        (_, Some(_), None) => return Err(no_key()),
        (_, Some(wanted), Some(row)) if !same(wanted, row) => return Err(failed()),
        _ => {}
    }
    let tags = super::tags::in_header(cx)?;
    let (of, etag) = (cx.input.clone(), tag(&body));
    let row = keep(cx, &bucket, &key, &body, &of, &etag);
    if let Some(tags) = tags {
        cx.put(Table::S3Objects, &id(&bucket, &key), "/_tags", tags);
    }
    let mut output = row["_checksums"].clone();
    output["ETag"] = etag.into();
    Ok(output)
}

/// Whether an entity tag is that of an object.
fn same(wanted: &str, row: &Value) -> bool {
    wanted == "*" || row["ETag"].as_str().is_some_and(|tag| tag.trim_matches('"') == wanted.trim_matches('"'))
}

/// Refuses where a condition of the call does not hold.
fn conditions(cx: &Cx<'_>, row: &Value) -> Result<(), Refusal> {
    let moment = |text: &str| DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    let changed = row["LastModified"].as_str().and_then(moment);
    let since = |member: &str| cx.text(member).and_then(moment);
    let failed =
        || Refusal::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    let unchanged = || Refusal::new(304, "NotModified", "Not Modified");
    if cx.text("IfMatch").is_some_and(|wanted| !same(wanted, row))
        || since("IfUnmodifiedSince").is_some_and(|since| changed > Some(since))
    {
        return Err(failed());
    }
    if cx.text("IfNoneMatch").is_some_and(|wanted| same(wanted, row))
        || since("IfModifiedSince").is_some_and(|since| changed <= Some(since))
    {
        return Err(unchanged());
    }
    Ok(())
}

/// First byte and the one after the last of a range such as `bytes=0-99`; none where it is no range.
pub(super) fn range(text: &str, size: usize) -> Result<Option<(usize, usize)>, Refusal> {
    let unsatisfiable = || Refusal::new(416, "InvalidRange", "The requested range is not satisfiable");
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() => (first, size),
        (Err(_), Ok(last)) if first.is_empty() && last > 0 => (size.saturating_sub(last), size),
        _ => return Ok(None),
    };
    if start >= size { Err(unsatisfiable()) } else { Ok(Some((start, end))) }
}

fn described(cx: &Cx<'_>, row: &Value) -> Value {
    let mut output = row["_kept"].clone();
    output["ETag"] = row["ETag"].clone();
    output["LastModified"] = row["LastModified"].clone();
    output["AcceptRanges"] = "bytes".into();
    if output["ContentType"].is_null() {
        output["ContentType"] = "binary/octet-stream".into();
    }
    if let Some(tags) = row["_tags"].as_array().filter(|tags| !tags.is_empty()) {
        output["TagCount"] = tags.len().into();
    }
    if cx.text("ChecksumMode") == Some("ENABLED") && cx.text("Range").is_none() {
        for (name, value) in row["_checksums"].as_object().into_iter().flatten() {
            output[name.as_str()] = value.clone();
        }
    }
    output
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = object(cx)?;
    conditions(cx, row)?;
    let (whole, mut output) = (bytes(&row["_body"]), described(cx, row));
    let part = cx.text("Range").map(|text| range(text, whole.len())).transpose()?.flatten();
    let body = match part {
        Some((start, end)) => {
            output["ContentRange"] = format!("bytes {start}-{}/{}", end - 1, whole.len()).into();
            &whole[start..end]
        }
        None => &whole[..],
    };
    for (asked, member) in
        [("ResponseContentType", "ContentType"), ("ResponseContentDisposition", "ContentDisposition")]
    {
        if let Some(text) = cx.text(asked) {
            output[member] = text.into();
        }
    }
    output["ContentLength"] = body.len().into();
    output["Body"] = text_of(body);
    Ok(output)
}

fn head(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = object(cx)?;
    conditions(cx, row)?;
    let mut output = described(cx, row);
    output["ContentLength"] = row["Size"].clone();
    Ok(output)
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = id(&bucket(cx)?, &cx.name("Key"));
    // One that is not there is as good as deleted.
    cx.remove(Table::S3Objects, &id);
    Ok(json!({}))
}

fn delete_many(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let bucket = bucket(cx)?;
    let mut deleted = Vec::new();
    for object in cx.input["Delete"]["Objects"].as_array().cloned().unwrap_or_default() {
        cx.remove(Table::S3Objects, &id(&bucket, object["Key"].as_str().unwrap_or_default()));
        deleted.push(json!({ "Key": object["Key"] }));
    }
    Ok(if cx.input["Delete"]["Quiet"] == true { json!({}) } else { json!({ "Deleted": deleted }) })
}

/// The object that is to be copied: `bucket/key`, escaped.
pub(super) fn source(cx: &Cx<'_>) -> Result<Value, Refusal> {
    let given = cx.name("CopySource");
    let text = percent_decode_str(given.trim_start_matches('/')).decode_utf8_lossy().into_owned();
    let text = text.split("?versionId=").next().unwrap_or_default();
    let (from, key) =
        text.split_once('/').ok_or_else(|| Refusal::new(400, "InvalidArgument", "Invalid copy source object key"))?;
    exists(cx, from)?;
    cx.get(Table::S3Objects, &id(from, key)).cloned().ok_or_else(no_key)
}

fn copy(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (bucket, key, row) = (bucket(cx)?, cx.name("Key"), source(cx)?);
    let anew = cx.text("MetadataDirective") == Some("REPLACE");
    if row["_bucket"] == bucket.as_str() && row["Key"] == key.as_str() && !anew && cx.text("StorageClass").is_none() {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
                       metadata, storage class, website redirect location or encryption attributes.";
        return Err(Refusal::new(400, "InvalidRequest", message));
    }
    let mut of = if anew { cx.input.clone() } else { row["_kept"].clone() };
    if let Some(class) = cx.text("StorageClass") {
        of["StorageClass"] = class.into();
    }
    for (name, value) in row["_checksums"].as_object().into_iter().flatten() {
        of[name.as_str()] = value.clone();
    }
    let body = bytes(&row["_body"]);
    let made = keep(cx, &bucket, &key, &body, &of, &tag(&body));
    if cx.text("TaggingDirective") != Some("REPLACE") {
        cx.put(Table::S3Objects, &id(&bucket, &key), "/_tags", row["_tags"].clone());
    }
    Ok(json!({ "CopyObjectResult": { "ETag": made["ETag"], "LastModified": made["LastModified"] } }))
}
