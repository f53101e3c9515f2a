//! Filters in their SQL-like notation: `year >= 2020 AND (lang = 'en' OR tags IN ('a', 'b'))`.

use std::ops::Bound;

use super::{Parser, all_of, contains, exists, not, one_of, ordered, scalar};
use crate::error::{Error, Result, within};
use crate::filter::{Filter, PayloadCondition, Scalar};
use crate::limits::{MAX_FILTER_BYTES, MAX_TREE_DEPTH};

/// Brackets and `NOT`s around each other: a level of the tree is at most one of each.
const MAX_DEPTH: usize = 2 * MAX_TREE_DEPTH;
/// Words that are no paths unless quoted, since they may stand where a path does.
pub(super) const RESERVED: [&str; 6] = ["AND", "OR", "NOT", "TRUE", "FALSE", "NULL"];
const OPERATORS: &str =
    "= == != <> < <= > >= IN, NOT IN, BETWEEN, IS NULL, IS NOT NULL, CONTAINS, MATCH";

impl Parser {
    pub(super) fn sql(&mut self, text: &str) -> Result<Filter> {
        within("bytes of the filter", text.len(), MAX_FILTER_BYTES)?;
        let mut reader = Reader { parser: self, tokens: tokens(text)?, next: 0 };
        let filter = reader.any(0)?;
        match reader.peek() {
            Token::End => Ok(filter),
            _ => Err(reader.expected("AND, OR or the end")),
        }
    }
}

/// True for a path that can stand without quotes.
pub(super) fn is_plain(path: &str) -> bool {
    !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(path))
        && path.split('.').all(|key| key.starts_with(begins_word) && key.chars().all(is_of_word))
}

fn begins_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A word of the notation, or a path.
    Word(String),
    /// A path in double quotes.
    Quoted(String),
    /// A string in single quotes.
    Text(String),
    Number(Scalar),
    Sign(&'static str),
    End,
}

/// Longer ones before those that they begin with.
const SIGNS: [&str; 11] = ["==", "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","];

/// The tokens of a text, each with the column where it begins.
fn tokens(text: &str) -> Result<Vec<(Token, usize)>> {
    let mut tokens = Vec::new();
    let (mut rest, mut column) = (text, 1);
    loop {
        let begun = rest.trim_start();
        column += rest.chars().count() - begun.chars().count();
        let Some(first) = begun.chars().next() else {
            tokens.push((Token::End, column));
            return Ok(tokens);
        };
        let token;
        (token, rest) = if first == '\'' || first == '"' {
            let (string, rest) = quoted(begun, first, column)?;
            (if first == '"' { Token::Quoted(string) } else { Token::Text(string) }, rest)
        } else if first.is_ascii_digit() || first == '-' {
            number(begun, column)?
        } else if begins_word(first) {
            let end = begun.find(|c| !is_of_word(c) && c != '.').unwrap_or(begun.len());
            let (word, rest) = begun.split_at(end);
            if word.split('.').any(|key| !key.starts_with(begins_word)) {
                let detail = format!("{word} is no path; one like it goes in double quotes");
                return Err(at(column, detail));
            }
            (Token::Word(word.to_owned()), rest)
        } else {
            let sign = SIGNS.iter().find_map(|sign| Some((*sign, begun.strip_prefix(sign)?)));
            let (sign, rest) =
                sign.ok_or_else(|| at(column, format!("{first:?} has no meaning here")))?;
            (Token::Sign(sign), rest)
        };
        let length = begun.len() - rest.len();
        tokens.push((token, column));
        column += begun.get(..length).unwrap_or_default().chars().count();
    }
}

/// The text between two quotes; a quote inside is doubled.
fn quoted(text: &str, quote: char, column: usize) -> Result<(String, &str)> {
    let mut string = String::new();
    let mut rest = text.get(1..).unwrap_or_default();
    while let Some((part, after)) = rest.split_once(quote) {
        string.push_str(part);
        match after.strip_prefix(quote) {
            Some(after) => {
                string.push(quote);
                rest = after;
            }
            None => return Ok((string, after)),
        }
    }
    Err(at(column, format!("the {quote} that begins here has no end")))
}

/// A number as JSON has it.
fn number(text: &str, column: usize) -> Result<(Token, &str)> {
    let mut before = '-';
    let end = text.find(|c: char| {
        let belongs =
            c.is_alphanumeric() || c == '.' || matches!((before, c), ('e' | 'E', '+' | '-'));
        let first = before == '-' && c == '-';
        before = if first { ' ' } else { c };
        !belongs && !first
    });
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    let json: serde_json::Number = serde_json::from_str(number)
        .map_err(|_| at(column, format!("{number} is not a number; write it as JSON does")))?;
    let scalar = scalar(&json.into(), &location(column))?;
    Ok((Token::Number(scalar), rest))
}

fn location(column: usize) -> String {
    format!("filter, column {column}")
}

fn at(column: usize, detail: String) -> Error {
    Error::invalid(location(column), detail)
}

struct Reader<'a> {
    parser: &'a mut Parser,
    tokens: Vec<(Token, usize)>,
    next: usize,
}

