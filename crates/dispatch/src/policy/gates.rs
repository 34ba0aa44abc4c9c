//! The gates that an operator opens, and what a person is asked about.

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

/// Whether a person is to be asked, by the operator's general wish.
pub(crate) fn by_confirm(confirm: Confirm, needs: Needs) -> bool {
    match confirm {
        Confirm::Never => false,
        Confirm::Destructive => needs.effect == Effect::Destroys || (needs.effect.writes() && needs.spends),
        Confirm::Changes => needs.effect.writes(),
    }
}

/// The closed gate that a call meets, with the refusal.
pub(crate) fn refusal(ceiling: Ceiling, needs: Needs) -> Option<(&'static str, Error)> {
    let effects = [Some(needs.effect), needs.reveals.then_some(Effect::Reveals)];
    let above = effects.into_iter().flatten().find(|effect| !ceiling.permits(*effect))?;
    let what = match above {
        Effect::Reads | Effect::Reveals => "shows sensitive data",
        Effect::Changes => "changes something",
        Effect::Destroys => "destroys something",
    };
    let flag = Ceiling::flag(above);
    let error =
        Error::policy_denied(format!("this call {what}, and this server was started without {flag}; nothing was sent"))
            .code("Refused")
            .hint(format!("ask the operator to start the server with {flag}"));
    Some((flag, error))
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

    fn word(ceiling: Ceiling, confirm: Confirm, needs: Needs) -> &'static str {
        match (refusal(ceiling, needs), by_confirm(confirm, needs)) {
            (Some(_), _) => "deny",
            (None, true) => "ask",
            (None, false) => "allow",
        }
    }

    #[test]
    fn every_effect_under_every_ceiling() {
        let effects = [Effect::Reads, Effect::Reveals, Effect::Changes, Effect::Destroys];
        let row = |ceiling, confirm| effects.map(|effect| word(ceiling, confirm, needs(effect)));
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
        let (flag, error) = refusal(write, both).unwrap();
        assert_eq!(flag, "--allow-sensitive-data-access");
        assert!(error.message().contains(flag));
        assert_eq!(word(ALL, Confirm::Destructive, spending(Effect::Changes)), "ask");
        assert_eq!(word(ALL, Confirm::Destructive, spending(Effect::Reads)), "allow");
    }
}
