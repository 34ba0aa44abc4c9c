//! Words, signs and texts of PromQL.

use super::{Result, Unanswered};

/// A word, a sign, or what stands for itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Seconds(i64),
    Sign(&'static str),
}

/// Signs, longer ones first.
const SIGNS: &[&str] = &[
    "=~", "!~", "==", "!=", ">=", "<=", "(", ")", "{", "}", "[", "]", ",", "=", ">", "<", "+", "-", "*", "/", "%", "^",
    "@", ":",
];

/// The words of a query.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' | '\'' => quoted(rest, first)?,
            c if c.is_ascii_digit() => number(rest)?,
            c if c.is_ascii_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | ':'));
                let word = &rest[..end.unwrap_or(rest.len())];
                (Token::Word(word.to_owned()), word.len())
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| Unanswered::Wrong(format!("unexpected character: {first:?}")))?;
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn quoted(rest: &str, quote: char) -> Result<(Token, usize)> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, same @ ('\\' | '"' | '\''))) => text.push(same),
                _ => return Err(Unanswered::Wrong("an escape sequence that is none".to_owned())),
            },
            letter if letter == quote => return Ok((Token::Text(text), at + 1)),
            letter => text.push(letter),
        }
    }
    Err(Unanswered::Wrong("unterminated quoted string".to_owned()))
}

/// `1.5`, `2e3`, `5m`, `1h30m`.
fn number(rest: &str) -> Result<(Token, usize)> {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
    let word = &rest[..end];
    let token = match word.parse() {
        Ok(number) => Token::Number(number),
        Err(_) => {
            Token::Seconds(seconds(word).ok_or_else(|| Unanswered::Wrong(format!("bad number or duration: {word:?}")))?)
        }
    };
    Ok((token, end))
}

fn seconds(word: &str) -> Option<i64> {
    let (mut total, mut count) = (0_i64, None::<i64>);
    for letter in word.chars() {
        if let Some(digit) = letter.to_digit(10) {
            count = Some(count.unwrap_or(0).checked_mul(10)?.checked_add(digit.into())?);
            continue;
        }
        let unit = match letter {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(count.take()?.checked_mul(unit)?)?;
    }
    (count.is_none() && total > 0).then_some(total)
}

impl Token {
    /// As messages name it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("identifier {word:?}"),
            Self::Text(text) => format!("string {text:?}"),
            Self::Number(number) => format!("number {number}"),
            Self::Seconds(seconds) => format!("duration of {seconds} s"),
            Self::Sign(sign) => format!("{sign:?}"),
        }
    }
}
