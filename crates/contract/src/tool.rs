//! The form that every tool is written in: the parameter struct *is* the tool.

use std::{future::Future, pin::Pin, sync::Arc};

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Result,
    access::{Access, MayChange, Reads},
    answer::Output,
    facts::{Found, Inquiry},
    impact::Plan,
    loss::Loss,
};

/// A future that can be stored.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What tools work with: the engines of this process. Contract and dispatch know nothing of them.
pub trait Context: Send + Sync + 'static {
    /// What one call is handed: the engines, able to do what `A` allows and no more.
    type At<A: Access>: Send;

    /// Makes the handle for one call.
    fn at<A: Access>(&self, call: &Call) -> Self::At<A>;

    /// Whether calls of this principal can be made at all, where people share one process and act with rights of their
    /// own. A principal without a name is whoever started the process.
    fn admits(&self, _principal: &str) -> Result<()> {
        Ok(())
    }

    /// Finds out what a policy asks about a call, changing nothing. What cannot be found out stays unknown.
    fn facts<'a>(&'a self, _inquiry: Inquiry<'a>) -> BoxFuture<'a, Found> {
        Box::pin(async { Found::default() })
    }
}

/// One tool. Its fields are its parameters, its doc comment is its description.
///
/// Nothing here has a default: what a tool may do, what it gives back and how it is called cannot be forgotten.
pub trait Tool<C: Context>: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// `service_verb_noun`; for one of several calls behind an older tool, the value of its `operation`.
    const NAME: &'static str;
    /// Arguments that work, as JSON text. Decoded by a test, shown in the help.
    const EXAMPLE: &'static str;
    /// The most that it may do.
    type Access: Access;
    /// What it gives back: facts, typed and whole.
    type Output: Output;

    /// Does it. Dropping the future cancels the requests that it has under way.
    fn run(self, cx: C::At<Self::Access>) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// What a tool that changes something owes its caller beforehand.
pub trait Preview<C: Context>: Tool<C, Access: MayChange> {
    /// What would happen: what is shown of it, [`Weighed`](crate::Weighed) where the change may add GPUs, cost or more
    /// things than it is aimed at, [`Losing`](crate::Losing) where more is lost than it is aimed at, or where what goes is a
    /// backup.
    type Plan: Plan;

    /// What is lost besides the target, as far as the arguments tell; `None` where only the plan does, which is then made
    /// before the call may run, whoever is asked or not.
    fn loss(&self) -> Option<Loss> {
        Some(Loss::NONE)
    }

    /// What would be changed.
    fn target(&self) -> Target;

    /// Finds out what would happen, with read access only: a plan cannot act.
    fn plan(&self, cx: C::At<Reads>) -> impl Future<Output = Result<Self::Plan>> + Send;
}

/// What a change is aimed at, in the words of the system it lives in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// `aws`, `kubernetes`, `trainyard`.
    pub system: &'static str,
    /// `ec2 instance`, `hyperpod node`.
    pub kind: String,
    /// Which ones.
    pub ids: Vec<String>,
    /// Where, if not where the process points by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// As whom, if not as the process's default identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// What a call may know about itself.
#[derive(Clone)]
pub struct Call {
    /// The tool's listed name.
    pub tool: &'static str,
    /// Names this call among all others: 32 hexadecimal digits.
    pub id: String,
    /// Digest of tool and arguments, paging arguments apart: a cursor made in one call is good only in the same one.
    pub binding: String,
    /// Who calls, as far as the door has made sure of it; empty for whoever started the process.
    pub principal: Arc<str>,
    /// Where long work says how far it is.
    pub progress: Arc<dyn Progress>,
}

/// Somebody who wants to know how far a call is.
pub trait Progress: Send + Sync {
    /// `done` of `total` (rising, in the tool's own units), with a word for a person.
    fn report(&self, done: u64, total: Option<u64>, message: &str);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy)]
pub struct Unheard;

impl Progress for Unheard {
    fn report(&self, _: u64, _: Option<u64>, _: &str) {}
}
