//! Paging: how much is asked for, and where a list goes on.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Rows asked for when the caller does not say.
pub const DEFAULT_LIMIT: u32 = 50;
/// Most rows that one call gives.
pub const MAX_LIMIT: u32 = 1000;

/// Where a list goes on. Opaque to the caller, and good only with the arguments that it was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Cursor(String);

/// What is inside a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The provider's token of the page; none for the first.
    pub token: Option<String>,
    /// Rows of that page that were already given.
    pub skip: usize,
}

impl Cursor {
    /// Seals a place for calls with this binding ([`crate::Call::binding`]).
    pub fn seal(binding: &str, place: &Place) -> Self {
        Self(format!("{binding}.{}.{}", place.skip, place.token.as_deref().unwrap_or_default()))
    }

    /// The place, if the cursor was made by a call with this binding.
    pub fn open(&self, binding: &str) -> Result<Place> {
        let refused = |why: &str| {
            Error::validation(format!("the cursor {why}"))
                .hint("repeat the call that gave it with the same arguments, or leave the cursor out to start again")
        };
        let mut parts = self.0.splitn(3, '.');
        let (Some(made_for), Some(skip), Some(token)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refused("is not one that this server gave"));
        };
        if made_for != binding {
            return Err(refused("belongs to a call with other arguments"));
        }
        let skip = skip.parse().map_err(|_| refused("is not one that this server gave"))?;
        Ok(Place { token: (!token.is_empty()).then(|| token.to_owned()), skip })
    }

    /// The same page, so many rows further on.
    #[must_use]
    pub fn further(&self, rows: usize) -> Self {
        let mut parts = self.0.splitn(3, '.');
        let (Some(binding), Some(skip), Some(token)) = (parts.next(), parts.next(), parts.next()) else {
            return self.clone();
        };
        let skip = skip.parse::<usize>().unwrap_or_default().saturating_add(rows);
        Self(format!("{binding}.{skip}.{token}"))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_for_the_arguments_it_was_made_with() {
        let place = Place { token: Some("a.b/c==".into()), skip: 3 };
        let cursor = Cursor::seal("0a1b", &place);
        assert_eq!(cursor.open("0a1b").unwrap(), place);
        assert_eq!(cursor.further(4).open("0a1b").unwrap().skip, 7);
        assert!(cursor.open("ffff").unwrap_err().message().contains("other arguments"));
        assert!(Cursor("nonsense".into()).open("0a1b").is_err());
        assert!(Cursor("0a1b.x.t".into()).open("0a1b").is_err());
    }
}
