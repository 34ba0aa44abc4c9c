//! Expressions of queries: fields, texts, numbers, and what is asked of them.

use regex::Regex;

/// A word of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or a number.
    Word(String),
    /// A field between backticks.
    Field(String),
    /// A text between quotes.
    Text(String),
    /// A pattern between slashes.
    Pattern(String),
    /// A sign, such as `>=`.
    Sign(&'static str),
}

const SIGNS: &[&str] =
    &["!=", "<=", ">=", "=~", "=", "<", ">", "(", ")", "[", "]", ",", "|", "+", "-", "*", "/", "%", "^"];

/// A query's words. The error says where it cannot be read.
pub(super) fn tokens(query: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut rest) = (Vec::new(), query);
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        if first == '#' {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        let pattern_may_begin = matches!(tokens.last(), Some(Token::Word(word)) if word == "like")
            || tokens.last() == Some(&Token::Sign("=~"));
        if matches!(first, '"' | '\'' | '`') || first == '/' && pattern_may_begin {
            let (inner, after) =
                quoted(&rest[1..], first).ok_or_else(|| format!("what begins with {first} does not end"))?;
            tokens.push(match first {
                '/' => Token::Pattern(inner),
                '`' => Token::Field(inner),
                _ => Token::Text(inner),
            });
            rest = after;
            continue;
        }
        let in_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '@' | '.');
        let negative = first == '-'
            && rest[1..].starts_with(|letter: char| letter.is_ascii_digit())
            && matches!(tokens.last(), None | Some(Token::Sign(_)));
        if in_word(first) || negative {
            let end = rest[1..].find(|letter: char| !in_word(letter)).map_or(rest.len(), |end| end + 1);
            // A first letter of several bytes is a word's, too.
            let end = (end..=rest.len()).find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
            continue;
        }
        let sign = SIGNS
            .iter()
            .find(|sign| rest.starts_with(**sign))
            .ok_or_else(|| format!("unexpected character {first:?}"))?;
        tokens.push(Token::Sign(sign));
        rest = &rest[sign.len()..];
    }
}

/// What stands until the end, and what is after it. In patterns a backslash stays, unless it is before a slash.
fn quoted(text: &str, end: char) -> Option<(String, &str)> {
    let (mut inner, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => {
                let (_, next) = letters.next()?;
                if end == '/' && next != '/' {
                    inner.push('\\');
                }
                inner.push(next);
            }
            letter if letter == end => return Some((inner, &text[at + letter.len_utf8()..])),
            letter => inner.push(letter),
        }
    }
    None
}

/// A value of an expression.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Field(String),
    Literal(String),
}

/// What is asked of a row.
#[derive(Debug)]
pub(super) enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Compare(Operand, &'static str, Operand),
    Contains(Operand, String),
    Matches(Operand, Regex),
    In(Operand, Vec<Operand>),
    Present(String),
}

/// Conditions within each other that are followed.
const DEEPEST: usize = 64;

