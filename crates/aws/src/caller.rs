//! Whose account a call is made in: asked once for an identity, and held against the accounts that the operator allows.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Mutex;
use trainyard_contract::{Error, Result};

use crate::{
    engine::{Engine, named},
    identity::Identity,
    settings::Scope,
};

/// How long an answer is believed. Keys do not change hands; this bounds for how long a wrong answer would be.
const LIFE: Duration = Duration::from_mins(15);

/// Who calls, as AWS sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Account number, 12 digits.
    pub account: String,
    /// ARN of the user, role session or account.
    pub arn: String,
    /// Id that does not change when a name does.
    pub user_id: String,
}

/// What one identity was last said to be, with the access key that it was asked with.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Option<(String, Instant, Caller)>>);

impl Engine {
    /// Who calls in this scope. AWS is asked once for an access key, and again after a quarter of an hour.
    pub async fn caller(&self, scope: &Scope) -> Result<Caller> {
        let identity = self.identity(scope).await?;
        let key = identity.credentials().await?.access_key_id().to_owned();
        // The lock is held while AWS is asked, so that calls at the same moment ask once.
        let mut known = identity.caller.0.lock().await;
        if let Some((asked_with, when, caller)) = known.as_ref()
            && *asked_with == key
            && when.elapsed() < LIFE
        {
            return Ok(caller.clone());
        }
        let call = self.permitted("sts", "GetCallerIdentity", json!({}))?;
        let answered = self.send_unasked(&call, scope).await.map_err(|error| named(error, &call))?;
        let text = |member: &str| answered.answer.output[member].as_str().map(str::to_owned);
        let (Some(account), Some(arn), Some(user_id)) = (text("Account"), text("Arn"), text("UserId")) else {
            return Err(Error::internal("STS did not say who calls"));
        };
        let caller = Caller { account, arn, user_id };
        *known = Some((key, Instant::now(), caller.clone()));
        Ok(caller)
    }

    /// Refuses a call with a bearer token where only some accounts are allowed: nobody says whose the token is.
    pub(crate) fn check_token(&self) -> Result<()> {
        match &self.settings().allowed_accounts {
            None => Ok(()),
            Some(_) => Err(Error::policy_denied(
                "the call goes with a bearer token, whose account is not known, and the operator allows some accounts only; \
                 nothing was sent",
            )
            .code("AccountNotAllowed")),
        }
    }

    /// Refuses an identity of an account that the operator does not allow. `sts GetCallerIdentity` is always allowed: it is
    /// what the account is known from.
    pub(crate) async fn check_account(&self, identity: &Identity, scope: &Scope) -> Result<()> {
        let Some(allowed) = &self.settings().allowed_accounts else { return Ok(()) };
        let known = identity.credentials().await?.account_id().map(|account| account.as_str().to_owned());
        let account = match known {
            Some(account) => account,
            None => Box::pin(self.caller(scope)).await?.account,
        };
        if allowed.contains(&account) {
            return Ok(());
        }
        Err(Error::policy_denied(format!("account {account} is none that the operator allows; nothing was sent"))
            .code("AccountNotAllowed")
            .hint("ask the operator for it, or use another profile"))
    }
}

/// Refuses a profile that a call names and the operator does not allow. The server's own is always allowed.
pub(crate) fn check_profile(allowed: Option<&[String]>, own: Option<&str>, named: Option<&str>) -> Result<()> {
    let (Some(allowed), Some(named)) = (allowed, named) else { return Ok(()) };
    if own == Some(named) || allowed.iter().any(|profile| profile == named) {
        return Ok(());
    }
    Err(Error::policy_denied(format!("the profile {named:?} is none that the operator allows; nothing was sent"))
        .code("ProfileNotAllowed")
        .hint(match allowed {
            [] => "leave `profile` out".to_owned(),
            _ => format!("use one of {}, or leave `profile` out", allowed.join(", ")),
        }))
}

/// Whether a call asks who calls.
pub(crate) fn asks_who(service: &str, operation: &str) -> bool {
    (service, operation) == ("sts", "GetCallerIdentity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_profiles_that_the_operator_names_may_be_named() {
        let allowed = ["dev".to_owned()];
        let check = |own, named| check_profile(Some(&allowed), own, named).map_err(|error| error.code_str().to_owned());
        assert_eq!(check(None, None), Ok(()));
        assert_eq!(check(None, Some("dev")), Ok(()));
        assert_eq!(check(Some("prod"), Some("prod")), Ok(()));
        assert_eq!(check(None, Some("prod")), Err("ProfileNotAllowed".to_owned()));
        assert!(check_profile(None, None, Some("prod")).is_ok());
    }
}
