//! Uploads in parts.

use serde_json::{Value, json};

use super::{
    bucket, bytes, checksums, hexadecimal,
    objects::{self, Whole},
    tag, text_of,
};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[
    ("s3", "AbortMultipartUpload", abort),
    ("s3", "CompleteMultipartUpload", complete),
    ("s3", "CreateMultipartUpload", create),
    ("s3", "ListMultipartUploads", list),
    ("s3", "ListParts", parts),
    ("s3", "UploadPart", upload),
    ("s3", "UploadPartCopy", copy),
];

/// Smallest part that is not the last.
const SMALLEST: usize = 5 << 20;

/// The upload that a call names, with its bucket and key.
fn named(cx: &Cx<'_>) -> Result<(String, Value), Refusal> {
    let (bucket, upload) = (bucket(cx)?, cx.name("UploadId"));
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    let row = cx
        .get(Table::S3Uploads, &upload)
        .filter(|row| row["_bucket"] == bucket && row["Key"] == cx.name("Key").as_str());
    row.cloned().map(|row| (upload, row)).ok_or_else(|| Refusal::new(404, "NoSuchUpload", message))
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (bucket, key) = (bucket(cx)?, cx.name("Key"));
    let (algorithm, kind) = checksums::of_upload(cx.input)?;
    let tags = super::tags::in_header(cx)?.unwrap_or_else(|| json!([]));
    let upload = format!("{:016x}{:016x}", cx.account.random.next(), cx.account.random.next());
    let row = json!({
        "UploadId": upload, "Key": key, "Initiated": cx.account.stamp(), "StorageClass": cx.text("StorageClass").unwrap_or("STANDARD"),
        "ChecksumAlgorithm": algorithm, "ChecksumType": kind, "_bucket": bucket, "_kept": objects::kept(cx.input, objects::KEPT), "_tags": tags,
        "_parts": {},
    });
    cx.insert(Table::S3Uploads, &upload, row);
    Ok(json!({
        "Bucket": bucket, "Key": key, "UploadId": upload, "ChecksumAlgorithm": algorithm, "ChecksumType": kind,
    }))
}

/// Keeps a part, in place of another of its number.
fn keep(cx: &mut Cx<'_>, upload: &str, body: &[u8], sums: Value) -> Result<Value, Refusal> {
    let number = cx.input["PartNumber"].as_u64().unwrap_or_default();
    if !(1..=10_000).contains(&number) {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        return Err(Refusal::new(400, "InvalidArgument", message));
    }
    let mut part = sums;
    part["ETag"] = tag(body).into();
    let output = part.clone();
    part["PartNumber"] = number.into();
    part["Size"] = body.len().into();
    part["LastModified"] = cx.account.stamp();
    part["_body"] = text_of(body);
    if let Some(row) = cx.row_mut(Table::S3Uploads, upload) {
        row["_parts"][format!("{number:05}")] = part;
    }
    Ok(output)
}

fn upload(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (upload, _) = named(cx)?;
    let (body, sums) = checksums::body(cx)?;
    keep(cx, &upload, &body, checksums::of_part(sums))
}

fn copy(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (upload, row) = named(cx)?;
    let whole = bytes(&objects::source(cx)?["_body"]);
    let part = cx.text("CopySourceRange").map(|text| objects::range(text, whole.len())).transpose()?.flatten();
    let (start, end) = part.unwrap_or((0, whole.len()));
    let body = &whole[start..end];
    let sums = checksums::of(row["ChecksumAlgorithm"].as_str(), body);
    let mut result = keep(cx, &upload, body, checksums::of_part(sums))?;
    result["LastModified"] = cx.account.stamp();
    Ok(json!({ "CopyPartResult": result }))
}

