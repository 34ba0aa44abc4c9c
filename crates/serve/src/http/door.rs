//! What is answered where.

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    Access, ENDPOINT, HttpOptions,
    reply::{self, Reply},
    sessions::Sessions,
};

/// Largest request. Far above any argument of a tool.
const BODY_BYTES: usize = 4 << 20;
/// Names of this machine itself.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The way in.
pub(super) struct Door<H: ServerHandler> {
    access: Access,
    sessions: Sessions,
    service: StreamableHttpService<H, LocalSessionManager>,
    closing: CancellationToken,
}

impl<H: ServerHandler> Door<H> {
    pub(super) fn new(
        handler: impl Fn() -> H + Send + Sync + 'static,
        options: HttpOptions,
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
        Self { access: options.access, sessions, service, closing }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Reply {
        match request.uri().path() {
            ENDPOINT => self.endpoint(request).await,
            "/health" => self.health(request.method()),
            _ => reply::refused(StatusCode::NOT_FOUND, "not_found", "the endpoint is /mcp"),
        }
    }

    async fn endpoint(&self, mut request: Request<Incoming>) -> Reply {
        let identity = match self.access.admit(request.headers()) {
            Ok(identity) => identity,
            Err(refusal) => return refusal,
        };
        if let Some(refusal) = self.sessions.check(request.headers(), &identity.principal) {
            return refusal;
        }
        let principal = identity.principal.clone();
        // Travels with the request to the call that it becomes.
        request.extensions_mut().insert(identity);
        let answer = self.service.handle(request).await;
        self.sessions.note(answer, &principal).await
    }

    /// Whether calls are taken. Told to everybody: a load balancer has no token.
    fn health(&self, method: &Method) -> Reply {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return reply::refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "GET is answered here");
        }
        let (status, word) = if self.closing.is_cancelled() {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping")
        } else {
            (StatusCode::OK, "ok")
        };
        reply::json(status, &json!({ "status": word }))
    }
}
