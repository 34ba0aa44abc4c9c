//! The part of PromQL that is understood here: selectors, what they were over a time, `label_replace`, arithmetic and
//! comparisons, `or`, and aggregations. Everything else is told apart from what is wrong.

mod expression;
mod tokens;

use regex::Regex;

pub(super) use self::expression::{Expression, Fold, Operator, Replacement, Selector};
use self::{
    expression::{Is, Matcher},
    tokens::{Token, tokens},
};

/// Why a query is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// It is no PromQL.
    Wrong(String),
    /// It is more than is understood here.
    Beyond(String),
}

pub(super) type Result<T> = std::result::Result<T, Unanswered>;

/// Understands a query.
pub(super) fn parse(text: &str) -> Result<Expression> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, joined: 0 };
    let expression = parser.either()?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(Unanswered::beyond_or_wrong(token)),
    }
}

/// The selector that is all of a query.
pub(super) fn parse_selector(text: &str) -> Result<Selector> {
    match parse(text)? {
        Expression::Selector(selector) => Ok(selector),
        _ => Err(Unanswered::Wrong(format!("{text:?} is no selector"))),
    }
}

/// Words that join two expressions, or change one, in ways that are not understood here.
const BEYOND: &[&str] =
    &["and", "unless", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "atan2"];

/// Levels of brackets that are followed.
const DEEPEST: usize = 64;
/// Operators of a query that are followed: each makes the tree of it a level deeper.
const MOST_JOINED: usize = 100;

impl Unanswered {
    fn beyond_or_wrong(token: &Token) -> Self {
        match token {
            Token::Word(word) if BEYOND.contains(&word.as_str()) => Self::beyond(word),
            Token::Sign(sign @ ("%" | "^" | "@" | ":" | "[")) => Self::beyond(sign),
            token => Self::Wrong(format!("parse error: unexpected {}", token.shown())),
        }
    }

    fn beyond(what: &str) -> Self {
        Self::Beyond(format!(
            "{what:?} is not in the sandbox, whose Prometheus knows selectors, avg, max, min, sum, count and last _over_time, \
             label_replace, arithmetic, comparisons, `or`, and avg, max, min, sum and count `by` labels"
        ))
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    joined: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token> {
        let token =
            self.peek().cloned().ok_or_else(|| Unanswered::Wrong("parse error: unexpected end of input".to_owned()))?;
        self.at += 1;
        Ok(token)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is);
        is
    }

    fn wants(&mut self, sign: &str) -> Result<()> {
        if self.takes(sign) {
            return Ok(());
        }
        let found = self.next()?;
        Err(match Unanswered::beyond_or_wrong(&found) {
            beyond @ Unanswered::Beyond(_) => beyond,
            Unanswered::Wrong(_) => {
                Unanswered::Wrong(format!("parse error: unexpected {}, expected {sign:?}", found.shown()))
            }
        })
    }

