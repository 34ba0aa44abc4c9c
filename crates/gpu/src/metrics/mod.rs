//! What Prometheus knows of accelerators: every metric with its unit and labels, and the questions that may be asked.

mod dcgm;
mod dictionary;
mod limits;
mod monitor;
mod neuron;
mod query;
mod scheduler;
mod selector;

pub use dictionary::{Former, Label, Metric, Named, Role, Source, Unit, dictionary, find};
pub use limits::{Span, parse_duration};
pub use query::{Aggregation, By, Filters, Query, Question};
