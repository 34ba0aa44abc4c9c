//! Calls of tools: down the road, with progress, questions and, where they take long, as tasks.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolRequestParams, CallToolResponse, Implementation, RequestMetaObject},
    service::RequestContext,
};
use serde_json::{Map, Value};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use trainyard_contract::{Context, Envelope, Progress, Unheard};
use trainyard_dispatch::{Caller, Grant, Outcome, Question, Request};

use crate::{
    consent::{self, Client, Reach},
    gateway,
    http::Identity,
    mcp::Server,
    person::Person,
    progress::{self, Teller},
    render,
};

/// A call that takes longer becomes a task, for clients that know tasks.
const PATIENCE: Duration = Duration::from_secs(10);

impl<C: Context> Server<C> {
    /// One call, with whatever has to be asked before it.
    pub(crate) async fn call(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let registry = self.dispatch.registry();
        if !registry.knows(&params.name) {
            let error = registry.definition(&params.name).err();
            let why = error.map_or_else(|| "no such tool".to_owned(), |error| error.to_string());
            return Err(ErrorData::invalid_params(why, None));
        }
        if let Some(state) = &params.request_state
            && !self.dispatch.awaits(state)
        {
            // Tampered with, used before, or too old. The client brought it, not the model, so it is the client's error.
            return Err(ErrorData::invalid_params("no question waits for an answer with this requestState", None));
        }
        let client = Client::of(&context);
        let request = |person: bool| {
            let arguments = params.arguments.clone().unwrap_or_default();
            self.request(&params.name, arguments, &context, person)
        };
        let responses = params.input_responses.as_ref();
        let (mut word, answer) = (responses.and_then(consent::word_in), responses.and_then(consent::in_responses));
        // Who was asked and did not say it is not asked again.
        let silent = word.is_none() && responses.is_some_and(consent::was_asked);
        loop {
            let person = Person::who_said(word.take());
            let ended = match (&params.request_state, &answer) {
                (Some(handle), Some(Ok(()))) if client.reach == Reach::Answer => {
                    let agreed = Request { agreed: Some(handle.clone()), ..request(true) };
                    self.finish(agreed, &context, client, &person).await?
                }
                (_, Some(Err(error))) => return Ok(render::failed(error, Envelope::Plain).into()),
                _ => self.finish(request(client.reach != Reach::None), &context, client, &person).await?,
            };
            match ended {
                Ended::Answered(response) => return Ok(response),
                // A plan that was agreed to is not asked about again.
                Ended::Asked(question) if answer.is_some() && params.request_state.is_some() => {
                    return Ok(render::unasked(&question).into());
                }
                Ended::Asked(question) => {
                    return Box::pin(self.ask(question, client, request(true), &context)).await;
                }
                Ended::Wants(_, failed) if silent => return Ok(failed),
                Ended::Wants(question, failed) => match Box::pin(self.word(&question, client, &context)).await? {
                    Wanted::Said(said) => word = Some(said),
                    Wanted::Asked(response) => return Ok(*response),
                    Wanted::Nothing => return Ok(failed),
                },
            }
        }
    }

    /// Asks the person for a word that a call wants.
    async fn word(
        &self,
        question: &str,
        client: Client,
        context: &RequestContext<RoleServer>,
    ) -> Result<Wanted, ErrorData> {
        Ok(match client.reach {
            Reach::None => Wanted::Nothing,
            Reach::Answer => {
                consent::word_as_answer(question).map_or(Wanted::Nothing, |it| Wanted::Asked(Box::new(it.into())))
            }
            Reach::Request => {
                let word = tokio::select! {
                    word = consent::word_by_request(&context.peer, question) => word,
                    error = self.taken_back(context) => return Err(error),
                };
                word.map_or(Wanted::Nothing, Wanted::Said)
            }
        })
    }