    fn word(&mut self) -> Result<String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(Unanswered::beyond_or_wrong(&other)),
        }
    }

    fn text(&mut self) -> Result<String> {
        match self.next()? {
            Token::Text(text) => Ok(text),
            other => Err(Unanswered::Wrong(format!("parse error: unexpected {}, expected a string", other.shown()))),
        }
    }

    fn either(&mut self) -> Result<Expression> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Unanswered::Beyond(format!(
                "more than {DEEPEST} brackets within each other are not in the sandbox"
            )));
        }
        let mut left = self.binary(0)?;
        while matches!(self.peek(), Some(Token::Word(word)) if word == "or") {
            self.at += 1;
            self.join()?;
            left = Expression::Or(Box::new(left), Box::new(self.binary(0)?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn join(&mut self) -> Result<()> {
        self.joined += 1;
        if self.joined > MOST_JOINED {
            return Err(Unanswered::Beyond(format!("more than {MOST_JOINED} operators are not in the sandbox")));
        }
        Ok(())
    }

    /// Expressions joined by the operators of a level and those that bind more strongly.
    fn binary(&mut self, level: usize) -> Result<Expression> {
        const LEVELS: &[&[(&str, Operator)]] = &[
            &[
                ("==", Operator::Equal),
                ("!=", Operator::Unequal),
                (">", Operator::Greater),
                ("<", Operator::Less),
                (">=", Operator::AtLeast),
                ("<=", Operator::AtMost),
            ],
            &[("+", Operator::Add), ("-", Operator::Subtract)],
            &[("*", Operator::Multiply), ("/", Operator::Divide)],
        ];
        let Some(operators) = LEVELS.get(level) else { return self.primary() };
        let mut left = self.binary(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.takes(sign)) {
            self.join()?;
            left = Expression::Binary(Box::new(left), *operator, Box::new(self.binary(level + 1)?));
        }
        Ok(left)
    }

    fn primary(&mut self) -> Result<Expression> {
        if self.takes("(") {
            let inner = self.either()?;
            self.wants(")")?;
            return Ok(inner);
        }
        if self.takes("{") {
            self.at -= 1;
            return Ok(Expression::Selector(self.selector(None)?));
        }
        match self.next()? {
            Token::Number(number) => Ok(Expression::Number(number)),
            Token::Sign("-") => match self.next()? {
                Token::Number(number) => Ok(Expression::Number(-number)),
                _ => Err(Unanswered::beyond("-")),
            },
            Token::Word(word) if BEYOND.contains(&word.as_str()) => Err(Unanswered::beyond(&word)),
            Token::Word(word) => self.named(word),
            other => Err(Unanswered::beyond_or_wrong(&other)),
        }
    }

    /// A function, an aggregation or a metric.
    fn named(&mut self, word: String) -> Result<Expression> {
        let brackets = matches!(self.peek(), Some(Token::Sign("(")));
        let by = matches!(self.peek(), Some(Token::Word(next)) if next == "by");
        if let Some(fold) = word.strip_suffix("_over_time").filter(|_| brackets) {
            let fold = Fold::named(fold).ok_or_else(|| Unanswered::beyond(&word))?;
            return self.over(fold);
        }
        match (word.as_str(), Fold::named(&word).filter(|fold| *fold != Fold::Last)) {
            (_, Some(fold)) if brackets || by => self.aggregate(fold),
            ("label_replace", _) if brackets => self.replace(),
            _ if brackets || matches!(self.peek(), Some(Token::Word(next)) if next == "without") => {
                Err(Unanswered::beyond(&word))
            }
            _ => Ok(Expression::Selector(self.selector(Some(word))?)),
        }
    }

    fn over(&mut self, fold: Fold) -> Result<Expression> {
        self.wants("(")?;
        let name = if matches!(self.peek(), Some(Token::Sign("{"))) { None } else { Some(self.word()?) };
        let selector = self.selector(name)?;
        self.wants("[")?;
        let seconds = match self.next()? {
            Token::Seconds(seconds) => seconds,
            other => {
                return Err(Unanswered::Wrong(format!(
                    "parse error: unexpected {}, expected a duration",
                    other.shown()
                )));
            }
        };
        self.wants("]")?;
        self.wants(")")?;
        Ok(Expression::Over(fold, selector, seconds))
    }

    /// `by` and its labels may stand before or behind what is brought together.
    fn aggregate(&mut self, fold: Fold) -> Result<Expression> {
        let mut labels = self.by()?;
        self.wants("(")?;
        let inner = self.either()?;
        self.wants(")")?;
        if labels.is_none() {
            labels = self.by()?;
        }
        Ok(Expression::Aggregate(fold, labels.unwrap_or_default(), Box::new(inner)))
    }

    fn by(&mut self) -> Result<Option<Vec<String>>> {
        if !matches!(self.peek(), Some(Token::Word(word)) if word == "by") {
            return Ok(None);
        }
        self.at += 1;
        self.wants("(")?;
        let mut labels = Vec::new();
        while !self.takes(")") {
            labels.push(self.word()?);
            if !self.takes(",") {
                self.wants(")")?;
                break;
            }
        }
        Ok(Some(labels))
    }

    fn replace(&mut self) -> Result<Expression> {
        self.wants("(")?;
        let inner = self.either()?;
        let mut text = || {
            self.wants(",")?;
            self.text()
        };
        let (to, with, from, pattern) = (text()?, text()?, text()?, text()?);
        self.wants(")")?;
        Ok(Expression::Replace(Box::new(inner), Replacement { to, with, from, pattern: whole(&pattern)? }))
    }

    fn selector(&mut self, name: Option<String>) -> Result<Selector> {
        let mut selector = Selector { name, matchers: Vec::new() };
        if !self.takes("{") {
            return Ok(selector);
        }
        while !self.takes("}") {
            let label = self.word()?;
            let sign = self.next()?;
            let value = self.text()?;
            let is = match sign {
                Token::Sign("=") => Is::Equal(value),
                Token::Sign("!=") => Is::Other(value),
                Token::Sign("=~") => Is::Like(whole(&value)?),
                Token::Sign("!~") => Is::Unlike(whole(&value)?),
                other => {
                    return Err(Unanswered::Wrong(format!(
                        "parse error: unexpected {} in label matching",
                        other.shown()
                    )));
                }
            };
            match (&is, label.as_str()) {
                (Is::Equal(name), "__name__") => selector.name = Some(name.clone()),
                _ => selector.matchers.push(Matcher { label, is }),
            }
            if !self.takes(",") {
                self.wants("}")?;
                break;
            }
        }
        Ok(selector)
    }
}

/// A pattern of a whole value, as all of Prometheus are.
fn whole(pattern: &str) -> Result<Regex> {
    Regex::new(&format!("^(?s:{pattern})$"))
        .map_err(|error| Unanswered::Wrong(format!("error parsing regexp: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_send_is_understood() {
        for text in [
            "up",
            "max(DCGM_FI_DEV_GPU_TEMP)",
            "label_replace(hami_gpu_memory_limit_bytes, \"node\", \"$1\", \"exported_node\", \"(.+)\") or GPUDeviceMemoryLimit",
            "avg by (device_uuid) (label_replace(max_over_time(neuroncore_utilization_ratio[3600s]) * 100, \"device_index\", \"$1\", \"neuroncore\", \"(.+)\"))",
            "(a{node=\"x\",exported_node=\"\"} or a{exported_node=\"x\"}) * 1048576",
            "sum(a) by (node, pod) > 0.5",
            "{__name__=\"a\",b=~\"c|d\"}",
            "a / (a + b{c!~\"d.*\"})",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn what_is_wrong_and_what_is_beyond_are_told_apart() {
        for text in ["max(", "a{", "a{b}", "a b", "\"a", "a{b=~\"(\"}", "5x", "avg_over_time(a[0s])"] {
            assert!(matches!(parse(text), Err(Unanswered::Wrong(_))), "{text}: {:?}", parse(text));
        }
        let deep = "(".repeat(1_000);
        let (long, many) = ("1+".repeat(100_000) + "1", "a or ".repeat(100_000) + "a");
        for text in [
            "rate(a[5m])",
            "histogram_quantile(0.9, a)",
            "a and b",
            "sum without (b) (a)",
            "a offset 5m",
            "a[5m]",
            "a @ 5",
            "topk(5, a)",
            &deep,
            &long,
            &many,
        ] {
            let said = parse(text);
            assert!(
                matches!(&said, Err(Unanswered::Beyond(why)) if why.contains("not in the sandbox")),
                "{text}: {said:?}"
            );
        }
    }
}
