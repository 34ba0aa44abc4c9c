//! Names that are made here: sorted by the time they were made, and different on every machine.

use trainyard_contract::{Error, Result};

/// Crockford's digits: none that a person could take for another.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A new name such as `job-01k9a3f2xq7m4c8d0e`: ten digits of time in milliseconds, eight of chance.
pub fn new(kind: &str) -> Result<String> {
    let mut chance = [0; 8];
    getrandom::fill(&mut chance).map_err(|error| Error::internal(format!("no random numbers: {error}")))?;
    let now = crate::moment::now().unsigned_abs();
    let time = (0..10).rev().map(|place| (now >> (5 * place)) % 32);
    let chance = chance.iter().map(|byte| u64::from(byte % 32));
    let digit = |value: u64| char::from(DIGITS[usize::try_from(value % 32).unwrap_or_default()]);
    Ok(format!("{kind}-{}", time.chain(chance).map(digit).collect::<String>()))
}

/// Bytes as text.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A name that a caller chose: lower-case letters, digits, `-`, `_` and `.`, at most 63, so that it can stand in a path,
/// an S3 key and a URL.
pub fn check(what: &str, name: &str) -> Result<()> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    let outer = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let sound = name.len() <= 63
        && name.bytes().all(inner)
        && name.as_bytes().first().is_some_and(outer)
        && !name.contains("..");
    if sound {
        return Ok(());
    }
    Err(Error::validation(format!("{name:?} cannot name a {what}"))
        .hint("use lower-case letters, digits, -, _ and ., beginning with a letter or digit, at most 63"))
}

/// The nearest sound name to a text, such as a file's.
pub fn from_text(text: &str) -> Option<String> {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let mapped: String = text.chars().map(plain).collect();
    let words: Vec<_> = mapped.split('-').filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(63).collect();
    let name = name.trim_end_matches('-').to_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_never_meet() {
        let names: Vec<_> = (0..1000).map(|_| new("job").unwrap()).collect();
        let unique: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(unique.len(), 1000);
        assert!(names.iter().all(|name| check("job", name).is_ok()));
        let times: Vec<_> = names.iter().map(|name| &name[..14]).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn a_name_can_stand_in_a_path() {
        for good in ["a", "iris-2", "v1.0_b", "0"] {
            assert!(check("model", good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a..b", "a/b", "A", "-a", "ä", "a b", "a\0", &"a".repeat(64)] {
            assert!(check("model", bad).is_err(), "{bad}");
        }
        assert_eq!(from_text("Wine Quality (red).csv").as_deref(), Some("wine-quality-red-csv"));
        assert_eq!(from_text("日本"), None);
    }
}
