//! Datasets, models and training jobs.

pub mod dataset;
