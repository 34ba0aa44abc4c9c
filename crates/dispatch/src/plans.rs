//! Plans that wait for a person's word: single use, for ten minutes, for exactly one call.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use trainyard_contract::{Error, Result};

const LIFETIME: Duration = Duration::from_mins(10);
/// Nobody reads a hundred plans; the oldest give way.
const MOST: usize = 100;

/// Plans that were shown and not yet used.
#[derive(Default)]
pub(crate) struct Plans(Mutex<HashMap<String, Open>>);

struct Open {
    digest: String,
    made: Instant,
}

impl Plans {
    /// A handle for the call with this digest.
    pub(crate) fn open(&self, digest: &str) -> Result<String> {
        let handle = format!("plan-{}", random_id()?);
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.retain(|_, plan| plan.made.elapsed() < LIFETIME);
        if plans.len() >= MOST
            && let Some(oldest) = plans.iter().min_by_key(|(_, plan)| plan.made).map(|(handle, _)| handle.clone())
        {
            plans.remove(&oldest);
        }
        plans.insert(handle.clone(), Open { digest: digest.to_owned(), made: Instant::now() });
        Ok(handle)
    }

    /// Whether a plan waits under this handle.
    pub(crate) fn waits(&self, handle: &str) -> bool {
        let plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(handle).is_some_and(|plan| plan.made.elapsed() < LIFETIME)
    }

    /// Uses a handle up. A handle shown for another call is used up as well: it was tampered with.
    pub(crate) fn redeem(&self, handle: &str, digest: &str) -> Result<()> {
        let plan = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(handle);
        let refused = |why: &str| {
            Error::policy_denied(format!("the plan {why}"))
                .code("PlanRefused")
                .hint("call again without `confirm` to get a new plan")
        };
        match plan {
            None => Err(refused("is unknown, or was used before")),
            Some(plan) if plan.made.elapsed() >= LIFETIME => Err(refused("is older than ten minutes")),
            Some(plan) if plan.digest != digest => Err(refused("was made for other arguments")),
            Some(_) => Ok(()),
        }
    }
}

/// 128 random bits, in hexadecimal.
pub(crate) fn random_id() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(format!("no random numbers: {error}")))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_works_once_and_for_its_own_call_only() {
        let plans = Plans::default();
        let handle = plans.open("a").unwrap();
        assert!(plans.redeem(&handle, "a").is_ok());
        assert!(plans.redeem(&handle, "a").unwrap_err().message().contains("used before"));
        let other = plans.open("a").unwrap();
        assert!(plans.redeem(&other, "b").unwrap_err().message().contains("other arguments"));
        assert!(plans.redeem(&other, "a").is_err(), "a handle shown for another call is used up");
        assert!(plans.redeem("plan-0", "a").is_err());
    }

    #[test]
    fn old_plans_give_way() {
        let plans = Plans::default();
        let handles: Vec<_> = (0..=MOST).map(|_| plans.open("a").unwrap()).collect();
        assert!(plans.redeem(&handles[0], "a").is_err());
        assert!(plans.redeem(&handles[MOST], "a").is_ok());
    }
}
