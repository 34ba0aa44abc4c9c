//! The Model Context Protocol over the one road. `rmcp` is named here and nowhere else.
//!
//! Both eras are spoken on one connection: 2026-07-28 (`server/discover`, every request on its own, input asked for by
//! answer) and the revisions that open with `initialize`.

mod consent;
mod http;
mod mcp;
mod progress;
mod render;
mod stdio;

pub use http::{Access, ENDPOINT, Http, HttpOptions, Listen, Tls, Token};
#[doc(hidden)]
pub use mcp::Server as Handler;

use std::sync::Arc;

use rmcp::ServiceExt;
use tokio_util::sync::CancellationToken;
use trainyard_contract::{Context, Error, Result};
use trainyard_dispatch::Dispatch;

/// What the server says of itself when a client opens the connection.
#[derive(Debug, Clone)]
pub struct About {
    /// Version of the product.
    pub version: &'static str,
    /// How the tools are best used, for a model to read. Clients cut it at 2,048 characters.
    pub instructions: String,
}

/// Serves one client on standard input and output until the input ends.
///
/// Must be called on a tokio runtime with I/O. A current-thread runtime answers fastest.
pub async fn stdio<C: Context>(dispatch: Arc<Dispatch<C>>, about: About) -> Result<()> {
    let closing = CancellationToken::new();
    let server = mcp::Server::new(dispatch, about, "stdio", closing.clone());
    let (input, output) = rmcp::transport::stdio_pipes();
    let transport = stdio::Lines::new(input, output, closing);
    let running = match server.serve(transport).await {
        Ok(running) => running,
        // A client that closes the connection before it opens a session has simply left.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(Error::internal(format!("could not open the session: {error}"))),
    };
    running.waiting().await.map(|_| ()).map_err(|error| Error::internal(format!("the session broke off: {error}")))
}
