//! Whose session is whose. A session's name is no proof of identity: each belongs to whoever opened it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, StatusCode};
use rmcp::transport::streamable_http_server::session::{SessionId, SessionManager, local::LocalSessionManager};

use super::reply::{self, Reply};

/// Sessions at once.
const MOST: usize = 10_000;
const NAME: &str = "mcp-session-id";

/// The sessions of this process, which end after five idle minutes.
#[derive(Default)]
pub(super) struct Sessions {
    pub(super) manager: Arc<LocalSessionManager>,
    owners: Mutex<HashMap<SessionId, String>>,
}

impl Sessions {
    /// The answer to somebody who names a session of another, as if there were none.
    pub(super) fn check(&self, headers: &HeaderMap, principal: &str) -> Option<Reply> {
        let name = headers.get(NAME)?.to_str().ok()?;
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = owners.get(name)?;
        (owner != principal)
            .then(|| reply::refused(StatusCode::NOT_FOUND, "not_found", "there is no such session; open a new one"))
    }

    /// Notes who opened the session that this answer names, if it does.
    pub(super) async fn note(&self, reply: Reply, principal: &str) -> Reply {
        let Some(name) = reply.headers().get(NAME).and_then(|name| name.to_str().ok()) else { return reply };
        let name: SessionId = name.into();
        let many = {
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            owners.insert(Arc::clone(&name), principal.to_owned());
            owners.len()
        };
        // Ended sessions are forgotten whenever their number has doubled.
        if many.is_power_of_two() || many > MOST {
            self.forget_ended().await;
        }
        if self.owners.lock().unwrap_or_else(PoisonError::into_inner).len() > MOST {
            drop(self.manager.close_session(&name).await);
            return reply::refused(StatusCode::SERVICE_UNAVAILABLE, "busy", "there are too many sessions");
        }
        reply
    }

    async fn forget_ended(&self) {
        let living: Vec<SessionId> = self.manager.sessions.read().await.keys().cloned().collect();
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = HashMap::with_capacity(living.len());
        for name in living {
            if let Some(owner) = owners.remove(&name) {
                kept.insert(name, owner);
            }
        }
        *owners = kept;
    }
}
