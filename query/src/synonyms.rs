//! Synonyms: rules in the form of Solr and Lucene, kept with their text as it was given.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::limits::{MAX_SYNONYM_BYTES, MAX_SYNONYM_ENTRIES, MAX_SYNONYM_RULES};

/// The synonyms of a collection. As JSON they are their text.
///
/// Each rule is one line. `car, automobile, motor car` are entries that mean the same: each finds the
/// others. `notebook => laptop, ultrabook` goes one way: the entries on the left also find those on the right. An
/// entry is a word or several, which are looked for as a phrase. Lines that begin with `#`, and empty ones, are
/// comments; a backslash takes its meaning from the sign after it.
///
/// ```
/// # use lexivec_query::Synonyms;
/// let synonyms: Synonyms = "# vehicles\ncar, automobile\ntruck => lorry".parse()?;
/// assert_eq!(synonyms.rules().len(), 2);
/// let error = "car, automobile\ntruck =>".parse::<Synonyms>().unwrap_err();
/// assert!(error.to_string().starts_with("synonyms, line 2: "));
/// # Ok::<_, lexivec_query::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Synonyms {
    text: String,
    rules: Vec<SynonymRule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SynonymRule {
    /// Number of its line, from 1.
    pub line: usize,
    /// The entries that find others.
    pub from: Vec<String>,
    /// The entries that are found.
    pub to: Vec<String>,
}

impl Synonyms {
    /// The text, as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The rules, in the order of their lines.
    pub fn rules(&self) -> &[SynonymRule] {
        &self.rules
    }

    /// True if there are no synonyms, not even a comment.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// The error of a rule: its line, and the reason.
pub fn synonym_fault(line: usize, reason: impl Into<String>) -> Error {
    Error::invalid(format!("synonyms, line {line}"), reason)
}

impl std::str::FromStr for Synonyms {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Synonyms {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        crate::error::within("bytes of the synonyms", text.len(), MAX_SYNONYM_BYTES)?;
        let mut rules = Vec::new();
        for (line, rule) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let rule = rule.trim();
            if !rule.is_empty() && !rule.starts_with('#') {
                rules.push(read_rule(line, rule)?);
            }
        }
        crate::error::within("rules of the synonyms", rules.len(), MAX_SYNONYM_RULES)?;
        Ok(Self { text, rules })
    }
}

impl From<Synonyms> for String {
    fn from(synonyms: Synonyms) -> Self {
        synonyms.text
    }
}

/// Reads one line.
fn read_rule(line: usize, rule: &str) -> Result<SynonymRule> {
    let (mut sides, mut entry) = (vec![Vec::new()], String::new());
    let end = |entry: &mut String, side: Option<&mut Vec<String>>| {
        let found = entry.split_whitespace().collect::<Vec<_>>().join(" ");
        entry.clear();
        let Some(side) = side.filter(|_| !found.is_empty()) else {
            let reason =
                "an entry is empty; write words between the commas and on both sides of =>";
            return Err(synonym_fault(line, reason));
        };
        if !side.contains(&found) {
            side.push(found);
        }
        Ok(())
    };
    let mut signs = rule.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => entry.extend(signs.next()),
            ',' => end(&mut entry, sides.last_mut())?,
            '=' if signs.next_if_eq(&'>').is_some() => {
                end(&mut entry, sides.last_mut())?;
                sides.push(Vec::new());
            }
            other => entry.push(other),
        }
    }
    end(&mut entry, sides.last_mut())?;
    let mut sides = sides.into_iter();
    let (Some(from), to, None) = (sides.next(), sides.next(), sides.next()) else {
        return Err(synonym_fault(line, "=> is there twice; a rule has it once"));
    };
    let entries = from.len() + to.as_ref().map_or(0, Vec::len);
    if entries > MAX_SYNONYM_ENTRIES {
        let reason =
            format!("the rule has {entries} entries, over the limit of {MAX_SYNONYM_ENTRIES}");
        return Err(synonym_fault(line, reason));
    }
    match to {
        Some(to) => Ok(SynonymRule { line, from, to }),
        None if from.len() > 1 => Ok(SynonymRule { line, to: from.clone(), from }),
        None => {
            let reason = "the rule has one entry; add others after a comma, or after =>";
            Err(synonym_fault(line, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_kept_as_they_were_written() {
        let text = "\u{feff}# vehicles\r\n\r\ncar,  motor  car , car\r\ni-pod, i pod=>ipod\n\
                    AT\\,T\\=> => at\\\\t, c = d";
        let synonyms: Synonyms = text.parse().expect("read");
        let rule = |line, from: &[&str], to: &[&str]| SynonymRule {
            line,
            from: from.iter().map(ToString::to_string).collect(),
            to: to.iter().map(ToString::to_string).collect(),
        };
        let expected = [
            rule(3, &["car", "motor car"], &["car", "motor car"]),
            rule(4, &["i-pod", "i pod"], &["ipod"]),
            rule(5, &["AT,T=>"], &["at\\t", "c = d"]),
        ];
        assert_eq!(synonyms.rules(), expected);
        assert_eq!(synonyms.text(), text);
        let json = serde_json::to_string(&synonyms).expect("written");
        assert_eq!(serde_json::from_str::<Synonyms>(&json).expect("read"), synonyms);
        assert!("".parse::<Synonyms>().expect("read").is_empty());
    }

    #[test]
    fn a_fault_names_its_line_and_its_reason() {
        let entries: Vec<String> = (0..=MAX_SYNONYM_ENTRIES).map(|i| format!("e{i}")).collect();
        for (text, line, reason) in [
            ("a, b\nc", 2, "one entry"),
            ("a, a", 1, "one entry"),
            ("# c\n\na,, b", 3, "an entry is empty"),
            ("a, ", 1, "an entry is empty"),
            ("=> b", 1, "an entry is empty"),
            ("a =>", 1, "an entry is empty"),
            ("a => b => c", 1, "=> is there twice"),
            (&entries.join(","), 1, "over the limit of"),
        ] {
            let error = text.parse::<Synonyms>().expect_err(text).to_string();
            let at = format!("synonyms, line {line}: ");
            assert!(error.starts_with(&at) && error.contains(reason), "{text:?}: {error}");
        }
        let error = "a, b\n".repeat(MAX_SYNONYM_RULES + 1).parse::<Synonyms>();
        assert!(error.expect_err("too many").to_string().contains("rules of the synonyms"));
        let error = "#".repeat(MAX_SYNONYM_BYTES + 1).parse::<Synonyms>();
        assert!(error.expect_err("too long").to_string().contains("bytes of the synonyms"));
    }
}
