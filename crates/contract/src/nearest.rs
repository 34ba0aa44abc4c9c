//! The nearest name to a misspelt one.

/// The candidate that `name` was most likely meant to be, if any is near enough to suggest.
///
/// Distance is that of Damerau and Levenshtein (adjacent letters swapped count once), case apart.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().take(128).flat_map(char::to_lowercase).collect();
    let allowed = wanted.len() / 3 + 1;
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= allowed + 8)
        .map(|candidate| {
            let letters: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
            (distance(&wanted, &letters), candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= allowed || (wanted.len() > 3 && candidate.to_lowercase().starts_with(&name.to_lowercase()))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let swap = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + swap);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found_and_nonsense_is_not() {
        let names = ["instance_ids", "instance_types", "states", "vpc_ids"];
        assert_eq!(nearest("instanceids", names), Some("instance_ids"));
        assert_eq!(nearest("instnace_types", names), Some("instance_types"));
        assert_eq!(nearest("state", names), Some("states"));
        assert_eq!(nearest("quite_something_else", names), None);
        assert_eq!(nearest("", names), None);
    }
}
