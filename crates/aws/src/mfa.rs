//! Profiles whose role wants the code of an MFA device (`mfa_serial`).
//!
//! AWS's own chain of sources passes over `mfa_serial`. Where a profile has one on its way, its roles are taken on here:
//! whoever calls is asked for the code once, before the call and outside of its timeouts, and what was got for it is kept
//! until it ends.

use std::{
    fmt,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{
    SdkConfig,
    environment::EnvironmentVariableCredentialsProvider,
    identity::IdentityCache,
    profile::{self, Profile, ProfileFileCredentialsProvider, ProfileSet},
    provider_config::ProviderConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_sts::{Client, error::ProvideErrorMetadata as _};
use aws_types::os_shim_internal::{Env, Fs};
use tokio::sync::Mutex;
use trainyard_contract::{Error, ErrorKind, Result};

use crate::settings::Settings;

mod cache;

/// A session that ends sooner than this is not begun a call with.
const SOON: Duration = Duration::from_mins(5);

/// Profiles that may lead from one to the next.
const MAX_CHAIN: usize = 8;

/// What a code is asked of, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its serial number, or its ARN: `arn:aws:iam::123456789012:mfa/name`.
    pub serial: String,
    /// Profile that names it.
    pub profile: String,
    /// Role that is taken on with it.
    pub role: String,
}

impl Device {
    /// The error of a call that wants its code where nobody can be asked.
    pub fn unasked(&self) -> Error {
        let Self { profile, role, serial } = self;
        Error::new(
            ErrorKind::Credentials,
            format!(
                "profile {profile:?} takes on {role} with a code of the MFA device {serial}, and there is nobody to ask"
            ),
        )
        .code("MfaCodeRequired")
        .hint(format!(
            "`aws sts get-caller-identity --profile {profile}` in a terminal asks for the code; its session is used here \
             until it ends"
        ))
    }
}

/// Whoever can be asked for the code that a device shows now: six digits.
///
/// It is asked once for each session, an hour long or as `duration_seconds` has it. It may take its time, since no timeout
/// of the call runs meanwhile; the call that waits for it may be dropped.
pub trait Codes: fmt::Debug + Send + Sync {
    /// The code, or an error that tells the caller how to give one.
    fn code<'a>(&'a self, device: &'a Device) -> Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>>;
}

/// One role on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    profile: String,
    role: String,
    serial: Option<String>,
    external_id: Option<String>,
    session_name: Option<String>,
    duration: Option<i32>,
}

/// Where the way begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Base {
    /// A profile that takes on no role.
    Profile(String),
    /// Keys in the last profile itself.
    Keys(Credentials),
    /// Keys in the environment.
    Environment,
}

/// The roles of a profile, taken on one by the other.
#[derive(Debug, Clone)]
pub(crate) struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: SharedCredentialsProvider,
    /// From the base on.
    steps: Vec<Step>,
    codes: Option<Arc<dyn Codes>>,
    cache: Option<PathBuf>,
    config: SdkConfig,
    /// What each step came to. The lock is held while a person is asked, so that calls at the same moment ask once.
    held: Mutex<Vec<Option<Credentials>>>,
}

/// The way of a profile, where a code is wanted on it. Everything else is left to AWS's own chain.
pub(crate) struct Way {
    base: Base,
    steps: Vec<Step>,
}

