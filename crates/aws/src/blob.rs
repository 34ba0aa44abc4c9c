//! Bytes in answers.

use serde_json::Value;

use crate::catalogue::model::{Kind, Operation, Service};

/// Where the body of an answer is text, puts that text in place of its base64, and says whether it did.
///
/// Object bodies, function results and exports mostly are text, which a reader should not have to decode.
pub fn show_text(service: &Service<'_>, operation: &Operation<'_>, output: &mut Value) -> bool {
    replace(service, operation, output).is_some()
}

fn replace(service: &Service<'_>, operation: &Operation<'_>, output: &mut Value) -> Option<()> {
    let structure = service.structure(operation.output?)?;
    let payload = structure.members.get(structure.payload? as usize)?;
    if !matches!(service.shape(payload.shape).kind, Kind::Blob { .. }) {
        return None;
    }
    let place = output.get_mut(payload.name)?;
    let bytes = aws_smithy_types::base64::decode(place.as_str()?).ok()?;
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))?;
    *place = text.into();
    Some(())
}

/// Bytes as base64, as members of type blob are given.
pub fn to_base64(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes)
}

/// The bytes that base64 stands for, if it is base64.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    aws_smithy_types::base64::decode(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue;

    fn shown(service: &str, operation: &str, mut output: Value) -> (bool, Value) {
        let service = catalogue::service(service).unwrap();
        let found = show_text(service, service.operation(operation).unwrap(), &mut output);
        (found, output)
    }

    #[test]
    fn a_body_of_text_is_shown_and_other_bytes_stay() {
        let (found, output) = shown("s3", "GetObject", json!({ "Body": "aGVsbG8=", "ContentLength": 5 }));
        assert_eq!((found, &output["Body"]), (true, &json!("hello")));
        let (found, output) = shown("s3", "GetObject", json!({ "Body": "/////w==" }));
        assert_eq!((found, &output["Body"]), (false, &json!("/////w==")));
        let (found, output) = shown("lambda", "Invoke", json!({ "Payload": "eyJhIjoxfQ==", "StatusCode": 200 }));
        assert_eq!((found, &output["Payload"]), (true, &json!("{\"a\":1}")));
        assert!(!shown("ec2", "DescribeVpcs", json!({ "Vpcs": [] })).0);
    }
}
