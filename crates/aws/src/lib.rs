//! The AWS wire: any operation of any service, driven by API facts at run time.

mod address;
pub mod catalogue;
mod ceiling;
mod client;
mod customise;
pub mod endpoint;
mod engine;
mod error;
mod failure;
mod identity;
mod invoke;
mod limit;
mod project;
mod protocol;
mod schema;
mod service;
mod settings;
mod validate;
mod value;

pub use ceiling::effect;
pub use engine::{CredentialsInfo, Engine, Preview, Reply, ScopeInfo};
pub use project::project;
pub use settings::{Scope, Settings, StaticCredentials};
pub use validate::validate;
