//! User data of an instance, as text that can be read.

use std::io::Read as _;

use flate2::read::GzDecoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Json, Others, Result, Reveals, Tool, ToolDef};

use crate::{
    App, Cx,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::reveals::<GetUserData>().formerly(&["ec2.get_user_data", "aws.get_user_data"])];

/// Show the user data that an instance was launched with
///
/// Sensitive: scripts hold secrets. Those that are recognised are removed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetUserData {
    /// Instance ID.
    instance_id: String,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for GetUserData {
    const NAME: &'static str = "ec2_get_user_data";
    const EXAMPLE: &'static str = r#"{"instance_id": "i-0123456789abcdef0"}"#;
    type Access = Reveals;
    type Output = Json<Found>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Json<Found>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = DescribeInstanceAttribute { instance_id: self.instance_id.clone(), attribute: "userData" };
        let found = aws.send(&question).await?.user_data.and_then(|data| data.value).filter(|text| !text.is_empty());
        Ok(Json(Found { instance_id: self.instance_id, user_data: found.as_deref().map(shown) }))
    }
}

#[derive(Serialize, JsonSchema)]
struct Found {
    instance_id: String,
    /// Absent where it was launched with none.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<Shown>,
}

/// User data, or what it is where it cannot be read.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Shown {
    /// shell script, cloud-config, MIME multi-part, text, gzip or binary.
    kind: &'static str,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Others>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<&'static str>,
}

/// Most bytes that packed user data is unpacked to. Unpacked, EC2 takes 16 KiB.
const MAX_UNPACKED: u64 = 256 * 1024;

/// What base64 holds, unpacked. Only text is shown: secrets cannot be found, nor removed, in anything else.
pub(super) fn shown(encoded: &str) -> Shown {
    let bytes = trainyard_aws::from_base64(encoded).unwrap_or_else(|| encoded.as_bytes().to_vec());
    let length = bytes.len();
    let hidden = |kind, why| Shown { kind, bytes: length, text: None, withheld: Some(why) };
    let packed = bytes.starts_with(&[0x1f, 0x8b]);
    let bytes = if packed {
        match unpacked(&bytes) {
            Some(bytes) => bytes,
            None => return hidden("gzip", "it cannot be unpacked, or is too large unpacked"),
        }
    } else {
        bytes
    };
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => {
            Shown { kind: kind(&text), bytes: length, text: Some(Others(text)), withheld: None }
        }
        _ => hidden(if packed { "gzip" } else { "binary" }, "not text, so that secrets in it cannot be recognised"),
    }
}

/// The content of gzip; `None` where it is broken or unpacks to more than anybody can have meant.
fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    GzDecoder::new(bytes).take(MAX_UNPACKED + 1).read_to_end(&mut content).ok()?;
    (content.len() as u64 <= MAX_UNPACKED).then_some(content)
}

fn kind(text: &str) -> &'static str {
    let starts = |start: &str| text.trim_start().to_ascii_lowercase().starts_with(start);
    if starts("#!") {
        "shell script"
    } else if starts("#cloud-config") {
        "cloud-config"
    } else if starts("content-type: multipart") || starts("mime-version:") {
        "MIME multi-part"
    } else {
        "text"
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeInstanceAttribute {
    instance_id: String,
    attribute: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Attribute {
    user_data: Option<AttributeValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct AttributeValue {
    value: Option<String>,
}

impl Operation for DescribeInstanceAttribute {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeInstanceAttribute";
    type Needs = Reveals;
    type Reply = Attribute;
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeInstanceAttribute>();
    }

    fn of(bytes: &[u8]) -> Shown {
        shown(&trainyard_aws::to_base64(bytes))
    }

    #[test]
    fn text_is_shown_as_it_is_and_nothing_else_is() {
        let script = of("#!/bin/bash\necho Grüße\n".as_bytes());
        assert_eq!((script.kind, script.text), ("shell script", Some(Others("#!/bin/bash\necho Grüße\n".into()))));
        assert_eq!(of(b"#cloud-config\nusers: []").kind, "cloud-config");
        assert_eq!(of(b"Content-Type: multipart/mixed; boundary=x").kind, "MIME multi-part");
        let packed = |text: &[u8]| {
            let mut packer = GzEncoder::new(Vec::new(), Compression::default());
            packer.write_all(text).unwrap();
            of(&packer.finish().unwrap())
        };
        let script = packed(b"#!/bin/sh\nnvidia-smi\n");
        assert_eq!((script.kind, script.text), ("shell script", Some(Others("#!/bin/sh\nnvidia-smi\n".into()))));
        assert_eq!((packed(&[0xff, 0]).kind, packed(&vec![b'a'; 1 << 20]).text), ("gzip", None), "a bomb stays packed");
        for (bytes, kind) in [(&[0x1f, 0x8b, 8, 0][..], "gzip"), (&[0xff, 0xfe, 0, 1], "binary"), (b"a\0b", "binary")] {
            let shown = of(bytes);
            assert_eq!((shown.kind, shown.text, shown.withheld.is_some()), (kind, None, true));
        }
    }
}