impl Way {
    /// The way of the profile in use. Keys that were given outright, or stand in the environment, go before a profile that
    /// nobody named.
    pub(crate) async fn configured(settings: &Settings, named: Option<&str>) -> Result<Option<Self>> {
        let environment =
            || async { EnvironmentVariableCredentialsProvider::new().provide_credentials().await.is_ok() };
        if settings.credentials.is_some() || (named.is_none() && environment().await) {
            return Ok(None);
        }
        // Files that cannot be read are the chain's to complain about.
        let Ok(profiles) = profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None).await else {
            return Ok(None);
        };
        Self::of(&profiles, named.unwrap_or(profiles.selected_profile()))
    }

    /// The way of the profile of that name.
    fn of(profiles: &ProfileSet, name: &str) -> Result<Option<Self>> {
        let (mut steps, mut name) = (Vec::new(), name.to_owned());
        let base = loop {
            // A way in a circle, or to nowhere, is refused by AWS's own chain in its own words.
            let Some(profile) = profiles.get_profile(&name).filter(|_| steps.len() < MAX_CHAIN) else {
                return Ok(None);
            };
            let Some(role) = profile.get("role_arn") else { break Base::Profile(name) };
            steps.push(Step::new(&name, role, profile)?);
            match (profile.get("source_profile"), profile.get("credential_source")) {
                (Some(source), _) if source != name => source.clone_into(&mut name),
                (Some(_), _) => match Base::keys(profile) {
                    Some(keys) => break keys,
                    None => return Ok(None),
                },
                (None, Some("Environment")) => break Base::Environment,
                (None, _) if steps.pop().is_some_and(|step| step.serial.is_some()) => return Err(without_owner(&name)),
                // A role of an instance, a container or a web identity: AWS's own chain takes it on.
                (None, _) => break Base::Profile(name),
            }
        };
        if steps.iter().all(|step| step.serial.is_none()) {
            return Ok(None);
        }
        steps.reverse();
        Ok(Some(Self { base, steps }))
    }

    /// A session on this way, not signed in yet.
    pub(crate) fn session(
        self,
        providers: &ProviderConfig,
        config: &SdkConfig,
        codes: Option<Arc<dyn Codes>>,
        cache: Option<PathBuf>,
    ) -> Session {
        let base = match self.base {
            Base::Profile(name) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder().profile_name(name).configure(providers).build(),
            ),
            Base::Keys(keys) => SharedCredentialsProvider::new(keys),
            Base::Environment => SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()),
        };
        let held = Mutex::new(vec![None; self.steps.len()]);
        Session(Arc::new(Inner { base, steps: self.steps, codes, cache, config: config.clone(), held }))
    }
}

impl Base {
    fn keys(profile: &Profile) -> Option<Self> {
        let (id, secret) = (profile.get("aws_access_key_id")?, profile.get("aws_secret_access_key")?);
        let token = profile.get("aws_session_token").map(str::to_owned);
        Some(Self::Keys(Credentials::new(id, secret, token, None, "profile")))
    }
}

impl Step {
    fn new(name: &str, role: &str, profile: &Profile) -> Result<Self> {
        let text = |key| profile.get(key).filter(|text| !text.is_empty()).map(str::to_owned);
        let duration = text("duration_seconds").map(|seconds| seconds.parse()).transpose().map_err(|_| {
            Error::validation(format!("duration_seconds of profile {name:?}: wants a number of seconds"))
        })?;
        Ok(Self {
            profile: name.to_owned(),
            role: role.to_owned(),
            serial: text("mfa_serial"),
            external_id: text("external_id"),
            session_name: text("role_session_name"),
            duration,
        })
    }
}

impl Session {
    /// Takes on what is not held yet, and asks for a code where one is wanted.
    pub(crate) async fn sign_in(&self) -> Result<()> {
        let inner = &*self.0;
        let mut held = inner.held.lock().await;
        let lasts = |known: &Credentials| known.expiry().is_some_and(|end| end > SystemTime::now() + SOON);
        let from = held.iter().rposition(|known| known.as_ref().is_some_and(lasts));
        let mut with = from.and_then(|at| held[at].clone()).map(SharedCredentialsProvider::new);
        for (at, step) in inner.steps.iter().enumerate().skip(from.map_or(0, |at| at + 1)) {
            let base = with.unwrap_or_else(|| inner.base.clone());
            let kept = inner.cache.as_deref().and_then(|folder| cache::read(folder, step)).filter(lasts);
            let got = match kept {
                Some(kept) => kept,
                None => inner.take_on(step, base).await?,
            };
            held[at] = Some(got.clone());
            with = Some(SharedCredentialsProvider::new(got));
        }
        Ok(())
    }
}

