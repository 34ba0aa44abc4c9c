//! HTTP: addresses, forms, answers.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod path;
pub(crate) mod protobuf;
pub(crate) mod query;
mod record;
#[cfg(feature = "tls")]
pub(crate) mod tls;

pub(crate) use query::Query;
pub(crate) use record::Record;
pub use record::{Fault, Harm, Recorded};
