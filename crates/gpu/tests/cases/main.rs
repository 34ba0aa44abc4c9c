//! Everything but the large fleet, in one program.

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
mod roundtrip;
mod vendors;
