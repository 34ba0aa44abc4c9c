//! The protocol's requests, and the calls that they become.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestMethod, CompleteRequestParams,
        CompleteResult, DiscoverResult, Implementation, ListPromptsRequestMethod, ListPromptsResult,
        ListResourceTemplatesRequestMethod, ListResourceTemplatesResult, ListResourcesRequestMethod,
        ListResourcesResult, ListToolsResult, MetaObject, PaginatedRequestParams, ProtocolVersion, ServerCapabilities,
        ServerConfig, Tool, ToolAnnotations,
    },
    service::RequestContext,
};
use tokio_util::sync::CancellationToken;
use trainyard_contract::{Context, Unheard};
use trainyard_dispatch::{Caller, Dispatch, Outcome, Question, Request, View};

use crate::{
    About,
    consent::{self, Reach},
    http::Identity,
    progress::{self, Teller},
    render,
};

/// The list is fixed for the life of the process.
const LIST_TTL_MS: u64 = 3_600_000;

/// The protocol's requests, answered from the tools. Cheap to copy: over HTTP there is one for each request.
pub struct Server<C: Context>(Arc<Shared<C>>);

/// What all copies share.
pub struct Shared<C: Context> {
    dispatch: Arc<Dispatch<C>>,
    about: About,
    door: &'static str,
    tools: OnceLock<Vec<Tool>>,
    closing: CancellationToken,
}

impl<C: Context> Clone for Server<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Context> Deref for Server<C> {
    type Target = Shared<C>;

    fn deref(&self) -> &Shared<C> {
        &self.0
    }
}

impl<C: Context> Server<C> {
    /// A handler for the tools of `dispatch`, behind a door of this name, until `closing`.
    pub fn new(dispatch: Arc<Dispatch<C>>, about: About, door: &'static str, closing: CancellationToken) -> Self {
        Self(Arc::new(Shared { dispatch, about, door, tools: OnceLock::new(), closing }))
    }

    fn implementation(&self) -> Implementation {
        Implementation::new("trainyard", self.about.version)
    }

    fn meta(&self) -> Option<MetaObject> {
        let mut meta = MetaObject::default();
        let implementation = serde_json::to_value(self.implementation()).ok()?;
        meta.insert("io.modelcontextprotocol/serverInfo".to_owned(), implementation);
        Some(meta)
    }

    fn tools(&self) -> &[Tool] {
        self.tools.get_or_init(|| self.dispatch.registry().views().iter().map(tool).collect())
    }

    /// Takes one call down the road and tells its progress, until it ends or is taken back.
    async fn run(&self, request: Request, context: &RequestContext<RoleServer>) -> Result<Outcome, ErrorData> {
        let (sender, mut steps) = progress::channel();
        let token = context.meta.get_progress_token();
        let mut teller = token.map(|token| Teller::new(context.peer.clone(), token));
        let progress: Arc<dyn trainyard_contract::Progress> =
            if teller.is_some() { Arc::new(sender) } else { Arc::new(Unheard) };
        let mut call = std::pin::pin!(self.dispatch.call(Request { progress, ..request }));
        loop {
            tokio::select! {
                outcome = &mut call => {
                    // What was reported in the same breath as the end is told before the answer.
                    if let Some(teller) = &mut teller {
                        while let Ok(step) = steps.try_recv() {
                            teller.tell(step).await;
                        }
                    }
                    return Ok(outcome);
                }
                Some(step) = steps.recv(), if teller.is_some() => {
                    if let Some(teller) = &mut teller {
                        teller.tell(step).await;
                    }
                }
                // Leaving the loop drops the call, and with it every request that it has under way.
                () = context.ct.cancelled() => return Err(ErrorData::internal_error("the call was cancelled", None)),
                () = self.closing.cancelled() => return Err(ErrorData::internal_error("the connection is closing", None)),
            }
        }
    }

    /// Runs a call again with the person's word.
    async fn run_agreed(
        &self,
        params: &CallToolRequestParams,
        handle: String,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let request = Request { agreed: Some(handle), ..request(params, context, self.door, true) };
        match self.run(request, context).await? {
            // A plan that was agreed to is not asked about again.
            Outcome::Ask(question) => Ok(render::unasked(&question).into()),

            outcome => Ok(finished(outcome)),
        }
    }

