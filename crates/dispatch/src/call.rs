//! The road. [`Dispatch::call`] reads as its own summary, one step a line.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use trainyard_contract::{
    Answer, Call, Ceiling, Context, Decoded, Effect, Envelope, Error, ErrorKind, Needs, Permit, Progress, Result,
    Target,
};

use crate::{
    alive::Live,
    arguments::{self, Said},
    audit::{Audit, Record},
    budget,
    caller::Caller,
    plans::{Plans, random_id},
    policy::{self, Confirm, Verdict},
    redact,
    registry::{Entry, Registry},
};

/// How this process treats calls. Fixed for its life.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most that is allowed.
    pub ceiling: Ceiling,
    /// What a person has to agree to.
    pub confirm: Confirm,
    /// Longest time for one call without progress.
    pub deadline: Duration,
    /// Tokens that an answer may have.
    pub answer_tokens: usize,
    /// Calls under way at once; more have to wait.
    pub at_once: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ceiling: Ceiling::READ_ONLY,
            confirm: Confirm::default(),
            // Clients give up at 60 seconds.
            deadline: Duration::from_secs(45),
            answer_tokens: budget::ANSWER_TOKENS,
            at_once: 256,
        }
    }
}

/// One call as it comes in.
pub struct Request {
    /// Name of the tool, older names included.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Who calls.
    pub caller: Caller,
    /// Whether a person can be asked on this road. If so, only that person's word counts, not the caller's.
    pub person: bool,
    /// Handle of the plan that the person agreed to.
    pub agreed: Option<String>,
    /// Who wants to know how far it is.
    pub progress: Arc<dyn Progress>,
}

/// What became of a call.
#[derive(Debug)]
pub enum Outcome {
    /// It ran.
    Done(Done),
    /// A person has to agree first.
    Ask(Question),
    /// It was refused, or it failed.
    Failed(Error, Envelope),
}

/// The answer of a call that ran.
#[derive(Debug)]
pub struct Done {
    /// A JSON object, redacted and within the budget.
    pub value: Value,
    /// How it is to be laid out.
    pub envelope: Envelope,
}

/// What a person has to agree to.
#[derive(Debug, Clone)]
pub struct Question {
    /// Handle to call again with.
    pub handle: String,
    /// The tool's listed name.
    pub tool: &'static str,
    /// What the call would do.
    pub effect: Effect,
    /// To what.
    pub target: Option<Target>,
    /// What would happen, redacted and within the budget.
    pub plan: Value,
    /// How an answer would be laid out.
    pub envelope: Envelope,
}

/// The one road to a tool.
pub struct Dispatch<C: Context> {
    context: C,
    registry: Registry<C>,
    options: Options,
    audit: Audit,
    plans: Plans,
    slots: Semaphore,
}

impl<C: Context> Dispatch<C> {
    /// A road to the tools of `registry`, which work with `context`.
    pub fn new(context: C, registry: Registry<C>, options: Options, audit: Audit) -> Self {
        let slots = Semaphore::new(options.at_once);
        Self { context, registry, options, audit, plans: Plans::default(), slots }
    }

    /// The tools.
    pub fn registry(&self) -> &Registry<C> {
        &self.registry
    }

    /// How calls are treated.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What the tools work with.
    pub fn context(&self) -> &C {
        &self.context
    }

    /// Toolset and needs of a call that is not made (yet).
    pub fn needs(&self, tool: &str, arguments: Map<String, Value>) -> Result<(&'static str, Needs)> {
        let entry = self.registry.find(tool)?;
        Ok((entry.toolset, arguments::read(entry, arguments)?.needs))
    }

    /// Whether a plan waits under this handle for somebody's word.
    pub fn awaits(&self, handle: &str) -> bool {
        self.plans.waits(handle)
    }

    /// Calls under way.
    pub fn under_way(&self) -> usize {
        self.options.at_once.saturating_sub(self.slots.available_permits())
    }

