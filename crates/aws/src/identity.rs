//! Who calls and from where: credentials and region by AWS's own rules, looked up when a call first needs them.

mod sources;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::{Duration, SystemTime},
};

use aws_config::{
    BehaviorVersion, SdkConfig,
    identity::IdentityCache,
    imds::{self, region::ImdsRegionProvider},
    provider_config::ProviderConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{SharedCredentialsProvider, error::CredentialsError},
};
use aws_smithy_runtime_api::client::{http::SharedHttpClient, runtime_plugin::RuntimePlugins};
use aws_types::region::Region;
use tokio::sync::{Mutex, OnceCell};
use trainyard_contract::{Error, ErrorKind, Result};

use crate::{
    auth::express::Sessions,
    caller::{self, check_profile},
    catalogue::model::Service,
    client,
    discovery::Discovered,
    mfa::{Session, Way},
    settings::{Role, Scope, Settings},
};

/// Instance metadata answers within a millisecond where it exists; elsewhere its address swallows packets.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// Identities that are kept. Who names more of them than that within one process pays for looking them up again.
const MAX_IDENTITIES: usize = 256;

/// Clients of one identity that are kept. Making one takes microseconds; what is worth keeping, connections, is shared.
const MAX_CLIENTS: usize = 512;

/// Temporary credentials that end sooner than this are fetched anew.
const SOON: Duration = Duration::from_mins(5);

/// Every identity that has been used.
#[derive(Debug)]
pub(crate) struct Identities {
    known: Mutex<HashMap<Who, Arc<Identity>>>,
    http: OnceCell<SharedHttpClient>,
}

/// What identities are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Who {
    profile: Option<String>,
    role: Option<Role>,
}

