//! Code that a call brings: looked at, measured, and not run.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{invalid, package, refused, text};
use crate::aws::{account::Cx, endpoint::not_here, services::within, wire::Refusal};

/// Bytes of an archive in a request, of one in S3, and of what is in either.
const IN_REQUEST: usize = 50 << 20;
const UNPACKED: u64 = 262_144_000;

/// What is kept of code.
pub(super) struct Code {
    pub(super) size: usize,
    pub(super) sha256: String,
}

/// Reads code that is an archive, or an image.
pub(super) fn read(cx: &mut Cx<'_>, given: &Value, package_type: &str) -> Result<Code, Refusal> {
    let image = given["ImageUri"].as_str();
    if (package_type == "Image") != image.is_some() {
        return Err(invalid(match image {
            Some(_) => "Please don't provide ImageUri when updating a function with packageType Zip.",
            None => "Please provide ImageUri when updating a function with packageType Image.",
        }));
    }
    if let Some(image) = image {
        // The digest of an image is in its registry, which is not here; that of its address tells one from another.
        return Ok(Code { size: 0, sha256: package::sha256(image.as_bytes()) });
    }
    let bytes = match (given["ZipFile"].as_str(), given["S3Bucket"].as_str(), given["S3Key"].as_str()) {
        (Some(_), None, None) => {
            let bytes = BASE64_STANDARD.decode(text(given, "ZipFile")).unwrap_or_default();
            if bytes.len() > IN_REQUEST {
                let message =
                    format!("Request must be smaller than {IN_REQUEST} bytes for the {} operation", cx.operation);
                return Err(refused(413, "RequestTooLargeException", message));
            }
            bytes
        }
        (None, Some(bucket), Some(key)) => from_s3(cx, bucket, key, given)?,
        _ => return Err(invalid("Please provide a source for function code.")),
    };
    let unpacked = package::unpacked(&bytes)
        .ok_or_else(|| invalid("Could not unzip uploaded file. Please check your file, then try to upload again."))?;
    if unpacked > UNPACKED {
        return Err(invalid(format!("Unzipped size must be smaller than {UNPACKED} bytes")));
    }
    if bytes.len() > IN_REQUEST {
        return Err(not_here("code of more than 50 MB"));
    }
    Ok(Code { size: bytes.len(), sha256: package::sha256(&bytes) })
}

fn from_s3(cx: &mut Cx<'_>, bucket: &str, key: &str, given: &Value) -> Result<Vec<u8>, Refusal> {
    if !given["S3ObjectVersion"].is_null() {
        return Err(not_here("versions of objects"));
    }
    let got = within(cx.account, cx.region, "s3", "GetObject", json!({ "Bucket": bucket, "Key": key }));
    let got = got.map_err(|refusal| {
        let (code, message) = (refusal.code, refusal.message);
        invalid(format!("Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"))
    })?;
    Ok(BASE64_STANDARD.decode(text(&got, "Body")).unwrap_or_default())
}
