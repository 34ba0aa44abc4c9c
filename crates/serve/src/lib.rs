//! The Model Context Protocol over the one road. `rmcp` is named here and nowhere else.
//!
//! Both eras are spoken on one connection: 2026-07-28 (`server/discover`, every request on its own, input asked for by
//! answer) and the revisions that open with `initialize`.

mod calls;
mod consent;
mod gateway;
mod guide;
mod http;
mod mcp;
mod message;
mod person;
mod progress;
mod render;
mod stdio;
mod tasks;

pub use http::{Access, ENDPOINT, Http, HttpOptions, Listen, OAuth, Tls, Token};
#[doc(hidden)]
pub use mcp::Server as Handler;
pub use person::{Word, ask_person};

use std::{fmt, sync::Arc};

use rmcp::ServiceExt;
use tokio_util::sync::CancellationToken;
use trainyard_contract::{Context, Error, Guide, Result};
use trainyard_dispatch::Dispatch;

/// What the server says of itself when a client opens the connection.
#[derive(Debug, Clone)]
pub struct About {
    /// Version of the product.
    pub version: &'static str,
    /// How the tools are best used, for a model to read. Clients cut it at 2,048 characters.
    pub instructions: String,
    /// What there is besides tools.
    pub guide: Guide,
    /// Values of arguments that no tool lists.
    pub values: Vec<Values>,
    /// Lists four tools that reach all the others, instead of all of them.
    pub gateway: bool,
}

impl About {
    /// Tools and nothing besides.
    pub fn tools(version: &'static str, instructions: String) -> Self {
        Self { version, instructions, guide: Guide::NONE, values: Vec::new(), gateway: false }
    }
}

/// Values to choose from for an argument, whatever prompt or address it stands in.
#[derive(Clone)]
pub struct Values {
    /// Name of the argument.
    pub argument: &'static str,
    /// The values, looked up when somebody asks.
    pub list: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Values").field(&self.argument).finish()
    }
}

/// Serves one client on standard input and output until the input ends.
///
/// Must be called on a tokio runtime with I/O. A current-thread runtime answers fastest.
pub async fn stdio<C: Context>(dispatch: Arc<Dispatch<C>>, about: About) -> Result<()> {
    let closing = CancellationToken::new();
    let server = mcp::Server::new(Arc::clone(&dispatch), about, "stdio", closing.clone());
    let (input, output) = rmcp::transport::stdio_pipes();
    let transport = stdio::Lines::new(input, output, closing);
    let running = match Box::pin(server.serve(transport)).await {
        Ok(running) => running,
        // A client that closes the connection before it opens a session has simply left.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(Error::internal(format!("could not open the session: {error}"))),
    };
    let ended = running.waiting().await;
    dispatch.settle();
    ended.map(|_| ()).map_err(|error| Error::internal(format!("the session broke off: {error}")))
}
