//! The AWS wire: any operation of any service, driven by API facts at run time.

pub mod catalogue;
pub mod endpoint;
mod protocol;
mod schema;
mod value;
