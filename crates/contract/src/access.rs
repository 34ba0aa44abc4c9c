//! What a tool may do, as types that the compiler compares, and what an operator allows.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a call does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing and shows no secret.
    Reads,
    /// Changes nothing, but shows secrets or content that others wrote.
    Reveals,
    /// Makes or alters something; can be undone.
    Changes,
    /// Cannot be undone.
    Destroys,
}

impl Effect {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Reveals => "reveals",
            Self::Changes => "changes",
            Self::Destroys => "destroys",
        }
    }

    /// Whether anything is different afterwards.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Changes | Self::Destroys)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// Access as a type. Only the four below exist.
pub trait Access: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The same, as a value.
    const EFFECT: Effect;
}

/// Access that may change something, and so needs a plan.
pub trait MayChange: Access {}

/// A tool (or whatever holds this access) may make a call that needs `Needs`.
#[diagnostic::on_unimplemented(
    message = "a tool with `{Self}` access may not make a call that needs `{Needs}`",
    label = "this call needs `{Needs}`",
    note = "declare the tool with a wider `type Access`, or make the call from a tool that has it"
)]
pub trait Covers<Needs: Access>: Access {}

macro_rules! access {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl sealed::Sealed for $name {}
        impl Access for $name {
            const EFFECT: Effect = Effect::$name;
        }
    )*};
}

access!(
    /// See [`Effect::Reads`].
    Reads,
    /// See [`Effect::Reveals`].
    Reveals,
    /// See [`Effect::Changes`].
    Changes,
    /// See [`Effect::Destroys`].
    Destroys
);

impl MayChange for Changes {}
impl MayChange for Destroys {}

// Pair by pair: a blanket impl makes the compiler's message worse.
impl Covers<Reads> for Reads {}
impl Covers<Reads> for Reveals {}
impl Covers<Reveals> for Reveals {}
impl Covers<Reads> for Changes {}
impl Covers<Changes> for Changes {}
impl Covers<Reads> for Destroys {}
impl Covers<Changes> for Destroys {}
impl Covers<Destroys> for Destroys {}

/// The most that the operator allows this process, whoever asks. Fixed for its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// `--allow-write`.
    pub write: bool,
    /// `--allow-sensitive-data-access`.
    pub sensitive: bool,
}

impl Ceiling {
    /// Nothing but reads.
    pub const READ_ONLY: Self = Self { write: false, sensitive: false };

    /// Whether an effect is at or below the ceiling.
    pub const fn permits(self, effect: Effect) -> bool {
        match effect {
            Effect::Reads => true,
            Effect::Reveals => self.sensitive,
            Effect::Changes | Effect::Destroys => self.write,
        }
    }

    /// The flag that would permit the effect.
    pub const fn flag(effect: Effect) -> &'static str {
        match effect {
            Effect::Reads | Effect::Reveals => "--allow-sensitive-data-access",
            Effect::Changes | Effect::Destroys => "--allow-write",
        }
    }
}
