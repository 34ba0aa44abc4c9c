//! An AWS account and a cluster to practise and test on: both on loopback, with a memory of their own and nothing behind them.

pub mod aws;
pub mod kubernetes;
mod loopback;
pub mod scenario;
