//! Keys of S3's lists. A key may hold characters that XML cannot; asked for `EncodingType=url`, S3 escapes them.

use serde_json::Value;

use crate::catalogue::model::{Operation, Service};

/// Where one list has keys: beside the lists, and in them.
struct Keys {
    beside: &'static [&'static str],
    within: &'static [(&'static str, &'static str)],
}

fn keys(service: &Service<'_>, operation: &Operation<'_>) -> Option<Keys> {
    let objects = &[("Contents", "Key"), ("CommonPrefixes", "Prefix")];
    Some(match (service.name, operation.name) {
        ("s3", "ListObjects") => Keys { beside: &["Delimiter", "Marker", "NextMarker", "Prefix"], within: objects },
        ("s3", "ListObjectsV2") => Keys { beside: &["Delimiter", "Prefix", "StartAfter"], within: objects },
        ("s3", "ListObjectVersions") => Keys {
            beside: &["KeyMarker", "NextKeyMarker", "Prefix", "Delimiter"],
            within: &[("Versions", "Key"), ("DeleteMarkers", "Key"), ("CommonPrefixes", "Prefix")],
        },
        _ => return None,
    })
}

/// Asks for escaped keys, unless the caller said how they want them. Whether it did.
pub(crate) fn ask(service: &Service<'_>, operation: &Operation<'_>, input: &mut Value) -> bool {
    let Some(given) = input.as_object_mut().filter(|_| keys(service, operation).is_some()) else { return false };
    if given.get("EncodingType").is_some_and(|given| !given.is_null()) {
        return false;
    }
    given.insert("EncodingType".to_owned(), Value::from("url"));
    true
}

/// Takes the escapes out of an answer that has them because we asked.
pub(crate) fn unescape(service: &Service<'_>, operation: &Operation<'_>, output: &mut Value) {
    let Some(keys) = keys(service, operation) else { return };
    let Some(members) = output.as_object_mut() else { return };
    // A store that does not know the question does not say that it escaped anything.
    if members.get("EncodingType").and_then(Value::as_str) != Some("url") {
        return;
    }
    // The caller did not ask.
    members.shift_remove("EncodingType");
    for name in keys.beside {
        members.get_mut(*name).map(plain);
    }
    for (list, name) in keys.within {
        for item in members.get_mut(*list).and_then(Value::as_array_mut).into_iter().flatten() {
            item.get_mut(name).map(plain);
        }
    }
}

/// `a%2Fb+c` is `a/b c`. What is not UTF-8 then stays as it was sent.
fn plain(value: &mut Value) {
    let Value::String(text) = value else { return };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        (bytes, rest) = match (first, escaped) {
            (b'%', Some(byte)) => (push(bytes, byte), &after[2..]),
            (b'+', _) => (push(bytes, b' '), after),
            _ => (push(bytes, first), after),
        };
    }
    if let Ok(decoded) = String::from_utf8(bytes) {
        *text = decoded;
    }
}

fn push(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue;

    #[test]
    fn keys_come_back_as_they_were_stored() {
        let s3 = catalogue::service("s3").unwrap();
        let list = s3.operation("ListObjectsV2").unwrap();
        let mut input = json!({"Bucket": "b"});
        assert!(ask(s3, list, &mut input));
        assert_eq!(input["EncodingType"], "url");
        let mut output = json!({
            "EncodingType": "url",
            "Prefix": "a%2F",
            "Contents": [{"Key": "a%2Fb+c%01%E2%82%AC"}, {"Key": "100%25"}, {"Key": "%zz%"}, {"Key": "%FF"}],
            "CommonPrefixes": [{"Prefix": "a%2Bb%2F"}],
        });
        unescape(s3, list, &mut output);
        let wanted = json!({
            "Prefix": "a/",
            "Contents": [{"Key": "a/b c\u{1}€"}, {"Key": "100%"}, {"Key": "%zz%"}, {"Key": "%FF"}],
            "CommonPrefixes": [{"Prefix": "a+b/"}],
        });
        assert_eq!(output, wanted);
    }

    #[test]
    fn who_asked_for_escapes_keeps_them() {
        let s3 = catalogue::service("s3").unwrap();
        let list = s3.operation("ListObjects").unwrap();
        let mut input = json!({"Bucket": "b", "EncodingType": "url"});
        assert!(!ask(s3, list, &mut input));
        assert!(!ask(s3, s3.operation("GetObject").unwrap(), &mut json!({})));
        let mut unaware = json!({"Contents": [{"Key": "a%2Fb"}]});
        unescape(s3, list, &mut unaware);
        assert_eq!(unaware["Contents"][0]["Key"], "a%2Fb", "nobody escaped it");
    }
}
