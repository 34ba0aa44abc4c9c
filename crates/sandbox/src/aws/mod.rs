//! AWS: the endpoint of every service, with nothing behind it but memory.
//!
//! ```no_run
//! use trainyard_sandbox::aws::{Options, Server};
//!
//! # fn main() -> std::io::Result<()> {
//! let server = Server::start(&Options::default())?;
//! // Point any client at `server.url()`, with `Server::key()` and in `Server::region()`.
//! # Ok(())
//! # }
//! ```

mod account;
mod endpoint;
mod fleet;
mod paging;
mod server;
mod services;
mod signature;
pub mod wire;

pub use self::{
    endpoint::{Asked, Endpoint},
    fleet::KubernetesApi,
    server::{Options, Server},
    signature::AccessKey,
};
