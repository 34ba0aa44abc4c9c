//! What is answered where.

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trainyard_dispatch::Grant;

use super::{
    Access, ENDPOINT, HttpOptions, Identity, METRICS, Metrics, OAuth,
    reply::{self, Reply},
    sessions::Sessions,
};

/// Largest request. Far above any argument of a tool.
const BODY_BYTES: usize = 4 << 20;
/// Names of this machine itself.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The grants that a message needs and its sender has not.
pub(super) type Lacks = Box<dyn Fn(&Identity, &Value) -> Vec<Grant> + Send + Sync>;

/// The way in.
pub(super) struct Door<H: ServerHandler> {
    access: Access,
    lacks: Lacks,
    sessions: Sessions,
    service: StreamableHttpService<H, LocalSessionManager>,
    metrics: Option<Metrics>,
    closing: CancellationToken,
}

impl<H: ServerHandler> Door<H> {
    pub(super) fn new(
        handler: impl Fn() -> H + Send + Sync + 'static,
        lacks: Lacks,
        options: HttpOptions,
        metrics: Option<Metrics>,
        closing: CancellationToken,
    ) -> Self {
        let hosts = HERE.into_iter().map(str::to_owned).chain(options.hosts);
        let here = HERE.iter().map(|host| match *host {
            "::1" => "http://[::1]:*".to_owned(),
            host => format!("http://{host}:*"),
        });
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(options.sessions)
            // One answer is one piece of JSON, unless there is something to tell before it.
            .with_json_response(true)
            .with_max_request_body_bytes(BODY_BYTES)
            .with_allowed_hosts(hosts)
            .with_allowed_origins(here.chain(options.origins))
            .enforce_origin_validation()
            .with_cancellation_token(closing.clone());
        let sessions = Sessions::default();
        let service = StreamableHttpService::new(move || Ok(handler()), Arc::clone(&sessions.manager), config);
        Self { access: options.access, lacks, sessions, service, metrics, closing }
    }

    /// The SDK's part is in a box: a connection holds room for it as long as it is open, and it is moved about with each
    /// request.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Reply {
        match request.uri().path() {
            ENDPOINT => self.endpoint(request).await,
            "/health" => self.health(request.method()),
            METRICS => match &self.metrics {
                Some(Metrics(text)) => read_only(request.method()).unwrap_or_else(|| reply::metrics(text())),
                None => nothing(),
            },
            path if path.starts_with("/.well-known/") => match &self.access {
                Access::OAuth(oauth) => oauth.metadata(path).unwrap_or_else(nothing),
                _ => nothing(),
            },
            _ => nothing(),
        }
    }

    async fn endpoint(&self, mut request: Request<Incoming>) -> Reply {
        let identity = match self.access.admit(request.headers()).await {
            Ok(identity) => identity,
            Err(refusal) => return refusal,
        };
        if let Some(refusal) = self.sessions.check(request.headers(), &identity.principal) {
            return refusal;
        }
        let ends_session = request.method() == Method::DELETE;
        let principal = identity.principal.clone();
        // Travels with the request to the call that it becomes.
        request.extensions_mut().insert(identity);
        let answer = match &self.access {
            Access::OAuth(oauth) => self.scoped(oauth, request).await,
            _ => Box::pin(self.service.handle(request)).await,
        };
        let mut answer = self.sessions.note(answer, &principal).await;
        // It has ended by now; to some clients "accepted" sounds as if it had not.
        if ends_session && answer.status() == StatusCode::ACCEPTED {
            *answer.status_mut() = StatusCode::NO_CONTENT;
        }
        answer
    }

    /// A call beyond the scopes of its caller is answered before it is one, so that the client can ask for more. The
    /// judgement itself is dispatch's, here as everywhere.
    async fn scoped(&self, oauth: &OAuth, request: Request<Incoming>) -> Reply {
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
            return reply::refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the request is too large, or broke off",
            );
        };
        let body = body.to_bytes();
        if let Some(identity) = parts.extensions.get::<Identity>()
            && let Ok(message) = serde_json::from_slice(&body)
        {
            let lacks = (self.lacks)(identity, &message);
            if !lacks.is_empty() {
                return oauth.step_up(&lacks);
            }
        }
        Box::pin(self.service.handle(Request::from_parts(parts, Full::new(body)))).await
    }

    /// Whether calls are taken. Told to everybody: a load balancer has no token.
    fn health(&self, method: &Method) -> Reply {
        if let Some(refusal) = read_only(method) {
            return refusal;
        }
        let (status, word) = if self.closing.is_cancelled() {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping")
        } else {
            (StatusCode::OK, "ok")
        };
        reply::json(status, &json!({ "status": word }))
    }
}

/// The answer to whoever wants more than to read.
fn read_only(method: &Method) -> Option<Reply> {
    (!matches!(*method, Method::GET | Method::HEAD))
        .then(|| reply::refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "GET is answered here"))
}

fn nothing() -> Reply {
    reply::refused(StatusCode::NOT_FOUND, "not_found", "the endpoint is /mcp")
}
