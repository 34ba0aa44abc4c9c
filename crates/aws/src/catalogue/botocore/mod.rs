//! Services out of botocore's description files: how the catalogue is made, and how a service that is newer than this
//! program comes to it at run time.

mod convert;
pub mod field;
mod rules;
mod shapes;
mod source;

use std::{error::Error as StdError, fmt, num::ParseIntError, num::TryFromIntError};

pub use self::{
    convert::{Expected, convert},
    source::{Source, json, names, read, read_some},
};
use super::model::{Element, Kind, Service};

/// What a description file says that we do not understand, or why it could not be read.
#[derive(Debug)]
pub struct Problem(String);

/// What reading a description comes to.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// Deepest list of lists (of maps, of lists …) that a description may have.
const MAX_NESTED: usize = 8;

/// A service from a description that the caller has. What it borrows from is kept for the life of the process, as the
/// text of the catalogue is.
pub fn keep(source: Source) -> Result<Service<'static>> {
    let source = Box::leak(Box::new(source));
    let expected = Box::leak(Box::new(Expected::of(source)));
    let service = convert(source, expected)?;
    sound(&service)?;
    Ok(service)
}

/// What holds of every embedded description, and has to of any other, too.
fn sound(service: &Service<'_>) -> Result<()> {
    for (mut id, shape) in (0..).zip(&service.shapes) {
        let mut levels = 0;
        while let Kind::List { item: Element { shape: inner, .. }, .. }
        | Kind::Map { value: Element { shape: inner, .. }, .. } = &service.shape(id).kind
        {
            (id, levels) = (*inner, levels + 1);
            if levels > MAX_NESTED {
                return Err(
                    format!("shape {} is a list or map within more than {MAX_NESTED} others", shape.name).into()
                );
            }
        }
    }
    for operation in &service.operations {
        for id in operation.input.iter().chain(&operation.output) {
            if service.structure(*id).is_none() {
                return Err(format!("{} takes or gives what is no structure", operation.name).into());
            }
        }
    }
    Ok(())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Problem {}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Problem {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<TryFromIntError> for Problem {
    fn from(error: TryFromIntError) -> Self {
        Self(error.to_string())
    }
}

impl From<ParseIntError> for Problem {
    fn from(error: ParseIntError) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
