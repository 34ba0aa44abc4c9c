//! Sessions that AWS's own command line keeps, read and never written: one file each, named by a digest of what was asked for.

use std::{fmt::Write as _, path::Path, time::SystemTime};

use aws_credential_types::Credentials;
use aws_smithy_checksums::ChecksumAlgorithm;
use aws_smithy_types::date_time::{DateTime, Format};
use serde::Deserialize;
use serde_json::Value;

use super::Step;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    credentials: Keys,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

/// The session of a step that wants a code, if one is kept.
pub(super) fn read(folder: &Path, step: &Step) -> Option<Credentials> {
    step.serial.as_ref()?;
    let text = std::fs::read_to_string(folder.join(name(step))).ok()?;
    let Keys { access_key_id, secret_access_key, session_token, expiration } =
        serde_json::from_str::<Kept>(&text).ok()?.credentials;
    let end = SystemTime::try_from(DateTime::from_str(&expiration, Format::DateTimeWithOffset).ok()?).ok()?;
    Some(Credentials::new(access_key_id, secret_access_key, Some(session_token), Some(end), "AwsCliCache"))
}

/// The SHA-1 of the arguments, as Python writes a dictionary of them.
pub(super) fn name(step: &Step) -> String {
    let arguments = [
        ("DurationSeconds", step.duration.map(|seconds| seconds.to_string())),
        ("ExternalId", step.external_id.as_deref().map(quoted)),
        ("RoleArn", Some(quoted(&step.role))),
        ("RoleSessionName", step.session_name.as_deref().map(quoted)),
        ("SerialNumber", step.serial.as_deref().map(quoted)),
    ];
    let given = arguments.iter().filter_map(|(name, value)| Some(format!("\"{name}\": {}", value.as_ref()?)));
    let mut digest = ChecksumAlgorithm::Sha1.into_impl();
    digest.update(format!("{{{}}}", given.collect::<Vec<_>>().join(", ")).as_bytes());
    let mut name = digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    name.push_str(".json");
    name
}

/// As Python has it: in letters of ASCII alone.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for letter in Value::from(text).to_string().chars() {
        if letter.is_ascii() {
            quoted.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(quoted, "\\u{unit:04x}");
            }
        }
    }
    quoted
}
