//! The same tool twice: on the bare SDK, and down the road of the product.

use std::{io::Write, sync::Arc};

use hyper_util::rt::TokioIo;
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ListToolsResult, PaginatedRequestParams,
        ServerCapabilities, ServerConfig, Tool as ToolModel,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_contract::{Access, Call, Ceiling, Context, Json, Offer, Reads, Result, Tool, ToolDef, Toolset};
use trainyard_dispatch::{Audit, Dispatch, Options, Policy, Registry, Selection};
use trainyard_serve::{About, Access as Door, Http, HttpOptions, Listen};

const POLICY: &str = "[only]\nregions = [\"eu-*\"]\n\
    [[rule]]\nname = \"a\"\nverdict = \"deny\"\neffects = [\"destroys\"]\nids = [\"prod-*\"]\n\
    [[rule]]\nname = \"b\"\nverdict = \"allow\"\ntools = [\"echo_*\"]\n";

/// Says what it was told.
#[derive(Clone)]
struct Bare;

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> std::result::Result<ListToolsResult, ErrorData> {
        let schema: Map<String, Value> =
            serde_json::from_value(json!({ "type": "object", "properties": { "region": { "type": "string" } } }))
                .unwrap();
        Ok(ListToolsResult::with_all_items(vec![ToolModel::new("echo_region", "Say it again", Arc::new(schema))]))
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> std::result::Result<CallToolResponse, ErrorData> {
        let region = params.arguments.and_then(|mut arguments| arguments.remove("region"));
        Ok(CallToolResult::structured(json!({ "region": region })).into())
    }
}

struct World;

impl Context for World {
    type At<A: Access> = ();

    fn at<A: Access>(&self, _: &Call) {}
}

/// Say it again
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Echo {
    /// Where.
    region: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Said {
    region: Option<String>,
}

impl Tool<World> for Echo {
    const NAME: &'static str = "echo_region";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Said>;

    async fn run(self, (): ()) -> Result<Json<Said>> {
        Ok(Json(Said { region: self.region }))
    }
}

static SETS: &[Toolset<World>] =
    &[Toolset { name: "echo", about: "Echo", by_default: Offer::All, nouns: &[const { &[ToolDef::reads::<Echo>()] }] }];

/// With everything on that a careful operator has on.
fn dispatch(folder: &std::path::Path) -> Arc<Dispatch<World>> {
    let registry = Registry::new(SETS, &Selection::default(), Ceiling::READ_ONLY).unwrap();
    let file = folder.join("policy.toml");
    std::fs::write(&file, POLICY).unwrap();
    let policy = Arc::new(Policy::read(&file).unwrap());
    let options = Options { policy, state: Some(folder.to_owned()), ..Options::default() };
    Arc::new(Dispatch::new(World, registry, options, Audit::at(&folder.join("audit.jsonl"))))
}

pub(crate) async fn stdio(kind: &str) {
    if kind == "bare" {
        // The SDK's faster transport of the two that it has.
        let (input, output) = rmcp::transport::stdio_pipes();
        Bare.serve((input, output)).await.unwrap().waiting().await.unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    trainyard_serve::stdio(dispatch(folder.path()), About::tools("0", String::new())).await.unwrap();
}

pub(crate) async fn http(kind: &str) {
    if kind == "bare" {
        return bare_http().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let http = Http::bind(HttpOptions {
        listen: Listen::Tcp(([127, 0, 0, 1], 0).into()),
        tls: None,
        access: Door::Open,
        hosts: Vec::new(),
        origins: Vec::new(),
        sessions: false,
    });
    let http = http.await.unwrap();
    say(http.url().trim_start_matches("http://").trim_end_matches("/mcp"));
    http.serve(dispatch(folder.path()), About::tools("0", String::new()), std::future::pending()).await.unwrap();
}

async fn bare_http() {
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let service = StreamableHttpService::new(|| Ok(Bare), Arc::new(LocalSessionManager::default()), config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    say(&listener.local_addr().unwrap().to_string());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // As ours: without it each answer waits for a delayed acknowledgement.
        stream.set_nodelay(true).unwrap();
        let service = service.clone();
        tokio::spawn(async move {
            let answer = hyper::service::service_fn(move |request| {
                let service = service.clone();
                async move { Ok::<_, std::convert::Infallible>(service.handle(request).await) }
            });
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
        });
    }
}

/// Tells the other process where this one listens.
fn say(address: &str) {
    println!("{address}");
    std::io::stdout().flush().unwrap();
}
