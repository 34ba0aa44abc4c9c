//! What a client may read by address, ask for as a prompt, and have completed: all of it made of tools, as data.

/// What a binary offers besides its tools.
#[derive(Debug, Clone, Copy)]
pub struct Guide {
    /// Readings of tools under addresses.
    pub readings: &'static [Reading],
    /// Common jobs, in words for a model.
    pub prompts: &'static [Prompt],
    /// Where the values of arguments come from.
    pub completions: &'static [Completion],
}

impl Guide {
    /// Nothing besides the tools.
    pub const NONE: Self = Self { readings: &[], prompts: &[], completions: &[] };
}

/// An answer of a tool that reads, under an address.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// `trainyard://ec2/instances/{region}`: what stands in braces becomes an argument of the tool.
    pub address: &'static str,
    /// Name, unique among the readings.
    pub name: &'static str,
    /// What one reads there.
    pub about: &'static str,
    /// The tool.
    pub tool: &'static str,
    /// Arguments that are always the same, as a JSON object.
    pub arguments: &'static str,
}

/// A common job.
#[derive(Debug, Clone, Copy)]
pub struct Prompt {
    /// Name.
    pub name: &'static str,
    /// For people, in a menu.
    pub title: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What has to be known first.
    pub arguments: &'static [PromptArgument],
    /// Tools that it leans on; it is offered where all of them are.
    pub needs: &'static [&'static str],
    /// What is asked. `{name}` is replaced by the argument; a line with an argument that was not given is left out.
    pub text: &'static str,
}

/// Something that a prompt has to know.
#[derive(Debug, Clone, Copy)]
pub struct PromptArgument {
    /// Name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether it has to be there.
    pub required: bool,
}

/// Where the values of an argument come from, whatever prompt or address it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Completion {
    /// Name of the argument.
    pub argument: &'static str,
    /// A tool that lists the values.
    pub tool: &'static str,
    /// Its arguments, as a JSON object.
    pub arguments: &'static str,
    /// Column of its answer.
    pub column: &'static str,
    /// Arguments given so far that it takes as well.
    pub takes: &'static [&'static str],
}