/// Words of a query, read one after the other.
pub(super) struct Reader<'t> {
    tokens: &'t [Token],
    depth: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(tokens: &'t [Token]) -> Self {
        Self { tokens, depth: 0 }
    }

    pub(super) fn next(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    pub(super) fn is_done(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn takes_sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.tokens.first(), Some(Token::Sign(found)) if *found == sign);
        if is {
            self.next();
        }
        is
    }

    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let is = matches!(self.tokens.first(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        if is {
            self.next();
        }
        is
    }

    /// Whether a function's name and its parenthesis are next.
    pub(super) fn function(&self) -> Option<&'t str> {
        match self.tokens {
            [Token::Word(name), Token::Sign("("), ..] => Some(name),
            _ => None,
        }
    }

    pub(super) fn name(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(name) | Token::Field(name)) => Ok(name.clone()),
            other => Err(format!("expected a field, found {}", said(other))),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        if let Some(function) = self.function() {
            return Err(format!("the function {function} in a condition is not in the sandbox"));
        }
        match self.next() {
            Some(Token::Word(word)) if word.parse::<f64>().is_ok() => Ok(Operand::Literal(word.clone())),
            Some(Token::Word(name) | Token::Field(name)) => Ok(Operand::Field(name.clone())),
            Some(Token::Text(text)) => Ok(Operand::Literal(text.clone())),
            other => Err(format!("expected a field or a value, found {}", said(other))),
        }
    }

    pub(super) fn condition(&mut self) -> Result<Condition, String> {
        let mut any = vec![self.conjunction()?];
        while self.takes_word("or") {
            any.push(self.conjunction()?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Condition::Any(any) })
    }

    fn conjunction(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.negation()?];
        while self.takes_word("and") {
            all.push(self.negation()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::All(all) })
    }

    fn negation(&mut self) -> Result<Condition, String> {
        if self.depth == DEEPEST {
            return Err(format!("more than {DEEPEST} conditions within each other are not in the sandbox"));
        }
        self.depth += 1;
        let read = self.inner();
        self.depth -= 1;
        read
    }

    fn inner(&mut self) -> Result<Condition, String> {
        if self.takes_word("not") {
            return Ok(Condition::Not(Box::new(self.negation()?)));
        }
        if self.takes_sign("(") {
            let inner = self.condition()?;
            return if self.takes_sign(")") { Ok(inner) } else { Err("a parenthesis does not end".to_owned()) };
        }
        if self.function().is_some_and(|name| name.eq_ignore_ascii_case("ispresent")) {
            self.tokens = &self.tokens[2..];
            let field = self.name()?;
            return if self.takes_sign(")") {
                Ok(Condition::Present(field))
            } else {
                Err("ispresent takes a field".to_owned())
            };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let left = self.operand()?;
        if let Some(sign) = ["!=", "<=", ">=", "=", "<", ">"].into_iter().find(|sign| self.takes_sign(sign)) {
            return Ok(Condition::Compare(left, sign, self.operand()?));
        }
        if self.takes_sign("=~") {
            return self.likeness(left);
        }
        let negated = self.takes_word("not");
        let condition = if self.takes_word("like") {
            self.likeness(left)?
        } else if self.takes_word("in") {
            if !self.takes_sign("[") {
                return Err("in takes a list such as [1, 2]".to_owned());
            }
            let mut list = Vec::new();
            while !self.takes_sign("]") {
                list.push(self.operand()?);
                self.takes_sign(",");
            }
            Condition::In(left, list)
        } else {
            return Err(format!("expected a comparison, found {}", said(self.tokens.first())));
        };
        Ok(if negated { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn likeness(&mut self, left: Operand) -> Result<Condition, String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Condition::Contains(left, text.clone())),
            Some(Token::Pattern(pattern)) => {
                let expression =
                    Regex::new(pattern).map_err(|error| format!("the pattern /{pattern}/ is none: {error}"))?;
                Ok(Condition::Matches(left, expression))
            }
            other => Err(format!("like takes a text or a /pattern/, not {}", said(other))),
        }
    }
}

/// A word as a message shows it.
pub(super) fn said(token: Option<&Token>) -> String {
    match token {
        None => "the end".to_owned(),
        Some(Token::Word(word) | Token::Field(word)) => word.clone(),
        Some(Token::Text(text)) => format!("{text:?}"),
        Some(Token::Pattern(pattern)) => format!("/{pattern}/"),
        Some(Token::Sign(sign)) => (*sign).to_owned(),
    }
}

/// Order of two values: as numbers where both are, and as texts otherwise.
pub(super) fn order(one: &str, other: &str) -> std::cmp::Ordering {
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.total_cmp(&other),
        _ => one.cmp(other),
    }
}

impl Condition {
    /// Whether a row, by its fields, is meant.
    pub(super) fn holds(&self, field: &dyn Fn(&str) -> Option<String>) -> bool {
        let value = |operand: &Operand| match operand {
            Operand::Field(name) => field(name),
            Operand::Literal(text) => Some(text.clone()),
        };
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(field)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(field)),
            Self::Not(condition) => !condition.holds(field),
            Self::Present(name) => field(name).is_some(),
            Self::Contains(operand, text) => value(operand).is_some_and(|value| value.contains(text)),
            Self::Matches(operand, expression) => value(operand).is_some_and(|value| expression.is_match(&value)),
            Self::In(operand, list) => value(operand).is_some_and(|one| {
                list.iter().any(|other| value(other).is_some_and(|other| order(&one, &other).is_eq()))
            }),
            Self::Compare(left, sign, right) => {
                let (Some(left), Some(right)) = (value(left), value(right)) else { return *sign == "!=" };
                let order = order(&left, &right);
                match *sign {
                    "=" => order.is_eq(),
                    "!=" => order.is_ne(),
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                }
            }
        }
    }
}