impl ProvideCredentials for Session {
    /// What signing in came to. Nobody is asked here: this runs within the timeouts of a call.
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let held = self.0.held.lock().await;
            let last = held.last().cloned().flatten();
            last.ok_or_else(|| CredentialsError::provider_error("nobody has signed in"))
        })
    }
}

impl Inner {
    async fn take_on(&self, step: &Step, with: SharedCredentialsProvider) -> Result<Credentials> {
        let code = match &step.serial {
            Some(serial) => Some(self.ask(step, serial).await?),
            None => None,
        };
        let config = self.config.clone().into_builder().credentials_provider(with);
        let client = Client::new(&config.identity_cache(IdentityCache::lazy().build()).build());
        let name = step.session_name.clone().unwrap_or_else(|| format!("trainyard-{}", uuid::Uuid::new_v4().simple()));
        let answer = client
            .assume_role()
            .role_arn(&step.role)
            .role_session_name(name)
            .set_external_id(step.external_id.clone())
            .set_duration_seconds(step.duration)
            .set_serial_number(step.serial.clone())
            .set_token_code(code)
            .send()
            .await
            .map_err(|error| refused(step, error.code(), &said(&error)))?;
        let keys = answer.credentials.ok_or_else(|| Error::internal("STS answered without credentials"))?;
        let end = SystemTime::try_from(keys.expiration)
            .map_err(|_| Error::internal("STS gave credentials with an end that makes no sense"))?;
        let account = answer.assumed_role_user.and_then(|user| user.arn.split(':').nth(4).map(str::to_owned));
        let mut found = Credentials::builder()
            .access_key_id(keys.access_key_id)
            .secret_access_key(keys.secret_access_key)
            .session_token(keys.session_token)
            .expiry(end)
            .provider_name("AssumeRoleProvider");
        found.set_account_id(account.map(Into::into));
        Ok(found.build())
    }

    async fn ask(&self, step: &Step, serial: &str) -> Result<String> {
        let device = Device { serial: serial.to_owned(), profile: step.profile.clone(), role: step.role.clone() };
        let Some(codes) = &self.codes else { return Err(device.unasked()) };
        let code = codes.code(&device).await?;
        let code = code.trim();
        if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::validation("the code of an MFA device has six digits; nothing was sent")
                .code("MfaCodeMalformed")
                .hint("type the digits that the device shows now"));
        }
        Ok(code.to_owned())
    }
}

/// The service's words, or those of the last cause.
fn said<E: std::error::Error + aws_sdk_sts::error::ProvideErrorMetadata + 'static>(error: &E) -> String {
    error.message().map_or_else(|| crate::error::deepest(error), str::to_owned)
}

fn without_owner(profile: &str) -> Error {
    Error::new(ErrorKind::Credentials, format!("profile {profile:?} has an MFA device and nobody whose it is"))
        .code("MfaWithoutIdentity")
        .hint("add `source_profile`, or `credential_source = Environment`, to it")
}

fn refused(step: &Step, code: Option<&str>, said: &str) -> Error {
    let error = Error::new(ErrorKind::Credentials, format!("the role {} could not be taken on: {said}", step.role));
    match (code, &step.serial) {
        (Some("AccessDenied"), Some(serial)) => error.code("MfaRefused").hint(format!(
            "a code is good once, for half a minute: wait for the next of {serial}; or the role's trust policy does not \
             allow this identity"
        )),
        (Some("AccessDenied"), None) => {
            error.code("CredentialsUnavailable").hint("its trust policy must allow the identity before it")
        }
        (code, _) => error.code(code.unwrap_or("CredentialsUnavailable").to_owned()),
    }
}

#[cfg(test)]
mod tests;
