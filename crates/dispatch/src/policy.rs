//! May this call run? Pure: everything it knows is in its arguments.

use trainyard_contract::{Ceiling, Effect, Error, Needs};

/// Which calls a person has to agree to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confirm {
    /// What cannot be undone and what costs money.
    #[default]
    Destructive,
    /// Everything that changes something.
    Changes,
    /// Nothing: for unattended use.
    Never,
}

/// What is to be done with a call.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Run it.
    Allow,
    /// Run it once a person has agreed to its plan.
    Ask,
    /// Refuse it.
    Deny(Error),
}

pub(crate) fn judge(ceiling: Ceiling, confirm: Confirm, needs: Needs) -> Verdict {
    if !ceiling.permits(needs.effect) {
        return Verdict::Deny(refusal(needs.effect));
    }
    if needs.reveals && !ceiling.sensitive {
        return Verdict::Deny(refusal(Effect::Reveals));
    }
    let ask = match confirm {
        Confirm::Never => false,
        Confirm::Destructive => needs.effect == Effect::Destroys || (needs.effect.writes() && needs.spends),
        Confirm::Changes => needs.effect.writes(),
    };
    if ask { Verdict::Ask } else { Verdict::Allow }
}

fn refusal(effect: Effect) -> Error {
    let what = match effect {
        Effect::Reads | Effect::Reveals => "shows sensitive data",
        Effect::Changes => "changes something",
        Effect::Destroys => "destroys something",
    };
    let flag = Ceiling::flag(effect);
    Error::policy_denied(format!("this call {what}, and this server was started without {flag}; nothing was sent"))
        .code("Refused")
        .hint(format!("ask the operator to start the server with {flag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Ceiling = Ceiling { write: true, sensitive: true };

    fn needs(effect: Effect) -> Needs {
        Needs { effect, reveals: false, spends: false }
    }

    fn spending(effect: Effect) -> Needs {
        Needs { effect, reveals: false, spends: true }
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Allow => "allow",
            Verdict::Ask => "ask",
            Verdict::Deny(_) => "deny",
        }
    }

    #[test]
    fn every_effect_under_every_ceiling() {
        let effects = [Effect::Reads, Effect::Reveals, Effect::Changes, Effect::Destroys];
        let row = |ceiling, confirm| effects.map(|effect| word(&judge(ceiling, confirm, needs(effect))));
        let write = Ceiling { write: true, sensitive: false };
        let sensitive = Ceiling { write: false, sensitive: true };
        assert_eq!(row(Ceiling::READ_ONLY, Confirm::Never), ["allow", "deny", "deny", "deny"]);
        assert_eq!(row(sensitive, Confirm::Never), ["allow", "allow", "deny", "deny"]);
        assert_eq!(row(write, Confirm::Destructive), ["allow", "deny", "allow", "ask"]);
        assert_eq!(row(ALL, Confirm::Changes), ["allow", "allow", "ask", "ask"]);
        assert_eq!(row(ALL, Confirm::Never), ["allow", "allow", "allow", "allow"]);
    }

    #[test]
    fn a_change_that_reveals_needs_both_flags_and_one_that_spends_is_asked_about() {
        let both = Needs { effect: Effect::Changes, reveals: true, spends: false };
        let write = Ceiling { write: true, sensitive: false };
        let Verdict::Deny(error) = judge(write, Confirm::Never, both) else { panic!("allowed") };
        assert!(error.message().contains("--allow-sensitive-data-access"));
        assert_eq!(word(&judge(ALL, Confirm::Destructive, spending(Effect::Changes))), "ask");
        assert_eq!(word(&judge(ALL, Confirm::Destructive, spending(Effect::Reads))), "allow");
    }
}
