//! Values to choose from, for the arguments of prompts and addresses.

use std::{collections::BTreeSet, time::Duration};

use rmcp::{
    ErrorData, RoleServer,
    model::{CompleteRequestParams, CompleteResult, CompletionInfo},
    service::RequestContext,
};
use serde_json::{Map, Value};
use tokio::time::timeout;
use trainyard_contract::{Completion, Context};
use trainyard_dispatch::Outcome;

use super::resources::object;
use crate::mcp::Server;

/// A person is typing: what takes longer comes too late.
const PATIENCE: Duration = Duration::from_secs(5);

impl<C: Context> Server<C> {
    pub(crate) async fn completion(
        &self,
        params: &CompleteRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let argument = params.argument.name.as_str();
        let own = self.about.values.iter().find(|values| values.argument == argument);
        let records = || self.record_values(argument, context);
        let values = match own.map(|values| (values.list)()).or_else(records) {
            Some(values) => values,
            None => {
                let mut all = self.about.guide.completions.iter();
                let wanted = |completion: &&Completion| {
                    completion.argument == argument && self.dispatch.registry().knows(completion.tool)
                };
                match all.find(wanted) {
                    Some(completion) => self.listed(completion, params, context).await,
                    None => Vec::new(),
                }
            }
        };
        let found = matching(values, &params.argument.value);
        let (total, more) = (found.len(), found.len() > CompletionInfo::MAX_VALUES);
        let mut info = CompletionInfo::new(found.into_iter().take(CompletionInfo::MAX_VALUES).collect())
            .map_err(|error| ErrorData::internal_error(error, None))?;
        info.total = u32::try_from(total).ok();
        info.has_more = Some(more);
        let mut result = CompleteResult::new(info);
        result.meta = self.meta();
        Ok(result)
    }

    /// A column of a tool's answer. Whatever goes wrong, there is nothing to choose from: the call itself will say why.
    async fn listed(
        &self,
        completion: &Completion,
        params: &CompleteRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Vec<String> {
        let mut arguments = object(completion.arguments);
        for (name, value) in params.context.iter().filter_map(|context| context.arguments.as_ref()).flatten() {
            if completion.takes.contains(&name.as_str()) && !value.is_empty() {
                arguments.insert(name.clone(), value.clone().into());
            }
        }
        let call = self.run(self.request(completion.tool, arguments, context, true), context);
        match timeout(PATIENCE, call).await {
            Ok(Ok(Outcome::Done(done))) => {
                done.value.as_object().map(|value| column(value, completion.column)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}

/// The texts of a column, each once.
fn column(answer: &Map<String, Value>, name: &str) -> Vec<String> {
    let names = answer.get("columns").and_then(Value::as_array);
    let Some(at) = names.and_then(|names| names.iter().position(|column| column == name)) else { return Vec::new() };
    let rows = answer.get("rows").and_then(Value::as_array).into_iter().flatten();
    let cells = rows.filter_map(|row| row.get(at)?.as_str());
    cells.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What begins with the text stands before what has it somewhere.
fn matching(values: Vec<String>, text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let (first, rest): (Vec<_>, Vec<_>) = values.into_iter().partition(|value| value.to_lowercase().starts_with(&text));
    let rest = rest.into_iter().filter(|value| value.to_lowercase().contains(&text));
    first.into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_that_begin_with_the_text_come_first() {
        let values = ["us-east-1", "eu-west-1", "us-west-2"].map(str::to_owned).to_vec();
        assert_eq!(matching(values.clone(), "US"), ["us-east-1", "us-west-2"]);
        assert_eq!(matching(values.clone(), "west"), ["eu-west-1", "us-west-2"]);
        assert_eq!(matching(values, "").len(), 3);
    }

    #[test]
    fn a_column_gives_each_value_once() {
        let answer = json!({ "columns": ["a", "b"], "rows": [[1, "y"], [2, "x"], [3, "y"], [4, null]] });
        assert_eq!(column(answer.as_object().unwrap(), "b"), ["x", "y"]);
        assert!(column(answer.as_object().unwrap(), "c").is_empty());
    }
}
