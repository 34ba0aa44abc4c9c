//! The road. [`Dispatch::call`] reads as its own summary, one step a line.

use std::{panic::AssertUnwindSafe, path::PathBuf, sync::Arc, time::Duration};

use futures::FutureExt;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use trainyard_contract::{
    Call, Ceiling, Context, Decoded, Effect, Envelope, Error, ErrorKind, Needs, Permit, Picture, Progress, Result,
    Target,
};

use crate::{
    alive::Live,
    arguments::{self, Said},
    audit::{Audit, End, Record, When},
    budget,
    caller::Caller,
    judge::{Judgement, Step},
    limits::Turns,
    lost::Lost,
    plans::Plans,
    policy::{Confirm, Policy, Verdict},
    present, redact,
    registry::{Entry, Registry},
    results::Results,
    state::{Switch, random_id},
    unfinished::{self, Mark},
    watch::{Ending, Watch, Watched},
    witness::Witness,
};

/// Where clients read large answers: this, followed by a name.
pub const RESULTS: &str = "trainyard://results/";

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
    /// The words of others are joined by a sign, besides the marks around them.
    pub datamark: bool,
    /// Calls under way at once; more have to wait.
    pub at_once: usize,
    /// What the operator allows besides.
    pub policy: Arc<Policy>,
    /// Folder of plans, of marks of changes under way, and of the stop file; without one, plans are this process's own.
    pub state: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ceiling: Ceiling::READ_ONLY,
            confirm: Confirm::default(),
            // Clients give up at 60 seconds.
            deadline: Duration::from_secs(45),
            answer_tokens: budget::ANSWER_TOKENS,
            datamark: false,
            at_once: 256,
            policy: Arc::default(),
            state: None,
        }
    }
}

impl Options {
    /// How answers leave.
    pub(crate) fn form(&self) -> present::Form {
        present::Form { tokens: self.answer_tokens, datamark: self.datamark }
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
    /// One line that sums it up, redacted, where the tool gives one.
    pub summary: Option<String>,
    /// What it looks like, where the tool drew it.
    pub pictures: Vec<Picture>,
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
    /// What an operator types in a terminal to agree, where that is possible.
    pub approve: Option<String>,
}

/// The one road to a tool.
pub struct Dispatch<C: Context> {
    pub(crate) context: C,
    pub(crate) registry: Registry<C>,
    pub(crate) options: Options,
    pub(crate) audit: Audit,
    pub(crate) plans: Plans,
    pub(crate) results: Results,
    pub(crate) switch: Switch,
    pub(crate) lost: Lost,
    turns: Turns,
    slots: Semaphore,
    watch: Option<Arc<dyn Watch>>,
    witness: Option<Arc<dyn Witness>>,
}

/// One call that was understood, on its way.
pub(crate) struct Way<'a, C: Context> {
    pub(crate) entry: &'a Entry<C>,
    pub(crate) said: &'a Said<C>,
    pub(crate) caller: &'a Caller,
    pub(crate) call: &'a Call,
    /// Number of the call in the audit log.
    pub(crate) number: u64,
}

impl<C: Context> Dispatch<C> {
    /// A road to the tools of `registry`, which work with `context`.
    pub fn new(context: C, registry: Registry<C>, options: Options, audit: Audit) -> Self {
        let slots = Semaphore::new(options.at_once);
        let plans = Plans::of(options.state.as_deref());
        let switch = Switch::of(options.state.as_deref());
        let (turns, results, lost) = (Turns::default(), Results::default(), Lost::default());
        Self {
            context,
            registry,
            options,
            audit,
            plans,
            results,
            switch,
            lost,
            turns,
            slots,
            watch: None,
            witness: None,
        }
    }

