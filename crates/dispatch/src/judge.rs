//! Everything that is asked before a call may run, in the order in which it is asked.

use serde::Serialize;
use serde_json::{Map, Value};
use trainyard_contract::{Context, Error, Found, Inquiry, Result, Target};

use crate::{
    arguments::{self, Said},
    call::Dispatch,
    caller::Caller,
    limits,
    policy::{self, Decision, Facts, Verdict},
    registry::Entry,
};

/// What is to be done with a call, and which rule says so.
pub(crate) struct Judgement {
    pub(crate) rule: String,
    pub(crate) step: Step,
}

pub(crate) enum Step {
    /// Run it.
    Run,
    /// Run it once a person has agreed to its plan.
    Ask,
    /// Refuse it.
    Refuse(Error),
}

impl Judgement {
    fn refuse(rule: impl Into<String>, error: Error) -> Self {
        Self { rule: rule.into(), step: Step::Refuse(error) }
    }

    pub(crate) fn may_run(&self) -> bool {
        !matches!(self.step, Step::Refuse(_))
    }

    /// As the audit log has it.
    pub(crate) fn word(&self) -> Verdict {
        match self.step {
            Step::Run => Verdict::Allow,
            Step::Ask => Verdict::Confirm,
            Step::Refuse(_) => Verdict::Deny,
        }
    }
}

/// What a call would meet, without being made.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// What would become of it.
    pub verdict: Verdict,
    /// What decides: a gate, a rule of the policy, or the general wish to be asked.
    pub rule: String,
    /// Why.
    pub because: String,
    /// What is known of the call.
    pub facts: Facts,
    /// What the policy says, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Decision>,
}

impl<C: Context> Dispatch<C> {
    /// Judges one call: who calls, gates, stop, policy, reach, and whether a person is to be asked.
    pub(crate) async fn judge(
        &self,
        entry: &Entry<C>,
        said: &Said<C>,
        target: Option<&Target>,
        caller: &Caller,
    ) -> Judgement {
        if let Some(error) = caller.refusal(entry.toolset, said.needs) {
            return Judgement::refuse("grants", error);
        }
        if let Err(error) = self.context.admits(&caller.principal) {
            return Judgement::refuse("identities", error);
        }
        if let Some((flag, error)) = policy::refusal(self.options.ceiling, said.needs) {
            return Judgement::refuse(flag, error);
        }
        if said.needs.effect.writes()
            && let Some(error) = self.switch.refusal()
        {
            return Judgement::refuse("stop", error);
        }
        if self.options.policy.is_empty() {
            return self.by_wish(said, target, None);
        }
        let found = self.found(entry, said, target, caller).await;
        let facts = Facts::new(entry, said, target, caller, found);
        self.by_wish(said, target, Some(self.options.policy.judge(&facts)))
    }

    /// What the policy says, and what the operator wishes to be asked about in general.
    fn by_wish(&self, said: &Said<C>, target: Option<&Target>, decision: Option<Decision>) -> Judgement {
        let unattended = decision.as_ref().is_some_and(|decision| decision.unattended);
        let rule = match decision {
            Some(decision) if decision.verdict == Verdict::Deny => {
                return Judgement::refuse(decision.rule.clone(), denied(&decision));
            }
            Some(decision) if decision.verdict == Verdict::Confirm => {
                return self.in_reach(target, Judgement { rule: decision.rule, step: Step::Ask });
            }
            Some(decision) => decision.rule,
            None => "gates".to_owned(),
        };
        if policy::by_confirm(self.options.confirm, said.needs) && !unattended {
            return self.in_reach(target, Judgement { rule: "--confirm".into(), step: Step::Ask });
        }
        self.in_reach(target, Judgement { rule, step: Step::Run })
    }

    fn in_reach(&self, target: Option<&Target>, judgement: Judgement) -> Judgement {
        match limits::check_target(self.options.policy.limits(), target) {
            Ok(()) => judgement,
            Err(error) => Judgement::refuse("limits.objects", error),
        }
    }

    /// What the engines find out for the policy.
    async fn found(&self, entry: &Entry<C>, said: &Said<C>, target: Option<&Target>, caller: &Caller) -> Found {
        let wants = self.options.policy.wants(said.needs.effect.writes());
        let inquiry = Inquiry {
            tool: entry.tool.name,
            call: said.call.name,
            principal: &caller.principal,
            arguments: &said.arguments,
            target,
            account: wants.account,
            region: wants.region,
            tags: wants.tags,
        };
        self.context.facts(inquiry).await
    }

    /// What a call would meet, from what is `given`: nothing is sent and nothing is asked. What is not given is not
    /// known, apart from what the engines read out of the arguments.
    pub async fn explain(
        &self,
        tool: &str,
        mut arguments: Map<String, Value>,
        caller: &Caller,
        given: Found,
    ) -> Result<Explanation> {
        let entry = self.registry.find(tool)?;
        if let Some(preset) = entry.tool.preset(tool) {
            arguments::complete(&mut arguments, preset)?;
        }
        let said = arguments::read(entry, arguments)?;
        let decoded = said.call.decode(said.arguments.clone())?;
        let target = decoded.target();
        let inquiry = Inquiry {
            tool: entry.tool.name,
            call: said.call.name,
            principal: &caller.principal,
            arguments: &said.arguments,
            target: target.as_ref(),
            account: false,
            region: false,
            tags: false,
        };
        let read = self.context.facts(inquiry).await;
        let found = Found {
            account: given.account.or(read.account),
            region: given.region.or(read.region),
            clusters: given.clusters.or(read.clusters),
            kinds: given.kinds.or(read.kinds),
            operations: given.operations.or(read.operations),
            tags: given.tags.or(read.tags),
        };
        let facts = Facts::new(entry, &said, target.as_ref(), caller, found);
        let policy = (!self.options.policy.is_empty()).then(|| self.options.policy.decide(&facts));
        let judgement = if let Some(error) = caller.refusal(entry.toolset, said.needs) {
            Judgement::refuse("grants", error)
        } else if let Err(error) = self.context.admits(&caller.principal) {
            Judgement::refuse("identities", error)
        } else if let Some((flag, error)) = policy::refusal(self.options.ceiling, said.needs) {
            Judgement::refuse(flag, error)
        } else {
            self.by_wish(&said, target.as_ref(), policy.clone())
        };
        let because = match &judgement.step {
            Step::Refuse(error) => error.message().to_owned(),
            Step::Ask if judgement.rule == "--confirm" => format!("what {} is asked about", said.needs.effect),
            _ => policy.as_ref().map_or_else(
                || "the gates are open for it, and there is no policy".to_owned(),
                |decision| decision.because.clone(),
            ),
        };
        Ok(Explanation { verdict: judgement.word(), rule: judgement.rule, because, facts, policy })
    }
}

fn denied(decision: &Decision) -> Error {
    Error::policy_denied(format!(
        "the operator's policy refuses this call by rule {:?}: {}; nothing was sent",
        decision.rule, decision.because
    ))
    .code("PolicyDenied")
    .hint("`trainyard policy explain` shows the operator how the rule came to fit")
}
