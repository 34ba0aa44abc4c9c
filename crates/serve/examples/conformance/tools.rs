//! Fixtures that dispatch can express: tools like those of the product.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{
    Access, Call, Context, Destroys, Error, Json, Offer, Preview, Progress, Reads, Result, Target, Tool, ToolDef,
    Toolset,
};

/// No engine at all.
pub(crate) struct Nothing;

impl Context for Nothing {
    type At<A: Access> = Arc<dyn Progress>;

    fn at<A: Access>(&self, call: &Call) -> Self::At<A> {
        Arc::clone(&call.progress)
    }
}

pub(crate) static TOOLSETS: &[Toolset<Nothing>] = &[Toolset {
    name: "test",
    about: "Fixtures",
    by_default: Offer::All,
    nouns: &[&[
        ToolDef::reads::<SimpleText>(),
        ToolDef::reads::<ErrorHandling>(),
        ToolDef::reads::<WithProgress>(),
        ToolDef::destroys::<TamperedState>(),
    ]],
}];

#[derive(Debug, Serialize, JsonSchema)]
struct Text {
    text: &'static str,
}

/// Answer with a text
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SimpleText {}

impl Tool<Nothing> for SimpleText {
    const NAME: &'static str = "test_simple_text";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Text>;

    async fn run(self, _: Arc<dyn Progress>) -> Result<Json<Text>> {
        Ok(Json(Text { text: "This is a simple text response for testing." }))
    }
}

/// Fail
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ErrorHandling {}

impl Tool<Nothing> for ErrorHandling {
    const NAME: &'static str = "test_error_handling";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Text>;

    async fn run(self, _: Arc<dyn Progress>) -> Result<Json<Text>> {
        Err(Error::internal("this tool fails on purpose"))
    }
}

/// Say how far it is
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WithProgress {}

impl Tool<Nothing> for WithProgress {
    const NAME: &'static str = "test_tool_with_progress";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Text>;

    async fn run(self, progress: Arc<dyn Progress>) -> Result<Json<Text>> {
        for done in [0, 50, 100] {
            progress.report(done, Some(100), "on the way");
            tokio::task::yield_now().await;
        }
        Ok(Json(Text { text: "done" }))
    }
}

/// Ask before it does nothing
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TamperedState {}

impl Tool<Nothing> for TamperedState {
    const NAME: &'static str = "test_input_required_result_tampered_state";
    const EXAMPLE: &'static str = "{}";
    type Access = Destroys;
    type Output = Json<Text>;

    async fn run(self, _: Arc<dyn Progress>) -> Result<Json<Text>> {
        Ok(Json(Text { text: "done" }))
    }
}

impl Preview<Nothing> for TamperedState {
    type Plan = Text;

    fn target(&self) -> Target {
        Target { system: "test", kind: "nothing".into(), ids: vec!["x".into()], region: None, profile: None }
    }

    async fn plan(&self, _: Arc<dyn Progress>) -> Result<Text> {
        Ok(Text { text: "nothing would happen" })
    }
}
