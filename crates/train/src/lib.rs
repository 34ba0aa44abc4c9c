//! Training and prediction on tabular data: a [`Frame`] and a [`Spec`] in, a [`Model`] and a [`Report`] out.
//!
//! ```text
//! Frame + Spec ─► problem ─► folds ─► fit (boosting | linear | kmeans) ─► evaluate ─► Trained { Model, Report }
//! Model ─► model.txt (LightGBM's text) + metadata.json + MLmodel, and ONNX on request
//! ```
//!
//! Every kind of model is one [`Ensemble`](model::Ensemble) of trees whose leaves are numbers or linear functions, which is what
//! LightGBM's text can say. So there is one predictor, one writer, one reader and one converter for all of them. The
//! crate knows no network, no runtime, no store and no clock that would get into a result: the same frame and spec give
//! the same bytes.

mod error;
mod frame;
mod learn;
mod metrics;
pub mod model;
mod observer;
mod report;
mod spec;
mod train;

pub use error::{Error, ErrorKind};
pub use frame::{Cell, Column, Frame, FrameBuilder, Kind, MISSING_CATEGORY, Values};
pub use model::{Feature, FeatureKind, Model, Outcome, Prediction, SavedFile};
pub use observer::{Observer, Phase, Progress};
pub use report::{
    Baseline, CalibrationBin, Candidate, Confusion, CurvePoint, Importance, Metric, Note, NoteKind, Report, Rows,
};
pub use spec::{Algorithm, Engine, Hyperparameters, Limits, Preset, Spec, Task, Validation};
pub use train::{Cost, Size, Trained, cost, train};
