//! Everything but the large fleet, in one program.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` is written in the call")]

mod cluster;
mod codec;
mod config;
mod faults;
mod fleet;
mod fragmentation;
mod hostile;
mod idle;
mod metrics;
mod pending;
mod quota;
mod remedies;
mod roundtrip;
mod surroundings;
mod vendors;