    /// The grants that a message needs and its sender has not. What cannot be told is left to dispatch.
    pub(crate) fn lacks(&self, identity: &Identity, message: &Value) -> Vec<Grant> {
        if message["method"] != "tools/call" {
            return Vec::new();
        }
        let (mut name, mut arguments) = (&message["params"]["name"], &message["params"]["arguments"]);
        if self.about.gateway && name.as_str().is_some_and(gateway::knows) {
            (name, arguments) = (&arguments["name"], &arguments["arguments"]);
        }
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let Ok((toolset, needs)) = self.dispatch.needs(name.as_str().unwrap_or_default(), arguments) else {
            return Vec::new();
        };
        let caller = Caller { grants: identity.grants.clone(), ..Caller::default() };
        caller.lacks(toolset, needs)
    }

    /// A call as dispatch takes it.
    pub(crate) fn request(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        context: &RequestContext<RoleServer>,
        person: bool,
    ) -> Request {
        let caller = self.caller(context);
        Request { tool: tool.to_owned(), arguments, caller, person, agreed: None, progress: unheard() }
    }

    /// Who makes a request: as the door found out, not as the client says.
    pub(crate) fn caller(&self, context: &RequestContext<RoleServer>) -> Caller {
        let client = client_name(context);
        let parts = context.extensions.get::<http::request::Parts>();
        let identity = parts.and_then(|parts| parts.extensions.get::<Identity>()).cloned();
        let (principal, grants) = identity.map_or_else(Default::default, |who| (who.principal, who.grants));
        let trace = trace(&context.meta, parts);
        Caller { door: self.door, client: client.unwrap_or_default(), principal, grants, trace }
    }

    /// Takes one call down the road and tells its progress, until it ends or is taken back.
    pub(crate) async fn run(
        &self,
        request: Request,
        context: &RequestContext<RoleServer>,
    ) -> Result<Outcome, ErrorData> {
        let (progress, mut heard) = Heard::of(context);
        let call = self.dispatch.call(Request { progress, ..request });
        tokio::select! {
            // Most calls end at once, and then nobody has to listen for anything else.
            biased;
            outcome = heard.during(call) => Ok(outcome),
            // Leaving here drops the call, and with it every request that it has under way.
            error = self.taken_back(context) => Err(error),
        }
    }

    /// The same, with a person behind it who may be asked for a word, until it ends or has become a task.
    async fn finish(
        &self,
        request: Request,
        context: &RequestContext<RoleServer>,
        client: Client,
        person: &Arc<Person>,
    ) -> Result<Ended, ErrorData> {
        if client.tasks {
            return Box::pin(self.finish_or_go_on(request, context, person)).await;
        }
        let outcome = person.behind(self.run(request, context)).await?;
        Ok(Ended::of(outcome, person))
    }

    /// The same for a client that knows tasks.
    async fn finish_or_go_on(
        &self,
        request: Request,
        context: &RequestContext<RoleServer>,
        person: &Arc<Person>,
    ) -> Result<Ended, ErrorData> {
        let principal = request.caller.principal.clone();
        let (progress, mut heard) = Heard::of(context);
        let (server, behind) = (self.clone(), Arc::clone(person));
        // On its own, so that it can outlive this request.
        let mut call =
            Dropped(tokio::spawn(
                async move { behind.behind(server.dispatch.call(Request { progress, ..request })).await },
            ));
        let soon = Instant::now() + PATIENCE;
        tokio::select! {
            outcome = heard.during(&mut call.0) => Ok(Ended::of(outcome.map_err(|error| broke(&error))?, person)),
            error = self.taken_back(context) => Err(error),
            () = sleep_until(soon) => {
                let closing = self.closing.clone();
                let task = self.tasks.start(principal, async move {
                    tokio::select! {
                        outcome = &mut call.0 => match Ended::from(outcome.map_err(|error| broke(&error))?) {
                            Ended::Answered(response) | Ended::Wants(_, response) => Ok(response),
                            Ended::Asked(question) => Ok(render::unasked(&question).into()),
                        },
                        () = closing.cancelled() => Err(ErrorData::internal_error("the server is stopping", None)),
                    }
                });
                Ok(Ended::Answered(task.into()))
            }
        }
    }

    /// When the client takes the request back, or the connection ends.
    async fn taken_back(&self, context: &RequestContext<RoleServer>) -> ErrorData {
        let why = tokio::select! {
            () = context.ct.cancelled() => "the call was cancelled",
            () = self.closing.cancelled() => "the connection is closing",
        };
        ErrorData::internal_error(why, None)
    }

