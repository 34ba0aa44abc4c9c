//! CloudFormation: stacks that come about over time, with their events, resources, nested stacks and change sets.

mod change_sets;
mod functions;
mod kinds;
mod makers;
mod managed;
mod nested;
mod reads;
mod run;
mod stack;
mod stacks;
mod template;
mod types;
mod undo;
mod yaml;

use super::Operations;

/// All of it.
pub(super) const ALL: &[Operations] = &[change_sets::OPERATIONS, reads::OPERATIONS, stacks::OPERATIONS];
