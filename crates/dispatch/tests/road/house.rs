//! A house of lights: tools of every access, and the road to them.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trainyard_contract::{
    Access, Call, CallDef, Ceiling, Changes, Context, Destroys, Json, Offer, Preview, Reads, Result, Reveals, Target,
    Tool, ToolDef, Toolset, Unheard,
};
use trainyard_dispatch::{
    Audit, Caller, Confirm, Dispatch, Options, Outcome, Plans, Policy, Registry, Request, Selection,
};

/// A world with one light in it.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) switched: Arc<AtomicU32>,
}

pub(crate) struct Cx<A> {
    world: World,
    _access: std::marker::PhantomData<A>,
}

impl Context for World {
    type At<A: Access> = Cx<A>;

    fn at<A: Access>(&self, _: &Call) -> Cx<A> {
        Cx { world: self.clone(), _access: std::marker::PhantomData }
    }
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Light {
    /// Times it was switched.
    switched: u32,
    note: String,
}

/// Look at the light
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Look {
    /// Text to come back.
    note: Option<String>,
}

impl Tool<World> for Look {
    const NAME: &'static str = "light_look";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Light>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Light>> {
        Ok(Json(Light { switched: cx.world.switched.load(Ordering::SeqCst), note: self.note.unwrap_or_default() }))
    }
}

/// Wait for ever
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wait {}

impl Tool<World> for Wait {
    const NAME: &'static str = "light_wait";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Light>;

    async fn run(self, _: Cx<Reads>) -> Result<Json<Light>> {
        std::future::pending().await
    }
}

/// Tell the secret
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tell {}

impl Tool<World> for Tell {
    const NAME: &'static str = "light_tell";
    const EXAMPLE: &'static str = "{}";
    type Access = Reveals;
    type Output = Json<Value>;

    async fn run(self, _: Cx<Reveals>) -> Result<Json<Value>> {
        Ok(Json(json!({ "SecretString": "open sesame" })))
    }
}

macro_rules! switch {
    ($name:ident, $tool:literal, $access:ident) => {
        /// Switch the light
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $name {
            /// Which light.
            light: String,
        }

        impl Tool<World> for $name {
            const NAME: &'static str = $tool;
            const EXAMPLE: &'static str = r#"{"light": "hall"}"#;
            type Access = $access;
            type Output = Json<Light>;

            async fn run(self, cx: Cx<$access>) -> Result<Json<Light>> {
                let switched = cx.world.switched.fetch_add(1, Ordering::SeqCst) + 1;
                Ok(Json(Light { switched, note: self.light }))
            }
        }

        impl Preview<World> for $name {
            type Plan = Light;

            fn target(&self) -> Target {
                let ids = vec![self.light.clone()];
                Target { system: "house", kind: "light".into(), ids, region: None, profile: None }
            }

            async fn plan(&self, cx: Cx<Reads>) -> Result<Light> {
                Ok(Light { switched: cx.world.switched.load(Ordering::SeqCst) + 1, note: "would switch".into() })
            }
        }
    };
}

switch!(Switch, "light_switch", Changes);
switch!(Smash, "light_smash", Destroys);
switch!(Toggle, "toggle", Changes);

/// Switch all lights, which takes for ever
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Dim {}

impl Tool<World> for Dim {
    const NAME: &'static str = "light_dim";
    const EXAMPLE: &'static str = "{}";
    type Access = Changes;
    type Output = Json<Light>;

    async fn run(self, _: Cx<Changes>) -> Result<Json<Light>> {
        std::future::pending().await
    }
}

impl Preview<World> for Dim {
    type Plan = Value;

    fn target(&self) -> Target {
        let ids = ["hall", "attic", "cellar"].map(str::to_owned).to_vec();
        Target { system: "house", kind: "light".into(), ids, region: None, profile: None }
    }

    async fn plan(&self, _: Cx<Reads>) -> Result<Value> {
        Ok(json!({ "gpus": 16, "dollars_per_hour": 12.5, "password": "open sesame", "says": "\u{1b}[31mred" }))
    }
}

