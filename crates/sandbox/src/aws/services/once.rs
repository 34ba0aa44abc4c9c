//! Tokens that make a call happen once: the same token with the same input gets the answer that it got.

use serde_json::Value;
use trainyard_aws::catalogue::model::MemberFlags;

use crate::aws::{
    account::Account,
    wire::{Call, Refusal},
};

/// Answers that are remembered.
const MOST: usize = 10_000;

/// Where an answer is remembered, if the call has a token.
pub(super) fn token(call: &Call) -> Option<String> {
    let structure = call.service.structure(call.operation.input?)?;
    let member = structure.members.iter().find(|member| member.is(MemberFlags::IDEMPOTENCY_TOKEN))?;
    let token = call.input[member.name].as_str()?;
    Some(format!("{} {} {} {token}", call.service.name, call.operation.name, call.region))
}

/// The answer that the token got before.
pub(super) fn earlier(account: &Account, call: &Call, token: &str) -> Result<Option<Value>, Refusal> {
    match account.answered.answers.get(token) {
        None => Ok(None),
        Some((input, output)) if *input == call.input => Ok(Some(output.clone())),
        Some(_) => {
            let code = match call.service.name {
                "ec2" => "IdempotentParameterMismatch",
                "cloudformation" => "TokenAlreadyExistsException",
                "eks" => "InvalidParameterException",
                "sagemaker" => "ConflictException",
                _ => "IdempotentParameterMismatchException",
            };
            Err(Refusal::new(400, code, "The token was used before, with other parameters."))
        }
    }
}

/// Remembers an answer, and forgets the oldest where there are too many.
pub(super) fn remember(account: &mut Account, call: &Call, token: String, output: &Value) {
    let answered = &mut account.answered;
    answered.order.push_back(token.clone());
    answered.answers.insert(token, (call.input.clone(), output.clone()));
    if answered.order.len() > MOST
        && let Some(oldest) = answered.order.pop_front()
    {
        answered.answers.remove(&oldest);
    }
}
