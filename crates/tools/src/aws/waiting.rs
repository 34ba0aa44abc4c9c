//! Waits that fit into a call, and go on in another one.
//!
//! Clients give up on a call after a minute, while a snapshot takes an hour. So a call waits as long as it may and then
//! hands out an operation id: what is waited for, in words, good in any process and at any time.

use std::{fmt, str::FromStr, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use trainyard_aws::{
    Aws, Patience,
    catalogue::{self, model::Kind},
};
use trainyard_contract::{Access, Error, ErrorKind, Result};

use crate::{
    Cx,
    common::{At, Profile, Region},
};

/// Longest wait within one call.
const LONGEST: Duration = Duration::from_secs(38);

/// How often is asked: more often than the models say, since somebody is waiting.
const EVERY: Duration = Duration::from_secs(3);

/// How a wait ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::aws) struct Waited {
    /// It is so now.
    pub(in crate::aws) reached: bool,
    /// For operation_get, which waits on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws) operation_id: Option<String>,
}

/// What was made or changed, and how the wait for it ended where there was one.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::aws) struct Done<T> {
    #[serde(flatten)]
    pub(in crate::aws) thing: T,
    /// Whether the wanted state was reached, where that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<bool>,
    /// For operation_get, which waits on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws) operation_id: Option<String>,
}

impl<T> Done<T> {
    /// Waits for `condition` if there is one. Should the wait fail, the error still says what was done.
    pub(in crate::aws) async fn after<A: Access>(
        cx: &Cx<A>,
        aws: &Aws<A>,
        thing: T,
        condition: Option<Condition>,
        done: String,
    ) -> Result<Self> {
        let Some(condition) = condition else { return Ok(Self { thing, reached: None, operation_id: None }) };
        let waited = condition.wait(cx, aws).await.map_err(|error| error.partial([done]))?;
        Ok(Self { thing, reached: Some(waited.reached), operation_id: waited.operation_id })
    }
}

/// A condition of AWS's own models, and the things it is to be true of.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::aws) struct Condition {
    service: String,
    /// Name of the waiter: `SnapshotCompleted`.
    waiter: String,
    /// Input of the operation that is asked.
    input: Map<String, Value>,
}

impl Condition {
    /// That `waiter` is true of the things that `member` of its operation names.
    pub(in crate::aws) fn new(service: &str, waiter: &str, member: &str, ids: &[String]) -> Self {
        let input = Map::from_iter([(member.to_owned(), Value::from(ids))]);
        Self { service: service.to_owned(), waiter: waiter.to_owned(), input }
    }

    /// Waits until it is true, as long as one call may, and says how far it is.
    pub(in crate::aws) async fn wait<A: Access>(&self, cx: &Cx<A>, aws: &Aws<A>) -> Result<Waited> {
        let patience = Patience { max: LONGEST, every: Some(EVERY) };
        let total = LONGEST.as_secs() / EVERY.as_secs();
        let say = |poll: u32, _: &Value| {
            cx.progress().report(u64::from(poll), Some(total.max(u64::from(poll))), &self.waiter);
        };
        let input = Value::Object(self.input.clone());
        match aws.engine().wait(&self.service, &self.waiter, input, aws.scope(), patience, say).await {
            Ok(_) => Ok(Waited { reached: true, operation_id: None }),
            Err(error) if error.kind() == ErrorKind::Timeout => {
                let scope = aws.scope();
                let id = OperationId {
                    condition: self.clone(),
                    region: scope.region.clone(),
                    profile: scope.profile.clone(),
                };
                Ok(Waited { reached: false, operation_id: Some(id.to_string()) })
            }
            Err(error) => Err(error),
        }
    }
}

/// What is waited for, where, and as whom: `ec2/SnapshotCompleted@eu-west-1?SnapshotIds=snap-1,snap-2`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::aws) struct OperationId {
    pub(in crate::aws) condition: Condition,
    region: Option<String>,
    profile: Option<String>,
}

