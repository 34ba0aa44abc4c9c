//! Directory buckets of S3 (Express One Zone): a call to one is signed with a session that S3 gives for the bucket.
//!
//! Source: `CreateSession` in the Amazon S3 API reference.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_runtime::auth::{SigV4SessionTokenNameOverride, sigv4::SigV4Signer};
use aws_smithy_runtime_api::client::{
    auth::{AuthScheme, AuthSchemeId, Sign},
    identity::{Identity, IdentityCacheLocation, IdentityFuture, ResolveIdentity, SharedIdentityResolver},
    runtime_components::{GetIdentityResolver, RuntimeComponents},
};
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use serde_json::Value;
use trainyard_contract::{Error, Result};

use crate::value::parse_time;

pub(crate) const SCHEME_ID: AuthSchemeId = AuthSchemeId::new(NAME);

/// As endpoint rules call it.
pub(crate) const NAME: &str = "sigv4-s3express";

/// Where the token of a session stands, instead of where those of temporary credentials do.
const TOKEN: &str = "x-amz-s3session-token";

/// Sessions last five minutes; one that ends sooner than this is not begun a call with.
const SOON: Duration = Duration::from_mins(1);

/// Sessions that are kept of one identity.
const MAX_SESSIONS: usize = 128;

/// The sessions of one identity, by region and bucket.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<(String, String), Session>>);

/// A session of one bucket, as the scheme that signs with it.
#[derive(Debug, Clone)]
pub(crate) struct Session(Credentials);

impl Sessions {
    /// A session that lasts for a while, if one is known.
    pub(crate) fn known(&self, region: &str, bucket: &str) -> Option<Session> {
        // Nothing that could panic happens under the lock, so a poisoned one still holds a sound map.
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = known.get(&(region.to_owned(), bucket.to_owned()))?;
        session.0.expiry().is_some_and(|end| end > SystemTime::now() + SOON).then(|| session.clone())
    }

    /// Keeps a session.
    pub(crate) fn keep(&self, region: &str, bucket: &str, session: Session) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_SESSIONS {
            known.clear();
        }
        known.insert((region.to_owned(), bucket.to_owned()), session);
    }

    /// A session that was refused is asked for anew. Says whether there was one.
    pub(crate) fn forget(&self, region: &str, bucket: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&(region.to_owned(), bucket.to_owned())).is_some()
    }
}

impl Session {
    /// The session that an answer of `CreateSession` holds.
    pub(crate) fn of(answer: &Value) -> Result<Self> {
        let found = &answer["Credentials"];
        let text = |name: &str| found[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let end = parse_time(&found["Expiration"]).and_then(|end| SystemTime::try_from(end).ok());
        let (Some(id), Some(secret), Some(token), Some(end)) =
            (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"), end)
        else {
            return Err(Error::internal("S3 gave a session without credentials or end").code("MalformedMessage"));
        };
        Ok(Self(Credentials::new(id, secret, Some(token), Some(end), "S3 session")))
    }

    /// In place of a session that is not asked for, in a call that is not sent.
    pub(crate) fn unknown() -> Self {
        Self(Credentials::new("", "", None, None, "no S3 session"))
    }

    /// What the call's settings say about its signature.
    #[expect(clippy::unused_self, reason = "who signs with a session signs so")]
    pub(crate) fn settings(&self, layer: &mut Layer) {
        layer.store_put(SigV4SessionTokenNameOverride::new(|_, _| Ok(Some(TOKEN))));
    }
}

impl AuthScheme for Session {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME_ID
    }

    fn identity_resolver(&self, _resolvers: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        Some(SharedIdentityResolver::new(self.clone()))
    }

    fn signer(&self) -> &dyn Sign {
        &SigV4Signer
    }
}

impl ResolveIdentity for Session {
    fn resolve_identity<'a>(&'a self, _: &'a RuntimeComponents, _: &'a ConfigBag) -> IdentityFuture<'a> {
        IdentityFuture::ready(Ok(Identity::from(self.0.clone())))
    }

    /// It is the cache: the runtime's own would keep an entry for each call.
    fn cache_location(&self) -> IdentityCacheLocation {
        IdentityCacheLocation::IdentityResolver
    }
}
