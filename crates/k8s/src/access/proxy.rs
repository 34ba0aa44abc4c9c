//! Proxies, and addresses that nothing secret may be sent to.

use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use trainyard_contract::{Error, Result};

use crate::settings::Proxy;

/// The proxy on the way to an address, if there is one.
pub(super) fn on_the_way(proxy: &Proxy, to: &Uri) -> Result<Option<Uri>> {
    let Some(address) = &proxy.https else { return Ok(None) };
    if is_loopback(to) {
        return Ok(None);
    }
    let none = proxy.no_proxy.clone().unwrap_or_default();
    let matcher = Matcher::builder().all(address.clone()).no(none).build();
    if matcher.intercept(to).is_none() {
        return Ok(None);
    }
    let address = if address.contains("://") { address.clone() } else { format!("http://{address}") };
    let wrong = |error| Error::validation(format!("HTTPS_PROXY is no address: {error}"));
    address.parse().map(Some).map_err(wrong)
}

/// Tokens travel in the clear over plain HTTP, so only this machine is spoken to in that way.
pub(super) fn check_plain(to: &Uri) -> Result<()> {
    if to.scheme_str() == Some("https") || is_loopback(to) {
        return Ok(());
    }
    Err(Error::unsupported(format!("{to} is not https: credentials would travel in the clear")).code("PlainHttp"))
}

fn is_loopback(to: &Uri) -> bool {
    let host = to.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(no_proxy: &str, to: &str) -> Option<String> {
        let proxy = Proxy { https: Some("http://user:pass@proxy:3128".into()), no_proxy: Some(no_proxy.into()) };
        on_the_way(&proxy, &to.parse().unwrap()).unwrap().map(|uri| uri.to_string())
    }

    #[test]
    fn the_cluster_decides_whether_a_proxy_is_on_the_way() {
        assert_eq!(way("", "https://abc.eks.amazonaws.com").unwrap(), "http://user:pass@proxy:3128/");
        for without in ["abc.eks.amazonaws.com", ".amazonaws.com", "amazonaws.com", "x,*"] {
            assert_eq!(way(without, "https://abc.eks.amazonaws.com"), None, "{without}");
        }
        assert_eq!(way("10.0.0.0/8", "https://10.1.2.3:443"), None);
        assert_eq!(way("", "https://127.0.0.1:6443"), None, "this machine needs no proxy");
        // The proxy's own name does not matter.
        assert!(way("proxy", "https://abc.eks.amazonaws.com").is_some());
    }

    #[test]
    fn credentials_do_not_travel_in_the_clear() {
        assert!(check_plain(&"http://127.0.0.1:8080".parse().unwrap()).is_ok());
        assert!(check_plain(&"http://[::1]:8080".parse().unwrap()).is_ok());
        assert!(check_plain(&"https://10.0.0.1".parse().unwrap()).is_ok());
        assert!(check_plain(&"http://10.0.0.1".parse().unwrap()).is_err());
    }
}