impl OperationId {
    /// Where and as whom.
    pub(in crate::aws) fn at(&self) -> Result<At> {
        let region = self.region.clone().map(Region::try_from).transpose().map_err(Error::validation)?;
        let profile = self.profile.clone().map(Profile::try_from).transpose().map_err(Error::validation)?;
        Ok(At { region, profile })
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Condition { service, waiter, input } = &self.condition;
        write!(f, "{service}/{waiter}")?;
        if let Some(region) = &self.region {
            write!(f, "@{region}")?;
        }
        for (index, (member, value)) in input.iter().enumerate() {
            let ids: Vec<_> = match value {
                Value::Array(ids) => ids.iter().filter_map(Value::as_str).collect(),
                value => value.as_str().into_iter().collect(),
            };
            write!(f, "{}{member}={}", if index == 0 { '?' } else { '&' }, ids.join(","))?;
        }
        if let Some(profile) = &self.profile {
            write!(f, "#{profile}")?;
        }
        Ok(())
    }
}

impl FromStr for OperationId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::validation(format!("{text:?} is not an operation id"))
                .hint("give one as a call with wait gave it: ec2/SnapshotCompleted@REGION?SnapshotIds=ID")
        };
        let (rest, profile) = text.split_once('#').map_or((text, None), |(rest, profile)| (rest, Some(profile)));
        let (name, members) = rest.split_once('?').ok_or_else(wrong)?;
        let (name, region) = name.split_once('@').map_or((name, None), |(name, region)| (name, Some(region)));
        let (service, waiter) = name.split_once('/').ok_or_else(wrong)?;
        let known = catalogue::service(service)?;
        let found = known.waiters.iter().find(|known| known.name == waiter).ok_or_else(wrong)?;
        let operation = known.operation(found.operation).ok_or_else(wrong)?;
        let structure = operation.input.and_then(|id| known.structure(id)).ok_or_else(wrong)?;
        let mut input = Map::new();
        for pair in members.split('&') {
            let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
            let member = structure.members.iter().find(|member| member.name == name).ok_or_else(wrong)?;
            let value = match known.shape(member.shape).kind {
                Kind::List { .. } => value.split(',').collect(),
                _ => Value::from(value),
            };
            input.insert(name.to_owned(), value);
        }
        let condition = Condition { service: known.name.to_owned(), waiter: waiter.to_owned(), input };
        Ok(Self { condition, region: region.map(str::to_owned), profile: profile.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_id_says_what_it_stands_for_and_is_read_again() {
        let ids = ["snap-1".to_owned(), "snap-2".to_owned()];
        let condition = Condition::new("ec2", "SnapshotCompleted", "SnapshotIds", &ids);
        let id = OperationId { condition, region: Some("eu-west-1".to_owned()), profile: Some("a@b c".to_owned()) };
        assert_eq!(id.to_string(), "ec2/SnapshotCompleted@eu-west-1?SnapshotIds=snap-1,snap-2#a@b c");
        assert_eq!(id.to_string().parse::<OperationId>().unwrap(), id);
        let one: OperationId = "sagemaker/EndpointInService?EndpointName=chat".parse().unwrap();
        assert_eq!(one.condition.input["EndpointName"], "chat");
        assert_eq!(one.to_string(), "sagemaker/EndpointInService?EndpointName=chat");
    }

    #[test]
    fn what_is_no_operation_id_is_refused() {
        for text in ["", "ec2", "ec2/Nothing?SnapshotIds=a", "ec2/SnapshotCompleted", "ec2/SnapshotCompleted?Bogus=a"] {
            assert!(text.parse::<OperationId>().is_err(), "{text}");
        }
        let elsewhere: OperationId = "ec2/SnapshotCompleted@evil.example?SnapshotIds=a".parse().unwrap();
        assert!(elsewhere.at().is_err());
    }
}