/// One identity: what AWS's rules say for one profile, and the role that it takes on.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) config: SdkConfig,
    who: Who,
    /// By region and service. They live with the identity whose credentials they sign with, so none outlives it.
    clients: std::sync::Mutex<HashMap<(String, &'static str), RuntimePlugins>>,
    /// Whose account it is of.
    pub(crate) caller: caller::Known,
    /// Addresses that services handed out to it.
    pub(crate) discovered: Discovered,
    /// Its sessions of directory buckets.
    pub(crate) sessions: Sessions,
    /// Temporary credentials that were asked for outside of a call.
    temporary: Mutex<Option<Credentials>>,
    /// Roles that want the code of an MFA device.
    session: Option<Session>,
    region: Option<(Region, &'static str)>,
    metadata: imds::Client,
    metadata_region: OnceCell<Option<Region>>,
}

impl Identities {
    pub(crate) fn new() -> Self {
        Self { known: Mutex::default(), http: OnceCell::new() }
    }

    /// The identity that a scope means.
    pub(crate) async fn get(&self, settings: &Settings, scope: &Scope) -> Result<Arc<Identity>> {
        let who = Who { profile: scope.profile.clone().or_else(|| settings.profile.clone()), role: scope.role.clone() };
        who.check()?;
        let allowed = settings.allowed_profiles.as_deref();
        check_profile(allowed, settings.profile.as_deref(), scope.profile.as_deref())?;
        // The lock is held while files are read, so that calls at the same moment read them once. Nothing here waits
        // for the network.
        let mut known = self.known.lock().await;
        if let Some(identity) = known.get(&who) {
            return Ok(Arc::clone(identity));
        }
        let identity = Arc::new(self.load(settings, scope, who.clone()).await?);
        if known.len() >= MAX_IDENTITIES {
            known.clear();
        }
        known.insert(who, Arc::clone(&identity));
        Ok(identity)
    }

    /// Reads everything about an identity anew at its next use: it was refused, and whoever signs in again or mends a
    /// file should not have to start this process again.
    pub(crate) async fn forget(&self, who: &Who) {
        self.known.lock().await.remove(who);
    }

    async fn load(&self, settings: &Settings, scope: &Scope, who: Who) -> Result<Identity> {
        let http = self.http.get_or_init(|| async { sources::http_client() }).await.clone();
        let settings = settings.clone();
        let fallback = scope.region.clone().map(Region::new);
        // A malformed AWS_RETRY_MODE or AWS_MAX_ATTEMPTS makes aws-config panic; a task turns that into an error.
        tokio::spawn(async move { Identity::load(&settings, who, fallback, http).await })
            .await
            .map_err(|_| Error::validation("the AWS settings in the environment or in the profile are malformed"))?
    }
}

impl Identity {
    async fn load(settings: &Settings, who: Who, fallback: Option<Region>, http: SharedHttpClient) -> Result<Self> {
        let profile = who.profile.as_deref();
        let region = sources::configured_region(settings, profile).await;
        let home = region.as_ref().map(|(region, _)| region.clone()).or(fallback);
        let providers = ProviderConfig::without_region()
            .with_http_client(http.clone())
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_region(home.clone());
        let metadata = imds::Client::builder()
            .configure(&providers)
            .max_attempts(1)
            .connect_timeout(METADATA_TIMEOUT)
            .read_timeout(METADATA_TIMEOUT)
            .build();
        let mut credentials = sources::credentials(settings, profile, home.clone(), &providers, &metadata).await;
        let loader = sources::loader(settings, profile, http)?;
        let mut config = loader.region(home).credentials_provider(credentials.clone()).load().await;
        let session = match Way::configured(settings, profile).await? {
            Some(way) => {
                let (codes, cache) = (settings.codes.clone(), settings.cli_cache.clone());
                Some(way.session(&providers, &config, codes, cache))
            }
            None => None,
        };
        if let Some(session) = &session {
            credentials = SharedCredentialsProvider::new(session.clone());
            let cache = IdentityCache::lazy().build();
            config = config.into_builder().credentials_provider(credentials.clone()).identity_cache(cache).build();
        }
        if let Some(role) = &who.role {
            let assumed = SharedCredentialsProvider::new(sources::assumed(role, credentials, &config).await);
            // A cache of its own: what is cached is told apart by nothing but the configuration that it belongs to.
            let cache = IdentityCache::lazy().build();
            config = config.into_builder().credentials_provider(assumed).identity_cache(cache).build();
        }
        let (clients, temporary) = (std::sync::Mutex::default(), Mutex::default());
        let caller = caller::Known::default();
        let (discovered, sessions) = (Discovered::default(), Sessions::default());
        let metadata_region = OnceCell::new();
        Ok(Self {
            config,
            who,
            clients,
            caller,
            discovered,
            sessions,
            temporary,
            session,
            region,
            metadata,
            metadata_region,
        })
    }

    /// The region that a scope means and where that is written.
    pub(crate) async fn region(&self, settings: &Settings, scope: &Scope) -> Result<(Region, &'static str)> {
        if let Some(region) = &scope.region {
            return checked(region).map(|region| (region, "the call"));
        }
        if let Some(region) = &settings.region {
            return checked(region).map(|region| (region, "the server's settings"));
        }
        if let Some((region, source)) = &self.region {
            return Ok((region.clone(), source));
        }
        let metadata = || async {
            let conf = ProviderConfig::without_region();
            ImdsRegionProvider::builder().configure(&conf).imds_client(self.metadata.clone()).build().region().await
        };
        match self.metadata_region.get_or_init(metadata).await {
            Some(region) => Ok((region.clone(), "instance metadata")),
            None => Err(self.missing_region()),
        }
    }

    /// The profile in use, where one was named.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.who.profile.as_deref()
    }

    /// The runtime of one service in one region.
    pub(crate) fn client(
        &self,
        service: &'static Service<'static>,
        region: &Region,
        max_response_bytes: usize,
    ) -> RuntimePlugins {
        // Nothing that could panic happens under the lock, so a poisoned one still holds a sound map.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS {
            clients.clear();
        }
        let make = || client::plugins(service, region, &self.config, max_response_bytes);
        clients.entry((region.to_string(), service.name)).or_insert_with(make).clone()
    }

    /// What it is told apart from others by.
    pub(crate) fn who(&self) -> &Who {
        &self.who
    }

    /// What could not be found, where it was looked for, and what to do.
    pub(crate) fn credentials_error(&self, error: &CredentialsError) -> Error {
        match &self.who.role {
            Some(role) if !matches!(error, CredentialsError::CredentialsNotLoaded(_)) => {
                let message = format!("the role {} could not be taken on: {}", role.arn, deepest(error));
                Error::new(ErrorKind::Credentials, message).code("CredentialsUnavailable").hint(
                    "its trust policy must allow this identity, with the external id and the tags that it asks for",
                )
            }
            _ => credentials_error(self.profile(), error),
        }
    }

    /// Asks for the code of an MFA device, where one is wanted and no session is held. Before a call, since a person takes
    /// longer than a call may.
    pub(crate) async fn sign_in(&self) -> Result<()> {
        match &self.session {
            Some(session) => session.sign_in().await,
            None => Ok(()),
        }
    }

    /// The credentials themselves. Those that end are kept until shortly before; others are read each time.
    pub(crate) async fn credentials(&self) -> Result<Credentials> {
        use aws_credential_types::provider::ProvideCredentials;
        self.sign_in().await?;
        let mut temporary = self.temporary.lock().await;
        let lasts = |known: &&Credentials| known.expiry().is_some_and(|end| end > SystemTime::now() + SOON);
        if let Some(known) = temporary.as_ref().filter(lasts) {
            return Ok(known.clone());
        }
        let Some(provider) = self.config.credentials_provider() else {
            return Err(credentials_error(self.profile(), &CredentialsError::not_loaded("no provider")));
        };
        let found = provider.provide_credentials().await.map_err(|error| self.credentials_error(&error))?;
        *temporary = Some(found.clone()).filter(|found| found.expiry().is_some());
        Ok(found)
    }

    fn missing_region(&self) -> Error {
        let profile = self.profile().unwrap_or("default");
        Error::validation(format!(
            "no region: none in the call, AWS_REGION, AWS_DEFAULT_REGION, profile {profile:?} of the shared \
             configuration file or instance metadata"
        ))
        .code("MissingRegion")
        .hint("pass `region`, or set AWS_REGION or `region` in the profile")
    }
}

