//! Objects: put, got in whole or in part, copied, deleted.

use aws_smithy_types::{DateTime, date_time::Format};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{bucket, bytes, checksums, exists, id, no_key, object, tag, text_of, version_of};
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
/// Objects that can be deleted at once.
const MOST_AT_ONCE: usize = 1_000;

/// Members of a call or a row, those that it has.
pub(super) fn kept(of: &Value, names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), of.get(*name).filter(|value| !value.is_null())?.clone())))
        .collect()
}

/// An object as it is put: what is kept of `of`, a call or another row.
pub(super) struct Whole<'b> {
    pub(super) body: &'b [u8],
    pub(super) of: &'b Value,
    pub(super) etag: &'b str,
    pub(super) sums: Map<String, Value>,
    pub(super) tags: Value,
}

/// Puts an object in place of another.
pub(super) fn keep(cx: &mut Cx<'_>, bucket: &str, key: &str, whole: &Whole<'_>) -> Value {
    let row = json!({
        "Key": key, "Size": whole.body.len(), "ETag": whole.etag, "LastModified": cx.account.stamp(), "_bucket": bucket,
        "_body": text_of(whole.body), "_kept": kept(whole.of, KEPT), "_checksums": whole.sums, "_tags": whole.tags,
    });
    cx.insert(Table::S3Objects, &id(bucket, key), row.clone());
    row
}

fn put(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (bucket, key) = (bucket(cx)?, cx.name("Key"));
    let (body, sums) = checksums::body(cx)?;
    let there = cx.get(Table::S3Objects, &id(&bucket, &key));
    match (cx.text("IfNoneMatch"), cx.text("IfMatch"), there) {
        (Some("*"), _, Some(_)) => return Err(failed()),
        (_, Some(_), None) => return Err(no_key()),
        (_, Some(wanted), Some(row)) if !same(wanted, row) => return Err(failed()),
        _ => {}
    }
    let tags = super::tags::in_header(cx)?.unwrap_or_else(|| json!([]));
    let etag = tag(&body);
    let row = keep(cx, &bucket, &key, &Whole { body: &body, of: cx.input, etag: &etag, sums, tags });
    let mut output = row["_checksums"].clone();
    output["ETag"] = etag.into();
    Ok(output)
}

/// Whether an entity tag is that of an object.
fn same(wanted: &str, row: &Value) -> bool {
    wanted == "*" || row["ETag"].as_str().is_some_and(|tag| tag.trim_matches('"') == wanted.trim_matches('"'))
}

