//! Patterns of a policy: text in which `*` stands for any run of letters.

/// Whether `text` is what `pattern` says. Case, `-`, `_` and blanks make no difference: an operation or a kind that is
/// spelt another way must not slip past a rule.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (folded(pattern), folded(text));
    let (mut at, mut read) = (0, 0);
    // Where to take up again: after the last star, with one more letter given to it.
    let mut star = None;
    while read < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, read));
            at += 1;
        } else if pattern.get(at) == Some(&text[read]) {
            at += 1;
            read += 1;
        } else if let Some((place, taken)) = star {
            at = place + 1;
            read = taken + 1;
            star = Some((place, read));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

fn folded(text: &str) -> Vec<char> {
    text.chars().filter(|letter| !matches!(letter, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_spelling_makes_no_difference() {
        for (pattern, text) in [
            ("*", ""),
            ("prod-*", "prod-1"),
            ("*:Delete*", "s3:DeleteBucket"),
            ("ec2:TerminateInstances", "ec2:terminate-instances"),
            ("ec2 instance", "EC2_Instance"),
            ("a*b*c", "a-x-b-b-y-c"),
            ("eu-*", "eu-west-1"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("prod-*", "staging-prod-1"), ("prod", "prod-1"), ("a*b", "abc"), ("", "a")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_are_answered_at_once() {
        assert!(!fits(&"*a".repeat(200), &"a".repeat(199)));
    }
}
