//! An OAuth 2.1 resource server: whoever comes in brings a token of the identity provider, made for this server, and may
//! do what its scopes say. Tokens are read here and go no further.

mod keys;
mod scopes;

use std::sync::Arc;

use http::{HeaderMap, StatusCode, Uri};
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use trainyard_contract::{Error, Result};
use trainyard_dispatch::Grant;

use super::{
    access::{Identity, bearer},
    reply::{self, Reply},
};
use keys::Keys;

/// Where clients look for what follows.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
/// Signatures that only the provider can make. Shared secrets are not among them.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 30;
/// Longest token that is looked at.
const LONGEST: usize = 16 << 10;

/// What tokens are held against.
#[derive(Debug)]
pub struct OAuth {
    issuer: String,
    resource: String,
    metadata_url: String,
    path: String,
    keys: Keys,
}

/// The claims that matter here. Issuer, audience and times are checked before anybody sees them.
#[derive(Debug, Deserialize)]
struct Claims {
    sub: Option<String>,
    client_id: Option<String>,
    scope: Option<String>,
    scp: Option<Value>,
}

impl OAuth {
    /// Tokens of `issuer`, made for `resource`: the address under which clients know the endpoint.
    pub fn new(issuer: &str, resource: &str) -> Result<Self> {
        let address = checked(resource, "the resource")?;
        checked(issuer, "the issuer")?;
        let origin = format!(
            "{}://{}",
            address.scheme_str().unwrap_or("https"),
            address.authority().map_or("", |it| it.as_str())
        );
        let path = address.path().trim_end_matches('/').to_owned();
        Ok(Self {
            metadata_url: format!("{origin}{WELL_KNOWN}{path}"),
            path,
            issuer: issuer.to_owned(),
            resource: resource.to_owned(),
            keys: Keys::of(issuer),
        })
    }

    /// What a client has to know to get a token, where `path` is the place for it.
    pub(super) fn metadata(&self, path: &str) -> Option<Reply> {
        let rest = path.strip_prefix(WELL_KNOWN)?;
        (rest.is_empty() || rest == self.path).then(|| {
            reply::json(
                StatusCode::OK,
                &json!({
                    "resource": self.resource,
                    "resource_name": "Trainyard",
                    "authorization_servers": [self.issuer],
                    "scopes_supported": scopes::EVERYWHERE,
                    "bearer_methods_supported": ["header"],
                }),
            )
        })
    }

    /// Who sends this, or the answer to somebody who may not come in.
    pub(super) async fn admit(&self, headers: &HeaderMap) -> std::result::Result<Identity, Reply> {
        let Some(token) = bearer(headers).filter(|token| !token.is_empty()) else {
            return Err(self.challenge(
                StatusCode::UNAUTHORIZED,
                None,
                "send an access token",
                &["trainyard:read".into()],
            ));
        };
        let invalid = |why: &str| self.challenge(StatusCode::UNAUTHORIZED, Some("invalid_token"), why, &[]);
        let claims = self.claims(token).await.map_err(|why| invalid(&why))?;
        let who = claims.sub.or(claims.client_id).filter(|name| !name.is_empty());
        let principal = who.ok_or_else(|| invalid("the token names nobody"))?;
        let grants: Arc<[Grant]> = scopes::grants(claims.scope.as_deref(), claims.scp.as_ref()).into();
        Ok(Identity { principal: format!("oauth:{principal}"), grants: Some(grants) })
    }

    async fn claims(&self, token: &str) -> std::result::Result<Claims, String> {
        if token.len() > LONGEST {
            return Err("the token is too long".into());
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| "this is no signed token".to_owned())?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(format!("{:?} is no signature that is taken here", header.alg));
        }
        let kind = header.typ.as_deref().map(str::to_ascii_lowercase);
        if !matches!(kind.as_deref(), None | Some("at+jwt" | "application/at+jwt" | "jwt")) {
            return Err("this is no access token".into());
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.resource]);
        let checked = jsonwebtoken::decode::<Claims>(token, &key, &validation);
        checked.map(|token| token.claims).map_err(|error| {
            use jsonwebtoken::errors::ErrorKind;
            match error.kind() {
                ErrorKind::ExpiredSignature => "the token has expired",
                ErrorKind::InvalidAudience => "the token was made for another server",
                ErrorKind::InvalidIssuer => "the token is of another provider",
                ErrorKind::ImmatureSignature => "the token is not good yet",
                ErrorKind::InvalidSignature => "the signature does not fit",
                _ => "the token does not hold",
            }
            .to_owned()
        })
    }

    /// The answer to somebody whose token says too little: which scopes to ask for.
    pub(super) fn step_up(&self, lacks: &[Grant]) -> Reply {
        let scopes: Vec<String> = lacks.iter().map(scopes::name).collect();
        let why = format!("this call needs the scope {}", scopes.join(" "));
        self.challenge(StatusCode::FORBIDDEN, Some("insufficient_scope"), &why, &scopes)
    }

    fn challenge(&self, status: StatusCode, error: Option<&str>, why: &str, scopes: &[String]) -> Reply {
        let mut challenge = format!("Bearer resource_metadata=\"{}\"", self.metadata_url);
        if let Some(error) = error {
            challenge.push_str(&format!(", error=\"{error}\", error_description=\"{why}\""));
        }
        if !scopes.is_empty() {
            challenge.push_str(&format!(", scope=\"{}\"", scopes.join(" ")));
        }
        reply::challenge(status, error.unwrap_or("unauthorized"), why, &challenge)
    }
}

/// An address with TLS, or on this machine.
fn checked(address: &str, what: &str) -> Result<Uri> {
    let refused = |why: &str| Error::validation(format!("{what} {address:?} {why}"));
    let uri: Uri = address.parse().map_err(|_| refused("is no address"))?;
    let here = uri.host().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    match uri.scheme_str() {
        Some("https") if uri.host().is_some() => Ok(uri),
        Some("http") if here => Ok(uri),
        _ => Err(refused("has to begin with https://")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stands_where_clients_look_for_it() {
        let oauth = OAuth::new("https://id.example/realm", "https://yard.example/mcp").unwrap();
        assert_eq!(oauth.metadata_url, "https://yard.example/.well-known/oauth-protected-resource/mcp");
        for (path, there) in [
            ("/.well-known/oauth-protected-resource", true),
            ("/.well-known/oauth-protected-resource/mcp", true),
            ("/.well-known/oauth-protected-resource/other", false),
            ("/mcp", false),
        ] {
            assert_eq!(oauth.metadata(path).is_some(), there, "{path}");
        }
    }

    #[test]
    fn what_goes_over_the_network_goes_over_tls() {
        assert!(OAuth::new("http://id.example", "https://yard.example/mcp").is_err());
        assert!(OAuth::new("https://id.example", "http://yard.example/mcp").is_err());
        assert!(OAuth::new("https://id.example", "yard.example").is_err());
        assert!(OAuth::new("http://127.0.0.1:1", "http://localhost:2/mcp").is_ok());
    }
}
