//! What a scope means: the region and the credentials that a call in it would have.

use serde::Serialize;
use trainyard_contract::Result;

use crate::{Engine, identity, settings::Scope};

/// What a scope means, as far as it can be found out without calling a service.
#[derive(Debug)]
pub struct ScopeInfo {
    /// The region and where it is written.
    pub region: Result<(String, &'static str)>,
    /// The credentials.
    pub credentials: Result<CredentialsInfo>,
    /// Address that all services are called at instead of their own.
    pub endpoint_override: Option<String>,
    /// Profile that was named.
    pub profile: Option<String>,
}

/// Credentials, without anything secret.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialsInfo {
    /// First and last letters of the access key id.
    pub access_key_id: String,
    /// Where they come from.
    pub provider: String,
    /// When they end.
    pub expires: Option<std::time::SystemTime>,
    /// Account that they belong to, where the provider knows.
    pub account: Option<String>,
}

impl Engine {
    /// What a scope means. Looks for credentials and, where nothing else says it, asks the instance for its region.
    pub async fn describe_scope(&self, scope: &Scope) -> ScopeInfo {
        let settings = self.settings();
        let identity = match self.known_identity(scope).await {
            Ok(identity) => identity,
            Err(error) => {
                let (profile, region) = (scope.profile.clone(), Err(error.clone()));
                return ScopeInfo { region, credentials: Err(error), endpoint_override: None, profile };
            }
        };
        let region = identity.region(settings, scope).await;
        let credentials = identity.credentials().await.map(|found| CredentialsInfo {
            access_key_id: masked(found.access_key_id()),
            provider: identity::provider_of(&found),
            expires: found.expiry(),
            account: found.account_id().map(|account| account.as_str().to_owned()),
        });
        ScopeInfo {
            region: region.map(|(region, source)| (region.to_string(), source)),
            credentials,
            endpoint_override: identity.config.endpoint_url().map(str::to_owned),
            profile: identity.profile().map(str::to_owned),
        }
    }
}

/// Enough of a key id to recognise it by.
fn masked(key: &str) -> String {
    match (key.get(..4), key.len().checked_sub(4).and_then(|at| key.get(at..))) {
        (Some(start), Some(end)) if key.len() >= 16 => format!("{start}…{end}"),
        _ => "…".to_owned(),
    }
}
