//! The handshake between HAMi's scheduler and a node's device plugin.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    error::{DecodeError, Result, quoted},
    moment,
};

/// Seconds after which an unanswered request counts against a node that offers nothing.
const ANSWER_SECONDS: i64 = 60;

/// The last word of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "said")]
pub enum Handshake {
    /// The scheduler asked. Its time is local time of the scheduler, read as UTC.
    Requesting {
        /// Seconds since 1970.
        at: i64,
    },
    /// The plugin answered.
    Reported {
        /// Seconds since 1970.
        at: i64,
    },
    /// The scheduler took the vendor off the node (HAMi before 2.10).
    Deleted {
        /// Seconds since 1970.
        at: i64,
    },
}

/// What a handshake says about the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HandshakeState {
    /// The plugin answered, or does not have to: the node still offers devices.
    Alive,
    /// Asked less than a minute ago.
    Waiting,
    /// No answer for more than a minute, and the node offers nothing.
    Silent,
    /// The vendor was taken off the node.
    Removed,
}

impl Handshake {
    /// Reads every notation in use: dates with dashes or dots, and Go's text of a time.
    pub fn parse(value: &str) -> Result<Self> {
        let wrong = || DecodeError::new(format!("{} is no handshake that HAMi writes", quoted(value)));
        let value = value.trim();
        if let Some(at) = value.strip_prefix("Requesting_") {
            return moment::plain(at).map(|at| Self::Requesting { at }).ok_or_else(wrong);
        }
        if let Some(at) = value.strip_prefix("Deleted_") {
            return moment::plain(at).map(|at| Self::Deleted { at }).ok_or_else(wrong);
        }
        let at = value.strip_prefix("Reported").and_then(|at| moment::go(at.trim_start_matches('_')));
        at.map(|at| Self::Reported { at }).ok_or_else(wrong)
    }

    /// When it was written, in seconds since 1970.
    pub fn at(self) -> i64 {
        match self {
            Self::Requesting { at } | Self::Reported { at } | Self::Deleted { at } => at,
        }
    }

    /// Judges as the scheduler does at `now`. Since HAMi 2.8 the NVIDIA plugin never answers, so an old request on a node
    /// that still offers the resource is normal and no outage.
    pub fn state(self, now: i64, offers_devices: bool) -> HandshakeState {
        match self {
            Self::Deleted { .. } => HandshakeState::Removed,
            Self::Reported { .. } => HandshakeState::Alive,
            Self::Requesting { .. } if offers_devices => HandshakeState::Alive,
            Self::Requesting { at } if now.saturating_sub(at) <= ANSWER_SECONDS => HandshakeState::Waiting,
            Self::Requesting { .. } => HandshakeState::Silent,
        }
    }
}