fn complete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (upload, row) = named(cx)?;
    let wanted = cx.input["MultipartUpload"]["Parts"].as_array().cloned().unwrap_or_default();
    let refused = |code: &str, message: &str| Err(Refusal::new(400, code, message));
    if wanted.is_empty() {
        return refused(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        );
    }
    let numbers: Vec<u64> = wanted.iter().map(|part| part["PartNumber"].as_u64().unwrap_or_default()).collect();
    if !numbers.is_sorted_by(|one, other| one < other) {
        return refused(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        );
    }
    let (mut whole, mut digests, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    for (at, part) in wanted.iter().enumerate() {
        let known = &row["_parts"][format!("{:05}", numbers[at])];
        let same =
            |tag: &str| known["ETag"].as_str().is_some_and(|known| known.trim_matches('"') == tag.trim_matches('"'));
        if !part["ETag"].as_str().is_some_and(same) {
            let message = "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified \
                           entity tag may not match the part's entity tag.";
            return refused("InvalidPart", message);
        }
        let body = bytes(&known["_body"]);
        if at + 1 < wanted.len() && body.len() < SMALLEST {
            return refused("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
        }
        digests.extend(<md5::Md5 as md5::Digest>::digest(&body));
        whole.extend(&body);
        bodies.push(body);
    }
    let sums = checksums::of_parts(&row, &whole, &bodies, cx.input)?;
    let etag = format!("\"{}-{}\"", hexadecimal(&<md5::Md5 as md5::Digest>::digest(&digests)), wanted.len());
    let bucket = row["_bucket"].as_str().unwrap_or_default().to_owned();
    let key = row["Key"].as_str().unwrap_or_default().to_owned();
    let tags = row["_tags"].clone();
    let made = Whole { body: &whole, of: &row["_kept"], etag: &etag, sums, tags };
    let mut output = objects::keep(cx, &bucket, &key, &made)["_checksums"].clone();
    cx.remove(Table::S3Uploads, &upload);
    output["Location"] = format!("http://{bucket}.s3.amazonaws.com/{key}").into();
    output["Bucket"] = bucket.into();
    output["Key"] = key.into();
    output["ETag"] = etag.into();
    Ok(output)
}

fn abort(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (upload, _) = named(cx)?;
    cx.remove(Table::S3Uploads, &upload);
    Ok(json!({}))
}

fn parts(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (upload, row) = named(cx)?;
    let all = row["_parts"].as_object().into_iter().flatten();
    let mut all: Vec<Value> = all.map(|(_, part)| crate::aws::services::ec2::shown(part)).collect();
    all.sort_by_key(|part| part["PartNumber"].as_u64());
    let after = cx.input["PartNumberMarker"].as_u64().unwrap_or(0);
    let most = cx.input["MaxParts"].as_u64().unwrap_or(1_000).clamp(1, 1_000);
    all.retain(|part| part["PartNumber"].as_u64() > Some(after));
    let more = all.len() as u64 > most;
    all.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let mut output = json!({ "Bucket": row["_bucket"], "Key": row["Key"], "UploadId": upload, "MaxParts": most, "IsTruncated": more,
        "ChecksumAlgorithm": row["ChecksumAlgorithm"], "ChecksumType": row["ChecksumType"],
    });
    if let (true, Some(last)) = (more, all.last()) {
        output["NextPartNumberMarker"] = last["PartNumber"].clone();
    }
    if !all.is_empty() {
        output["Parts"] = all.into();
    }
    Ok(output)
}

fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let bucket = bucket(cx)?;
    let prefix = cx.text("Prefix").unwrap_or_default();
    let place = |row: &Value| ["Key", "UploadId"].map(|member| row[member].as_str().unwrap_or_default().to_owned());
    let after = cx.text("KeyMarker").map(|key| (key.to_owned(), cx.text("UploadIdMarker").map(str::to_owned)));
    let fits = |row: &&Value| {
        let [key, upload] = place(row);
        let is_after = match &after {
            Some((marker, Some(last))) => (&key, &upload) > (marker, last),
            Some((marker, None)) => key > *marker,
            None => true,
        };
        row["_bucket"] == bucket && key.starts_with(prefix) && is_after
    };
    let mut rows: Vec<Value> = cx.rows(Table::S3Uploads).filter(fits).map(crate::aws::services::ec2::shown).collect();
    rows.sort_by_cached_key(place);
    let most = cx.input["MaxUploads"].as_u64().unwrap_or(1_000).clamp(1, 1_000);
    let more = rows.len() as u64 > most;
    rows.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let mut output = json!({ "Bucket": bucket, "MaxUploads": most, "IsTruncated": more });
    if let (true, Some(last)) = (more, rows.last()) {
        let [key, upload] = place(last);
        output["NextKeyMarker"] = key.into();
        output["NextUploadIdMarker"] = upload.into();
    }
    if !rows.is_empty() {
        output["Uploads"] = rows.into();
    }
    Ok(output)
}
