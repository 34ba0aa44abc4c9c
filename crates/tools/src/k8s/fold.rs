//! Lines of logs: those that match, with repeating ones folded.

use std::collections::HashMap;

/// A line that stands for `count` like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folded {
    pub(crate) line: String,
    pub(crate) count: usize,
}

/// Folds lines that differ in numbers, times and long identifiers only. Each stands where it was last seen, because the
/// newest lines of a log matter most.
pub(crate) fn fold<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Folded> {
    let mut seen: HashMap<String, (usize, usize, &str)> = HashMap::new();
    for (place, line) in lines.enumerate() {
        let entry = seen.entry(pattern(line)).or_insert((place, 0, line));
        *entry = (place, entry.1 + 1, line);
    }
    let mut folded: Vec<_> = seen.into_values().collect();
    folded.sort_unstable_by_key(|(place, ..)| *place);
    folded.into_iter().map(|(_, count, line)| Folded { line: line.to_owned(), count }).collect()
}

/// The line without what changes from one to the next. Words stay, so that different errors stay different.
fn pattern(line: &str) -> String {
    let mut pattern = String::with_capacity(line.len());
    for word in line.split_inclusive(|letter: char| letter.is_whitespace() || "=:,()[]\"'/".contains(letter)) {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        if digits == 0 {
            pattern.push_str(word);
            continue;
        }
        let plain = word.len() > 8
            && word
                .trim_end_matches(|letter: char| !letter.is_alphanumeric())
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if plain {
            pattern.push('#');
            continue;
        }
        let mut number = false;
        for letter in word.chars() {
            if letter.is_ascii_digit() {
                if !number {
                    pattern.push('#');
                }
                number = true;
            } else if !(number && letter == '.') {
                pattern.push(letter);
                number = false;
            }
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeating_lines_become_one_and_different_ones_stay() {
        let log = "2026-01-01T00:00:01Z step=1 loss=0.91\n2026-01-01T00:00:02Z step=2 loss=0.87\nerror: NCCL timeout on rank 3\n\
            2026-01-01T00:00:03Z step=3 loss=0.80\nerror: out of memory";
        let folded = fold(log.lines());
        let told: Vec<(usize, &str)> = folded.iter().map(|folded| (folded.count, folded.line.as_str())).collect();
        assert_eq!(
            told,
            [
                (1, "error: NCCL timeout on rank 3"),
                (3, "2026-01-01T00:00:03Z step=3 loss=0.80"),
                (1, "error: out of memory"),
            ]
        );
        assert_eq!(pattern("id 3f2a9c7b-11aa end"), pattern("id 99999999-22bb end"));
        assert_ne!(pattern("disk full on node 1"), pattern("disk empty on node 1"));
    }
}
