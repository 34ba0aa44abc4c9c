//! The road to a tool, as callers of every kind take it. One test binary: each costs a link.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adversary;
mod calls;
mod house;
mod records;
mod rules;
