//! Long work that an earlier call did not wait out.

use schemars::JsonSchema;
use serde::Deserialize;
use trainyard_contract::{Json, Reads, Result, Tool, ToolDef};

use super::waiting::{OperationId, Waited};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Get>()];

/// Wait on for what an earlier call with wait did not see done
///
/// Waits up to 38 seconds; reached says whether it is done now. Repeat it until it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Get {
    /// operation_id of the earlier call.
    operation_id: String,
}

impl Tool<App> for Get {
    const NAME: &'static str = "operation_get";
    const EXAMPLE: &'static str = r#"{"operation_id": "ec2/SnapshotCompleted?SnapshotIds=snap-0123456789abcdef0"}"#;
    type Access = Reads;
    type Output = Json<Waited>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Waited>> {
        let id: OperationId = self.operation_id.parse()?;
        id.condition.wait(&cx, &cx.at(&id.at()?)).await.map(Json)
    }
}
