//! Plans that wait for a person's word: sealed, single use, for ten minutes, for exactly one call of one caller.
//!
//! They lie in the state folder, so that an operator can agree in a terminal of their own, and a server that was ended
//! half-way can say later what it does not know.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use trainyard_contract::{Effect, Error, Result};

use crate::{
    audit::hex,
    state::{self, now, random_id},
};

/// Seconds that a plan is good for.
pub(crate) const LIFETIME: u64 = 600;
/// Nobody reads a hundred plans; the oldest give way.
const MOST: usize = 100;
/// Seconds that a used plan is remembered, to answer whoever shows it again.
const REMEMBERED: u64 = 86_400;

/// A plan as it was shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What names it.
    pub handle: String,
    /// The tool's listed name.
    pub tool: String,
    /// What the call would do.
    pub effect: Effect,
    /// What it is aimed at.
    pub target: Value,
    /// What would happen, redacted.
    pub plan: Value,
    /// Who asked, as far as the door made sure of it.
    pub principal: String,
    /// Door and client that the call came from.
    pub caller: String,
    /// Seconds since 1970.
    pub made: u64,
    /// Digest of tool and arguments.
    pub(crate) digest: String,
    /// Digest of what the plan said, and so of the state of the target.
    pub(crate) version: String,
}

/// What became of a plan that was used.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Used {
    at: u64,
    call: String,
    outcome: Option<String>,
}

/// What is written: the plan and its seal.
#[derive(Serialize, Deserialize)]
struct Sealed {
    plan: Plan,
    seal: String,
}

/// Who shows a handle, for which call.
pub(crate) struct Claim<'a> {
    pub(crate) digest: &'a str,
    pub(crate) principal: &'a str,
    /// A person has agreed on the way here; otherwise only an operator's word in a terminal counts.
    pub(crate) by_person: bool,
    /// Names the call that uses the plan.
    pub(crate) call: &'a str,
}

/// Plans that were shown and not yet used.
pub struct Plans(Shelf);

enum Shelf {
    /// Of this process only: nobody can agree elsewhere.
    Memory(Mutex<HashMap<String, Plan>>),
    /// Shared with all processes of the operator.
    Folder(PathBuf),
}

impl Plans {
    /// The plans of this state folder; without one, of this process.
    pub fn of(state: Option<&Path>) -> Self {
        Self(match state {
            Some(state) => Shelf::Folder(state.to_owned()),
            None => Shelf::Memory(Mutex::default()),
        })
    }

    /// Whether an operator can agree from elsewhere.
    pub(crate) fn shared(&self) -> bool {
        matches!(self.0, Shelf::Folder(_))
    }

    /// Keeps a plan and names it.
    pub(crate) fn open(&self, plan: Plan) -> Result<String> {
        let handle = format!("plan-{}", random_id()?);
        let plan = Plan { handle: handle.clone(), ..plan };
        match &self.0 {
            Shelf::Memory(plans) => {
                let mut plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
                plans.retain(|_, plan| fresh(plan));
                let oldest = plans.iter().min_by_key(|(_, plan)| plan.made).map(|(handle, _)| handle.clone());
                if let Some(oldest) = oldest.filter(|_| plans.len() >= MOST) {
                    plans.remove(&oldest);
                }
                plans.insert(handle.clone(), plan);
            }
            Shelf::Folder(state) => {
                sweep(state);
                write(state, &plan)?;
            }
        }
        Ok(handle)
    }

    /// Uses a handle up, for the call that it was made for. Shown for another call it is used up as well: somebody
    /// tampered with it. Gives what the plan said about the target.
    pub(crate) fn redeem(&self, handle: &str, claim: &Claim<'_>) -> Result<String> {
        check_name(handle)?;
        let plan = self.get(handle)?;
        if !claim.by_person && !self.agreed(&plan) && fits(&plan, claim).is_ok() {
            return Err(unagreed(handle));
        }
        self.take(handle, claim.call)?;
        fits(&plan, claim)?;
        Ok(plan.version)
    }

    fn get(&self, handle: &str) -> Result<Plan> {
        match &self.0 {
            Shelf::Memory(plans) => {
                let plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
                plans.get(handle).cloned().ok_or_else(|| refused("is unknown, or was used before"))
            }
            Shelf::Folder(state) => read(state, handle)?.ok_or_else(|| used_before(state, handle)),
        }
    }

