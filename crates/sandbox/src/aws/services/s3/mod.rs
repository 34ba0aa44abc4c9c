//! S3: buckets, objects and uploads in parts, in memory. No versions are kept.

mod buckets;
mod checksums;
mod list;
mod objects;
mod parts;
mod tags;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::Operations;
use crate::aws::{account::Cx, signature::hexadecimal, table::Table, wire::Refusal};

/// All of it.
pub(super) const ALL: &[Operations] =
    &[buckets::OPERATIONS, list::OPERATIONS, objects::OPERATIONS, parts::OPERATIONS, tags::OPERATIONS];

pub(in crate::aws) use self::buckets::new as new_bucket;

/// The bucket that a call names, or the refusal that says so.
fn bucket(cx: &Cx<'_>) -> Result<String, Refusal> {
    let name = cx.name("Bucket");
    exists(cx, &name).map(|()| name)
}

fn exists(cx: &Cx<'_>, name: &str) -> Result<(), Refusal> {
    let mut absent = Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist");
    absent.detail.insert("BucketName".to_owned(), json!(name));
    let row = cx.get(Table::S3Buckets, name).ok_or(absent)?;
    // Who asks in another region is told where it is.
    if row["BucketRegion"] != cx.region {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint.";
        return Err(Refusal::new(301, "PermanentRedirect", message));
    }
    Ok(())
}

/// Whose everything is.
fn owner(cx: &Cx<'_>) -> Value {
    json!({ "ID": format!("{:0>64}", cx.account.id) })
}

/// Where an object is kept.
fn id(bucket: &str, key: &str) -> String {
    format!("{bucket}/{key}")
}

fn no_key() -> Refusal {
    Refusal::new(404, "NoSuchKey", "The specified key does not exist.")
}

/// Refuses versions: an object of a bucket that keeps none has the one called `null`.
fn version_of(asked: Option<&str>) -> Result<(), Refusal> {
    match asked {
        None | Some("null") => Ok(()),
        Some(_) => Err(Refusal::new(404, "NoSuchVersion", "The specified version does not exist.")),
    }
}

/// The object that a call names.
fn object<'c>(cx: &'c Cx<'_>) -> Result<(String, &'c Value), Refusal> {
    let id = id(&bucket(cx)?, &cx.name("Key"));
    version_of(cx.text("VersionId"))?;
    let row = cx.get(Table::S3Objects, &id).ok_or_else(no_key)?;
    Ok((id, row))
}

/// Bytes of a member that is base64, as rows and calls have them.
fn bytes(value: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default()
}

fn text_of(bytes: &[u8]) -> Value {
    BASE64_STANDARD.encode(bytes).into()
}

/// `"d41d8cd98f00b204e9800998ecf8427e"`, with its quotes.
fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", hexadecimal(&Md5::digest(bytes)))
}
