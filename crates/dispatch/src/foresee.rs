//! What is found out before a change runs: its plan, what a person is asked, and what the plan says of limits.

use serde_json::json;
use trainyard_contract::{Call, Context, Decoded, Error, Foreseen, Loss, Result, Target};

use crate::{
    alive::Live,
    call::{Dispatch, Done, Handle, Outcome, Question, Way, harmless, harmless_target},
    limits,
    plans::{Claim, Plan},
    present, redact, state,
};

impl<C: Context> Dispatch<C> {
    /// Uses up the plan that was agreed to, if what it said is still so.
    pub(crate) async fn redeem(&self, way: &Way<'_, C>, decoded: &dyn Decoded<C>, handle: &Handle) -> Result<Foreseen> {
        let claim = Claim {
            digest: &way.said.digest,
            principal: &way.caller.principal,
            by_person: handle.by_person,
            call: &way.number.to_string(),
        };
        let version = self.plans.redeem(&handle.name, &claim)?;
        let now = self.plan(decoded, way.call).await?;
        if present::version(&now.shown) == version {
            self.in_limits(way, &now)?;
            return Ok(now);
        }
        let call = way.number.to_string();
        self.plans.close(&handle.name, &call, "not run: the target had changed");
        Err(Error::policy_denied("the target has changed since the plan was shown; nothing was changed")
            .code("PlanRefused")
            .hint("call again without `confirm` to get a new plan"))
    }

    /// Whether only a plan tells what has to be known before this runs.
    pub(crate) fn plans_first(&self, way: &Way<'_, C>, decoded: &dyn Decoded<C>) -> bool {
        way.said.needs.effect.writes() && (decoded.loss().is_none() || limits::go_by_plan(self.options.policy.limits()))
    }

    /// Holds a change against the limits that only its plan tells of.
    pub(crate) async fn check_reach(&self, way: &Way<'_, C>, decoded: &dyn Decoded<C>) -> Result<Foreseen> {
        let plan = self.plan(decoded, way.call).await?;
        self.in_limits(way, &plan)?;
        Ok(plan)
    }

    fn in_limits(&self, way: &Way<'_, C>, plan: &Foreseen) -> Result<()> {
        limits::check_impact(self.options.policy.limits(), way.said.needs.spends, plan.impact.as_ref())?;
        self.lost.check(&plan.loss)
    }

    /// What a call takes away whose plan is not made.
    pub(crate) fn unplanned(&self, decoded: &dyn Decoded<C>) -> Result<Loss> {
        let loss = decoded.loss().unwrap_or(Loss::NONE);
        self.lost.check(&loss)?;
        Ok(loss)
    }

    /// What would happen, as the tool says it.
    async fn plan(&self, decoded: &dyn Decoded<C>, call: &Call) -> Result<Foreseen> {
        let live = Live::new(call.clone());
        match decoded.plan(&self.context, &live.call) {
            Some(plan) => self.in_time(&live, plan).await,
            None => Ok(Foreseen { shown: json!({}), impact: None, loss: Loss::NONE }),
        }
    }

    pub(crate) async fn ask(
        &self,
        way: &Way<'_, C>,
        decoded: &dyn Decoded<C>,
        target: Option<Target>,
    ) -> Result<Question> {
        let plan = self.plan(decoded, way.call).await?;
        if way.said.needs.effect.writes() {
            self.in_limits(way, &plan)?;
        }
        let version = present::version(&plan.shown);
        let plan = self.shown(plan.shown)?;
        let target = target.map(harmless_target);
        let mut caller = format!("{} {}", way.caller.door, way.caller.client);
        redact::text(&mut caller);
        let handle = self.plans.open(Plan {
            handle: String::new(),
            tool: way.entry.tool.name.to_owned(),
            effect: way.said.needs.effect,
            target: json!(target),
            plan: plan.clone(),
            principal: way.caller.principal.clone(),
            caller,
            made: state::now(),
            digest: way.said.digest.clone(),
            version,
        })?;
        Ok(Question {
            approve: self.plans.shared().then(|| format!("trainyard approve {handle}")),
            handle,
            tool: way.entry.tool.name,
            effect: way.said.needs.effect,
            target,
            plan,
            envelope: way.entry.tool.envelope,
        })
    }

    pub(crate) async fn show_plan(
        &self,
        way: &Way<'_, C>,
        decoded: &dyn Decoded<C>,
        target: Option<&Target>,
    ) -> Result<Outcome> {
        let plan = self.plan(decoded, way.call).await?;
        let refusal = self.in_limits(way, &plan).err();
        let mut value = json!({
            "dry_run": true,
            "effect": way.said.needs.effect,
            "target": target.cloned().map(harmless_target),
            "plan": self.shown(plan.shown)?,
        });
        if let Some(error) = refusal {
            value["beyond_limits"] = harmless(error).message().into();
        }
        Ok(Outcome::Done(Done { value, summary: None, pictures: Vec::new(), envelope: way.entry.tool.envelope }))
    }
}
