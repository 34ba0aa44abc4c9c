//! What expressions of endpoint rules evaluate to.

use std::{borrow::Cow, net::Ipv6Addr, rc::Rc};

use super::{partitions::Partition, rules::Step};

/// A value during evaluation. Cloning one never copies text that the caller or the rules own.
#[derive(Debug, Clone)]
pub(super) enum Value<'v> {
    Bool(bool),
    Text(Cow<'v, str>),
    Texts(Rc<[Cow<'v, str>]>),
    Partition(&'static Partition),
    Url(Rc<Url>),
    Arn(Rc<Arn<'v>>),
}

/// Parts of a URL.
#[derive(Debug)]
pub(super) struct Url {
    scheme: &'static str,
    authority: String,
    path: String,
    normalized_path: String,
    is_ip: bool,
}

/// Parts of an ARN.
#[derive(Debug)]
pub(super) struct Arn<'v> {
    partition: Cow<'v, str>,
    service: Cow<'v, str>,
    region: Cow<'v, str>,
    account_id: Cow<'v, str>,
    resource_id: Rc<[Cow<'v, str>]>,
}

impl Value<'_> {
    /// The part of this value that the steps lead to.
    pub(super) fn attribute(self, steps: &[Step<'_>]) -> Option<Self> {
        steps.iter().try_fold(self, Self::step)
    }

    fn step(self, step: &Step<'_>) -> Option<Self> {
        match (self, step) {
            (Self::Texts(items), Step::Index(at)) => items.get(*at as usize).cloned().map(Self::Text),
            (Self::Partition(partition), Step::Field(name)) => partition_field(partition, name),
            (Self::Url(url), Step::Field(name)) => url.field(name),
            (Self::Arn(arn), Step::Field(name)) => arn.field(name),
            _ => None,
        }
    }

    /// Neither false nor absent: conditions hold for such.
    pub(super) fn holds(&self) -> bool {
        !matches!(self, Self::Bool(false))
    }
}

fn partition_field<'v>(partition: &'static Partition, name: &str) -> Option<Value<'v>> {
    let text = |text: &'static str| Some(Value::Text(Cow::Borrowed(text)));
    match name {
        "name" => text(partition.name),
        "dnsSuffix" => text(partition.dns_suffix),
        "dualStackDnsSuffix" => text(partition.dual_stack_dns_suffix),
        "implicitGlobalRegion" => text(partition.implicit_global_region),
        "supportsFIPS" => Some(Value::Bool(partition.supports_fips)),
        "supportsDualStack" => Some(Value::Bool(partition.supports_dual_stack)),
        _ => None,
    }
}

impl Url {
    /// Takes a URL apart; `None` for other schemes and for URLs with a query, which rules do not allow.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = ["https", "http"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        if rest.contains('?') {
            return None;
        }
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let host = host(authority)?;
        let normalized_path = if path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
        Some(Self {
            scheme,
            authority: authority.to_owned(),
            path: path.to_owned(),
            normalized_path,
            is_ip: is_ip(host),
        })
    }

    fn field<'v>(&self, name: &str) -> Option<Value<'v>> {
        let text = |text: &str| Some(Value::Text(Cow::Owned(text.to_owned())));
        match name {
            "scheme" => text(self.scheme),
            "authority" => text(&self.authority),
            "path" => text(&self.path),
            "normalizedPath" => text(&self.normalized_path),
            "isIp" => Some(Value::Bool(self.is_ip)),
            _ => None,
        }
    }
}

/// The host of `host:port`, if the port is one.
fn host(authority: &str) -> Option<&str> {
    let colon = authority.rfind(':').filter(|at| authority.rfind(']').is_none_or(|bracket| bracket < *at));
    let host = match colon {
        Some(at) => authority[at + 1..].parse::<u16>().is_ok().then_some(&authority[..at])?,
        None => authority,
    };
    (!host.is_empty()).then_some(host)
}

fn is_ip(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    is_ipv4(host) || bracketed.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
}

/// Four numbers of one to three digits: rules take `999.0.0.1` for an address too, as bucket names do.
pub(super) fn is_ipv4(text: &str) -> bool {
    let number = |part: &str| matches!(part.len(), 1..=3) && part.bytes().all(|it| it.is_ascii_digit());
    text.split('.').count() == 4 && text.split('.').all(number)
}

impl<'v> Arn<'v> {
    /// Takes an ARN apart; partition, service and resource must be there.
    pub(super) fn parse(text: &Cow<'v, str>) -> Option<Self> {
        let ends: Vec<usize> = text.match_indices(':').map(|(at, _)| at).take(5).collect();
        let &[scheme, partition, service, region, account] = ends.as_slice() else { return None };
        let part = |from: usize, to: usize| slice(text, from + 1, to);
        let resource = slice(text, account + 1, text.len());
        let full = !resource.is_empty() && partition > scheme + 1 && service > partition + 1;
        (&text[..scheme] == "arn" && full).then(|| Self {
            partition: part(scheme, partition),
            service: part(partition, service),
            region: part(service, region),
            account_id: part(region, account),
            resource_id: pieces(&resource),
        })
    }

    fn field(&self, name: &str) -> Option<Value<'v>> {
        match name {
            "partition" => Some(Value::Text(self.partition.clone())),
            "service" => Some(Value::Text(self.service.clone())),
            "region" => Some(Value::Text(self.region.clone())),
            "accountId" => Some(Value::Text(self.account_id.clone())),
            "resourceId" => Some(Value::Texts(Rc::clone(&self.resource_id))),
            _ => None,
        }
    }
}

fn pieces<'v>(resource: &Cow<'v, str>) -> Rc<[Cow<'v, str>]> {
    let mut from = 0;
    let ends = resource.match_indices([':', '/']).map(|(at, _)| at).chain([resource.len()]);
    ends.map(|to| slice(resource, std::mem::replace(&mut from, to + 1), to)).collect()
}

/// Part of a string, borrowed where the string is.
pub(super) fn slice<'v>(text: &Cow<'v, str>, from: usize, to: usize) -> Cow<'v, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..to]),
        Cow::Owned(text) => Cow::Owned(text[from..to].to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("https://127.0.0.1:4566/base").unwrap();
        assert_eq!((url.scheme, &*url.authority, &*url.path), ("https", "127.0.0.1:4566", "/base"));
        assert_eq!((&*url.normalized_path, url.is_ip), ("/base/", true));
        assert!(Url::parse("http://[::1]:80").unwrap().is_ip);
        assert!(!Url::parse("http://localhost").unwrap().is_ip);
        for wrong in ["ftp://a", "https://a?b=c", "https://a:port", "no url", "https://"] {
            assert!(Url::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn arns_are_taken_apart() {
        let arn = Arn::parse(&Cow::Borrowed("arn:aws:s3::1234:accesspoint/name:part")).unwrap();
        assert_eq!((&*arn.partition, &*arn.service, &*arn.region, &*arn.account_id), ("aws", "s3", "", "1234"));
        assert_eq!(&*arn.resource_id, ["accesspoint", "name", "part"]);
        for wrong in ["arn:aws:s3:::", "arn::s3:::x", "arn:aws:s3", "urn:aws:s3:::x"] {
            assert!(Arn::parse(&Cow::Borrowed(wrong)).is_none(), "{wrong}");
        }
    }
}
