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
//!
//! # How state is set
//!
//! [`Server::set`] takes a [`Setting`]: data, as scenarios hold it. It puts rows into tables, changes and removes them by id
//! or by the tag `Name`, says how much capacity there is left, which calls are refused and how often, which series of metrics
//! are otherwise than usual, and makes calls as somebody else would.
//! [`Server::rows`] reads a table back, [`Server::calls`] what was asked of the account, and [`Server::advance`] moves the
//! time.
//!
//! # How it is kept
//!
//! A row is what the API describes, as JSON (`account.rs`, `table.rs`). An operation is a function over rows, in the table
//! of its service (`services`). What takes time at AWS waits in an order of moments (`Account::later`). Pages, tokens that
//! make a call happen once, dry runs and refusals from outside are the same for all operations (`services/mod.rs`).

mod account;
mod endpoint;
mod fleet;
mod moments;
mod paging;
mod server;
mod services;
mod setting;
mod signature;
mod table;
pub mod wire;

pub use self::{
    endpoint::{Asked, Endpoint},
    fleet::KubernetesApi,
    server::{Called, Options, Server},
    setting::{Logged, LoggedLine, Made, Refused, RowChange, Series, Setting, StackFailure, StackWork},
    signature::AccessKey,
};
