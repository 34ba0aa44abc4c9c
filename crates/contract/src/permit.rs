//! Leave to run one call.

use crate::access::Effect;

/// Leave to run one call, once. Only dispatch may grant it: `clippy.toml` bans [`Permit::grant`] everywhere else.
#[derive(Debug)]
pub struct Permit(Effect);

impl Permit {
    /// Leave for a call with at most this effect. For dispatch alone.
    pub fn grant(effect: Effect) -> Self {
        Self(effect)
    }

    /// Uses the leave up.
    ///
    /// # Panics
    ///
    /// When a permit was granted for less than the call does: a defect in dispatch that must not pass.
    pub fn spend(self, effect: Effect) {
        assert!(effect <= self.0, "a permit for {} was handed to a call that {effect}", self.0);
    }
}
