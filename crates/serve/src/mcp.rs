//! The protocol's requests, and the calls that they become.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult,
        DiscoverResult, GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Icon, Implementation,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, MetaObject,
        PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
        ServerConfig, Tool, ToolAnnotations, UpdateTaskParams,
    },
    service::RequestContext,
};
use tokio_util::sync::CancellationToken;
use trainyard_contract::{Context, Envelope};
use trainyard_dispatch::{Dispatch, View};

use crate::{About, gateway, render, tasks::Tasks};

type Answer<T> = Result<T, ErrorData>;

/// Two rails and their sleepers.
const ICON: &str = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAyNCAyNCI+PHBhdGggZD0iTTcgMiA1IDIyTTE3IDJsMiAyME02IDZoMTJNNiAxMWgxMk01IDE2aDE0TTUgMjFoMTQiIGZpbGw9Im5vbmUiIHN0cm9rZT0iIzBhN2VhNCIgc3Ryb2tlLXdpZHRoPSIyIi8+PC9zdmc+";

/// The list is fixed for the life of the process.
pub(crate) const LIST_TTL_MS: u64 = 3_600_000;

/// The protocol's requests, answered from the tools. Cheap to copy: over HTTP there is one for each request.
pub struct Server<C: Context>(Arc<Shared<C>>);

/// What all copies share.
pub struct Shared<C: Context> {
    pub(crate) dispatch: Arc<Dispatch<C>>,
    pub(crate) about: About,
    pub(crate) door: &'static str,
    pub(crate) closing: CancellationToken,
    pub(crate) tasks: Tasks,
    tools: OnceLock<Vec<Tool>>,
    index: OnceLock<gateway::Index>,
    meta: OnceLock<Option<MetaObject>>,
    config: OnceLock<ServerConfig>,
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
        Self(Arc::new(Shared {
            dispatch,
            about,
            door,
            closing,
            tasks: Tasks::default(),
            tools: OnceLock::new(),
            index: OnceLock::new(),
            meta: OnceLock::new(),
            config: OnceLock::new(),
        }))
    }

    fn implementation(&self) -> Implementation {
        Implementation::new("trainyard", self.about.version)
    }

    /// What a client is told first.
    fn introduction(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .enable_completions()
            .enable_tasks()
            .build();
        let icon = Icon::new(ICON).with_mime_type("image/svg+xml").with_sizes(vec!["any".to_owned()]);
        ServerConfig::new(capabilities)
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
            .with_server_info(self.implementation().with_title("Trainyard").with_icons(vec![icon]))
            .with_instructions(self.about.instructions.clone())
    }

    /// Of every answer in the newest protocol, which opens no session to say it in: who gave it.
    pub(crate) fn meta(&self) -> Option<MetaObject> {
        let made = || {
            let mut meta = MetaObject::default();
            let implementation = serde_json::to_value(self.implementation()).ok()?;
            meta.insert("io.modelcontextprotocol/serverInfo".to_owned(), implementation);
            Some(meta)
        };
        self.meta.get_or_init(made).clone()
    }

    fn signed(&self, mut response: CallToolResponse) -> CallToolResponse {
        if let CallToolResponse::Complete(result) = &mut response {
            result.meta = self.meta();
        }
        response
    }

    /// A call of a tool, or of a step of the gateway.
    async fn called(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Answer<CallToolResponse> {
        let params = if self.about.gateway && gateway::knows(&params.name) {
            let index = self.index.get_or_init(|| gateway::Index::new(self.dispatch.registry().views()));
            match gateway::step(&self.dispatch, index, |name| self.about_tool(name), &params) {
                Ok(gateway::Step::Call(call)) => call,
                Ok(gateway::Step::Answer(value)) => return Ok(self.signed(render::answer(value).into())),
                Err(error) => return Ok(self.signed(render::failed(&error, Envelope::Plain).into())),
            }
        } else {
            params
        };
        let signs = context.protocol_version().is_none_or(|it| it.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
        let response = self.call(params, context).await?;
        Ok(if signs { self.signed(response) } else { response })
    }

    fn tools(&self) -> &[Tool] {
        self.tools.get_or_init(|| {
            if self.about.gateway {
                return gateway::tools();
            }
            self.dispatch.registry().views().iter().map(tool).collect()
        })
    }
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
        // Over HTTP the SDK asks for each request.
        self.config.get_or_init(|| self.introduction()).clone()
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Answer<DiscoverResult> {
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Answer<ListToolsResult> {
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

    /// In a box: the SDK moves the future of each request about, whichever it is of, at the size of the largest.
    fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Answer<CallToolResponse>> + Send {
        Box::pin(self.called(params, context))
    }

    async fn get_task(&self, params: GetTaskParams, context: RequestContext<RoleServer>) -> Answer<GetTaskResult> {
        self.tasks.get(&params.task_id, &self.caller(&context).principal)
    }

    async fn update_task(&self, params: UpdateTaskParams, context: RequestContext<RoleServer>) -> Answer<()> {
        // Whatever has to be asked is asked before there is a task.
        self.tasks.get(&params.task_id, &self.caller(&context).principal).map(|_| ())
    }

    async fn cancel_task(&self, params: CancelTaskParams, context: RequestContext<RoleServer>) -> Answer<()> {
        self.tasks.cancel(&params.task_id, &self.caller(&context).principal)
    }

    async fn complete(
        &self,
        params: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Answer<CompleteResult> {
        Box::pin(self.completion(&params, &context)).await
    }

    async fn list_prompts(
        &self,
        page: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Answer<ListPromptsResult> {
        self.prompt_list(page.as_ref())
    }

    async fn get_prompt(
        &self,
        params: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Answer<GetPromptResponse> {
        self.prompt(&params).map(GetPromptResponse::from)
    }

    async fn list_resources(
        &self,
        page: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Answer<ListResourcesResult> {
        self.resources(page.as_ref())
    }

    async fn list_resource_templates(
        &self,
        page: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Answer<ListResourceTemplatesResult> {
        self.templates(page.as_ref())
    }

    async fn read_resource(
        &self,
        params: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Answer<ReadResourceResponse> {
        Box::pin(self.read(&params, &context)).await.map(ReadResourceResponse::from)
    }
}