impl Who {
    /// A role becomes part of a request that is signed before anybody else looks at it.
    fn check(&self) -> Result<()> {
        let Some(role) = &self.role else { return Ok(()) };
        if role.arn.is_empty() {
            return Err(Error::policy_denied("this caller has no role of AWS on this server, so nothing was sent")
                .code("NoIdentity")
                .hint("the operator gives one with `aws_role` under [[identities]] in the settings file"));
        }
        let mut parts = role.arn.splitn(6, ':');
        let (arn, service, resource) = (parts.next(), parts.nth(1), parts.nth(2));
        let sound = arn == Some("arn") && service == Some("iam");
        if sound && resource.is_some_and(|resource| resource.starts_with("role/")) {
            return Ok(());
        }
        Err(Error::validation(format!("{:?} is not the ARN of a role", role.arn))
            .code("InvalidRole")
            .hint("it looks like arn:aws:iam::123456789012:role/name"))
    }
}

/// Name of the provider that credentials came from.
pub(crate) fn provider_of(credentials: &Credentials) -> String {
    // The name is shown by `Debug` only; everything secret in there is masked by the type itself.
    let shown = format!("{credentials:?}");
    let name = shown.split_once("provider_name: \"").and_then(|(_, rest)| rest.split('"').next());
    name.unwrap_or("unknown").to_owned()
}

/// The kind of failure and what to do about it.
fn credentials_error(profile: Option<&str>, error: &CredentialsError) -> Error {
    let sign_in = match profile {
        Some(profile) => format!("`aws sso login --profile {profile}` renews a single sign-on session"),
        None => "`aws sso login` renews a single sign-on session".to_owned(),
    };
    if let CredentialsError::CredentialsNotLoaded(_) = error {
        let tried = match profile {
            Some(profile) => {
                format!("profile {profile:?} of the shared configuration and credentials files ({})", deepest(error))
            }
            None => "the environment, the default profile of the shared files, web identity, the container's and the \
                     instance's metadata"
                .to_owned(),
        };
        return Error::new(ErrorKind::Credentials, format!("no AWS credentials: tried {tried}"))
            .code("MissingCredentials")
            .hint(format!(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a `profile` that has them; {sign_in}"
            ));
    }
    let reason = deepest(error);
    Error::new(ErrorKind::Credentials, format!("the AWS credentials could not be loaded: {reason}"))
        .code("CredentialsUnavailable")
        .hint(sign_in)
}

/// The last cause in a chain is the one that says what happened.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// Regions become part of host names, so nothing but their letters may pass.
fn checked(region: &str) -> Result<Region> {
    let sound = !region.is_empty()
        && region.len() <= 63
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !sound {
        return Err(Error::validation(format!("{region:?} is not the name of a region")).code("InvalidRegion"));
    }
    Ok(Region::new(region.to_owned()))
}
