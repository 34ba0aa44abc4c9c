//! What a policy may ask about a call that its arguments do not say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tool::Target;

/// Questions about one call. Only what is asked for needs finding out.
#[derive(Debug, Clone, Copy)]
pub struct Inquiry<'a> {
    /// The tool's listed name.
    pub tool: &'static str,
    /// Which of its calls.
    pub call: &'static str,
    /// Who calls; empty for whoever started the process.
    pub principal: &'a str,
    /// Its arguments, in the form of its schema.
    pub arguments: &'a Value,
    /// What it is aimed at, if it changes something.
    pub target: Option<&'a Target>,
    /// The account that it would reach.
    pub account: bool,
    /// The region that it would reach, where the arguments name none.
    pub region: bool,
    /// The tags of what it is aimed at.
    pub tags: bool,
}

/// What was found out. What is absent is not known, and a policy takes that for the worst.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Twelve digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Where no argument names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Clusters that the arguments name in a way that only the engine understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Vec<String>>,
    /// Kinds that it is aimed at, where the arguments may name them in several ways; empty where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<String>>,
    /// Operations that the call may send, as `ec2:TerminateInstances`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<Vec<String>>,
    /// Tags of everything that the call is aimed at, one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<BTreeMap<String, String>>>,
}
