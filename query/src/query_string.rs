//! The query language of the text leg: `+must -not "a phrase"~2 title:word prefix* fuzzy~1 (a b)^2`.
//!
//! A clause is looked for as the collection's analyzer reads it. `+` and `AND` make a clause one that a hit
//! must have, `-` and `NOT` one that it must not; of the others a hit has at least one, unless there are some
//! that it must have. AND and OR stand side by side only with brackets. A prefix is compared with terms as
//! they are in the index, stems where the analyzer makes stems; a fuzzy word is made a term first. A backslash takes its meaning from the character behind it.

use crate::error::{Error, Result, within};
use crate::limits::{
    MAX_BOOST, MAX_EDITS, MAX_QUERY_CLAUSES, MAX_QUERY_DEPTH, MAX_SLOP, MIN_PREFIX_CHARS,
};

/// A query: clauses in the order written.
#[derive(Clone, Debug, PartialEq)]
pub struct Clauses(pub Vec<Clause>);

/// One part of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Its occurrence in a hit.
    pub occur: Occur,
    /// The field it is looked for in; all of them if it names none.
    pub field: Option<String>,
    /// The pattern of the clause.
    pub what: What,
    /// Factor on its contribution to a score.
    pub boost: f64,
}

/// Occurrence of a clause in a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occur {
    /// It may; where no clause is one it must have, it has one of these.
    Should,
    /// It must.
    Must,
    /// It must not.
    MustNot,
}

/// Pattern of a clause.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A word. The analyzer may make several terms of it; they count as a phrase then.
    Word(String),
    /// A phrase, with its slop: the most positions that its words may be apart in total.
    Phrase(String, u32),
    /// Words that begin so.
    Prefix(String),
    /// Words within this many edits.
    Fuzzy(String, u8),
    /// Nested clauses.
    Group(Clauses),
}

