//! From a frame and a spec to a model and a report.

use crate::{Error, Frame, Model, Observer, Report, Spec};

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// How good it is, and what to know about it.
    pub report: Report,
}

/// Learns. The same frame and spec give the same model and report to the bit, with any number of threads.
pub fn train(spec: &Spec, frame: &Frame, observer: &mut dyn Observer) -> Result<Trained, Error> {
    spec.check()?;
    let _ = (frame, observer);
    Err(Error::data("not on this branch yet"))
}
