//! Streamable HTTP: one endpoint, `/mcp`, for both eras, behind a door that asks who comes in.

mod accept;
mod access;
mod door;
mod oauth;
mod reply;
mod sessions;
mod tls;
mod token;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rmcp::ServerHandler;
use tokio_util::sync::CancellationToken;
use trainyard_contract::{Context, Result};
use trainyard_dispatch::Dispatch;

pub use access::Access;
pub(crate) use access::Identity;
pub use oauth::OAuth;
pub use tls::Tls;
pub use token::Token;

use crate::{About, mcp};
use accept::Listener;

/// Path of the endpoint.
pub const ENDPOINT: &str = "/mcp";

/// Where to listen, who may come in, and how much of what is taken.
#[derive(Debug)]
pub struct HttpOptions {
    /// Where to listen.
    pub listen: Listen,
    /// Certificate and key; without them the connection is not encrypted.
    pub tls: Option<Tls>,
    /// Who may come in.
    pub access: Access,
    /// Names that clients may call this server by, besides those of this machine itself: `host` or `host:port`.
    pub hosts: Vec<String>,
    /// Pages of browsers that may call, besides those of this machine itself: `https://host:port`, port `*` for any.
    pub origins: Vec<String>,
    /// Whether clients of the revisions before 2026-07-28 get sessions. Without, they cannot be asked anything.
    pub sessions: bool,
}

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and port; port 0 for any free one.
    Tcp(SocketAddr),
    /// A socket in the file system, for its owner alone.
    Unix(PathBuf),
}

/// Where numbers of calls are shown, if they are.
pub(crate) const METRICS: &str = "/metrics";

/// Writes down numbers of calls, in the text format of Prometheus.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<dyn Fn() -> String + Send + Sync>);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Http {
    listener: Listener,
    options: HttpOptions,
    metrics: Option<Metrics>,
}

impl Http {
    /// Takes the address.
    pub async fn bind(options: HttpOptions) -> Result<Self> {
        let listener = Listener::bind(&options.listen).await?;
        Ok(Self { listener, options, metrics: None })
    }

    /// Shows this text at `/metrics` to everybody who can connect, as `/health` is: what scrapes it has no token.
    #[must_use]
    pub fn with_metrics(mut self, text: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Some(Metrics(Arc::new(text)));
        self
    }

    /// Where clients reach the endpoint.
    pub fn url(&self) -> String {
        let scheme = if self.options.tls.is_some() { "https" } else { "http" };
        match &self.listener {
            Listener::Tcp(_, address) => format!("{scheme}://{address}{ENDPOINT}"),
            Listener::Unix(_, path) => format!("unix:{} {ENDPOINT}", path.display()),
        }
    }

    /// Serves until `stop`, then lets calls under way end.
    pub async fn serve<C: Context>(
        self,
        dispatch: Arc<Dispatch<C>>,
        about: About,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        let closing = CancellationToken::new();
        let server = mcp::Server::new(Arc::clone(&dispatch), about, "http", closing.clone());
        let handler = server.clone();
        let lacks: door::Lacks = Box::new(move |identity, message| server.lacks(identity, message));
        let ended = self.open(move || handler.clone(), lacks, || dispatch.under_way(), closing, stop).await;
        dispatch.settle();
        ended
    }

    /// The same with any handler: what the protocol's own test suite is run against.
    #[doc(hidden)]
    pub async fn serve_with<H: ServerHandler>(
        self,
        handler: impl Fn() -> H + Send + Sync + 'static,
        under_way: impl Fn() -> usize,
        closing: CancellationToken,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        self.open(handler, Box::new(|_, _| Vec::new()), under_way, closing, stop).await
    }

    async fn open<H: ServerHandler>(
        self,
        handler: impl Fn() -> H + Send + Sync + 'static,
        lacks: door::Lacks,
        under_way: impl Fn() -> usize,
        closing: CancellationToken,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        let Self { listener, options, metrics } = self;
        let tls = options.tls.clone();
        let door = Arc::new(door::Door::new(handler, lacks, options, metrics, closing.clone()));
        accept::run(listener, tls, door, under_way, closing, stop).await;
        Ok(())
    }
}
