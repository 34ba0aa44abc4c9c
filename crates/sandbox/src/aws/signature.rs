//! Who sent a request: signatures of version 4, in headers or in the query.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trainyard_aws::catalogue::model::{Protocol, Service};

use super::wire::{Refusal, Request, scope};

/// A key that the sandbox knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…`.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl AccessKey {
    /// How the ids of sessions begin.
    const SESSION: &'static str = "ASIA";

    /// Whether an id is that of a session.
    pub(super) fn is_of_session(id: &str) -> bool {
        id.starts_with(Self::SESSION)
    }

    /// The key of a session, which nobody has to remember.
    pub(super) fn of_session(id: &str) -> Self {
        let secret = hexadecimal(&Sha256::digest(format!("sandbox session {id}")));
        Self { id: id.to_owned(), secret: secret[..40].to_owned() }
    }

    /// The token of a session.
    pub(super) fn token(&self) -> String {
        format!("sandbox-{}", hexadecimal(&Sha256::digest(format!("sandbox token {}", self.id))))
    }
}

/// How far a request's time may be from ours, as at AWS.
const SKEW: Duration = Duration::from_mins(15);
/// Longest life of an address that was signed.
const LONGEST: Duration = Duration::from_hours(7 * 24);
/// What is left as it is in a canonical request.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// What a signature says besides its scope.
struct Signed<'r> {
    headers: &'r str,
    signature: String,
    time: String,
    lasts: Duration,
    payload: String,
}

/// Lets a request in, or refuses it as its service would.
pub(super) fn check(request: &Request, keys: &[AccessKey], service: &Service<'_>) -> Result<(), Refusal> {
    let refuse = |case: Case, why: &str| Err(refusal(service, case, why));
    if service.name == "s3" && is_of_version_2(request) {
        let why = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
        return Err(Refusal::new(400, "InvalidRequest", why));
    }
    let Some((scope, signed)) = scope(request).and_then(|scope| Some((scope, signed(request, service)?))) else {
        return refuse(Case::Missing, "The request carries no signature of version 4.");
    };
    let session = Some(scope.access_key).filter(|id| AccessKey::is_of_session(id)).map(AccessKey::of_session);
    let session = session.filter(|key| security_token(request).is_some_and(|token| token == key.token()));
    let Some(key) = keys.iter().find(|key| key.id == scope.access_key).or(session.as_ref()) else {
        return refuse(Case::UnknownKey, "The security token included in the request is invalid.");
    };
    let Some(time) = moment(&signed.time) else {
        return refuse(Case::Mismatch, "X-Amz-Date is no time.");
    };
    let now = SystemTime::from(OffsetDateTime::now_utc());
    if time > now + SKEW || now > time + signed.lasts {
        return refuse(Case::Expired, "Signature expired, or not yet valid: compare the clocks.");
    }
    if !signed.time.starts_with(scope.date) {
        return refuse(Case::Mismatch, "The date of the credential's scope is not that of the request.");
    }
    let names_body = signed.payload.len() == 64;
    if names_body && signed.payload != hexadecimal(&Sha256::digest(&request.body)) {
        return refuse(Case::Mismatch, "The body is not the one whose hash was signed.");
    }
    let secret = generate_signing_key(&key.secret, time, scope.region, scope.name);
    let place = format!("{}/{}/{}/aws4_request", scope.date, scope.region, scope.name);
    // S3 signs paths as they are sent, all others escape them once more.
    let as_sent = request.path().to_owned();
    let escaped = utf8_percent_encode(request.path(), ESCAPED_IN_PATH).to_string();
    let matches = |path: &str| {
        let canonical = canonical(request, path, &signed);
        let hash = hexadecimal(&Sha256::digest(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{place}\n{hash}", signed.time);
        calculate_signature(&secret, text.as_bytes()) == signed.signature
    };
    if matches(&as_sent) || matches(&escaped) {
        return Ok(());
    }
    let why = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
        Access Key and signing method.";
    refuse(Case::Mismatch, why)
}

/// Signed as S3 takes it for buckets from before June 2020 only, of which there is none here.
fn is_of_version_2(request: &Request) -> bool {
    let in_query = |name: &str| request.query().split('&').any(|pair| pair.starts_with(name));
    request.header("authorization").is_some_and(|header| header.starts_with("AWS "))
        || (in_query("AWSAccessKeyId=") && in_query("Signature="))
}

/// The token of a session, in a header or in the query.
fn security_token(request: &Request) -> Option<&str> {
    let in_query = || request.query().split('&').find_map(|pair| pair.strip_prefix("X-Amz-Security-Token="));
    request.header("x-amz-security-token").or_else(in_query)
}

/// `20261121T100000Z`.
fn moment(text: &str) -> Option<SystemTime> {
    let part = |from: usize, to: usize| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 16)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}");
    OffsetDateTime::parse(&text, &Rfc3339).ok().map(SystemTime::from)
}

