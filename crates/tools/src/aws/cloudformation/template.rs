//! Where a template comes from: a managed place, a file, or a bucket that the operator allows.

use trainyard_contract::{Error, Result};

use super::local_file;

/// Largest template that CloudFormation takes in a request; larger ones have to be in S3.
pub(crate) const MAX_BODY: u64 = 51_200;

/// A template, as CloudFormation is given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Template {
    /// Read by CloudFormation from S3.
    Url(String),
    /// Sent along.
    Body(String),
}

impl Template {
    /// What the caller names: an absolute path, or the address of an object in one of these buckets.
    pub(crate) fn named(text: &str, buckets: &[String]) -> Result<Self> {
        if text.starts_with('/') {
            return local_file::read(text, "template", MAX_BODY).map(Self::Body);
        }
        let (bucket, key) = object(text).ok_or_else(|| {
            Error::validation(format!("{text:?} is neither an absolute path nor the address of an object in S3"))
                .hint("such as https://BUCKET.s3.REGION.amazonaws.com/KEY or s3://BUCKET/KEY")
        })?;
        if !buckets.iter().any(|allowed| allowed == bucket) {
            return Err(Error::policy_denied(format!(
                "templates of bucket {bucket:?} are not allowed by this server's operator; nothing was sent"
            ))
            .code("TemplateNotAllowed")
            .hint("the operator allows buckets with --template-buckets; a local file needs no such permission"));
        }
        let address = if text.starts_with("s3://") { address(bucket, key) } else { text.to_owned() };
        Ok(Self::Url(address))
    }

    /// The address, if it is one.
    pub(crate) fn url(&self) -> Option<String> {
        match self {
            Self::Url(url) => Some(url.clone()),
            Self::Body(_) => None,
        }
    }

    /// The text, if it is sent along.
    pub(crate) fn body(&self) -> Option<String> {
        match self {
            Self::Url(_) => None,
            Self::Body(body) => Some(body.clone()),
        }
    }
}

/// S3 sends a request that names no region on to where the bucket is.
fn address(bucket: &str, key: &str) -> String {
    format!("https://{bucket}.s3.amazonaws.com/{key}")
}

/// Bucket and key of an object's address in any of its three forms.
fn object(address: &str) -> Option<(&str, &str)> {
    let safe = address.chars().all(|letter| letter.is_ascii_graphic() && !matches!(letter, '@' | '?' | '#' | '\\'));
    if !safe {
        return None;
    }
    if let Some(rest) = address.strip_prefix("s3://") {
        return filled(rest.split_once('/')?);
    }
    let (host, path) = address.strip_prefix("https://")?.split_once('/')?;
    if is_s3(host) {
        return filled(path.split_once('/')?);
    }
    // The bucket's own name may hold dots, so S3's part is looked for from the left.
    let cut = host.match_indices('.').find(|(at, _)| is_s3(&host[at + 1..]))?.0;
    filled((&host[..cut], path))
}

fn filled<'a>((bucket, key): (&'a str, &'a str)) -> Option<(&'a str, &'a str)> {
    let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '.' || it == '-';
    (!key.is_empty() && (3..=63).contains(&bucket.len()) && bucket.chars().all(plain)).then_some((bucket, key))
}

/// `s3.amazonaws.com`, `s3.eu-west-1.amazonaws.com`, `s3-eu-west-1.amazonaws.com`, and those of China.
fn is_s3(host: &str) -> bool {
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let Some(rest) = host.strip_suffix(".amazonaws.com") else { return false };
    let rest = rest.strip_prefix("s3").unwrap_or("?");
    let rest = rest.strip_prefix(".dualstack").unwrap_or(rest);
    let region = rest.strip_prefix(['.', '-']);
    rest.is_empty() || region.is_some_and(|region| !region.is_empty() && !region.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_known_by_each_of_its_addresses() {
        for address in [
            "s3://my-bucket/a/b.yaml",
            "https://my-bucket.s3.amazonaws.com/a/b.yaml",
            "https://my-bucket.s3.eu-west-1.amazonaws.com/a/b.yaml",
            "https://my-bucket.s3.dualstack.eu-west-1.amazonaws.com/a/b.yaml",
            "https://s3.eu-west-1.amazonaws.com/my-bucket/a/b.yaml",
            "https://my-bucket.s3.cn-north-1.amazonaws.com.cn/a/b.yaml",
        ] {
            assert_eq!(object(address), Some(("my-bucket", "a/b.yaml")), "{address}");
        }
        assert_eq!(object("https://a.b.c.s3.amazonaws.com/k").unwrap().0, "a.b.c");
        for other in [
            "http://my-bucket.s3.amazonaws.com/a",
            "https://my-bucket.s3.amazonaws.com.evil.example/a",
            "https://evil.example/my-bucket/a",
            "https://my-bucket@evil.example/a",
            "https://evil.example/?my-bucket.s3.amazonaws.com/a",
            "https://my-bucket.s3.amazonaws.com/",
            "https://evil.example#.s3.amazonaws.com/a",
            "template.yaml",
        ] {
            assert_eq!(object(other), None, "{other}");
        }
    }

    #[test]
    fn only_buckets_that_the_operator_names_are_taken() {
        let allowed = ["mine".to_owned()];
        let url = "https://mine.s3.eu-west-1.amazonaws.com/t.yaml";
        assert_eq!(Template::named(url, &allowed).unwrap(), Template::Url(url.to_owned()));
        assert_eq!(
            Template::named("s3://mine/t.yaml", &allowed).unwrap(),
            Template::Url("https://mine.s3.amazonaws.com/t.yaml".to_owned())
        );
        let refused = Template::named("https://other.s3.amazonaws.com/t.yaml", &allowed).unwrap_err();
        assert_eq!(refused.code_str(), "TemplateNotAllowed");
        assert!(Template::named(url, &[]).is_err());
        assert!(Template::named("/nowhere/t.yaml", &[]).unwrap_err().message().contains("could not read"));
    }
}
