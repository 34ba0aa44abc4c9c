//! Training and prediction on tabular data.