    fn take(&self, handle: &str, call: &str) -> Result<()> {
        match &self.0 {
            Shelf::Memory(plans) => {
                let taken = plans.lock().unwrap_or_else(PoisonError::into_inner).remove(handle);
                taken.map(drop).ok_or_else(|| refused("is unknown, or was used before"))
            }
            Shelf::Folder(state) => {
                // Of several who try, the name goes away under one.
                let used = file(state, handle, "used");
                std::fs::rename(file(state, handle, "json"), &used).map_err(|_| used_before(state, handle))?;
                note(state, handle, &Used { at: now(), call: call.to_owned(), outcome: None });
                Ok(())
            }
        }
    }

    fn agreed(&self, plan: &Plan) -> bool {
        let Shelf::Folder(state) = &self.0 else { return false };
        let Ok(seal) = std::fs::read_to_string(file(state, &plan.handle, "agreed")) else { return false };
        verify(state, &format!("agreed {}", plan.handle), seal.trim())
    }

    /// Whether a plan waits under this handle.
    pub(crate) fn waits(&self, handle: &str) -> bool {
        self.show(handle).is_ok()
    }

    /// Whether an operator has agreed to the plan of this name.
    pub(crate) fn is_agreed(&self, handle: &str) -> bool {
        check_name(handle).and_then(|()| self.get(handle)).is_ok_and(|plan| self.agreed(&plan))
    }

    /// Notes what became of the call that used a plan.
    pub(crate) fn close(&self, handle: &str, call: &str, outcome: &str) {
        if let Shelf::Folder(state) = &self.0 {
            note(state, handle, &Used { at: now(), call: call.to_owned(), outcome: Some(outcome.to_owned()) });
        }
    }

    /// Plans that wait for a word, the oldest first.
    pub fn waiting(&self) -> Vec<Plan> {
        let Shelf::Folder(state) = &self.0 else { return Vec::new() };
        let mut plans: Vec<_> = kept(state).filter(|plan| fresh(plan) && !self.agreed(plan)).collect();
        plans.sort_by(|one, other| (one.made, &one.handle).cmp(&(other.made, &other.handle)));
        plans
    }

    /// The plans of one caller, those that were agreed to and not yet used as well.
    pub(crate) fn waiting_of(&self, principal: &str) -> Vec<Plan> {
        let mut plans = match &self.0 {
            Shelf::Memory(plans) => {
                plans.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>()
            }
            Shelf::Folder(state) => kept(state).collect(),
        };
        plans.retain(|plan| fresh(plan) && plan.principal == principal);
        plans.sort_by(|one, other| (one.made, &one.handle).cmp(&(other.made, &other.handle)));
        plans
    }

    /// One plan that waits.
    pub fn show(&self, handle: &str) -> Result<Plan> {
        check_name(handle)?;
        let plan = self.get(handle)?;
        if fresh(&plan) { Ok(plan) } else { Err(old()) }
    }

    /// An operator's word. Whoever calls this has made sure that a person gave it.
    pub fn agree(&self, handle: &str) -> Result<()> {
        let plan = self.show(handle)?;
        let Shelf::Folder(state) = &self.0 else { return Err(refused("is known to its own process only")) };
        let seal = seal(state, &format!("agreed {}", plan.handle))?;
        state::place(&file(state, handle, "agreed"), seal.as_bytes(), false)
            .map_err(|error| Error::internal(format!("could not note it: {error}")))
    }
}

fn fits(plan: &Plan, claim: &Claim<'_>) -> Result<()> {
    if !fresh(plan) {
        return Err(old());
    }
    if plan.digest != claim.digest {
        return Err(refused("was made for other arguments"));
    }
    if plan.principal != claim.principal {
        return Err(refused("was made for another caller"));
    }
    Ok(())
}

fn fresh(plan: &Plan) -> bool {
    let now = now();
    // A clock that was set back must not make a plan good for longer.
    plan.made <= now + 5 && now < plan.made + LIFETIME
}

fn old() -> Error {
    refused("is older than ten minutes")
}

fn refused(why: &str) -> Error {
    Error::policy_denied(format!("the plan {why}"))
        .code("PlanRefused")
        .hint("call again without `confirm` to get a new plan")
}

