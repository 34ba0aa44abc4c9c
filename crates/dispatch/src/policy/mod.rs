//! May this call run? Gates first, then the operator's policy, then whether a person is to be asked. Pure: everything
//! that is known is in the arguments.

mod decide;
mod facts;
mod file;
mod gates;
mod pattern;

pub use decide::{Considered, Decision, Fit, Verdict};
pub use facts::{Fact, Facts};
pub use file::{Limits, Policy};
pub use gates::Confirm;

pub(crate) use gates::{by_confirm, refusal};
