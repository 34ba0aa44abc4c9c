//! Replies that several operations have.

use serde::Deserialize;

/// A reply of which nothing is looked at.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Nothing {}