impl Reader<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn column(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(1, |(_, column)| *column)
    }

    fn location(&self) -> String {
        location(self.column())
    }

    fn expected(&self, what: &str) -> Error {
        let found = match self.peek() {
            Token::Word(word) => word.clone(),
            Token::Quoted(path) => format!("{path:?}"),
            Token::Text(text) => format!("'{text}'"),
            Token::Number(number) => number.to_json().to_string(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "the end".to_owned(),
        };
        at(self.column(), format!("{what} is expected, not {found}"))
    }

    /// Takes the next token if it is this word, in any case.
    fn word(&mut self, wanted: &str) -> bool {
        let is = matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(wanted));
        self.next += usize::from(is);
        is
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let is = matches!(self.peek(), Token::Sign(sign) if *sign == wanted);
        self.next += usize::from(is);
        is
    }

    fn demand(&mut self, sign: &str) -> Result<()> {
        if self.sign(sign) { Ok(()) } else { Err(self.expected(sign)) }
    }

    /// Takes a word and the bracket after it; a word without one is a path.
    fn function(&mut self, name: &str) -> bool {
        let before = self.next;
        if self.word(name) && self.sign("(") {
            return true;
        }
        self.next = before;
        false
    }

    /// Parts between `OR`s.
    fn any(&mut self, depth: usize) -> Result<Filter> {
        within("nesting of the filter", depth, MAX_DEPTH)?;
        let mut parts = vec![self.all(depth)?];
        while self.word("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(one_of(parts))
    }

    /// Parts between `AND`s.
    fn all(&mut self, depth: usize) -> Result<Filter> {
        let mut parts = vec![self.one(depth)?];
        while self.word("AND") {
            parts.push(self.one(depth)?);
        }
        Ok(all_of(parts))
    }

    fn one(&mut self, depth: usize) -> Result<Filter> {
        within("nesting of the filter", depth, MAX_DEPTH)?;
        self.parser.node()?;
        if self.word("NOT") {
            return Ok(not(self.one(depth + 1)?));
        }
        if self.sign("(") {
            let inner = self.any(depth + 1)?;
            self.demand(")")?;
            return Ok(inner);
        }
        if self.word("TRUE") {
            return Ok(Filter::All);
        }
        if self.word("FALSE") {
            return Ok(Filter::Or(Vec::new()));
        }
        if self.function("AT_LEAST") {
            return self.at_least(depth);
        }
        if self.function("MATCH") {
            let words = self.text()?;
            self.demand(")")?;
            return Ok(Filter::Text { field: None, words });
        }
        if self.function("HAS_ID") {
            return Ok(Filter::Ids(self.list(Self::text)?));
        }
        if self.function("QDRANT") {
            return self.condition();
        }
        if self.function("EXISTS") {
            let path = self.path()?;
            self.demand(")")?;
            return Ok(exists(path, true));
        }
        let path = self.path()?;
        self.operation(path)
    }

    /// A condition in Qdrant's JSON, whose payloads are read.
    fn condition(&mut self) -> Result<Filter> {
        let location = self.location();
        let text = self.text()?;
        self.demand(")")?;
        let json = serde_json::from_str(&text)
            .map_err(|e| Error::invalid(&location, format!("it is not JSON: {e}")))?;
        let condition = PayloadCondition::from_json(&json, &location)?;
        for _ in 0..condition.nodes {
            self.parser.node()?;
        }
        Ok(Filter::Payload(Box::new(condition)))
    }

    fn at_least(&mut self, depth: usize) -> Result<Filter> {
        let count = match self.peek() {
            Token::Number(Scalar::Int(count)) => usize::try_from(*count).ok(),
            Token::Number(Scalar::UInt(count)) => usize::try_from(*count).ok(),
            _ => None,
        };
        let count = count.ok_or_else(|| self.expected("an integer from 0"))?;
        self.next += 1;
        let mut parts = Vec::new();
        while self.sign(",") {
            parts.push(self.any(depth + 1)?);
        }
        self.demand(")")?;
        Ok(Filter::AtLeast { count, parts })
    }

    /// The condition on a path; a bare path means that its value is true.
    fn operation(&mut self, path: String) -> Result<Filter> {
        if let Token::Sign(sign @ ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=")) =
            self.peek()
        {
            let sign = *sign;
            self.next += 1;
            return self.comparison(path, sign);
        }
        if self.word("IS") {
            let wanted = self.word("NOT");
            if !self.word("NULL") {
                return Err(self.expected("NULL"));
            }
            return Ok(exists(path, wanted));
        }
        if self.word("CONTAINS") {
            let location = self.location();
            let value = self.value()?;
            return contains(path, value, &location);
        }
        if self.word("MATCH") {
            return Ok(Filter::Text { field: Some(path), words: self.text()? });
        }
        let before = self.next;
        let negated = self.word("NOT");
        let filter = if self.word("IN") {
            self.demand("(")?;
            Filter::In { path, values: self.list(Self::value)? }
        } else if self.word("BETWEEN") {
            self.between(path)?
        } else {
            self.next = before;
            let ends = matches!(self.peek(), Token::End | Token::Sign(")" | ","));
            let goes_on = self.word("AND") || self.word("OR");
            self.next = before;
            if !ends && !goes_on {
                return Err(self.expected(&format!("an operator ({OPERATORS})")));
            }
            Filter::Eq { path, value: Scalar::Bool(true) }
        };
        Ok(if negated { not(filter) } else { filter })
    }

    fn comparison(&mut self, path: String, sign: &str) -> Result<Filter> {
        let location = self.location();
        let value = self.value()?;
        if matches!(sign, "=" | "==") {
            return Ok(Filter::Eq { path, value });
        }
        if matches!(sign, "!=" | "<>") {
            return Ok(not(Filter::Eq { path, value }));
        }
        let value = ordered(value, &location)?;
        let none = Bound::Unbounded;
        let (lower, upper) = match sign {
            ">" => (Bound::Excluded(value), none),
            ">=" => (Bound::Included(value), none),
            "<" => (none, Bound::Excluded(value)),
            _ => (none, Bound::Included(value)),
        };
        Ok(Filter::Range { path, lower, upper })
    }

    /// Two bounds for one value, each with it unless a sign says otherwise: `1 AND < 5`.
    fn between(&mut self, path: String) -> Result<Filter> {
        let lower = self.edge(">", ">=")?;
        if !self.word("AND") {
            return Err(self.expected("AND"));
        }
        let upper = self.edge("<", "<=")?;
        Ok(Filter::Range { path, lower, upper })
    }

    fn edge(&mut self, strict: &str, loose: &str) -> Result<Bound<Scalar>> {
        let excluded = self.sign(strict);
        if !excluded {
            self.sign(loose);
        }
        let location = self.location();
        let value = ordered(self.value()?, &location)?;
        Ok(if excluded { Bound::Excluded(value) } else { Bound::Included(value) })
    }

    /// Items up to the closing bracket, which may come at once.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        if self.sign(")") {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.sign(")") {
                return Ok(items);
            }
            if !self.sign(",") {
                return Err(self.expected(", or )"));
            }
        }
    }

    fn path(&mut self) -> Result<String> {
        let path = match self.peek() {
            Token::Word(word) if !RESERVED.iter().any(|r| r.eq_ignore_ascii_case(word)) => word,
            Token::Quoted(path) if !path.is_empty() => path,
            _ => return Err(self.expected("a path")),
        };
        let path = path.clone();
        self.next += 1;
        Ok(path)
    }

    fn value(&mut self) -> Result<Scalar> {
        let value = match self.peek() {
            Token::Number(number) => number.clone(),
            Token::Text(text) => Scalar::Str(text.clone()),
            Token::Word(word) if word.eq_ignore_ascii_case("TRUE") => Scalar::Bool(true),
            Token::Word(word) if word.eq_ignore_ascii_case("FALSE") => Scalar::Bool(false),
            Token::Word(word) if word.eq_ignore_ascii_case("NULL") => Scalar::Null,
            _ => {
                let what = "a value (a number, 'a string', TRUE, FALSE, NULL)";
                return Err(self.expected(what));
            }
        };
        self.next += 1;
        Ok(value)
    }

    fn text(&mut self) -> Result<String> {
        let Token::Text(text) = self.peek() else {
            return Err(self.expected("'a string'"));
        };
        let text = text.clone();
        self.next += 1;
        Ok(text)
    }
}
