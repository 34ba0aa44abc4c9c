//! Where a call goes.

mod partition_data;
pub mod partitions;
mod resolve;
pub mod rules;
mod value;

pub use resolve::{AuthScheme, Endpoint, Parameter, Parameters, Unresolved, resolve};