fn unagreed(handle: &str) -> Error {
    Error::policy_denied("nobody has agreed to this plan yet; nothing was changed")
        .code("ConfirmationRequired")
        .hint(format!(
            "ask the operator to run `trainyard approve {handle}` in a terminal, then repeat the call with \"confirm\": \
             {handle:?}"
        ))
}

/// What is known of a plan that is not there any more.
fn used_before(state: &Path, handle: &str) -> Error {
    let text = std::fs::read_to_string(file(state, handle, "used"));
    let Some(used) = text.ok().and_then(|text| serde_json::from_str::<Used>(&text).ok()) else {
        return refused("is unknown, or was used before");
    };
    match used.outcome {
        Some(outcome) => refused(&format!("was used before, by call {}, which ended: {outcome}", used.call)),
        None => refused(&format!(
            "was used before, by call {}, of which no end is known: it is under way, or its process was ended and the \
             outcome is unknown",
            used.call
        ))
        .hint("look at the target before anything else; `trainyard audit show` has what is known of the call"),
    }
}

/// A handle becomes part of a path.
fn check_name(handle: &str) -> Result<()> {
    let sound = handle.strip_prefix("plan-").is_some_and(|id| {
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    });
    if sound { Ok(()) } else { Err(refused("is not one that this server gave")) }
}

fn file(state: &Path, handle: &str, kind: &str) -> PathBuf {
    state.join("plans").join(format!("{handle}.{kind}"))
}

fn write(state: &Path, plan: &Plan) -> Result<()> {
    let text = serde_json::to_string(plan).map_err(|error| Error::internal(error.to_string()))?;
    let sealed = Sealed { plan: plan.clone(), seal: seal(state, &text)? };
    let text = serde_json::to_string(&sealed).map_err(|error| Error::internal(error.to_string()))?;
    state::place(&file(state, &plan.handle, "json"), text.as_bytes(), true)
        .map_err(|error| Error::internal(format!("could not keep the plan: {error}")))
}

/// The plans in a folder whose seal is ours.
fn kept(state: &Path) -> impl Iterator<Item = Plan> {
    let entries = std::fs::read_dir(state.join("plans")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let handles = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
    handles.filter(|handle| check_name(handle).is_ok()).filter_map(|handle| read(state, &handle).ok()?)
}

/// The plan of this name, if its seal is ours.
fn read(state: &Path, handle: &str) -> Result<Option<Plan>> {
    let Ok(text) = std::fs::read_to_string(file(state, handle, "json")) else { return Ok(None) };
    let sealed: Sealed = serde_json::from_str(&text).map_err(|_| refused("was tampered with"))?;
    let text = serde_json::to_string(&sealed.plan).map_err(|error| Error::internal(error.to_string()))?;
    if sealed.plan.handle == handle && verify(state, &text, &sealed.seal) {
        Ok(Some(sealed.plan))
    } else {
        Err(refused("was tampered with"))
    }
}

fn mac(state: &Path, text: &str) -> Result<Hmac<Sha256>> {
    let key = state::key(state)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| Error::internal(error.to_string()))?;
    mac.update(text.as_bytes());
    Ok(mac)
}

fn seal(state: &Path, text: &str) -> Result<String> {
    Ok(hex(&mac(state, text)?.finalize().into_bytes()))
}

fn verify(state: &Path, text: &str, seal: &str) -> bool {
    let bytes: Option<Vec<u8>> =
        (0..seal.len()).step_by(2).map(|at| u8::from_str_radix(seal.get(at..at + 2)?, 16).ok()).collect();
    match (mac(state, text), bytes) {
        (Ok(mac), Some(bytes)) => mac.verify_slice(&bytes).is_ok(),
        _ => false,
    }
}

fn note(state: &Path, handle: &str, used: &Used) {
    let written = serde_json::to_vec(used)
        .map_err(std::io::Error::other)
        .and_then(|text| state::place(&file(state, handle, "used"), &text, false));
    if let Err(error) = written {
        tracing::warn!("could not note what became of {handle}: {error}");
    }
}

/// Removes what nobody will ask for any more.
fn sweep(state: &Path) {
    let entries = std::fs::read_dir(state.join("plans")).into_iter().flatten().flatten();
    for entry in entries {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age.as_secs() > REMEMBERED) {
            // Whoever else sweeps at the same time may have been first.
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

#[cfg(test)]
#[path = "plans_tests.rs"]
mod tests;
