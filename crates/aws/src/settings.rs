//! What the engine is told once, and what each call adds.

use std::{path::PathBuf, sync::Arc, time::Duration};

use trainyard_contract::Ceiling;

use crate::{asked_by::AskedBy, mfa::Codes};

/// Settings of an engine, fixed for its life.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most that the operator allows, checked once more before anything is sent.
    pub ceiling: Ceiling,
    /// Profile of the shared files where a call names none.
    pub profile: Option<String>,
    /// Profiles that a call may name, beside the one above; `None` allows any.
    pub allowed_profiles: Option<Vec<String>>,
    /// Accounts that calls may be made in, by their 12 digits; `None` allows any. An identity whose account is not known
    /// is asked for it before its first call.
    pub allowed_accounts: Option<Vec<String>>,
    /// Region where a call names none.
    pub region: Option<String>,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How long a call may take with all its attempts.
    pub operation_timeout: Duration,
    /// Attempts in all. `None` leaves it to `AWS_MAX_ATTEMPTS`, the profile, and three.
    pub max_attempts: Option<u32>,
    /// Largest answer that is read.
    pub max_response_bytes: usize,
    /// Application name in the user agent: letters, digits and `!#$%&'*+-.^_|~`.
    pub user_agent: &'static str,
    /// Who is asked for the code of an MFA device, where a profile names one (`mfa_serial`). With nobody such a profile is
    /// refused, unless AWS's own command line keeps a session of it.
    pub codes: Option<Arc<dyn Codes>>,
    /// Folder in which AWS's own command line keeps sessions, `~/.aws/cli/cache`; read, and never written.
    pub cli_cache: Option<PathBuf>,
    /// These credentials, and no look-up.
    pub credentials: Option<StaticCredentials>,
    /// This bearer token for services that take one, and no look-up of a single sign-on session.
    pub token: Option<StaticToken>,
    /// This address for every service, before any that the environment configures.
    pub endpoint_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ceiling: Ceiling::READ_ONLY,
            profile: None,
            allowed_profiles: None,
            allowed_accounts: None,
            region: None,
            connect_timeout: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_mins(1),
            max_attempts: None,
            max_response_bytes: 32 * 1024 * 1024,
            user_agent: concat!("trainyard-", env!("CARGO_PKG_VERSION")),
            codes: None,
            cli_cache: None,
            credentials: None,
            token: None,
            endpoint_url: None,
        }
    }
}

/// Credentials given outright.
#[derive(Clone)]
pub struct StaticCredentials {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token of temporary credentials.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for StaticCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaticCredentials").finish_non_exhaustive()
    }
}

/// A bearer token given outright.
#[derive(Clone)]
pub struct StaticToken(
    /// As it goes behind `Bearer`.
    pub String,
);

impl std::fmt::Debug for StaticToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StaticToken")
    }
}

/// Which identity and which region one call uses; `None` is the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Profile of the shared files.
    pub profile: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Role that the profile's identity takes on for the call.
    pub role: Option<Role>,
    /// For whom: stands in the user agent.
    pub asked_by: AskedBy,
}

impl Scope {
    /// The default identity in this region.
    pub fn region(region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..Self::default() }
    }
}

/// A role to take on: its credentials are fetched when first needed, kept, and renewed before they end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Role {
    /// `arn:aws:iam::123456789012:role/name`.
    pub arn: String,
    /// What the role's trust policy asks of third parties.
    pub external_id: Option<String>,
    /// Name in the logs of the account; made up where none is given.
    pub session_name: Option<String>,
    /// Tags of the session, which policies may ask for.
    pub tags: Vec<(String, String)>,
}

impl Role {
    /// The role of that name, and nothing else about it.
    pub fn arn(arn: impl Into<String>) -> Self {
        Self { arn: arn.into(), ..Self::default() }
    }
}
