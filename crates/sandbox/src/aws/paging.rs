//! Pages of any operation, as the catalogue describes them.

use serde_json::Value;
use trainyard_aws::catalogue::model::{Kind, Operation, Service};

use super::wire::Refusal;

/// Rows of a page where the caller does not say, and the model sets no bound.
const ROWS: usize = 1_000;
/// How tokens begin.
const TOKEN: &str = "sandbox-";

/// Cuts the page that is asked for out of a whole answer.
pub(super) fn cut(
    service: &Service<'_>,
    operation: &Operation<'_>,
    input: &Value,
    output: &mut Value,
) -> Result<(), Refusal> {
    let Some(pages) = &operation.pages else { return Ok(()) };
    let ([token_in], [token_out], Some(results), Some(limit)) =
        (&pages.input_tokens[..], &pages.output_tokens[..], pages.results.first(), pages.limit)
    else {
        return Ok(());
    };
    let start: usize = match input[*token_in].as_str() {
        None => 0,
        Some(token) => {
            token.strip_prefix(TOKEN).and_then(|text| text.parse().ok()).ok_or_else(|| bad_token(service))?
        }
    };
    let wanted = input[limit].as_u64().and_then(|rows| usize::try_from(rows).ok());
    let size = wanted.unwrap_or_else(|| usual(service, operation, limit)).max(1);
    let Some(rows) = output.get_mut(*results).and_then(Value::as_array_mut) else { return Ok(()) };
    let end = start.saturating_add(size).min(rows.len());
    let more = end < rows.len();
    if start > rows.len() {
        return Err(bad_token(service));
    }
    *rows = rows.drain(start..end).collect();
    if more {
        output[*token_out] = Value::from(format!("{TOKEN}{end}"));
    }
    Ok(())
}

/// The largest page that the model allows, which is the usual size at many services.
fn usual(service: &Service<'_>, operation: &Operation<'_>, limit: &str) -> usize {
    let structure = operation.input.and_then(|id| service.structure(id));
    let member = structure.and_then(|structure| structure.members.iter().find(|member| member.name == limit));
    let most = member.and_then(|member| match &service.shape(member.shape).kind {
        Kind::Integer(bounds) | Kind::Long(bounds) => bounds.max,
        _ => None,
    });
    most.and_then(|most| usize::try_from(most).ok()).map_or(ROWS, |most| most.min(ROWS))
}

fn bad_token(service: &Service<'_>) -> Refusal {
    use trainyard_aws::catalogue::model::Protocol;
    let code = match service.protocol {
        Protocol::Ec2 | Protocol::Query => "InvalidNextToken",
        _ => "ValidationException",
    };
    Refusal::new(400, code, "the token of the next page is not one that this account gave")
}
