//! Pictures of what was found: histograms, learning curves, confusion matrices, importance, calibration.
//!
//! As PNG they are drawn on white, whatever stands around them, with few colours that colour-blind people can tell apart: some
//! ten kilobytes each. [`terminal`] has the same as text.

mod axes;
mod canvas;
mod charts;
pub mod terminal;

pub use self::charts::{calibration, confusion, histograms, importance, learning_curve};