    async fn ask(
        &self,
        question: Question,
        client: Client,
        request: Request,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let envelope = question.envelope;
        let failed = |error| CallToolResponse::from(render::failed(&error, envelope));
        match client.reach {
            Reach::None => Ok(render::unasked(&question).into()),
            Reach::Answer => Ok(consent::as_answer(&question).map_or_else(failed, CallToolResponse::from)),
            Reach::Request => {
                let answer = tokio::select! {
                    answer = consent::by_request(&context.peer, &question) => answer,
                    error = self.taken_back(context) => return Err(error),
                };
                if let Err(error) = answer {
                    return Ok(failed(error));
                }
                let request = Request { agreed: Some(question.handle), ..request };
                match self.finish(request, context, client, &Person::who_said(None)).await? {
                    // A plan that was agreed to is not asked about again.
                    Ended::Asked(question) => Ok(render::unasked(&question).into()),
                    Ended::Answered(response) | Ended::Wants(_, response) => Ok(response),
                }
            }
        }
    }
}

/// Name and version that a client gives itself.
fn client_name(context: &RequestContext<RoleServer>) -> Option<String> {
    let name = |info: &Implementation| format!("{} {}", info.name, info.version);
    match context.meta.client_info() {
        Some(info) => Some(name(&info)),
        None => context.peer.peer_info().map(|peer| name(&peer.client_info)),
    }
}

/// What became of a question to the person.
enum Wanted {
    Said(String),
    /// They are asked by this answer.
    Asked(Box<CallToolResponse>),
    Nothing,
}

/// The trace that a request belongs to: in the message itself, or in the header of the HTTP request that brought it.
fn trace(meta: &RequestMetaObject, parts: Option<&http::request::Parts>) -> Option<String> {
    let said = meta.get("traceparent").and_then(Value::as_str);
    said.or_else(|| parts?.headers.get("traceparent")?.to_str().ok()).map(str::to_owned)
}

/// What became of a call, for the protocol.
enum Ended {
    Answered(CallToolResponse),
    Asked(Question),
    /// It failed for want of a word of the person.
    Wants(String, CallToolResponse),
}

impl Ended {
    fn of(outcome: Outcome, person: &Person) -> Self {
        match (Self::from(outcome), person.wanted()) {
            (Self::Answered(response), Some(question)) => Self::Wants(question, response),
            (ended, _) => ended,
        }
    }
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done(done) => Self::Answered(render::done(done).into()),
            Outcome::Failed(error, envelope) => Self::Answered(render::failed(&error, envelope).into()),
            Outcome::Ask(question) => Self::Asked(question),
        }
    }
}

/// A call on its own, which ends when nobody waits for it any more.
struct Dropped(JoinHandle<Outcome>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn broke(error: &tokio::task::JoinError) -> ErrorData {
    tracing::error!("a call broke off: {error}");
    ErrorData::internal_error("the call broke off", None)
}

/// The progress of a call on its way to the client, where the client wants it.
struct Heard(Option<(progress::Steps, Teller)>);

impl Heard {
    fn of(context: &RequestContext<RoleServer>) -> (Arc<dyn Progress>, Self) {
        let Some(token) = context.meta.get_progress_token() else { return (unheard(), Self(None)) };
        let (sender, steps) = progress::channel();
        (Arc::new(sender), Self(Some((steps, Teller::new(context.peer.clone(), token)))))
    }

    /// Waits for the work and tells meanwhile how far it is.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let Some((steps, teller)) = &mut self.0 else { return work.await };
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => {
                    // What was reported in the same breath as the end is told before the answer.
                    while let Ok(step) = steps.try_recv() {
                        teller.tell(step).await;
                    }
                    return result;
                }
                Some(step) = steps.recv() => teller.tell(step).await,
            }
        }
    }
}

/// For the calls whose progress nobody wants to hear of.
fn unheard() -> Arc<dyn Progress> {
    static UNHEARD: LazyLock<Arc<Unheard>> = LazyLock::new(|| Arc::new(Unheard));
    UNHEARD.clone()
}
