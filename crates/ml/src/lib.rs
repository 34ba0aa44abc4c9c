//! Datasets, models and training jobs.
