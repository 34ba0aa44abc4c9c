//! The Kubernetes wire: which cluster is meant and who we are there, and any request to any kind of thing in it.
//!
//! `kube` carries the requests and is named here only; what may be sent, what is kept back of an answer, and what an
//! error means is decided here.

mod access;
mod discovery;
mod engine;
mod error;
mod handle;
mod logs;
pub mod manifest;
pub mod prometheus;
mod request;
pub mod resource;
mod secret;
mod selection;
mod settings;
mod table;
mod watching;

pub use access::{ContextInfo, Way};
pub use discovery::{Catalogue, Known};
pub use engine::Engine;
pub use handle::{Apply, Deletion, Eviction, Kubernetes, Patch, Written};
pub use logs::LogQuestion;
pub use resource::Resource;
pub use secret::{LAST_APPLIED, withhold};
pub use selection::{Form, Page, Selection};
pub use settings::{AuthMode, Cluster, InCluster, Proxy, Settings, User};
pub use table::{Column, Row, Table};
pub use watching::{Watch, WatchEvent};

/// Who has set the fields that we apply.
pub const FIELD_MANAGER: &str = "trainyard";
