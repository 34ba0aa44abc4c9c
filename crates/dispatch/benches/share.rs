//! What the road itself costs: a tool that does nothing, with and without policy and audit log.
//!
//! `cargo bench -p trainyard-dispatch`. Figures, not a test.

#![expect(clippy::unwrap_used, reason = "a broken bench ends")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::{sync::Arc, time::Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use trainyard_contract::{Access, Call, Ceiling, Context, Json, Offer, Reads, Result, Tool, ToolDef, Toolset, Unheard};
use trainyard_dispatch::{Audit, Caller, Dispatch, Options, Outcome, Policy, Registry, Request, Selection};

const CALLS: u32 = 20_000;
const POLICY: &str = "[only]\nregions = [\"eu-*\"]\n\
    [[rule]]\nname = \"a\"\nverdict = \"deny\"\neffects = [\"destroys\"]\nids = [\"prod-*\"]\n\
    [[rule]]\nname = \"b\"\nverdict = \"allow\"\ntools = [\"nothing_*\"]\n\
    [[rule]]\nname = \"c\"\nverdict = \"confirm\"\nnamespaces = [\"prod\"]\n";

struct World;

impl Context for World {
    type At<A: Access> = ();

    fn at<A: Access>(&self, _: &Call) {}
}

/// Do nothing
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {
    /// Where.
    region: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Done {
    region: Option<String>,
}

impl Tool<World> for Nothing {
    const NAME: &'static str = "nothing_list";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Done>;

    async fn run(self, (): ()) -> Result<Json<Done>> {
        Ok(Json(Done { region: self.region }))
    }
}

static SETS: &[Toolset<World>] = &[Toolset {
    name: "nothing",
    about: "Nothing",
    by_default: Offer::All,
    nouns: &[const { &[ToolDef::reads::<Nothing>()] }],
}];

fn request() -> Request {
    let mut arguments = Map::new();
    arguments.insert("region".into(), json!("eu-west-1"));
    Request {
        tool: "nothing_list".into(),
        arguments,
        caller: Caller { door: "bench", ..Caller::default() },
        person: false,
        agreed: None,
        progress: Arc::new(Unheard),
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (what, policy, log) in [
        ("no policy, no log", "", false),
        ("policy", POLICY, false),
        ("audit log", "", true),
        ("policy and audit log", POLICY, true),
    ] {
        let options = Options {
            policy: Arc::new(if policy.is_empty() { Policy::default() } else { Policy::parse(policy).unwrap() }),
            ..Options::default()
        };
        let audit = if log { Audit::at(&folder.path().join("audit.jsonl")) } else { Audit::off() };
        let registry = Registry::new(SETS, &Selection::default(), Ceiling::READ_ONLY).unwrap();
        let dispatch = Dispatch::new(World, registry, options, audit);
        let mut best = f64::MAX;
        for _ in 0..5 {
            let started = Instant::now();
            runtime.block_on(async {
                for _ in 0..CALLS {
                    assert!(matches!(dispatch.call(request()).await, Outcome::Done(_)));
                }
            });
            best = best.min(started.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
        }
        println!("{best:>7.2} µs a call  {what}");
    }
}
