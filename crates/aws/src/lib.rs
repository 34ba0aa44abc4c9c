//! The AWS wire: any operation of any service, driven by API facts at run time.
#![doc = include_str!("../README.md")]

mod address;
mod blob;
pub mod catalogue;
mod ceiling;
mod client;
mod compress;
mod customise;
mod describe;
mod dry_run;
pub mod endpoint;
mod engine;
mod error;
mod events;
mod failure;
mod identity;
mod invoke;
mod limit;
mod listing;
pub mod offline;
mod once;
mod operation;
mod paging;
mod presign;
mod project;
mod protocol;
mod schema;
mod service;
mod settings;
mod stream;
pub mod transfer;
mod validate;
mod value;
mod waiting;

pub use blob::show_text;
pub use ceiling::effect;
pub use describe::{describe_input, describe_output, example_input};
pub use engine::{CredentialsInfo, Engine, Preview, Reply, ScopeInfo};
pub use events::EventStream;
pub use operation::{AnyItems, Aws, Items, Operation, Paged, Wanted};
pub use paging::{Cursor, Page, PageStream, Pages};
pub use presign::Presigned;
pub use project::project;
pub use settings::{Role, Scope, Settings, StaticCredentials};
pub use validate::validate;
pub use waiting::{Patience, Waited};