    /// Takes one call down the road. Dropping the future cancels the call.
    pub async fn call(&self, request: Request) -> Outcome {
        let entry = match self.registry.find(&request.tool) {
            Ok(entry) => entry,
            Err(error) => return Outcome::Failed(error, Envelope::Plain),
        };
        let envelope = entry.tool.envelope;
        match self.road(entry, request).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(harmless(error), envelope),
        }
    }

    async fn road(&self, entry: &Entry<C>, request: Request) -> Result<Outcome> {
        let Request { arguments, caller, person, agreed, progress, .. } = request;
        let said = arguments::read(entry, arguments)?;
        let decoded = said.call.decode(said.arguments.clone())?;
        let verdict = match caller.refusal(entry.toolset, said.needs) {
            Some(error) => Verdict::Deny(error),
            None => policy::judge(self.options.ceiling, self.options.confirm, said.needs),
        };
        let may_write = said.needs.effect.writes() && !matches!(verdict, Verdict::Deny(_));
        let record = self.audit.open(facts(entry, &said, &caller, decoded.target().as_ref()), may_write)?;
        let live = Live::new(Call { tool: entry.tool.name, id: random_id()?, binding: said.binding.clone(), progress });
        let result = self.judged(entry, &said, decoded, &live, verdict, handle(&said, person, agreed)).await;
        close(record, &result);
        result
    }

    async fn judged(
        &self,
        entry: &Entry<C>,
        said: &Said<C>,
        decoded: Box<dyn Decoded<C>>,
        live: &Live,
        verdict: Verdict,
        handle: Option<String>,
    ) -> Result<Outcome> {
        match (verdict, handle) {
            (Verdict::Deny(error), _) => return Err(error),
            (_, _) if said.dry_run => return self.show_plan(entry, said, decoded, live).await,
            (Verdict::Ask, None) => return self.ask(entry, said, decoded, live).await.map(Outcome::Ask),
            (Verdict::Ask, Some(handle)) => self.plans.redeem(&handle, &said.digest)?,
            (Verdict::Allow, _) => {}
        }
        #[expect(clippy::disallowed_methods, reason = "this is the one place: the call has been judged above")]
        let permit = Permit::grant(said.needs.effect);
        let answer = self.in_time(live, decoded.run(&self.context, &live.call, permit)).await?;
        let by_name = said.needs.effect != Effect::Reveals;
        Ok(Outcome::Done(Done { value: self.presentable(answer, by_name), envelope: entry.tool.envelope }))
    }

    /// Runs under the deadline, when there is a slot for it. Progress puts the deadline off.
    async fn in_time<T>(&self, live: &Live, work: impl Future<Output = Result<T>>) -> Result<T> {
        let deadline = self.options.deadline;
        let slotted = async {
            let _slot = self.slots.acquire().await.map_err(|_| Error::internal("the server is stopping"))?;
            work.await
        };
        live.within(deadline, slotted).await.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Timeout,
                format!("no answer within {} s; the call was cancelled", deadline.as_secs()),
            )
            .hint("ask for less at once (filters, a smaller limit), or set a longer --call-timeout"))
        })
    }

    fn presentable(&self, mut answer: Answer, by_name: bool) -> Value {
        let count = redact::value(&mut answer.value, by_name);
        if count > 0
            && let Some(object) = answer.value.as_object_mut()
        {
            object.insert("redacted".into(), count.into());
        }
        budget::fit(answer, self.options.answer_tokens)
    }

    async fn plan(&self, decoded: &dyn Decoded<C>, live: &Live) -> Result<Value> {
        match decoded.plan(&self.context, &live.call) {
            Some(plan) => {
                let value = self.in_time(live, plan).await?;
                Ok(self.presentable(Answer { value, pages: Vec::new() }, true))
            }
            None => Ok(json!({})),
        }
    }

    async fn ask(
        &self,
        entry: &Entry<C>,
        said: &Said<C>,
        decoded: Box<dyn Decoded<C>>,
        live: &Live,
    ) -> Result<Question> {
        let plan = self.plan(&*decoded, live).await?;
        Ok(Question {
            handle: self.plans.open(&said.digest)?,
            tool: entry.tool.name,
            effect: said.needs.effect,
            target: decoded.target(),
            plan,
            envelope: entry.tool.envelope,
        })
    }

    async fn show_plan(
        &self,
        entry: &Entry<C>,
        said: &Said<C>,
        decoded: Box<dyn Decoded<C>>,
        live: &Live,
    ) -> Result<Outcome> {
        let plan = self.plan(&*decoded, live).await?;
        let value = json!({
            "dry_run": true,
            "effect": said.needs.effect,
            "target": decoded.target(),
            "plan": plan,
        });
        Ok(Outcome::Done(Done { value, envelope: entry.tool.envelope }))
    }
}

/// Where a person can be asked, a handle that the caller brings along proves nothing.
fn handle<C: Context>(said: &Said<C>, person: bool, agreed: Option<String>) -> Option<String> {
    agreed.or_else(|| said.confirm.clone().filter(|_| !person))
}

/// The line that is written before a call.
fn facts<C: Context>(entry: &Entry<C>, said: &Said<C>, caller: &Caller, target: Option<&Target>) -> Value {
    let mut arguments = said.arguments.clone();
    redact::value(&mut arguments, true);
    let mut client = caller.client.clone();
    redact::text(&mut client);
    json!({
        "door": caller.door,
        "client": client,
        "principal": caller.principal,
        "tool": entry.tool.name,
        "operation": said.call.name,
        "effect": said.needs.effect,
        "dry_run": said.dry_run,
        "target": target,
        "arguments": arguments,
        "digest": said.digest,
    })
}

fn close(record: Record<'_>, result: &Result<Outcome>) {
    record.close(match result {
        Ok(Outcome::Done(_)) => json!({ "outcome": "done" }),
        Ok(Outcome::Ask(question)) => json!({ "outcome": "asked", "plan": question.handle }),
        Ok(Outcome::Failed(error, _)) | Err(error) => json!({
            "outcome": "failed",
            "category": error.kind(),
            "code": error.code_str(),
            "request_id": error.request_id_str(),
        }),
    });
}

fn harmless(error: Error) -> Error {
    error.map_text(|text| {
        let mut text = text.to_owned();
        redact::text(&mut text);
        text
    })
}
