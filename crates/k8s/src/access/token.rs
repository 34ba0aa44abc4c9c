//! The token that lets an AWS identity into an EKS cluster: a signed question to STS about who is calling.

use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use tokio::{sync::Mutex, time::Instant};
use trainyard_aws::{Engine, Scope};
use trainyard_contract::{Error, Result};

/// EKS takes a token for fifteen minutes after it was signed.
const LIFE: Duration = Duration::from_mins(10);
/// As long as the signature itself says; EKS goes by its own time above.
const SIGNED_FOR: Duration = Duration::from_mins(1);

/// Makes tokens and keeps the last one until shortly before it ends.
pub(crate) struct Token {
    aws: Engine,
    scope: Scope,
    cluster: String,
    kept: Mutex<Option<(String, Instant)>>,
}

impl Token {
    pub(crate) fn new(aws: Engine, scope: Scope, cluster: String) -> Self {
        Self { aws, scope, cluster, kept: Mutex::new(None) }
    }

    /// The token of now.
    pub(crate) fn now(&self) -> BoxFuture<'_, Result<String>> {
        Box::pin(self.get())
    }

    async fn get(&self) -> Result<String> {
        let mut kept = self.kept.lock().await;
        if let Some((token, until)) = &*kept
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        // Taken first: the life of a token begins with its signature.
        let now = Instant::now();
        let signed = self
            .aws
            .presign(
                "sts",
                "GetCallerIdentity",
                serde_json::json!({}),
                &self.scope,
                &[("x-k8s-aws-id", &self.cluster)],
                SIGNED_FOR,
            )
            .await?;
        let token = format!("k8s-aws-v1.{}", unpadded(&signed.url));
        *kept = Some((token.clone(), now + self.life().await?));
        Ok(token)
    }

    /// Forgets the token that the cluster refused.
    pub(crate) async fn forget(&self) {
        *self.kept.lock().await = None;
    }

    /// A token is worth nothing once the credentials that signed it have ended.
    async fn life(&self) -> Result<Duration> {
        let credentials = self.aws.describe_scope(&self.scope).await.credentials?;
        let Some(end) = credentials.expires else { return Ok(LIFE) };
        let left = end
            .duration_since(SystemTime::now())
            .map_err(|_| Error::new(trainyard_contract::ErrorKind::Credentials, "the AWS credentials have expired"))?;
        Ok(LIFE.min(left.saturating_sub(Duration::from_secs(30))))
    }
}

/// Base64 as addresses have it, without padding.
fn unpadded(text: &str) -> String {
    trainyard_aws::to_base64(text.as_bytes()).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use trainyard_aws::{Settings, StaticCredentials};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_made_anew_before_eks_stops_taking_it() {
        let credentials = StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "test".into(),
            session_token: None,
        };
        let region = Some("us-west-2".to_owned());
        let aws = Engine::new(Settings { credentials: Some(credentials), region, ..Settings::default() });
        let token = Token::new(aws, Scope::default(), "train".into());
        let until = async || {
            token.now().await.unwrap();
            token.kept.lock().await.as_ref().unwrap().1
        };
        let first = until().await;
        let nearly = LIFE.checked_sub(Duration::from_secs(1)).unwrap();
        tokio::time::advance(nearly).await;
        assert_eq!(until().await, first, "it is still good");
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = until().await;
        assert!(second > first);
        token.forget().await;
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(until().await > second, "one that was refused is not used again");
        assert!(LIFE < Duration::from_mins(15), "EKS takes a token for a quarter of an hour");
    }
}
