//! How requests prove who sends them.

pub(crate) mod express;
mod sigv2;

use aws_runtime::auth::{
    SigV4OperationSigningConfig, SigningOptions,
    sigv4::{self, SigV4AuthScheme},
};
use aws_sigv4::http_request::SignableBody;
use aws_smithy_runtime::client::auth::{http::BearerAuthScheme, no_auth::NO_AUTH_SCHEME_ID};
use aws_smithy_runtime_api::client::{
    auth::{AuthSchemeId, http::HTTP_BEARER_AUTH_SCHEME_ID},
    runtime_components::RuntimeComponentsBuilder,
};
use aws_types::SdkConfig;

use self::{express::Session, sigv2::SigV2Scheme};
use crate::catalogue::model::{Auth, Operation, Service};

/// What a call is signed with.
#[derive(Debug)]
pub(crate) enum Signer {
    /// What the model asks for.
    Model(Auth),
    /// A session of one directory bucket.
    Session(Session),
}

impl Signer {
    pub(crate) fn scheme(&self) -> AuthSchemeId {
        match self {
            Self::Model(Auth::None) => NO_AUTH_SCHEME_ID,
            Self::Model(Auth::Bearer) => HTTP_BEARER_AUTH_SCHEME_ID,
            Self::Model(Auth::SigV2) => sigv2::SCHEME_ID,
            Self::Model(Auth::SigV4 | Auth::SigV4UnsignedPayload | Auth::SigV4a) => sigv4::SCHEME_ID,
            Self::Session(_) => express::SCHEME_ID,
        }
    }
}

/// The schemes that any call may ask for, and whom they sign for.
pub(crate) fn schemes(mut components: RuntimeComponentsBuilder, config: &SdkConfig) -> RuntimeComponentsBuilder {
    if let Some(provider) = config.credentials_provider() {
        components.set_identity_resolver(sigv4::SCHEME_ID, provider);
    }
    if let Some(provider) = config.token_provider() {
        components.set_identity_resolver(HTTP_BEARER_AUTH_SCHEME_ID, provider);
    }
    components
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme(BearerAuthScheme::new())
        .with_auth_scheme(SigV2Scheme)
}

/// How the operation is signed.
pub(crate) fn auth(service: &Service<'_>, operation: &Operation<'_>) -> Auth {
    operation.auth.unwrap_or(service.auth)
}

/// What is signed, and how it is written for that.
pub(crate) fn signing(service: &Service<'_>, operation: &Operation<'_>) -> SigV4OperationSigningConfig {
    // S3 takes the path as it is sent, and wants the hash of the body in a header.
    let s3 = service.signing_name.starts_with("s3");
    let mut options = SigningOptions::default();
    options.double_uri_encode = !s3;
    options.normalize_uri_path = !s3;
    options.content_sha256_header = s3 || service.name == "glacier";
    if auth(service, operation) == Auth::SigV4UnsignedPayload {
        options.content_sha256_header = true;
        options.payload_override = Some(SignableBody::UnsignedPayload);
    }
    SigV4OperationSigningConfig { signing_options: options, ..Default::default() }
}
