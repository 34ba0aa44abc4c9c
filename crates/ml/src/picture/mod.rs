//! Pictures of what was found: histograms, learning curves, confusion matrices, importance, calibration.
//!
//! As PNG they are drawn on white, whatever stands around them, with few colours that colour-blind people can tell apart: some
//! ten kilobytes each. Each brings what [`terminal`] makes of it along, for those who look at letters.

mod axes;
mod canvas;
mod charts;
pub mod terminal;
mod training;

pub use self::{
    charts::{calibration, confusion, histograms, importance, learning_curve},
    training::{Drawing, of_curves, of_report},
};
