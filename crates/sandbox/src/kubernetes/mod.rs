//! A Kubernetes API: objects of any kind, as clients that others wrote expect them, with nothing behind it.
//!
//! ```no_run
//! use trainyard_sandbox::kubernetes::Server;
//!
//! # fn main() -> std::io::Result<()> {
//! let server = Server::start()?;
//! server.seed("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: team-a}\ndata: {a: b}").unwrap();
//! std::fs::write("kubeconfig", server.kubeconfig())?;
//! # Ok(())
//! # }
//! ```

mod answer;
pub(crate) mod clock;
mod cluster;
mod defaults;
mod discovery;
mod events;
mod fleet;
mod http;
mod kinds;
mod life;
mod logs;
mod metrics;
mod namespaces;
mod openapi;
mod parts;
mod patch;
mod prometheus;
mod quantity;
mod quota;
pub(crate) mod random;
mod rbac;
mod refusal;
mod resource;
mod review;
mod selector;
mod server;
mod setting;
mod shared;
mod site;
mod store;
mod table;
mod validate;
mod verbs;
mod view;
mod voice;

pub use clock::Time;
pub use fleet::Fleet;
pub(crate) use fleet::node_groups;
pub use http::{Fault, Harm, Recorded};
pub use life::{Behaviour, Pace};
pub use server::{Options, Server};
pub use setting::{
    CardHealth, Image, InUse, NodeCondition, ObjectChange, ObjectName, Said, Series, Setting, Taken, Written,
};
pub(crate) use site::VERSION;
