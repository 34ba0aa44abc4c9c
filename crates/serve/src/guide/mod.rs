//! What is offered besides tools: addresses to read, prompts, and values to choose from. All of it is made of calls of
//! tools, down the same road as every other call.

pub(crate) mod address;
mod completions;
mod pages;
mod prompts;
mod records;
mod resources;
