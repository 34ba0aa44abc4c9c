//! The provider's keys: found through its metadata, kept, and fetched again when a token names one that is not known.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{JwkSet, PublicKeyUse},
};
use serde_json::Value;
use tokio::{sync::Mutex, time::timeout};

/// Keys are asked for again when they are this old.
const FRESH: Duration = Duration::from_mins(10);
/// A name that is not known does not make us ask more often than this.
const PAUSE: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer of the provider.
const LARGEST: usize = 1 << 20;

type Fetcher = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// The keys of one provider.
pub(super) struct Keys {
    issuer: String,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    keys: Option<Arc<JwkSet>>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
    fetcher: Option<Fetcher>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.issuer).finish()
    }
}

impl Keys {
    /// Nothing is fetched before the first token comes.
    pub(super) fn of(issuer: &str) -> Self {
        Self { issuer: issuer.to_owned(), held: Mutex::default() }
    }

    /// The key that a token says it was signed with.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, String> {
        let mut held = self.held.lock().await;
        let old = held.fetched.is_none_or(|fetched| fetched.elapsed() > FRESH);
        if (old || held.pick(id, algorithm).is_none()) && held.tried.is_none_or(|tried| tried.elapsed() > PAUSE) {
            held.tried = Some(Instant::now());
            let fetcher = match &held.fetcher {
                Some(fetcher) => fetcher.clone(),
                None => held.fetcher.insert(fetcher()?).clone(),
            };
            match fetch(&fetcher, &self.issuer).await {
                Ok(keys) => {
                    held.keys = Some(Arc::new(keys));
                    held.fetched = Some(Instant::now());
                }
                // Those that we have stay good while the provider is away.
                Err(why) => tracing::warn!("could not fetch the keys of {}: {why}", self.issuer),
            }
        }
        let key = held.pick(id, algorithm);
        key.ok_or_else(|| "the token is signed with a key that the provider does not show".to_owned())
    }
}

impl Held {
    /// By name; without one, the only key that can have made this signature.
    fn pick(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let keys = self.keys.as_ref()?;
        let mut fitting = keys.keys.iter().filter(|key| {
            let common = &key.common;
            let signs = common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
            let same = common.key_algorithm.is_none_or(|it| it.to_string() == format!("{algorithm:?}"));
            signs && same && id.is_none_or(|id| common.key_id.as_deref() == Some(id))
        });
        let (key, None) = (fitting.next()?, fitting.next()) else { return None };
        DecodingKey::from_jwk(key).ok()
    }
}

fn fetcher() -> Result<Fetcher, String> {
    let connector = HttpsConnectorBuilder::new().with_native_roots().map_err(|error| error.to_string())?;
    let connector = connector.https_or_http().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

async fn fetch(fetcher: &Fetcher, issuer: &str) -> Result<JwkSet, String> {
    let mut why = String::new();
    for place in places(issuer) {
        match get(fetcher, &place).await {
            Ok(metadata) if metadata["issuer"] == issuer => {
                let keys = metadata["jwks_uri"].as_str().ok_or_else(|| format!("{place} names no keys"))?;
                super::checked(keys, "the place of the keys").map_err(|error| error.to_string())?;
                let keys = get(fetcher, keys).await?;
                // One key of a kind that we do not know must not hide the others.
                let known = |key: &Value| serde_json::from_value(key.clone()).ok();
                let keys = keys["keys"].as_array().into_iter().flatten().filter_map(known).collect();
                return Ok(JwkSet { keys });
            }
            Ok(metadata) => why = format!("{place} is of the issuer {}", metadata["issuer"]),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// Where a provider tells of itself (RFC 8414, with and without a path), and where OIDC has it.
fn places(issuer: &str) -> Vec<String> {
    let issuer = issuer.trim_end_matches('/');
    let split = issuer.find("://").and_then(|at| issuer[at + 3..].find('/').map(|slash| at + 3 + slash));
    let (origin, path) = issuer.split_at(split.unwrap_or(issuer.len()));
    vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{issuer}/.well-known/openid-configuration"),
    ]
}

/// A JSON document. Redirections are not followed: what the provider says stands where it is.
async fn get(fetcher: &Fetcher, address: &str) -> Result<Value, String> {
    let request = Request::get(address).header("accept", "application/json").body(Empty::new());
    let request = request.map_err(|error| format!("{address}: {error}"))?;
    let work = async {
        let response = fetcher.request(request).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("answered {}", response.status()));
        }
        let body = Limited::new(response.into_body(), LARGEST).collect().await.map_err(|error| error.to_string())?;
        serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
    };
    match timeout(PATIENCE, work).await {
        Ok(result) => result.map_err(|why| format!("{address}: {why}")),
        Err(_) => Err(format!("{address} did not answer in time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_asked_where_the_standards_say() {
        assert_eq!(
            places("https://id.example/realm/"),
            [
                "https://id.example/.well-known/oauth-authorization-server/realm",
                "https://id.example/realm/.well-known/openid-configuration"
            ]
        );
        assert_eq!(places("https://id.example")[0], "https://id.example/.well-known/oauth-authorization-server");
    }
}
