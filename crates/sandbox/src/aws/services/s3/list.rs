//! Lists of objects, by prefix and delimiter, page by page.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{bucket, checksums, owner};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[("s3", "ListObjects", one), ("s3", "ListObjectsV2", two)];

/// Rows of a page.
const MOST: u64 = 1_000;
/// What stays as it is where keys are asked for escaped.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'*');

/// A page: objects, what they have in common up to the delimiter, and where it goes on.
struct Listed {
    objects: Vec<Value>,
    prefixes: Vec<String>,
    /// The last key or prefix of the page, if there is more.
    next: Option<String>,
}

fn escaped(cx: &Cx<'_>, text: &str) -> String {
    if cx.text("EncodingType") == Some("url") { utf8_percent_encode(text, PLAIN).to_string() } else { text.to_owned() }
}

/// What is after a key or a common prefix, in the order of keys.
fn listed(cx: &Cx<'_>, bucket: &str, after: &str, most: u64) -> Listed {
    let (prefix, delimiter) =
        (cx.text("Prefix").unwrap_or_default(), cx.text("Delimiter").filter(|text| !text.is_empty()));
    let mut rows: Vec<&Value> = cx.rows(Table::S3Objects).filter(|row| row["_bucket"] == bucket).collect();
    rows.sort_by(|one, other| one["Key"].as_str().cmp(&other["Key"].as_str()));
    let mut page = Listed { objects: Vec::new(), prefixes: Vec::new(), next: None };
    let mut last = String::new();
    for row in rows {
        let key = row["Key"].as_str().unwrap_or_default();
        let Some(rest) = key.strip_prefix(prefix).filter(|_| key > after) else { continue };
        let common = delimiter.and_then(|end| rest.find(end).map(|at| key[..prefix.len() + at + end.len()].to_owned()));
        // All keys of a common prefix that was shown have been shown with it.
        if common.as_ref().is_some_and(|common| common == after || page.prefixes.last() == Some(common)) {
            continue;
        }
        if (page.objects.len() + page.prefixes.len()) as u64 >= most {
            page.next = Some(last);
            break;
        }
        last = common.clone().unwrap_or_else(|| key.to_owned());
        match common {
            Some(common) => page.prefixes.push(common),
            None => {
                let class = row["_kept"]["StorageClass"].as_str().unwrap_or("STANDARD");
                let mut object = json!({
                    "Key": escaped(cx, key), "Size": row["Size"], "ETag": row["ETag"], "LastModified": row["LastModified"],
                    "StorageClass": class, "ChecksumType": row["_checksums"]["ChecksumType"],
                    "ChecksumAlgorithm": checksums::named(&row["_checksums"]),
                });
                // The first form always says whose it is, the second where that is asked.
                if cx.operation == "ListObjects" || cx.input["FetchOwner"] == true {
                    object["Owner"] = owner(cx);
                }
                page.objects.push(object);
            }
        }
    }
    page
}

fn most(cx: &Cx<'_>) -> Result<u64, Refusal> {
    match cx.input["MaxKeys"].as_i64() {
        None => Ok(MOST),
        Some(given) => u64::try_from(given).map(|given| given.min(MOST)).map_err(|_| {
            Refusal::new(400, "InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")
        }),
    }
}

/// What both forms answer.
fn common(cx: &Cx<'_>, bucket: &str, page: &Listed, most: u64) -> Value {
    let mut output = json!({
        "Name": bucket, "Prefix": escaped(cx, cx.text("Prefix").unwrap_or_default()), "MaxKeys": most, "IsTruncated": page.next.is_some(),
    });
    for member in ["Delimiter", "EncodingType"] {
        if let Some(text) = cx.text(member) {
            output[member] = if member == "Delimiter" { escaped(cx, text).into() } else { text.into() };
        }
    }
    if !page.objects.is_empty() {
        output["Contents"] = page.objects.clone().into();
    }
    if !page.prefixes.is_empty() {
        output["CommonPrefixes"] =
            page.prefixes.iter().map(|prefix| json!({ "Prefix": escaped(cx, prefix) })).collect();
    }
    output
}

fn two(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (bucket, most) = (bucket(cx)?, most(cx)?);
    let wrong = || Refusal::new(400, "InvalidArgument", "The continuation token provided is incorrect");
    let token = cx.text("ContinuationToken");
    let after = match token {
        Some(token) => {
            let bytes = BASE64_STANDARD.decode(token).map_err(|_| wrong())?;
            String::from_utf8(bytes).map_err(|_| wrong())?
        }
        None => cx.text("StartAfter").unwrap_or_default().to_owned(),
    };
    let page = if most == 0 {
        Listed { objects: Vec::new(), prefixes: Vec::new(), next: None }
    } else {
        listed(cx, &bucket, &after, most)
    };
    let mut output = common(cx, &bucket, &page, most);
    output["KeyCount"] = (page.objects.len() + page.prefixes.len()).into();
    if let Some(token) = token {
        output["ContinuationToken"] = token.into();
    }
    if let Some(start) = cx.text("StartAfter") {
        output["StartAfter"] = escaped(cx, start).into();
    }
    if let Some(next) = &page.next {
        output["NextContinuationToken"] = BASE64_STANDARD.encode(next).into();
    }
    Ok(output)
}

fn one(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (bucket, most) = (bucket(cx)?, most(cx)?);
    let marker = cx.text("Marker").unwrap_or_default().to_owned();
    let page = if most == 0 {
        Listed { objects: Vec::new(), prefixes: Vec::new(), next: None }
    } else {
        listed(cx, &bucket, &marker, most)
    };
    let mut output = common(cx, &bucket, &page, most);
    output["Marker"] = escaped(cx, &marker).into();
    if let (Some(next), Some(_)) = (&page.next, cx.text("Delimiter")) {
        output["NextMarker"] = escaped(cx, next).into();
    }
    Ok(output)
}