fn signed<'r>(request: &'r Request, service: &Service<'_>) -> Option<Signed<'r>> {
    let body = || hexadecimal(&Sha256::digest(&request.body));
    if let Some(header) = request.header("authorization") {
        let part = |name: &str| {
            let rest = &header[header.find(name)? + name.len()..];
            Some(rest.split([',', ' ']).next().unwrap_or_default())
        };
        return Some(Signed {
            headers: part("SignedHeaders=")?,
            signature: part("Signature=")?.to_owned(),
            time: request.header("x-amz-date")?.to_owned(),
            lasts: SKEW,
            payload: request.header("x-amz-content-sha256").map_or_else(body, str::to_owned),
        });
    }
    let part = |name: &str| request.query().split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let seconds: u64 = part("X-Amz-Expires").map_or(Some(0), |text| text.parse().ok())?;
    Some(Signed {
        headers: part("X-Amz-SignedHeaders")?,
        signature: part("X-Amz-Signature")?.to_owned(),
        time: part("X-Amz-Date")?.to_owned(),
        lasts: Duration::from_secs(seconds).min(LONGEST),
        // Addresses of S3 are signed for any body, those of others for the one that is sent.
        payload: match request.header("x-amz-content-sha256") {
            Some(given) => given.to_owned(),
            None if service.name == "s3" => "UNSIGNED-PAYLOAD".to_owned(),
            None => body(),
        },
    })
}

fn canonical(request: &Request, path: &str, signed: &Signed<'_>) -> String {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = request.query().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("X-Amz-Signature="));
    let mut pairs: Vec<[String; 2]> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            [name, value].map(|text| utf8_percent_encode(&plain(text), ESCAPED).to_string())
        })
        .collect();
    // By name, then by value: `domain` stands before `domain-owner`, which `domain=` would not.
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|pair| pair.join("=")).collect();
    let names = plain(signed.headers);
    let mut headers: BTreeMap<&str, Vec<String>> = names.split(';').map(|name| (name, Vec::new())).collect();
    for (name, value) in &request.headers {
        if let Some(values) = headers.get_mut(name.as_str()) {
            values.push(value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    let mut text = format!("{}\n{}\n{}\n", request.method, if path.is_empty() { "/" } else { path }, pairs.join("&"));
    for (name, values) in headers {
        // Writing to a text does not fail.
        writeln!(text, "{name}:{}", values.join(",")).unwrap_or_default();
    }
    text + &format!("\n{names}\n{}", signed.payload)
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy)]
enum Case {
    Missing,
    UnknownKey,
    Mismatch,
    Expired,
}

/// The same refusal has another name in each family of services.
fn refusal(service: &Service<'_>, case: Case, why: &str) -> Refusal {
    let (status, [missing, unknown, mismatch, expired]) = match service.protocol {
        Protocol::Ec2 => (401, ["AuthFailure", "AuthFailure", "AuthFailure", "RequestExpired"]),
        Protocol::RestXml if service.name == "s3" => {
            (403, ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"])
        }
        Protocol::Query | Protocol::RestXml => (
            403,
            ["MissingAuthenticationToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "SignatureDoesNotMatch"],
        ),
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson | Protocol::Cbor => (
            if service.protocol == Protocol::RestJson { 403 } else { 400 },
            [
                "MissingAuthenticationTokenException",
                "UnrecognizedClientException",
                "InvalidSignatureException",
                "InvalidSignatureException",
            ],
        ),
    };
    let code = match case {
        Case::Missing => missing,
        Case::UnknownKey => unknown,
        Case::Mismatch => mismatch,
        Case::Expired => expired,
    };
    Refusal::new(status, code, why)
}
