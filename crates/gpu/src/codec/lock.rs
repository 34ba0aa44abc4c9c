//! The lock that a node carries while one pod is being bound to it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    error::{DecodeError, Result, quoted},
    moment,
};

/// A held lock.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Lock {
    /// When it was taken, in seconds since 1970.
    pub at: i64,
    /// Namespace and name of the pod it was taken for; older releases do not say.
    pub owner: Option<(String, String)>,
}

/// What a lock means at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LockState {
    /// Its pod is being bound.
    Held,
    /// Its pod is gone, so the next bind may break it.
    Dangling,
    /// Older than a bind may take, so the next bind breaks it.
    Expired,
}

impl Lock {
    /// Reads `time`, or `time,namespace,pod`.
    pub fn parse(value: &str) -> Result<Self> {
        let mut parts = value.trim().split(',');
        let at = parts.next().and_then(moment::rfc3339).ok_or_else(|| {
            DecodeError::new(format!("lock {} does not begin with a time such as 2024-01-23T04:30:04Z", quoted(value)))
        })?;
        let owner = match (parts.next(), parts.next(), parts.next()) {
            (None, None, None) => None,
            (Some(namespace), Some(pod), None) => Some((namespace.to_owned(), pod.to_owned())),
            _ => {
                let message = format!("lock {} must be `time` or `time,namespace,pod`", quoted(value));
                return Err(DecodeError::new(message));
            }
        };
        Ok(Self { at, owner })
    }

    /// Judges the lock at `now`; `owner_lives` where the pod was looked up.
    pub fn state(&self, now: i64, timeout_seconds: i64, owner_lives: Option<bool>) -> LockState {
        if now.saturating_sub(self.at) > timeout_seconds {
            LockState::Expired
        } else if owner_lives == Some(false) {
            LockState::Dangling
        } else {
            LockState::Held
        }
    }
}