    async fn ask(
        &self,
        question: Question,
        reach: Reach,
        params: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let envelope = question.envelope;
        let failed = |error| CallToolResponse::from(render::failed(&error, envelope));
        match reach {
            Reach::None => Ok(render::unasked(&question).into()),
            Reach::Answer => Ok(consent::as_answer(&question).map_or_else(failed, CallToolResponse::from)),
            Reach::Request => {
                let answer = tokio::select! {
                    answer = consent::by_request(&context.peer, &question) => answer,
                    () = context.ct.cancelled() => return Err(ErrorData::internal_error("the call was cancelled", None)),
                };
                match answer {
                    Ok(()) => self.run_agreed(params, question.handle, context).await,
                    Err(error) => Ok(failed(error)),
                }
            }
        }
    }
}

fn finished(outcome: Outcome) -> CallToolResponse {
    match outcome {
        Outcome::Done(done) => render::done(done).into(),
        Outcome::Failed(error, envelope) => render::failed(&error, envelope).into(),
        Outcome::Ask(question) => render::unasked(&question).into(),
    }
}

fn request(
    params: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
    door: &'static str,
    person: bool,
) -> Request {
    Request {
        tool: params.name.to_string(),
        arguments: params.arguments.clone().unwrap_or_default(),
        caller: caller(context, door),
        person,
        agreed: None,
        progress: Arc::new(Unheard),
    }
}

/// Who makes a request: as the door found out, not as the client says.
fn caller(context: &RequestContext<RoleServer>, door: &'static str) -> Caller {
    let client = context.client_info().map(|info| format!("{} {}", info.name, info.version));
    let parts = context.extensions.get::<http::request::Parts>();
    let identity = parts.and_then(|parts| parts.extensions.get::<Identity>()).cloned();
    let (principal, grants) = identity.map_or_else(Default::default, |who| (who.principal, who.grants));
    Caller { door, client: client.unwrap_or_default(), principal, grants }
}

fn tool(view: &View) -> Tool {
    let mut annotations = ToolAnnotations::new().read_only(view.hints.read_only);
    // The protocol's default for what is not read-only is "destructive"; only the exception is worth its tokens.
    if !view.hints.read_only && !view.hints.destructive {
        annotations = annotations.destructive(false);
    }
    Tool::new(view.name, view.description.clone(), Arc::new(view.input.clone())).with_annotations(annotations)
}

impl<C: Context> ServerHandler for Server<C> {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
            .with_server_info(self.implementation())
            .with_instructions(self.about.instructions.clone())
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        // One page: several clients read only the first.
        let mut list = ListToolsResult::with_all_items(self.tools().to_vec())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Public);
        list.meta = self.meta();
        Ok(list)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools().iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if !self.dispatch.registry().knows(&params.name) {
            let error = self.dispatch.registry().definition(&params.name).err();
            let why = error.map_or_else(|| "no such tool".to_owned(), |error| error.to_string());
            return Err(ErrorData::invalid_params(why, None));
        }
        let reach = consent::reach(context.protocol_version().as_ref(), context.client_capabilities().as_ref());
        if let Some(state) = &params.request_state
            && !self.dispatch.awaits(state)
        {
            // Tampered with, used before, or too old. The client brought it, not the model, so it is the client's error.
            return Err(ErrorData::invalid_params("no question waits for an answer with this requestState", None));
        }
        let mut response = match (&params.request_state, consent::in_responses(params.input_responses.as_ref())) {
            (Some(handle), Some(Ok(()))) if reach == Reach::Answer => {
                self.run_agreed(&params, handle.clone(), &context).await?
            }
            (_, Some(Err(error))) => render::failed(&error, trainyard_contract::Envelope::Plain).into(),
            _ => match self.run(request(&params, &context, self.door, reach != Reach::None), &context).await? {
                Outcome::Ask(question) => self.ask(question, reach, &params, &context).await?,
                outcome => finished(outcome),
            },
        };
        if let CallToolResponse::Complete(result) = &mut response {
            result.meta = self.meta();
        }
        Ok(response)
    }

    // What was not declared is not there. The SDK would answer with empty lists.

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>())
    }
}
