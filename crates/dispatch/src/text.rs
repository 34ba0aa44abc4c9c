//! Text that others wrote, made harmless to look at.

/// Without escape sequences, control characters, and characters that hide or turn around what is written.
///
/// Line breaks and tabs stay. Nothing is allocated where there is nothing to remove.
pub(crate) fn clean(text: &mut String) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return;
    }
    let mut kept = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            skip_escape(&mut letters);
        } else if !is_hidden(letter) {
            kept.push(letter);
        }
    }
    *text = kept;
}

/// A terminal's control sequence, up to its final letter.
fn skip_escape(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match letters.peek() {
        Some('[') => {
            letters.next();
            while letters.next_if(|letter| matches!(letter, ' '..='?')).is_some() {}
            letters.next_if(|letter| matches!(letter, '@'..='~'));
        }
        Some(']') => {
            // An operating system command ends with a bell or with another escape.
            while letters.next_if(|letter| !matches!(letter, '\u{7}' | '\u{1b}')).is_some() {}
            letters.next_if_eq(&'\u{7}');
        }
        _ => {}
    }
}

fn is_hidden(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_control() && !matches!(letter, '\n' | '\t');
    }
    letter.is_control()
        || matches!(
            letter,
            // Soft hyphen, Arabic letter mark, Hangul and Khmer fillers, Mongolian separator.
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            // Zero width, directional marks and overrides, line separators, invisible operators.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            // Tags, and variation selectors beyond those that pick an emoji's form.
            | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> String {
        let mut text = text.to_owned();
        clean(&mut text);
        text
    }

    #[test]
    fn what_hides_is_removed_and_what_is_written_stays() {
        assert_eq!(cleaned("plain\ttext\n"), "plain\ttext\n");
        assert_eq!(cleaned("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(cleaned("\u{1b}]0;title\u{7}after"), "after");
        assert_eq!(cleaned("a\u{202e}b\u{200b}c\u{feff}"), "abc");
        assert_eq!(cleaned("tag\u{e0041}\u{e0042}s"), "tags");
        assert_eq!(cleaned("bell\u{7}null\0"), "bellnull");
        assert_eq!(cleaned("Grüße 東京 🚂"), "Grüße 東京 🚂");
    }
}