/// Reads a query.
///
/// # Errors
/// Names the byte where the query makes no sense, or the limit that it crosses.
pub fn parse(text: &str) -> Result<Clauses> {
    let mut reader = Reader { text, at: 0, clauses: 0 };
    let clauses = reader.clauses(0)?;
    match reader.peek() {
        None => Ok(clauses),
        Some(_) => Err(reader.fault("a bracket is closed that was not opened")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    clauses: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    /// Goes over a character if it comes next.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_space(&mut self) {
        while let Some(space) = self.peek().filter(|c| c.is_whitespace()) {
            self.at += space.len_utf8();
        }
    }

    fn fault(&self, detail: &str) -> Error {
        Error::invalid(format!("query string, byte {}", self.at), detail)
    }

    /// Clauses up to a closing bracket or the end.
    fn clauses(&mut self, depth: usize) -> Result<Clauses> {
        within("nesting of the query string", depth, MAX_QUERY_DEPTH)?;
        let mut clauses: Vec<Clause> = Vec::new();
        let (mut joined, mut denied) = (false, false);
        let mut seen = None;
        loop {
            self.skip_space();
            if self.peek().is_none_or(|c| c == ')') {
                return match joined || denied {
                    true => Err(self.fault("AND, OR and NOT want a clause behind them")),
                    false => Ok(Clauses(clauses)),
                };
            }
            let keyword = self.keyword();
            if let Some(word @ (Keyword::And | Keyword::Or)) = keyword
                && seen.replace(word).is_some_and(|before| before != word)
            {
                return Err(
                    self.fault("AND and OR side by side; say with brackets what belongs together")
                );
            }
            match keyword {
                Some(Keyword::And) if !clauses.is_empty() && !denied => joined = true,
                Some(Keyword::Or) if !clauses.is_empty() && !denied => {}
                Some(Keyword::Not) if !denied => denied = true,
                Some(_) => return Err(self.fault("AND and OR want a clause before them")),
                None => {
                    let mut clause = self.clause(depth)?;
                    if std::mem::take(&mut denied) {
                        if clause.occur != Occur::Should {
                            return Err(self.fault("a clause has either NOT or a sign"));
                        }
                        clause.occur = Occur::MustNot;
                    }
                    if std::mem::take(&mut joined) {
                        let before = clauses.last_mut().into_iter();
                        for clause in before.chain([&mut clause]) {
                            if clause.occur == Occur::Should {
                                clause.occur = Occur::Must;
                            }
                        }
                    }
                    clauses.push(clause);
                }
            }
        }
    }

    /// A keyword, if one comes next.
    fn keyword(&mut self) -> Option<Keyword> {
        let rest = self.text.get(self.at..)?;
        let known = [("AND", Keyword::And), ("OR", Keyword::Or), ("NOT", Keyword::Not)];
        let (word, keyword) = known.into_iter().find(|(word, _)| {
            let behind = rest.strip_prefix(word).map(|behind| behind.chars().next());
            behind.is_some_and(|next| next.is_none_or(|c| c.is_whitespace() || "()\"".contains(c)))
        })?;
        self.at += word.len();
        Some(keyword)
    }

    fn clause(&mut self, depth: usize) -> Result<Clause> {
        self.clauses += 1;
        within("clauses of the query string", self.clauses, MAX_QUERY_CLAUSES)?;
        let occur = match (self.take('+'), self.take('-')) {
            (true, true) => return Err(self.fault("a clause cannot be both + and -")),
            (true, false) => Occur::Must,
            (false, true) => Occur::MustNot,
            (false, false) => Occur::Should,
        };
        let (mut field, mut what) = (None, self.what(depth)?);
        if let What::Word(name) = &what
            && self.take(':')
        {
            field = Some(name.clone());
            what = self.what(depth)?;
        }
        let boost = if self.take('^') { self.boost()? } else { 1.0 };
        Ok(Clause { occur, field, what, boost })
    }

    fn what(&mut self, depth: usize) -> Result<What> {
        if self.take('(') {
            let group = self.clauses(depth + 1)?;
            return match self.take(')') {
                true => Ok(What::Group(group)),
                false => Err(self.fault("a bracket is not closed")),
            };
        }
        if self.take('"') {
            let words = self.characters(|c| c == '"');
            if !self.take('"') {
                return Err(self.fault("a phrase is not closed by a quotation mark"));
            }
            let slop = if self.take('~') { self.number("a slop", MAX_SLOP)? } else { 0 };
            return Ok(What::Phrase(words, slop));
        }
        let start = self.at;
        let word = self.characters(|c| c.is_whitespace() || "()\":^~*".contains(c));
        if self.at == start {
            return Err(self.fault("a word, a phrase or a group is expected"));
        }
        if self.take('*') {
            return match word.chars().count() < MIN_PREFIX_CHARS {
                true => Err(self.fault("at least two characters are expected before *")),
                false => Ok(What::Prefix(word)),
            };
        }
        if self.take('~') {
            let digit = self.peek().is_some_and(|c| c.is_ascii_digit());
            let edits = if digit { self.number("edits", u32::from(MAX_EDITS))? } else { 1 };
            return Ok(What::Fuzzy(word, edits as u8));
        }
        Ok(What::Word(word))
    }

    /// Characters up to one that ends them; a backslash is left out, and what is behind it ends nothing.
    fn characters(&mut self, ends: impl Fn(char) -> bool) -> String {
        let mut found = String::new();
        while let Some(next) = self.peek() {
            if ends(next) {
                break;
            }
            self.at += next.len_utf8();
            let escaped = self.peek().filter(|_| next == '\\');
            self.at += escaped.map_or(0, char::len_utf8);
            found.push(escaped.unwrap_or(next));
        }
        found
    }

    fn digits(&mut self, also: &str) -> &str {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit() || also.contains(c)) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn number(&mut self, what: &str, most: u32) -> Result<u32> {
        match self.digits("").parse() {
            Ok(number) if number <= most => Ok(number),
            _ => Err(self.fault(&format!("{what} is a whole number up to {most}"))),
        }
    }

    fn boost(&mut self) -> Result<f64> {
        match self.digits(".").parse::<f64>() {
            Ok(boost) if boost > 0.0 && boost <= MAX_BOOST => Ok(boost),
            _ => Err(self.fault(&format!("a boost is a number above 0 up to {MAX_BOOST}"))),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    And,
    Or,
    Not,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A query as one line, each clause in full.
    fn shown(clauses: &Clauses) -> String {
        let clause = |clause: &Clause| {
            let occur = match clause.occur {
                Occur::Should => "",
                Occur::Must => "+",
                Occur::MustNot => "-",
            };
            let field = clause.field.as_ref().map(|f| format!("{f}:")).unwrap_or_default();
            let what = match &clause.what {
                What::Word(word) => word.clone(),
                What::Phrase(words, slop) => format!("\"{words}\"~{slop}"),
                What::Prefix(word) => format!("{word}*"),
                What::Fuzzy(word, edits) => format!("{word}~{edits}"),
                What::Group(group) => format!("({})", shown(group)),
            };
            let boost =
                if clause.boost == 1.0 { String::new() } else { format!("^{}", clause.boost) };
            format!("{occur}{field}{what}{boost}")
        };
        clauses.0.iter().map(clause).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn queries_are_read() {
        for (text, expected) in [
            ("", ""),
            ("  boundary   layer ", "boundary layer"),
            ("+must -not may", "+must -not may"),
            ("\"heat transfer\"", "\"heat transfer\"~0"),
            ("\"heat transfer\"~3^2.5", "\"heat transfer\"~3^2.5"),
            ("title:flow +title:\"slip flow\"", "title:flow +title:\"slip flow\"~0"),
            ("aero* sonc~ sonc~2", "aero* sonc~1 sonc~2"),
            ("(a b)^2 +(c -(d e))", "(a b)^2 +(c -(d e))"),
            ("title:(a +b)", "title:(a +b)"),
            ("a AND b AND c", "+a +b +c"),
            ("a OR b c", "a b c"),
            ("(a AND b) OR c", "(+a +b) c"),
            ("a AND NOT b", "+a -b"),
            ("a AND -b", "+a -b"),
            ("NOT a b", "-a b"),
            ("ANDROID NOTE", "ANDROID NOTE"),
            ("wing-body c++", "wing-body c++"),
            ("a\\:b \\\"q \\(x", "a:b \"q (x"),
            ("über:straße", "über:straße"),
        ] {
            let clauses = parse(text).expect(text);
            assert_eq!(shown(&clauses), expected, "{text:?}");
            if !text.contains('\\') {
                assert_eq!(parse(expected).as_ref(), Ok(&clauses), "what is shown is read back");
            }
        }
    }

    #[test]
    fn faults_name_their_place() {
        let deep = format!("{}a{}", "(".repeat(1_000), ")".repeat(1_000));
        for (text, expected) in [
            ("a)", "byte 1: a bracket is closed"),
            ("(a", "byte 2: a bracket is not closed"),
            ("\"a", "byte 2: a phrase is not closed"),
            ("a:", "byte 2: a word"),
            ("+", "byte 1: a word"),
            ("+-a", "cannot be both"),
            ("a*b:*", "byte 2: at least two"),
            ("x*", "at least two characters"),
            ("a^0", "a boost is"),
            ("a^x", "a boost is"),
            ("a^1001", "a boost is"),
            ("word~3", "edits is a whole number up to 2"),
            ("\"a b\"~", "a slop is"),
            ("\"a b\"~101", "a slop is"),
            ("a AND b OR c", "side by side"),
            ("NOT +a", "either NOT or a sign"),
            ("AND a", "want a clause before"),
            ("a AND", "want a clause behind"),
            ("NOT", "want a clause behind"),
            ("a ~2", "byte 2: a word"),
            (deep.as_str(), "nesting of the query string: 17 is over the limit of 16"),
            ("a ".repeat(300).as_str(), "clauses of the query string: 257 is over the limit"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_or_refused(text in "[a-c+\\-\"~*^:() \\\\é0-9ANDORT]{0,40}") {
            if let Ok(clauses) = parse(&text) {
                prop_assert!(clauses.0.len() <= MAX_QUERY_CLAUSES);
            }
        }
    }
}
