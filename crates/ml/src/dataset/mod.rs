//! Datasets: tabular files, read as a stream, and what is in them.
//!
//! A file is CSV, JSON Lines or Parquet, packed or not. Nothing here holds more of it than some rows and, for each
//! column, sketches of a fixed size; see [`profile()`].

mod format;
mod frame;
mod preview;
mod profile;
mod rows;
mod source;
mod value;

pub use self::{
    format::{Compression, Encoding, Format, Layout, Wanted},
    frame::{Framed, Selection, frame},
    preview::{Preview, preview},
    profile::{
        Bar, ColumnProfile, Failures, Finding, Histogram, Lengths, Numbers, Personal, Profile, Quantiles, Settings,
        Top, profile,
    },
    source::{Fingerprint, Watch, fingerprint},
    value::Kind,
};
