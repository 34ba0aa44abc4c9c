//! Any operation of any AWS service: find it, read about it, call it.

mod call;
mod describe;
mod search;

use trainyard_contract::{CallDef, ToolDef};

use crate::App;

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<search::Search>(),
    ToolDef::reads::<describe::Describe>(),
    ToolDef::by_effect(
        "aws_call",
        call::needs,
        &[
            CallDef::reads::<call::Call<trainyard_contract::Reads>>(),
            CallDef::reveals::<call::Call<trainyard_contract::Reveals>>(),
            CallDef::changes::<call::Call<trainyard_contract::Changes>>(),
            CallDef::destroys::<call::Call<trainyard_contract::Destroys>>(),
        ],
    ),
];
