//! HTTP: addresses, forms, answers, connections.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod path;
pub(crate) mod protobuf;
pub(crate) mod query;
mod record;
pub(crate) mod serve;
#[cfg(feature = "tls")]
pub(crate) mod tls;

pub(crate) use query::Query;
pub(crate) use record::Record;
pub use record::{Fault, Harm, Recorded};
