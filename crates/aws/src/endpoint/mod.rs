//! Where a call goes.

mod partition_data;
pub mod partitions;
pub mod rules;
