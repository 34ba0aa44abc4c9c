//! Where a call goes.

pub mod rules;
