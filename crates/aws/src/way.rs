//! What a call has to ask for before it can be sent: an address that the service hands out, a session of its bucket.
//!
//! Both are read, kept with the identity, and asked for once more when the service says that they are no longer good.

use aws_types::region::Region;
use serde_json::json;
use trainyard_contract::{ErrorKind, Result};

use crate::{
    address::{Address, endpoint_override},
    auth::{Signer, auth, express::Session},
    discovery,
    engine::{Checked, Engine, Refused, check},
    identity::Identity,
};

/// Where a call goes and what signs it.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) address: Address,
    pub(crate) signer: Signer,
}

impl Engine {
    /// The way of a call, with what it takes.
    pub(crate) async fn way(&self, call: &Checked, identity: &Identity, region: &Region) -> Result<Way, Refused> {
        let mut way = unasked(call, identity, region)?;
        if let Some(bucket) = way.address.session() {
            way.signer = Signer::Session(self.session(call, identity, region, bucket).await?);
        }
        if discovers(call, identity) {
            way.address.discovered(self.discover(call, identity, region).await?);
        }
        Ok(way)
    }

    async fn session(
        &self,
        call: &Checked,
        identity: &Identity,
        region: &Region,
        bucket: &str,
    ) -> Result<Session, Refused> {
        if let Some(known) = identity.sessions.known(region.as_ref(), bucket) {
            return Ok(known);
        }
        // Two calls at once may both ask; either session is good.
        let question = check(call.loaded, "CreateSession", json!({ "Bucket": bucket }))?;
        let way = unasked(&question, identity, region)?;
        let answered = self.attempt_by(&question, identity, region, way).await?;
        let session = Session::of(&answered.answer.output)?;
        identity.sessions.keep(region.as_ref(), bucket, session.clone());
        Ok(session)
    }

    async fn discover(&self, call: &Checked, identity: &Identity, region: &Region) -> Result<String, Refused> {
        let service = call.loaded.service.name;
        if let Some(known) = identity.discovered.known(service, region.as_ref()) {
            return Ok(known);
        }
        let question = check(call.loaded, discovery::QUESTION, json!({}))?;
        let way = unasked(&question, identity, region)?;
        let answered = self.attempt_by(&question, identity, region, way).await?;
        Ok(identity.discovered.keep(service, region.as_ref(), &answered.answer.output)?)
    }
}

/// The way of a call, as far as it can be known without asking anybody. What signs it then is good for a preview only
/// where that would be a session.
pub(crate) fn unasked(call: &Checked, identity: &Identity, region: &Region) -> Result<Way> {
    let (service, operation) = (call.loaded.service, call.prepared.operation);
    let address = Address::new(service, operation, &call.input, region.as_ref(), &identity.config)?;
    let signer = match address.session() {
        Some(_) => Signer::Session(Session::unknown()),
        None => Signer::Model(auth(service, operation)),
    };
    Ok(Way { address, signer })
}

/// Forgets what the service no longer takes. Says whether there was anything, so that the call is worth another try.
pub(crate) fn stale(call: &Checked, identity: &Identity, region: &Region, refused: &Refused) -> bool {
    if refused.discovered && discovery::moved(&refused.error) {
        identity.discovered.forget(call.loaded.service.name, region.as_ref());
        return true;
    }
    let bucket = refused.session.as_deref().filter(|_| refused.error.kind() == ErrorKind::Credentials);
    bucket.is_some_and(|bucket| identity.sessions.forget(region.as_ref(), bucket))
}

/// Whether the address of a call is asked for first.
pub(crate) fn discovers(call: &Checked, identity: &Identity) -> bool {
    call.prepared.operation.endpoint_discovery_required
        && endpoint_override(call.loaded.service, &identity.config).is_none()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;
    use trainyard_contract::Ceiling;
    use trainyard_harness::{Endpoint, Reply};

    use super::*;
    use crate::settings::{Scope, Settings, StaticCredentials};

    const SERVICE: &str = "timestream-query";
    const JSON: &str = "application/x-amz-json-1.0";

    fn engine(url: String) -> Engine {
        Engine::new(Settings {
            ceiling: Ceiling { write: true, sensitive: true },
            region: Some("eu-west-1".to_owned()),
            credentials: Some(StaticCredentials {
                access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                secret_access_key: "test".to_owned(),
                session_token: None,
            }),
            endpoint_url: Some(url),
            ..Settings::default()
        })
    }

    /// Where an address is set, that one counts; so what asks and what follows is called here by itself.
    #[tokio::test]
    async fn a_call_goes_where_the_service_says_until_it_says_otherwise() {
        let target = Arc::new(
            Endpoint::start(|seen| match seen.header("x-amz-target") {
                Some(target) if target.ends_with(".CancelQuery") => {
                    Reply::new(421, JSON, r#"{"__type": "InvalidEndpointException", "message": "moved"}"#)
                }
                _ => Reply::new(200, JSON, r#"{"QueryPricingModel": "COMPUTE_UNITS"}"#),
            })
            .unwrap(),
        );
        let address = target.url();
        let front = Endpoint::start(move |_| {
            let answer = json!({"Endpoints": [{"Address": address, "CachePeriodInMinutes": 60}]});
            Reply::new(200, JSON, &answer.to_string())
        })
        .unwrap();
        let engine = engine(front.url());
        let identity = engine.identity(&Scope::default()).await.unwrap();
        let region = Region::new("eu-west-1");
        let send = async |operation: &str, input: Value| {
            let call = engine.permitted(SERVICE, operation, input).unwrap();
            let mut way = unasked(&call, &identity, &region).unwrap();
            way.address.discovered(engine.discover(&call, &identity, &region).await?);
            let answer = engine.attempt_by(&call, &identity, &region, way).await;
            if let Err(refused) = &answer {
                assert!(stale(&call, &identity, &region, refused));
            }
            answer
        };
        for _ in 0..2 {
            let answered = send("DescribeAccountSettings", json!({})).await.unwrap();
            assert_eq!(answered.answer.output["QueryPricingModel"], "COMPUTE_UNITS");
        }
        assert_eq!(front.take().len(), 1, "asked once");
        assert_eq!(target.take().len(), 2);
        assert!(identity.discovered.known(SERVICE, "eu-west-1").is_some());
        send("CancelQuery", json!({"QueryId": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})).await.unwrap_err();
        assert_eq!(identity.discovered.known(SERVICE, "eu-west-1"), None);
    }

    #[tokio::test]
    async fn an_address_of_the_operators_own_is_not_asked_about() {
        let endpoint = Endpoint::start(|_| Reply::new(200, JSON, "{}")).unwrap();
        let call = engine(endpoint.url());
        call.call(SERVICE, "DescribeAccountSettings", json!({}), &Scope::default()).await.unwrap();
        let seen = endpoint.take();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].action(), Some("DescribeAccountSettings"));
    }
}
