//! Checksums: those that a caller gives are looked at, and every object has one.

use aws_smithy_checksums::ChecksumAlgorithm;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value};

use super::{bytes, text_of};
use crate::aws::{account::Cx, wire::Refusal};

/// The member of each algorithm begins so.
const MEMBER: &str = "Checksum";
/// The algorithms, as members and enumerations have them.
const ALGORITHMS: [&str; 5] = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"];
/// What S3 computes where nobody gives one.
const USUAL: &str = "CRC64NVME";
const FULL: &str = "FULL_OBJECT";
const COMPOSITE: &str = "COMPOSITE";

/// The body of a call, with its checksum as members of the API. The error is S3's, for a body that is not what is said of it.
pub(super) fn body(cx: &Cx<'_>) -> Result<(Vec<u8>, Map<String, Value>), Refusal> {
    let body = bytes(&cx.input["Body"]);
    if cx.text("ContentMD5").is_some_and(|given| text_of(&Md5::digest(&body)) != given) {
        return Err(bad_digest("Content-MD5"));
    }
    let given = given(cx.input, &body)?;
    let sums = of(given.or_else(|| cx.text("ChecksumAlgorithm")), &body);
    Ok((body, sums))
}

/// The algorithm of a checksum that a caller gave, which is that of the bytes.
fn given(input: &Value, bytes: &[u8]) -> Result<Option<&'static str>, Refusal> {
    let mut found = None;
    for algorithm in ALGORITHMS {
        let Some(sum) = input[member(algorithm)].as_str() else { continue };
        if sum != computed(algorithm, bytes) {
            return Err(bad_digest(algorithm));
        }
        found = Some(algorithm);
    }
    Ok(found)
}

/// Checksum and type of a whole, as members; by the usual algorithm, if none is asked for.
pub(super) fn of(algorithm: Option<&str>, bytes: &[u8]) -> Map<String, Value> {
    let algorithm = algorithm.and_then(known).unwrap_or(USUAL);
    members(algorithm, computed(algorithm, bytes), FULL)
}

fn members(algorithm: &str, sum: String, kind: &str) -> Map<String, Value> {
    Map::from_iter([(member(algorithm), sum.into()), ("ChecksumType".to_owned(), kind.into())])
}

/// Algorithm and type that an upload in parts asks for.
pub(super) fn of_upload(input: &Value) -> Result<(&'static str, &'static str), Refusal> {
    let asked = input["ChecksumAlgorithm"].as_str();
    let algorithm = asked.and_then(known).unwrap_or(USUAL);
    let whole = algorithm == USUAL;
    let wanted = match input["ChecksumType"].as_str() {
        Some(FULL) => FULL,
        None if whole => FULL,
        _ => COMPOSITE,
    };
    if (wanted == COMPOSITE && whole) || (wanted == FULL && algorithm.starts_with("SHA")) {
        let message = format!("The {wanted} checksum type cannot be used with the {algorithm} checksum algorithm.");
        return Err(Refusal::new(400, "InvalidRequest", message));
    }
    Ok((algorithm, wanted))
}

/// The checksum of an object that came in parts: that of its bytes, or of the parts' checksums.
pub(super) fn of_parts(
    upload: &Value,
    whole: &[u8],
    parts: &[Vec<u8>],
    input: &Value,
) -> Result<Map<String, Value>, Refusal> {
    let algorithm = upload["ChecksumAlgorithm"].as_str().and_then(known).unwrap_or(USUAL);
    let sums = if upload["ChecksumType"] == COMPOSITE {
        let all: Vec<u8> = parts.iter().flat_map(|part| bytes(&computed(algorithm, part).into())).collect();
        let sum = format!("{}-{}", computed(algorithm, &all), parts.len());
        members(algorithm, sum, COMPOSITE)
    } else {
        of(Some(algorithm), whole)
    };
    let said = input[member(algorithm)].as_str();
    if said.is_some_and(|said| sums[&member(algorithm)] != said) {
        return Err(bad_digest(algorithm));
    }
    Ok(sums)
}

/// Members of checksums that a part has, without the type, which is that of the whole.
pub(super) fn of_part(mut sums: Map<String, Value>) -> Value {
    sums.remove("ChecksumType");
    Value::Object(sums)
}

/// The algorithms of which a row has a checksum.
pub(super) fn named(sums: &Value) -> Vec<&'static str> {
    ALGORITHMS.into_iter().filter(|algorithm| !sums[member(algorithm)].is_null()).collect()
}

fn member(algorithm: &str) -> String {
    format!("{MEMBER}{algorithm}")
}

fn known(name: &str) -> Option<&'static str> {
    ALGORITHMS.into_iter().find(|known| *known == name)
}

/// In base64.
fn computed(algorithm: &str, bytes: &[u8]) -> String {
    // Each of them is an algorithm of AWS's own; another would have no sum.
    let Ok(algorithm) = algorithm.parse::<ChecksumAlgorithm>() else { return String::new() };
    let mut checksum = algorithm.into_impl();
    checksum.update(bytes);
    aws_smithy_types::base64::encode(checksum.finalize())
}

fn bad_digest(of: &str) -> Refusal {
    let message = match of {
        "Content-MD5" => "The Content-MD5 you specified did not match what we received.".to_owned(),
        of => format!("The {of} you specified did not match the calculated checksum."),
    };
    Refusal::new(400, "BadDigest", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_that_the_standards_give() {
        // The check values of the CRC catalogue and of FIPS 180, over "123456789" and "abc".
        for (algorithm, text, wanted) in [
            ("CRC32", "123456789", [0xCB, 0xF4, 0x39, 0x26].as_slice()),
            ("CRC32C", "123456789", &[0xE3, 0x06, 0x92, 0x83]),
            ("CRC64NVME", "123456789", &[0xAE, 0x8B, 0x14, 0x86, 0x0A, 0x79, 0x98, 0x88]),
        ] {
            assert_eq!(bytes(&computed(algorithm, text.as_bytes()).into()), wanted, "{algorithm}");
        }
        assert!(super::super::hexadecimal(&bytes(&computed("SHA1", b"abc").into())).starts_with("a9993e364706816a"));
        assert!(super::super::hexadecimal(&bytes(&computed("SHA256", b"abc").into())).starts_with("ba7816bf8f01cfea"));
    }
}
