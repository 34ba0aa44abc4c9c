//! Key pairs: made with a real private key, imported, deleted.

use aws_lc_rs::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, digest},
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{refused, tags};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(in crate::aws::services) const OPERATIONS: Operations =
    &[("ec2", "CreateKeyPair", create), ("ec2", "DeleteKeyPair", delete), ("ec2", "ImportKeyPair", import)];

/// A pair: its private key as text, its public key as OpenSSH writes it, and how EC2 tells it from others.
struct Pair {
    private: String,
    public: String,
    fingerprint: String,
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = free_name(cx)?;
    let kind = cx.text("KeyType").unwrap_or("rsa").to_owned();
    let made = if kind == "ed25519" { ed25519(cx) } else { rsa() };
    let pair = made.ok_or_else(|| Refusal::new(500, "InternalError", "the system gives no random numbers"))?;
    let mut output = keep(cx, &name, &kind, &pair.public, &pair.fingerprint);
    output["KeyMaterial"] = json!(pair.private);
    Ok(output)
}

fn free_name(cx: &Cx<'_>) -> Result<String, Refusal> {
    let name = cx.name("KeyName");
    if cx.rows(Table::KeyPairs).any(|row| row["KeyName"] == name) {
        return Err(refused("InvalidKeyPair.Duplicate", format!("The keypair already exists: {name}")));
    }
    Ok(name)
}

fn keep(cx: &mut Cx<'_>, name: &str, kind: &str, public: &str, fingerprint: &str) -> Value {
    let id = cx.account.new_id("key");
    let tags = tags::given(cx, "key-pair");
    let row = json!({
        "KeyName": name, "KeyPairId": id, "KeyType": kind, "KeyFingerprint": fingerprint, "Tags": tags,
        "CreateTime": cx.account.stamp(), "_public_key": public,
    });
    cx.insert(Table::KeyPairs, &id, row);
    json!({ "KeyName": name, "KeyPairId": id, "KeyFingerprint": fingerprint, "Tags": tags })
}

fn import(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = free_name(cx)?;
    let malformed = || refused("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
    let text = BASE64_STANDARD.decode(cx.name("PublicKeyMaterial")).map_err(|_| malformed())?;
    let text = String::from_utf8(text).map_err(|_| malformed())?;
    let mut words = text.split_whitespace();
    let (Some(kind), Some(key)) = (words.next(), words.next()) else { return Err(malformed()) };
    let key = BASE64_STANDARD.decode(key).map_err(|_| malformed())?;
    let (kind, fingerprint) = match kind {
        "ssh-ed25519" => ("ed25519", BASE64_STANDARD.encode(Sha256::digest(&key))),
        "ssh-rsa" => ("rsa", colons(&Md5::digest(&key))),
        _ => return Err(malformed()),
    };
    Ok(keep(cx, &name, kind, text.trim(), &fingerprint))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, name) = (cx.text("KeyPairId"), cx.text("KeyName"));
    if id.is_none() && name.is_none() {
        return Err(refused("MissingParameter", "The request must contain the parameter keyName or keyPairId"));
    }
    let is = |row: &&Value| id.map_or_else(|| row["KeyName"] == name.unwrap_or_default(), |id| row["KeyPairId"] == id);
    let Some(row) = cx.rows(Table::KeyPairs).find(is).cloned() else {
        // A name that is not there is deleted all the same; an id is not.
        return match id {
            Some(id) => Err(refused("InvalidKeyPair.NotFound", format!("The key pair ID '{id}' does not exist"))),
            None => Ok(json!({ "Return": true })),
        };
    };
    let id = row["KeyPairId"].as_str().unwrap_or_default();
    cx.remove(Table::KeyPairs, id);
    Ok(json!({ "Return": true, "KeyPairId": id }))
}

fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Text in the armour of PEM.
fn pem(label: &str, bytes: &[u8], width: usize) -> String {
    let text = BASE64_STANDARD.encode(bytes);
    let lines: Vec<&str> = text.as_bytes().chunks(width).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// What an element of DER holds, and what stands behind it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.get(1..)?.split_first()?;
    let (length, rest) = match usize::from(*first) {
        length @ ..0x80 => (length, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long - 0x80)?;
            (digits.iter().fold(0_usize, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
        }
    };
    rest.split_at_checked(length)
}

fn rsa() -> Option<Pair> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
    let private: Pkcs8V1Der<'_> = AsDer::as_der(&pair).ok()?;
    // A sequence of modulus and exponent, whose form is that of OpenSSH's numbers.
    let (numbers, _) = element(pair.public_key().as_ref())?;
    let (modulus, rest) = element(numbers)?;
    let (exponent, _) = element(rest)?;
    let blob = [field(b"ssh-rsa"), field(exponent), field(modulus)].concat();
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, private.as_ref());
    Some(Pair {
        private: pem("PRIVATE KEY", private.as_ref(), 64),
        public: format!("ssh-rsa {}", BASE64_STANDARD.encode(&blob)),
        fingerprint: colons(sha1.as_ref()),
    })
}

/// A field of an OpenSSH message: its length, and itself.
fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A pair in the form of `ssh-keygen`: the container that OpenSSH's `PROTOCOL.key` describes, without a passphrase.
fn ed25519(cx: &mut Cx<'_>) -> Option<Pair> {
    let words: Vec<[u8; 8]> = (0..4).map(|_| cx.account.random.next().to_be_bytes()).collect();
    let seed = words.concat();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
    let public = pair.public_key().as_ref().to_vec();
    let blob = [field(b"ssh-ed25519"), field(&public)].concat();
    let check = [7_u8; 4];
    let secret = [seed, public].concat();
    let mut inner = [&check[..], &check, &blob, &field(&secret), &field(b"")].concat();
    inner.extend((1..).take((8 - inner.len() % 8) % 8));
    let outer = [
        &b"openssh-key-v1\0"[..],
        &field(b"none"),
        &field(b"none"),
        &field(b""),
        &1_u32.to_be_bytes(),
        &field(&blob),
        &field(&inner),
    ]
    .concat();
    Some(Pair {
        private: pem("OPENSSH PRIVATE KEY", &outer, 70),
        public: format!("ssh-ed25519 {}", BASE64_STANDARD.encode(&blob)),
        fingerprint: BASE64_STANDARD.encode(Sha256::digest(&blob)),
    })
}
