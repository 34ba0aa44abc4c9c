//! Calls that go over a wire: to moto, to MiniStack, and to servers that misbehave. Loopback only.

#![expect(clippy::unwrap_used, reason = "a test")]

mod emulator;
mod hostile;
mod measure;
mod ministack;
mod moto;
mod transfer;
