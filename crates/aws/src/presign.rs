//! Addresses that carry their signature: for who may make one call, and no other, without our keys.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use serde_json::Value;
use trainyard_contract::{Error, Result};

use crate::{
    auth::auth,
    catalogue::model::{Auth, Protocol},
    customise,
    engine::{Checked, Engine, Stopped, named},
    protocol::percent_encode,
    settings::Scope,
};

/// A signed address.
#[derive(Debug, Clone)]
pub struct Presigned {
    /// HTTP method it is good for.
    pub method: String,
    /// The address. Whoever has it can make the call until it expires: treat it as a secret.
    pub url: String,
}

/// How long the other region has to begin a copy.
const COPY_LIFE: Duration = Duration::from_hours(1);

impl Engine {
    /// An address that makes this call for whoever has it, until it expires. `headers` are those that they must send.
    ///
    /// It is as good as the call itself, so the operator's ceiling counts. Only calls without a body can be signed so:
    /// reads of REST services, and anything in the Query protocol.
    pub async fn presign(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        scope: &Scope,
        headers: &[(&str, &str)],
        expires: Duration,
    ) -> Result<Presigned> {
        let call = self.permitted(service, operation, input)?;
        self.sign_address(&call, scope, headers, "", expires).await.map_err(|error| named(error, &call))
    }

    /// Copies between regions are authorised by an address of the source region, signed by whoever may read there.
    pub(crate) async fn authorise_copy(&self, call: &mut Checked, scope: &Scope) -> Result<()> {
        let Some(copy) = customise::copy(call.loaded.service, call.prepared.operation, &mut call.input) else {
            return Ok(());
        };
        let here = self.region(scope).await?;
        if copy.source == here {
            return Ok(());
        }
        let there = Scope { region: Some(copy.source), ..scope.clone() };
        let extra = format!("&DestinationRegion={}", percent_encode(&here));
        let signed = self.sign_address(call, &there, &[], &extra, COPY_LIFE).await?;
        call.input[copy.member] = Value::from(signed.url);
        Ok(())
    }

    async fn sign_address(
        &self,
        call: &Checked,
        scope: &Scope,
        headers: &[(&str, &str)],
        extra: &str,
        expires: Duration,
    ) -> Result<Presigned> {
        let service = call.loaded.service;
        let Stopped { preview, address, identity } = self.stop_before_sending(call, scope).await?;
        if !matches!(auth(service, call.prepared.operation), Auth::SigV4 | Auth::SigV4UnsignedPayload)
            || address.session().is_some()
        {
            return Err(Error::unsupported(
                "only signatures of version 4 go into an address, and no session of a bucket",
            ));
        }
        let form = matches!(service.protocol, Protocol::Query | Protocol::Ec2);
        if !form && !preview.body.is_empty() {
            return Err(Error::unsupported("a call with a body cannot be signed in its address"));
        }
        let (method, url) = if form {
            ("GET", format!("{}?{}{extra}", preview.url, preview.body))
        } else {
            (preview.method.as_str(), preview.url)
        };
        let (name, region) = address.found().map(|found| found.signing.clone()).unwrap_or_default();
        let target = Target {
            method,
            url: &url,
            headers,
            name: name.as_deref().unwrap_or(service.signing_name),
            region: region.as_deref().unwrap_or(&preview.region),
            s3: service.signing_name.starts_with("s3"),
            expires,
        };
        presign(&target, &identity.credentials().await?)
    }
}

/// What is signed.
struct Target<'t> {
    method: &'t str,
    url: &'t str,
    /// Headers that the caller of the address has to send.
    headers: &'t [(&'t str, &'t str)],
    name: &'t str,
    region: &'t str,
    /// S3 takes the path as it is sent, and a body that nobody has seen.
    s3: bool,
    expires: Duration,
}

/// Longest life that AWS gives an address.
const MAX_LIFE: Duration = Duration::from_hours(7 * 24);

/// Signs an address.
fn presign(target: &Target<'_>, credentials: &Credentials) -> Result<Presigned> {
    if target.expires.is_zero() || target.expires > MAX_LIFE {
        return Err(Error::validation("a signed address lives from one second to seven days").code("InvalidParameter"));
    }
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(target.expires);
    if target.s3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(target.region)
        .name(target.name)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|error| Error::internal(error.to_string()))?
        .into();
    let body = if target.s3 { SignableBody::UnsignedPayload } else { SignableBody::Bytes(&[]) };
    let request = SignableRequest::new(target.method, target.url, target.headers.iter().copied(), body)
        .map_err(|error| Error::internal(error.to_string()))?;
    let (instructions, _) =
        sign(request, &parameters).map_err(|error| Error::internal(error.to_string()))?.into_parts();
    let mut url = target.url.to_owned();
    for (name, value) in instructions.params() {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.push_str(&percent_encode(value));
    }
    Ok(Presigned { method: target.method.to_owned(), url })
}