    /// Tells somebody of each call that ended.
    #[must_use]
    pub fn watched_by(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Shows somebody each call whole.
    #[must_use]
    pub fn witnessed_by(mut self, witness: Arc<dyn Witness>) -> Self {
        self.witness = Some(witness);
        self
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

    /// Writes what the audit log still has to say of calls that have ended.
    pub fn settle(&self) {
        self.audit.settle();
    }

    /// Calls under way.
    pub fn under_way(&self) -> usize {
        self.options.at_once.saturating_sub(self.slots.available_permits())
    }

    /// Takes one call down the road. Dropping the future cancels the call.
    pub async fn call(&self, request: Request) -> Outcome {
        let Some(witness) = &self.witness else { return self.taken(request).await };
        let (tool, arguments) = (request.tool.clone(), request.arguments.clone());
        let outcome = self.taken(request).await;
        witness.saw(&tool, &arguments, &outcome);
        outcome
    }

    async fn taken(&self, request: Request) -> Outcome {
        let entry = match self.registry.find(&request.tool) {
            Ok(entry) => entry,
            Err(error) => return Outcome::Failed(harmless(error), Envelope::Plain),
        };
        let envelope = entry.tool.envelope;
        let watch = self.watch.as_deref();
        let mut watched = watch.map(|watch| Watched::new(watch, (entry.tool.name, entry.toolset), &request.caller));
        // In a box from here on: it is large, and every layer around it that moves it would move all of it.
        let outcome = match Box::pin(self.road(entry, request, watched.as_mut())).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(harmless(error), envelope),
        };
        if let Some(watched) = watched {
            watched.close(Ending::of(&outcome));
        }
        outcome
    }

    async fn road(&self, entry: &Entry<C>, request: Request, watched: Option<&mut Watched<'_>>) -> Result<Outcome> {
        let Request { tool, mut arguments, caller, person, agreed, progress } = request;
        if let Some(preset) = entry.tool.preset(&tool) {
            arguments::complete(&mut arguments, preset)?;
        }
        let mut said = arguments::read(entry, arguments)?;
        if let Some(watched) = watched {
            watched.effect(said.needs.effect);
        }
        let decoded = said.call.decode(said.arguments.clone())?;
        let target = decoded.target();
        let judgement = self.judge(entry, &said, target.as_ref(), &caller).await;
        let id = random_id()?;
        let arguments = std::mem::take(&mut said.arguments);
        let facts = self.facts(entry, &said, arguments, &caller, target.as_ref(), &judgement, &id);
        let mut record = self.audit.open(&facts, when(said.needs, &judgement, &caller))?;
        drop(facts);
        let principal = caller.principal.as_str().into();
        let call = Call { tool: entry.tool.name, id, binding: said.binding.clone(), principal, progress };
        let way = Way { entry, said: &said, caller: &caller, call: &call, number: record.call() };
        let handle = self.handle(&said, person, agreed);
        let result = record.during(self.judged(&way, decoded, target, judgement.step, handle.as_ref())).await;
        close(record, &result);
        result
    }

    async fn judged(
        &self,
        way: &Way<'_, C>,
        decoded: Box<dyn Decoded<C>>,
        target: Option<Target>,
        step: Step,
        handle: Option<&Handle>,
    ) -> Result<Outcome> {
        if let Step::Refuse(error) = step {
            return Err(error);
        }
        let limits = self.options.policy.limits();
        let only_asks = way.said.dry_run || (matches!(step, Step::Ask) && handle.is_none());
        let destroys = way.said.needs.effect == Effect::Destroys && !only_asks;
        let _turn = self.turns.take(way.caller, limits, destroys)?;
        // What plain reads never do is in boxes of its own, so that they do not carry it along.
        if way.said.dry_run {
            return Box::pin(self.show_plan(way, &*decoded, target.as_ref())).await;
        }
        let loss = match (&step, handle) {
            (Step::Ask, None) => return Box::pin(self.ask(way, &*decoded, target)).await.map(Outcome::Ask),
            (Step::Ask, Some(handle)) => Box::pin(self.redeem(way, &*decoded, handle)).await?.loss,
            _ if self.plans_first(way, &*decoded) => Box::pin(self.check_reach(way, &*decoded)).await?.loss,
            _ => self.unplanned(&*decoded)?,
        };
        if destroys {
            self.lost.remember(target.as_ref(), &loss);
        }
        let result = self.act(way, decoded).await;
        if let Some(handle) = handle.filter(|_| matches!(step, Step::Ask)) {
            let outcome = result.as_ref().map_or_else(|error| error.kind().as_str(), |_| "done");
            self.plans.close(&handle.name, &way.number.to_string(), outcome);
        }
        result
    }

    /// The plan that a call stands on. Where a person can be asked, a handle that the caller brings along counts only if
    /// an operator has agreed to it elsewhere.
    fn handle(&self, said: &Said<C>, person: bool, agreed: Option<String>) -> Option<Handle> {
        let by_person = agreed.is_some() && person;
        let brought = || said.confirm.clone().filter(|name| !person || self.plans.is_agreed(name));
        agreed.or_else(brought).map(|name| Handle { name, by_person })
    }

    async fn act(&self, way: &Way<'_, C>, decoded: Box<dyn Decoded<C>>) -> Result<Outcome> {
        let effect = way.said.needs.effect;
        let _mark = self.mark(way)?;
        #[expect(clippy::disallowed_methods, reason = "this is the one place: the call has been judged above")]
        let permit = Permit::grant(effect);
        let live = Live::new(way.call.clone());
        let run = self.in_time(&live, decoded.run(&self.context, &live.call, permit));
        let mut answer = if effect.writes() {
            tokio::select! {
                answer = run => answer?,
                () = self.switch.thrown() => return Err(cut_off()),
            }
        } else {
            run.await?
        };
        let mut summary = answer.summary.take();
        if let Some(line) = &mut summary {
            redact::text(line);
        }
        let pictures = present::pictures(std::mem::take(&mut answer.pictures));
        // What was revealed is not kept; and who asks at a shell has nobody to ask for the rest.
        let may_keep = effect != Effect::Reveals && !way.said.needs.reveals && way.caller.door != "shell";
        let keep = |whole: &Value| {
            let id = if may_keep { self.results.keep(&way.caller.principal, whole)? } else { None };
            Ok(id.map(|id| format!("{RESULTS}{id}").into()))
        };
        let value = present::whole_or_cut(answer, effect != Effect::Reveals, self.options.form(), keep)?;
        Ok(Outcome::Done(Done { value, summary, pictures, envelope: way.entry.tool.envelope }))
    }

    /// Marks a change as under way, so that its end can be missed.
    fn mark(&self, way: &Way<'_, C>) -> Result<Option<Mark>> {
        let Some(state) = self.options.state.as_deref().filter(|_| way.said.needs.effect.writes()) else {
            return Ok(None);
        };
        unfinished::begin(state, &way.said.digest, way.entry.tool.name, way.number, &way.call.id).map(Some)
    }

    /// Runs under the deadline, when there is a slot for it. Progress puts the deadline off. A tool that panics fails alone.
    pub(crate) async fn in_time<T>(&self, live: &Live, work: impl Future<Output = Result<T>>) -> Result<T> {
        let deadline = self.options.deadline;
        let slotted = async {
            let _slot = self.slots.acquire().await.map_err(|_| Error::internal("the server is stopping"))?;
            AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
                Err(Error::internal("the tool came to a halt where it must not; what it had begun may have been done")
                    .code("Panic")
                    .hint("the server's standard error says where; please report it"))
            })
        };
        live.within(deadline, slotted).await.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Timeout,
                format!("no answer within {} s; the call was cancelled", deadline.as_secs()),
            )
            .hint("ask for less at once (filters, a smaller limit), or set a longer --call-timeout"))
        })
    }

    /// What is known of a call before it runs.
    #[expect(clippy::too_many_arguments, reason = "they are what is known")]
    fn facts<'a>(
        &'a self,
        entry: &Entry<C>,
        said: &'a Said<C>,
        mut arguments: Value,
        caller: &Caller,
        target: Option<&Target>,
        judgement: &'a Judgement,
        id: &'a str,
    ) -> Known<'a> {
        redact::value(&mut arguments, true);
        Known {
            id,
            door: caller.door,
            client: redact::harmless_text(&caller.client),
            principal: redact::harmless_text(&caller.principal),
            tool: entry.tool.name,
            operation: said.call.name,
            effect: said.needs.effect,
            verdict: judgement.word(),
            rule: &judgement.rule,
            policy: self.options.policy.digest().map(|digest| &digest[..16]),
            dry_run: said.dry_run,
            target: target.cloned().map(harmless_target),
            arguments,
            digest: &said.digest,
        }
    }
}

