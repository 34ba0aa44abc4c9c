//! Datasets, models and training jobs: what they are, where they are kept, and how a job lives.
//!
//! No tool, no protocol and no tokens here. `store` is the one database that several processes share; large things are
//! files beside it.

pub mod dataset;
pub mod datasets;
pub mod estimate;
pub mod id;
pub mod job;
pub mod mlflow;
pub mod model;
pub mod moment;
pub mod picture;
pub mod store;
pub mod training;
