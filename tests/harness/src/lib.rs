//! Starts the binary, and what it talks to, for tests, the demonstration and measurements.
//!
//! Everything is a process or a socket on loopback. What is started here ends with the process that started it.

mod emulator;
mod endpoint;
mod fault;
mod place;
mod process;
pub mod prometheus;
mod proxy;
mod session;
mod trainyard;
mod web;

pub use emulator::{MiniStack, Moto, free_port};
pub use endpoint::{Endpoint, Reply, Seen, Wait};
pub use fault::{Fault, Faulty, message};
pub use place::{cache, helm, kubernetes_server, kubernetes_venv, learning_venv, node, npm, root, suite, venv};
pub use process::{Ended, run};
pub use proxy::{Passage, Proxy};
pub use session::{Era, Session};
pub use trainyard::Trainyard;
pub use web::{Web, WebAnswer, WebServer};

/// The definition of a kind of its own, `Widget`, that takes any members.
pub const WIDGETS: &str = include_str!("widgets.yaml");

/// The reader of an error is whoever ran the test.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;