fn failed() -> Refusal {
    Refusal::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

/// Refuses where a condition of the call does not hold; those of a copy begin with `CopySource`.
fn conditions(cx: &Cx<'_>, row: &Value, of: &str) -> Result<(), Refusal> {
    let moment = |text: &str| DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    // Conditions have whole seconds.
    let changed = row["LastModified"].as_str().and_then(moment).map(|time| time.secs());
    let asked = |member: &str| cx.text(&format!("{of}{member}"));
    let since = |member: &str| asked(member).and_then(moment).map(|time| time.secs());
    // A tag that is the right one counts for more than a time that is not.
    let wrong = match asked("IfMatch") {
        Some(wanted) => !same(wanted, row),
        None => since("IfUnmodifiedSince").is_some_and(|since| changed > Some(since)),
    };
    if wrong {
        return Err(failed());
    }
    let known = match asked("IfNoneMatch") {
        Some(wanted) => same(wanted, row),
        None => since("IfModifiedSince").is_some_and(|since| changed <= Some(since)),
    };
    if !known {
        return Ok(());
    }
    // What is copied is not sent to who asks for the copy, so it is not known there either.
    let unchanged = || Refusal::new(304, "NotModified", "Not Modified");
    Err(if of.is_empty() { unchanged() } else { failed() })
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

/// The part of an object that a call asks for, which the answer then says.
fn part(cx: &Cx<'_>, size: usize, output: &mut Value) -> Result<Option<(usize, usize)>, Refusal> {
    let part = cx.text("Range").map(|text| range(text, size)).transpose()?.flatten();
    if let Some((start, end)) = part {
        output["ContentRange"] = format!("bytes {start}-{}/{size}", end - 1).into();
    }
    Ok(part)
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = object(cx)?;
    conditions(cx, row, "")?;
    let (whole, mut output) = (bytes(&row["_body"]), described(cx, row));
    let body = part(cx, whole.len(), &mut output)?.map_or(&whole[..], |(start, end)| &whole[start..end]);
    for member in ["CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType"] {
        if let Some(text) = cx.text(&format!("Response{member}")) {
            output[member] = text.into();
        }
    }
    output["ContentLength"] = body.len().into();
    output["Body"] = text_of(body);
    Ok(output)
}

fn head(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (_, row) = object(cx)?;
    conditions(cx, row, "")?;
    let mut output = described(cx, row);
    let size = row["Size"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
    let length = part(cx, size, &mut output)?.map_or(size, |(start, end)| end - start);
    output["ContentLength"] = length.into();
    Ok(output)
}

/// Deletes one object, of which none is as good as deleted.
fn gone(cx: &mut Cx<'_>, bucket: &str, key: &str, version: Option<&str>, etag: Option<&str>) -> Result<(), Refusal> {
    let id = id(bucket, key);
    version_of(version)?;
    match (etag, cx.get(Table::S3Objects, &id)) {
        (Some(wanted), Some(row)) if !same(wanted, row) => return Err(failed()),
        (Some(_), None) => return Err(no_key()),
        _ => {}
    }
    cx.remove(Table::S3Objects, &id);
    Ok(())
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (bucket, key) = (bucket(cx)?, cx.name("Key"));
    let input = cx.input;
    gone(cx, &bucket, &key, input["VersionId"].as_str(), input["IfMatch"].as_str())?;
    Ok(json!({}))
}

fn delete_many(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (bucket, input) = (bucket(cx)?, cx.input);
    let objects = input["Delete"]["Objects"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !(1..=MOST_AT_ONCE).contains(&objects.len()) {
        let message = "The XML you provided was not well-formed or did not validate against our published schema";
        return Err(Refusal::new(400, "MalformedXML", message));
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in objects {
        let key = object["Key"].as_str().unwrap_or_default();
        let mut row = Value::Object(kept(object, &["Key", "VersionId"]));
        match gone(cx, &bucket, key, object["VersionId"].as_str(), object["ETag"].as_str()) {
            Ok(()) => deleted.push(row),
            Err(refusal) => {
                row["Code"] = refusal.code.into();
                row["Message"] = refusal.message.into();
                errors.push(row);
            }
        }
    }
    let mut output = json!({});
    if !deleted.is_empty() && input["Delete"]["Quiet"] != true {
        output["Deleted"] = deleted.into();
    }
    if !errors.is_empty() {
        output["Errors"] = errors.into();
    }
    Ok(output)
}

/// The object that is to be copied: `bucket/key`, escaped.
pub(super) fn source(cx: &Cx<'_>) -> Result<Value, Refusal> {
    let given = cx.name("CopySource");
    let text = percent_decode_str(given.trim_start_matches('/')).decode_utf8_lossy().into_owned();
    let (text, version) = text.split_once("?versionId=").map_or((text.as_str(), None), |(text, id)| (text, Some(id)));
    let (from, key) =
        text.split_once('/').ok_or_else(|| Refusal::new(400, "InvalidArgument", "Invalid copy source object key"))?;
    exists(cx, from)?;
    version_of(version)?;
    let row = cx.get(Table::S3Objects, &id(from, key)).ok_or_else(no_key)?;
    conditions(cx, row, "CopySource")?;
    Ok(row.clone())
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
    let tags = match cx.text("TaggingDirective") {
        Some("REPLACE") => super::tags::in_header(cx)?.unwrap_or_else(|| json!([])),
        _ => row["_tags"].clone(),
    };
    let body = bytes(&row["_body"]);
    let algorithm = cx.text("ChecksumAlgorithm");
    let sums = match (algorithm, row["_checksums"].as_object()) {
        // A checksum of parts is not that of the copy, which comes whole.
        (None, Some(sums)) if sums.get("ChecksumType") != Some(&json!("COMPOSITE")) => sums.clone(),
        (algorithm, _) => checksums::of(algorithm, &body),
    };
    let etag = tag(&body);
    let made = keep(cx, &bucket, &key, &Whole { body: &body, of: &of, etag: &etag, sums, tags });
    let mut result = made["_checksums"].clone();
    result["ETag"] = made["ETag"].clone();
    result["LastModified"] = made["LastModified"].clone();
    Ok(json!({ "CopyObjectResult": result }))
}
