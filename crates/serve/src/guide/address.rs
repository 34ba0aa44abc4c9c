//! Addresses with braces in them: the one form of RFC 6570 that is needed here.

use std::collections::BTreeMap;

/// The values that an address has where the template has names; `None` where it does not fit.
pub(crate) fn values(template: &str, address: &str) -> Option<BTreeMap<String, String>> {
    let (mut wanted, mut found) = (template.split('/'), address.split('/'));
    let mut values = BTreeMap::new();
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(values),
            (Some(wanted), Some(found)) => match name(wanted) {
                Some(name) => {
                    let value = decoded(found).filter(|value| !value.is_empty())?;
                    values.insert(name.to_owned(), value);
                }
                None if wanted == found => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

/// Whether a template has names in it.
pub(crate) fn is_template(template: &str) -> bool {
    template.split('/').any(|part| name(part).is_some())
}

fn name(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// Without percent signs; `None` for what is malformed.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_one_part_each() {
        let template = "trainyard://aws/operations/{service}/{operation}";
        let found = values(template, "trainyard://aws/operations/ec2/Run%49nstances").unwrap();
        assert_eq!(found["service"], "ec2");
        assert_eq!(found["operation"], "RunInstances");
        for other in [
            "trainyard://aws/operations/ec2",
            "trainyard://aws/operations/ec2/a/b",
            "trainyard://aws/operations//a",
            "trainyard://aws/operations/ec2/%4",
            "trainyard://aws/operations/ec2/%zz",
            "trainyard://aws/operations/ec2/%ff",
            "file:///etc/passwd",
            "",
        ] {
            assert!(values(template, other).is_none(), "{other}");
        }
        assert!(values("trainyard://a/b", "trainyard://a/b").unwrap().is_empty());
        assert!(is_template(template) && !is_template("trainyard://a/b"));
    }
}
