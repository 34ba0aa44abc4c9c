//! The one road from a call to a tool. No tool, engine or transport is known here.
//!
//! [`Dispatch::call`] is the only way to a tool: it finds it, decodes the arguments, judges the effect, plans or asks,
//! grants the permit, runs it under a deadline, redacts and fits the answer, and writes the audit log.

mod alive;
mod arguments;
pub mod audit;
mod budget;
mod call;
mod caller;
mod foresee;
mod judge;
mod limits;
mod lost;
mod plans;
mod policy;
mod present;
mod records;
mod redact;
mod registry;
mod results;
mod sentences;
mod state;
mod text;
mod unfinished;
mod watch;
mod witness;

pub use audit::Audit;
pub use budget::tokens;
pub use call::{Dispatch, Done, Options, Outcome, Question, RESULTS, Request};
pub use caller::{Caller, Grant};
pub use judge::Explanation;
pub use plans::{Plan, Plans};
pub use policy::{Confirm, Considered, Decision, Fact, Facts, Fit, Limits, Policy, Verdict};
pub use redact::harmless_text;
pub use registry::{Hints, Registry, Selection, View};
pub use state::Switch;
pub use watch::{Ended, Ending, Watch};
pub use witness::Witness;
