//! EKS clusters: found by their description, entered with AWS credentials.

use serde_json::json;
use trainyard_aws::{Engine as AwsEngine, Role, Scope};
use trainyard_contract::{Error, ErrorKind, Result};

use super::{Entry, Token, Way, client, proxy};
use crate::settings::{Cluster, Settings};

/// The cluster of a name or an ARN.
pub(super) fn way(name: &str, cluster: &Cluster) -> Result<Way> {
    let (name, region) = match name.strip_prefix("arn:") {
        Some(arn) => {
            let parts: Vec<&str> = arn.splitn(5, ':').collect();
            match parts.as_slice() {
                [_, "eks", region, _, what] if what.starts_with("cluster/") => {
                    (&what["cluster/".len()..], Some((*region).to_owned()))
                }
                _ => return Err(Error::validation(format!("{name:?} is not the ARN of an EKS cluster"))),
            }
        }
        None => (name, None),
    };
    if !is_name(name) {
        return Err(Error::validation(format!("{name:?} is no EKS cluster's name and no context of the kubeconfig")));
    }
    if let (Some(said), Some(meant)) = (&cluster.region, &region)
        && said != meant
    {
        return Err(Error::validation(format!("the cluster's ARN says {meant}, `region` says {said}")));
    }
    let region = region.or_else(|| cluster.region.clone());
    Ok(Way::Eks { name: name.to_owned(), region, profile: cluster.profile.clone(), role: None })
}

fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        && name.as_bytes()[0].is_ascii_alphanumeric()
}

pub(super) fn scope(region: Option<String>, profile: Option<String>, role: Option<String>) -> Scope {
    Scope { profile, region, role: role.map(Role::arn), ..Scope::default() }
}

/// Asks EKS where the cluster is.
pub(super) async fn enter(settings: &Settings, aws: &AwsEngine, name: &str, scope: Scope) -> Result<Entry> {
    let reply = aws.call("eks", "DescribeCluster", json!({ "name": name }), &scope).await?;
    let cluster = &reply.output["cluster"];
    let (Some(endpoint), Some(ca)) = (cluster["endpoint"].as_str(), cluster["certificateAuthority"]["data"].as_str())
    else {
        let status = cluster["status"].as_str().unwrap_or("unknown");
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("EKS cluster {name:?} has no endpoint yet: it is {status}"),
        )
        .retryable(status == "CREATING"));
    };
    let broken = |what: &str| Error::internal(format!("EKS gave {what} for cluster {name:?}"));
    let url: http::Uri = endpoint.parse().map_err(|_| broken("no address"))?;
    let pem = trainyard_aws::from_base64(ca).ok_or_else(|| broken("no certificate"))?;
    let mut config = kube::Config::new(url.clone());
    config.root_cert = Some(certificates(&pem).ok_or_else(|| broken("no certificate"))?);
    config.proxy_url = proxy::on_the_way(&settings.proxy, &url)?;
    // The region that answered is the one whose STS the token has to come from.
    let scope = Scope { region: Some(reply.region), ..scope };
    let token = Token::new(aws.clone(), scope, name.to_owned());
    let client = client(settings, config).await?;
    let (acting_as, namespace) = (http::HeaderMap::new(), "default".to_owned());
    Ok(Entry { client, token: Some(token), acting_as, namespace, url: url.to_string() })
}

/// Certificates of a PEM text, as DER.
pub(super) fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = std::str::from_utf8(pem).ok()?;
    let mut found = Vec::new();
    for part in text.split(BEGIN).skip(1) {
        let (body, _) = part.split_once(END)?;
        let body: String = body.split_whitespace().collect();
        found.push(trainyard_aws::from_base64(&body)?);
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_its_region() {
        let cluster = |region: Option<&str>| Cluster { region: region.map(str::to_owned), ..Cluster::default() };
        let arn = "arn:aws-us-gov:eks:us-gov-west-1:123456789012:cluster/train";
        let Way::Eks { name, region, .. } = way(arn, &cluster(None)).unwrap() else { panic!("not EKS") };
        assert_eq!((name.as_str(), region.as_deref()), ("train", Some("us-gov-west-1")));
        assert!(way(arn, &cluster(Some("eu-west-1"))).is_err(), "two regions");
        assert!(way("arn:aws:sagemaker:eu-west-1:123456789012:cluster/x", &cluster(None)).is_err());
        assert!(way("../../x", &cluster(None)).is_err());
    }
}
