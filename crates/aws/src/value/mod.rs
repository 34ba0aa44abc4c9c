//! JSON values to and from the official codecs, and from XML.
//!
//! In our JSON, bytes are base64 text, points in time are RFC 3339 text, and numbers that JSON cannot hold are the
//! texts `NaN`, `Infinity` and `-Infinity`.

mod document;
mod read;
mod time;
mod write;
mod xml;

pub(crate) use read::read_structure;
pub use time::show_millis;
pub(crate) use time::{parse as parse_time, to_json as time_to_json};
pub(crate) use write::Input;
pub(crate) use xml::{Root, check_whole, read_members};

/// Deepest nesting of an input or an answer. The deepest published shape that is not recursive has 23 levels.
pub(crate) const MAX_DEPTH: usize = 100;