/// Break the fuse
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Break {}

impl Tool<World> for Break {
    const NAME: &'static str = "light_break";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Light>;

    async fn run(self, _: Cx<Reads>) -> Result<Json<Light>> {
        panic!("the fuse with password=hunter2hunter2")
    }
}

/// Show the lights
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Show {
    /// Most lights shown.
    #[serde(default = "ten")]
    max: u32,
}

fn ten() -> u32 {
    10
}

impl Tool<World> for Show {
    const NAME: &'static str = "show";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Light>;

    async fn run(self, _: Cx<Reads>) -> Result<Json<Light>> {
        Ok(Json(Light { switched: self.max, note: "shown".into() }))
    }
}

const LIGHTS: &[ToolDef<World>] = &[
    ToolDef::reads::<Look>().formerly(&["light.look"]),
    ToolDef::reads::<Wait>(),
    ToolDef::reveals::<Tell>(),
    ToolDef::changes::<Switch>(),
    ToolDef::destroys::<Smash>(),
    ToolDef::changes::<Dim>(),
    ToolDef::reads::<Break>(),
    ToolDef::by_operation(
        "manage_lights",
        "Show or toggle lights",
        &[CallDef::reads::<Show>(), CallDef::changes::<Toggle>()],
    ),
];
pub(crate) static SETS: &[Toolset<World>] =
    &[Toolset { name: "lights", about: "Lights", by_default: Offer::All, nouns: &[LIGHTS] }];

pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) dispatch: Dispatch<World>,
    pub(crate) log: PathBuf,
    _folder: tempfile::TempDir,
}

pub(crate) const ALL: Ceiling = Ceiling { write: true, sensitive: true };

pub(crate) fn house(ceiling: Ceiling, confirm: Confirm) -> House {
    ruled(ceiling, confirm, "")
}

/// A house with a policy.
pub(crate) fn ruled(ceiling: Ceiling, confirm: Confirm, policy: &str) -> House {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("state/audit.jsonl");
    let world = World::default();
    let registry = Registry::new(SETS, &Selection::default(), ceiling).unwrap();
    let policy = if policy.is_empty() { Policy::default() } else { Policy::parse(policy).unwrap() };
    let options = Options {
        ceiling,
        confirm,
        deadline: Duration::from_secs(3),
        policy: Arc::new(policy),
        state: Some(folder.path().join("state")),
        ..Options::default()
    };
    let dispatch = Dispatch::new(world.clone(), registry, options, Audit::at(&log));
    House { world, dispatch, log, _folder: folder }
}

impl House {
    pub(crate) fn request(tool: &str, arguments: &Value) -> Request {
        Request {
            tool: tool.into(),
            arguments: arguments.as_object().unwrap().clone(),
            caller: Caller { door: "test", client: "test".into(), ..Caller::default() },
            person: false,
            agreed: None,
            progress: Arc::new(Unheard),
        }
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Outcome {
        self.dispatch.call(Self::request(tool, &arguments)).await
    }

    pub(crate) async fn done(&self, tool: &str, arguments: Value) -> Value {
        match self.call(tool, arguments).await {
            Outcome::Done(done) => done.value,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn failed(&self, tool: &str, arguments: Value) -> trainyard_contract::Error {
        match self.call(tool, arguments).await {
            Outcome::Failed(error, _) => error,
            other => panic!("{other:?}"),
        }
    }

    /// The operator agrees, in another process as it were.
    pub(crate) fn agree(&self, handle: &str) {
        Plans::of(Some(self.state())).agree(handle).unwrap();
    }

    pub(crate) fn switch(&self) -> trainyard_dispatch::Switch {
        trainyard_dispatch::Switch::of(Some(self.state()))
    }

    pub(crate) fn state(&self) -> &std::path::Path {
        self.log.parent().unwrap()
    }

    pub(crate) fn switched(&self) -> u32 {
        self.world.switched.load(Ordering::SeqCst)
    }

    pub(crate) fn audit(&self) -> Vec<Value> {
        self.dispatch.settle();
        let text = std::fs::read_to_string(&self.log).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
