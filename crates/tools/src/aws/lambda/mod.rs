//! Lambda: functions, and calling them.

pub(crate) mod functions;
pub(crate) mod invoke;
