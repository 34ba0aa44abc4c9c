//! Pictures beside the facts, for who can look at them.

use crate::{
    Result,
    answer::{Answer, Output},
};

/// A picture. It shows facts that the answer also says: not every client can look at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// A PNG file.
    pub png: Vec<u8>,
    /// What is to be seen, in one line.
    pub alt: String,
    /// The same in characters, some lines for a terminal; none where the facts show as much.
    pub plot: Option<String>,
}

/// An output with pictures.
///
/// A protocol that can show them gets them beside the facts; at a shell they become files whose paths are named.
#[derive(Debug, Clone)]
pub struct Pictured<T> {
    /// What the tool found out.
    pub facts: T,
    /// What it looks like; none where no picture was asked for.
    pub pictures: Vec<Picture>,
}

impl<T: Output> Output for Pictured<T> {
    type Schema = T::Schema;

    fn into_answer(self) -> Result<Answer> {
        let mut answer = self.facts.into_answer()?;
        answer.pictures.extend(self.pictures);
        Ok(answer)
    }
}
