//! Who calls, and what that caller may do below the ceiling of the process.

use std::sync::Arc;

use trainyard_contract::{Effect, Error, Needs};

/// Who calls.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// `stdio`, `shell`, `http`.
    pub door: &'static str,
    /// Name and version that the client gives itself. Not to be trusted.
    pub client: String,
    /// Who it is, as far as the door has made sure of it; empty where nobody was asked.
    pub principal: String,
    /// What it may do; `None` is all that the process may.
    pub grants: Option<Arc<[Grant]>>,
    /// The trace that it is in, as a `traceparent` of W3C Trace Context, where it says so. Not to be trusted.
    pub trace: Option<String>,
}

/// Leave for calls of one effect, and of those that it includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// In this toolset; in all where none is named.
    pub toolset: Option<String>,
    /// Up to this effect.
    pub effect: Effect,
}

impl Grant {
    fn covers(&self, toolset: &str, effect: Effect) -> bool {
        let included = match effect {
            Effect::Reads => true,
            Effect::Reveals => self.effect == Effect::Reveals,
            Effect::Changes => self.effect.writes(),
            Effect::Destroys => self.effect == Effect::Destroys,
        };
        included && self.toolset.as_deref().is_none_or(|name| name == toolset)
    }
}

impl Caller {
    /// The grants that a call needs and this caller has not.
    pub fn lacks(&self, toolset: &'static str, needs: Needs) -> Vec<Grant> {
        let Some(grants) = &self.grants else { return Vec::new() };
        let wanted = [Some(needs.effect), needs.reveals.then_some(Effect::Reveals)];
        let lacking = |effect: &Effect| !grants.iter().any(|grant| grant.covers(toolset, *effect));
        let missing = wanted.into_iter().flatten().filter(lacking);
        missing.map(|effect| Grant { toolset: Some(toolset.to_owned()), effect }).collect()
    }

    /// Why this caller may not make a call, if so.
    pub(crate) fn refusal(&self, toolset: &'static str, needs: Needs) -> Option<Error> {
        let lacks = self.lacks(toolset, needs);
        let first = lacks.first()?;
        let error = Error::policy_denied(format!(
            "this caller was not granted what {} in toolset {toolset}; nothing was sent",
            first.effect
        ));
        Some(error.code("InsufficientScope").hint("sign in again and ask for the scope that the call needs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(grants: &[(Option<&str>, Effect)]) -> Caller {
        let grants = grants.iter().map(|(set, effect)| Grant { toolset: set.map(str::to_owned), effect: *effect });
        Caller { grants: Some(grants.collect()), ..Caller::default() }
    }

    fn needs(effect: Effect) -> Needs {
        Needs { effect, reveals: false, spends: false }
    }

    #[test]
    fn a_grant_includes_what_does_less_of_the_same() {
        let table = [
            (Effect::Reads, [true, false, false, false]),
            (Effect::Reveals, [true, true, false, false]),
            (Effect::Changes, [true, false, true, false]),
            (Effect::Destroys, [true, false, true, true]),
        ];
        for (granted, expected) in table {
            let caller = caller(&[(None, granted)]);
            let effects = [Effect::Reads, Effect::Reveals, Effect::Changes, Effect::Destroys];
            let may = effects.map(|effect| caller.lacks("ec2", needs(effect)).is_empty());
            assert_eq!(may, expected, "{granted}");
        }
    }

    #[test]
    fn a_grant_for_a_toolset_is_good_there_only() {
        let caller = caller(&[(Some("ec2"), Effect::Changes), (None, Effect::Reads)]);
        assert!(caller.refusal("ec2", needs(Effect::Changes)).is_none());
        assert!(caller.refusal("ebs", needs(Effect::Reads)).is_none());
        assert!(caller.refusal("ebs", needs(Effect::Changes)).is_some());
    }

    #[test]
    fn a_change_that_shows_a_secret_needs_both() {
        let both = Needs { effect: Effect::Changes, reveals: true, spends: false };
        let lacks = caller(&[(None, Effect::Changes)]).lacks("ec2", both);
        assert_eq!(lacks, [Grant { toolset: Some("ec2".into()), effect: Effect::Reveals }]);
        assert!(caller(&[(None, Effect::Changes), (None, Effect::Reveals)]).lacks("ec2", both).is_empty());
    }

    #[test]
    fn nobody_is_held_to_grants_who_was_given_none() {
        assert!(Caller::default().lacks("ec2", needs(Effect::Destroys)).is_empty());
        assert_eq!(caller(&[]).lacks("ec2", needs(Effect::Reads)).len(), 1);
    }
}
