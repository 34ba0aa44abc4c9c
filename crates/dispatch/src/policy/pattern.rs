//! Patterns of a policy: text in which `*` stands for any run of letters.

/// Whether `text` is what `pattern` says. Case, `-`, `_` and blanks make no difference: an operation or a kind that is
/// spelt another way must not slip past a rule.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    if pattern.is_ascii() && text.is_ascii() {
        return fits_folded(folded_bytes(pattern), folded_bytes(text), |letter| *letter == b'*');
    }
    fits_folded(folded(pattern), folded(text), |letter| *letter == '*')
}

fn fits_folded<L: PartialEq, I: Iterator<Item = L> + Clone>(
    mut pattern: I,
    mut text: I,
    is_star: impl Fn(&L) -> bool,
) -> bool {
    // Where to take up again: after the last star, with one more letter given to it.
    let mut star = None;
    loop {
        let mut read = text.clone();
        let Some(letter) = read.next() else { break };
        let mut wanted = pattern.clone();
        match wanted.next() {
            Some(same) if is_star(&same) => {
                star = Some((wanted.clone(), text.clone()));
                pattern = wanted;
            }
            Some(same) if same == letter => (pattern, text) = (wanted, read),
            _ => {
                let Some((place, taken)) = &mut star else { return false };
                taken.next();
                (pattern, text) = (place.clone(), taken.clone());
            }
        }
    }
    pattern.all(|letter| is_star(&letter))
}

fn folded(text: &str) -> impl Iterator<Item = char> + Clone {
    text.chars().filter(|letter| !matches!(letter, '-' | '_' | ' ')).flat_map(char::to_lowercase)
}

/// The same for plain text, which nearly all of it is.
fn folded_bytes(text: &str) -> impl Iterator<Item = u8> + Clone {
    text.bytes().filter(|letter| !matches!(letter, b'-' | b'_' | b' ')).map(|letter| letter.to_ascii_lowercase())
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
            ("GRÜ*", "grü-ße"),
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