/// What the audit log says of a call before it runs.
#[derive(Serialize)]
struct Known<'a> {
    id: &'a str,
    door: &'static str,
    client: String,
    principal: String,
    tool: &'static str,
    operation: &'static str,
    effect: Effect,
    verdict: Verdict,
    rule: &'a str,
    policy: Option<&'a str>,
    dry_run: bool,
    target: Option<Target>,
    arguments: Value,
    digest: &'a str,
}

/// When the line of a call is to be written. Only one that neither changes nor reveals anything, and that nobody is
/// asked about, may wait; at a shell the process ends with the call, and nothing is gained.
fn when(needs: Needs, judgement: &Judgement, caller: &Caller) -> When {
    let plain = needs.effect == Effect::Reads && !needs.reveals && !matches!(judgement.step, Step::Ask);
    if needs.effect.writes() && judgement.may_run() {
        When::Durably
    } else if plain && caller.door != "shell" {
        When::Soon
    } else {
        When::Before
    }
}

/// A plan that the caller shows.
pub(crate) struct Handle {
    pub(crate) name: String,
    /// A person agreed to it on the way here.
    pub(crate) by_person: bool,
}

fn cut_off() -> Error {
    Error::policy_denied(
        "the operator stopped all changes while this one was under way; what it had sent may have been done",
    )
    .code("Stopped")
    .hint("look at the target; reads go on")
}

fn close(record: Record<'_>, result: &Result<Outcome>) {
    record.close(&match result {
        Ok(Outcome::Done(_)) => End { outcome: "done", ..End::default() },
        Ok(Outcome::Ask(question)) => End { outcome: "asked", plan: Some(&question.handle), ..End::default() },
        Ok(Outcome::Failed(error, _)) | Err(error) => End {
            outcome: "failed",
            category: Some(error.kind()),
            code: Some(error.code_str()),
            request_id: error.request_id_str(),
            ..End::default()
        },
    });
}

pub(crate) fn harmless(error: Error) -> Error {
    error.map_text(|text| {
        let mut text = text.to_owned();
        redact::text(&mut text);
        text
    })
}

pub(crate) fn harmless_target(mut target: Target) -> Target {
    redact::text(&mut target.kind);
    for id in &mut target.ids {
        redact::text(id);
    }
    target
}
