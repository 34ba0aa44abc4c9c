//! Who may come in, and as whom.

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};
use trainyard_dispatch::Grant;

use super::{
    Token,
    oauth::OAuth,
    reply::{self, Reply},
};

/// Who may come in.
#[derive(Debug, Clone)]
pub enum Access {
    /// Whoever has the token. They may do all that the process may.
    Token(Token),
    /// Whoever brings a token of the identity provider. They may do what its scopes say, below what the process may.
    OAuth(Arc<OAuth>),
    /// Whoever can open the connection: for a socket that only its owner can open, and for tests.
    Open,
}

/// Who came in.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Name, unique among those who may come in.
    pub(crate) principal: String,
    /// What they may do; `None` is all that the process may.
    pub(crate) grants: Option<Arc<[Grant]>>,
}

impl Access {
    /// Who sends this, or the answer to somebody who may not come in.
    pub(super) async fn admit(&self, headers: &HeaderMap) -> Result<Identity, Reply> {
        match self {
            Self::OAuth(oauth) => oauth.admit(headers).await,
            Self::Open => Ok(Identity { principal: "local".into(), grants: None }),
            Self::Token(token) => match bearer(headers) {
                Some(secret) if token.is(secret) => Ok(Identity { principal: "token".into(), grants: None }),
                Some(_) => Err(unknown("invalid_token", "the token is not the one of this server")),
                None => Err(unknown("unauthorized", "send the header `Authorization: Bearer TOKEN`")),
            },
        }
    }
}

fn unknown(error: &str, why: &str) -> Reply {
    let challenge = match error {
        "invalid_token" => r#"Bearer realm="trainyard", error="invalid_token""#,
        _ => r#"Bearer realm="trainyard""#,
    };
    reply::challenge(StatusCode::UNAUTHORIZED, error, why, challenge)
}

/// The token that a request brings along. Tokens in addresses are not looked at: those end up in logs.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
