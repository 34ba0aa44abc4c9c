//! What a caller may read of its own: plans that wait, lines of the audit log, answers that were too large.

use serde_json::{Value, json};
use trainyard_contract::{Answer, Context, Error, Result};

use crate::{audit, call::Dispatch, plans, present, results};

/// Lines of the audit log that are shown at once.
const LINES: usize = 20;

impl<C: Context> Dispatch<C> {
    /// Handles of the plans of this caller that wait for somebody's word.
    pub fn plan_handles(&self, principal: &str) -> Vec<String> {
        self.plans.waiting_of(principal).into_iter().map(|plan| plan.handle).collect()
    }

    /// A plan that waits, as it was shown. That of another caller is as good as none.
    pub fn plan_record(&self, handle: &str, principal: &str) -> Result<Value> {
        let plan = self.plans.show(handle).ok().filter(|plan| plan.principal == principal).ok_or_else(|| {
            Error::not_found("plan", handle)
                .hint("plans wait for ten minutes, and for one use; call again for a new one")
        })?;
        self.shown(json!({
            "handle": plan.handle,
            "tool": plan.tool,
            "effect": plan.effect,
            "target": plan.target,
            "plan": plan.plan,
            "made": plan.made,
            "good_until": plan.made + plans::LIFETIME,
            "agreed": self.plans.is_agreed(handle),
            "approve": self.plans.shared().then(|| format!("trainyard approve {}", plan.handle)),
        }))
    }

    /// The newest calls of this caller in the audit log, or one of them, by its number or id.
    ///
    /// Reads files: not for a thread that others wait on.
    pub fn audit_record(&self, call: Option<&str>, principal: &str) -> Result<Value> {
        let path = self.audit.path().ok_or_else(|| Error::not_found("audit log", "of this server"))?;
        self.settle();
        let lines = match call {
            Some(call) => {
                let lines = audit::find(path, call)?;
                if lines.first().is_none_or(|line| line["principal"] != principal) {
                    return Err(Error::not_found("call", call).hint("trainyard://audit has the newest of your calls"));
                }
                lines
            }
            None => audit::newest_of(path, principal, LINES)?,
        };
        self.shown(json!({ "lines": lines }))
    }

    /// Whether there is an audit log to read.
    pub fn keeps_audit(&self) -> bool {
        self.audit.path().is_some()
    }

    /// Names of the large answers that are kept for this caller, the newest first.
    pub fn result_names(&self, principal: &str) -> Vec<String> {
        self.results.of(principal)
    }

    /// A page of a large answer, from row (or byte) `from` on, and where the next begins.
    pub fn result_page(&self, id: &str, from: usize, principal: &str) -> Result<(Value, Option<usize>)> {
        let mut whole = self.results.get(id, principal)?;
        let note = present::mark_others(&mut whole, self.options.datamark)?;
        // Room for what frames the page.
        let (mut page, next) = results::page(&whole, from, self.options.answer_tokens.saturating_sub(400).max(200))?;
        if let Some(note) = note {
            page["marker"] = note.into();
        }
        Ok((page, next))
    }

    /// Facts as they leave: without secrets and within the budget.
    pub(crate) fn shown(&self, value: Value) -> Result<Value> {
        present::answer(Answer::of(value), true, self.options.form())
    }
}
