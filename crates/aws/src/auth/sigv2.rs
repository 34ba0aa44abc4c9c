//! Signature version 2, for the one service that takes no newer one: Amazon `SimpleDB`.
//!
//! The signature is a parameter of the form that is sent, beside others that say how it was made.
//! Source: "Signature Version 2 signing process" in the AWS General Reference, archived.

use std::{collections::BTreeMap, time::SystemTime};

use aws_credential_types::Credentials;
use aws_runtime::auth::sigv4;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, Sign},
        identity::{Identity, SharedIdentityResolver},
        orchestrator::HttpRequest,
        runtime_components::{GetIdentityResolver, RuntimeComponents},
    },
};
use aws_smithy_types::{
    base64,
    body::SdkBody,
    config_bag::ConfigBag,
    date_time::{DateTime, Format},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::protocol::percent_encode;

pub(crate) const SCHEME_ID: AuthSchemeId = AuthSchemeId::new("sigv2");

/// The scheme. It signs with the credentials of version 4.
#[derive(Debug)]
pub(crate) struct SigV2Scheme;

impl AuthScheme for SigV2Scheme {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME_ID
    }

    fn identity_resolver(&self, resolvers: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        resolvers.identity_resolver(sigv4::SCHEME_ID)
    }

    fn signer(&self) -> &dyn Sign {
        self
    }
}

impl Sign for SigV2Scheme {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        _endpoint: AuthSchemeEndpointConfig<'_>,
        components: &RuntimeComponents,
        _cfg: &ConfigBag,
    ) -> Result<(), BoxError> {
        let credentials = identity.data::<Credentials>().ok_or("signature version 2 takes an access key")?;
        let now = components.time_source().map_or_else(SystemTime::now, |source| source.now());
        let form = std::str::from_utf8(request.body().bytes().ok_or("the form is not in memory")?)?;
        let signed = signed(request.method(), request.uri(), form, credentials, now)?;
        request.headers_mut().insert("content-length", signed.len().to_string());
        *request.body_mut() = SdkBody::from(signed);
        Ok(())
    }
}

/// The form with its signature.
fn signed(method: &str, url: &str, form: &str, credentials: &Credentials, now: SystemTime) -> Result<String, BoxError> {
    let timestamp = DateTime::from_secs(DateTime::from(now).secs()).fmt(Format::DateTime)?;
    let mut fields: BTreeMap<String, String> = url_fields(form)?;
    let mut set = |name: &str, value: &str| fields.insert(name.to_owned(), value.to_owned());
    set("AWSAccessKeyId", credentials.access_key_id());
    set("SignatureVersion", "2");
    set("SignatureMethod", "HmacSHA256");
    set("Timestamp", &timestamp);
    if let Some(token) = credentials.session_token() {
        set("SecurityToken", token);
    }
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value))).collect();
    let pairs = pairs.join("&");
    let signature = signature(method, url, &pairs, credentials.secret_access_key())?;
    Ok(format!("{pairs}&Signature={}", percent_encode(&signature)))
}

/// The signature of escaped pairs in the order of their names.
fn signature(method: &str, url: &str, pairs: &str, secret: &str) -> Result<String, BoxError> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let text = format!("{method}\n{}\n/{path}\n{pairs}", host.to_ascii_lowercase());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(text.as_bytes());
    Ok(base64::encode(mac.finalize().into_bytes()))
}

/// What a form says, without an earlier signature of it.
fn url_fields(form: &str) -> Result<BTreeMap<String, String>, BoxError> {
    let mut fields = BTreeMap::new();
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        fields.insert(decoded(name)?, decoded(value)?);
    }
    fields.remove("Signature");
    Ok(fields)
}

fn decoded(text: &str) -> Result<String, BoxError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next().ok_or("a form ends within an escape")?, rest.next().ok_or("so does this")?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits)?, 16)?);
            }
            other => bytes.push(other),
        }
    }
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The example of the AWS General Reference: a question to Elastic `MapReduce`.
    #[test]
    fn the_documented_example_has_its_signature() {
        let pairs = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Action=DescribeJobFlows&SignatureMethod=HmacSHA256&\
                     SignatureVersion=2&Timestamp=2011-10-03T15%3A19%3A30&Version=2009-03-31";
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let signature = signature("GET", "https://elasticmapreduce.amazonaws.com", pairs, secret).unwrap();
        assert_eq!(signature, "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs=");
    }

    #[test]
    fn a_form_says_how_it_is_signed() {
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", Some("a/b".to_owned()), None, "test");
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_317_655_170_250);
        let form = signed("POST", "https://sdb.amazonaws.com/", "Version=1&Action=List", &credentials, now).unwrap();
        let wanted = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Action=List&SecurityToken=a%2Fb&SignatureMethod=HmacSHA256&\
                      SignatureVersion=2&Timestamp=2011-10-03T15%3A19%3A30Z&Version=1&Signature=";
        assert!(form.starts_with(wanted), "{form}");
    }

    #[test]
    fn an_earlier_signature_is_replaced_and_escapes_are_read() {
        let fields = url_fields("A=1%2B1&B=a+b&Signature=old&C").unwrap();
        assert_eq!(fields["A"], "1+1");
        assert_eq!(fields["B"], "a b");
        assert_eq!(fields["C"], "");
        assert!(!fields.contains_key("Signature"));
        for broken in ["A=%", "A=%4", "A=%zz", "A=%ff"] {
            assert!(url_fields(broken).is_err(), "{broken}");
        }
    }
}
