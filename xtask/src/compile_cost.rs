//! What a tool costs the compiler: 150 generated ones, checked on top of what they depend on.

use std::{fmt::Write, fs, path::Path, process::Command};

use crate::{Result, root};

const NOUNS: usize = 30;
const TOOLS: usize = 5;

/// Generates the tools below `target`, checks them once for their dependencies and once for themselves, and prints the
/// CPU seconds of the second.
pub(crate) fn run() -> Result<()> {
    let folder = root().join("target/xtask/compile-cost");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("Cargo.toml"), manifest())?;
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut library = String::from("//! Generated.\n#![allow(dead_code)]\npub mod app;\n");
    fs::write(folder.join("src/app.rs"), APP)?;
    for noun in 0..NOUNS {
        writeln!(library, "pub mod noun{noun};")?;
        fs::write(folder.join(format!("src/noun{noun}.rs")), source(noun)?)?;
    }
    fs::write(folder.join("src/lib.rs"), &library)?;
    check(&folder)?;
    fs::write(folder.join("src/lib.rs"), library + "// again\n")?;
    let before = children_seconds()?;
    check(&folder)?;
    let seconds = children_seconds()? - before;
    println!("cargo check of {} tools in {NOUNS} nouns: {seconds:.1} CPU seconds", NOUNS * TOOLS);
    Ok(())
}

fn manifest() -> String {
    let crates = root().join("crates");
    let path = |name: &str| crates.join(name).display().to_string();
    format!(
        "[workspace]\n[package]\nname = \"compile-cost\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n\
         trainyard-contract = {{ path = {:?} }}\ntrainyard-aws = {{ path = {:?} }}\nserde = {{ version = \"1\", features = \
         [\"derive\"] }}\nschemars = {{ version = \"1\", default-features = false, features = [\"derive\", \"std\"] }}\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n",
        path("contract"),
        path("aws"),
    )
}

const APP: &str = r"
use std::marker::PhantomData;
use trainyard_aws::{Aws, Engine, Scope};
use trainyard_contract::{Access, Call, Context};

#[derive(Clone)]
pub struct App(pub Engine);
pub struct Cx<A>(App, PhantomData<A>);

impl Context for App {
    type At<A: Access> = Cx<A>;
    fn at<A: Access>(&self, _: &Call) -> Cx<A> {
        Cx(self.clone(), PhantomData)
    }
}

impl<A: Access> Cx<A> {
    pub fn aws(&self) -> Aws<A> {
        Aws::new(self.0.0.clone(), Scope::default())
    }
}
";

/// One noun: a view and a state that its tools share, and for each tool its parameters and its operation.
fn source(noun: usize) -> Result<String> {
    let mut text = format!(
        r"
use schemars::JsonSchema;
use serde::{{Deserialize, Serialize}};
use trainyard_aws::Operation;
use trainyard_contract::{{Listing, Reads, Result, Tool, ToolDef}};
use crate::app::{{App, Cx}};

/// One thing.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct View {{ id: String, name: Option<String>, state: State, size: u32, zone: Option<String>, created: Option<String>,
    tags: std::collections::BTreeMap<String, String>, ready: bool }}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = {:?})]
pub enum State {{ Pending, Running, Stopped }}

#[derive(Deserialize)]
pub struct Page {{ items: Vec<View> }}
",
        "snake_case"
    );
    let mut list = String::from("pub const TOOLS: &[ToolDef<App>] = &[");
    for tool in 0..TOOLS {
        write!(list, "ToolDef::reads::<Tool{tool}>(),")?;
        write!(
            text,
            r#"
/// List things of kind {tool}
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool{tool} {{
    /// Only these.
    ids: Option<Vec<String>>,
    /// In this state.
    state: Option<State>,
    /// Part of the name.
    name: Option<String>,
    /// At least this large.
    size: Option<u32>,
    /// With all these tags.
    tags: Option<std::collections::BTreeMap<String, String>>,
    /// Region.
    region: String,
}}

impl Tool<App> for Tool{tool} {{
    const NAME: &'static str = "noun{noun}_list_{tool}";
    const EXAMPLE: &'static str = "{{}}";
    type Access = Reads;
    type Output = Listing<View>;
    async fn run(self, cx: Cx<Reads>) -> Result<Listing<View>> {{
        let page = cx.aws().send(&Ask{tool} {{ ids: self.ids.unwrap_or_default(), name: self.name, size: self.size }}).await?;
        Ok(Listing::whole(page.items).about("region", self.region))
    }}
}}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ask{tool} {{ ids: Vec<String>, name: Option<String>, size: Option<u32> }}

impl Operation for Ask{tool} {{
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeThings";
    type Needs = Reads;
    type Reply = Page;
}}
"#
        )?;
    }
    Ok(format!("{text}\n{list}];\n"))
}

fn check(folder: &Path) -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline"])
        .env("CARGO_TARGET_DIR", root().join("target"))
        .current_dir(folder)
        .status()?;
    if status.success() { Ok(()) } else { Err("the generated tools do not compile".into()) }
}

/// CPU seconds of the children that this process has waited for (fields 16 and 17 of `/proc/self/stat`, in ticks of
/// 1/100 s).
fn children_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let after = text.rsplit_once(')').ok_or("an unknown form of /proc/self/stat")?.1;
    let ticks = |index: usize| after.split_whitespace().nth(index).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = ticks(13).zip(ticks(14)).ok_or("an unknown form of /proc/self/stat")?;
    Ok((user + system) / 100.0)
}
