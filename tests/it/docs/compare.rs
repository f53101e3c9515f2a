//! Output as a page shows it against output as it was printed.

use regex::Regex;

use super::json::Json;

/// Stands for any text within a line, and as a JSON string for any value.
pub(super) const ANY: &str = "[..]";
/// Stands for any lines, and in JSON for further elements or members.
pub(super) const MORE: &str = "...";
/// A time as the command prints it, and what pages show for any.
const TIME: (&str, &str) = (r"\bin \d+\.\d s\b", "in 0.0 s");

/// The difference between what is shown and what was printed, or `None`.
pub(super) fn difference(shown: &[String], printed: &str) -> Option<String> {
    let same = match (Json::read(&shown.join("\n")), Json::read(printed)) {
        (Some(shown), Some(printed)) => shown.fits(&printed),
        _ => {
            let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
            are_lines(shown, &printed)
        }
    };
    let shown = shown.join("\n");
    (!same).then(|| format!("the page shows\n{shown}\nand it printed\n{printed}"))
}

/// Printed output in the form of the pages: placeholders stay where they fit, JSON is indented.
pub(super) fn merged(shown: &[String], printed: &str) -> Vec<String> {
    if let Some(mut json) = Json::read(printed) {
        if let Some(shown) = Json::read(&shown.join("\n")) {
            json.keep_placeholders(&shown);
        }
        return json.to_text(0).lines().map(str::to_owned).collect();
    }
    let printed = timeless(printed);
    let line = |line: &str| {
        let line = line.trim_end();
        let pattern = shown.iter().find(|s| *s != MORE && is_line(s, line));
        pattern.cloned().unwrap_or_else(|| line.to_owned())
    };
    printed.lines().map(line).collect()
}

fn are_lines(shown: &[String], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == MORE => {
            (0..=printed.len()).any(|passed| are_lines(rest, &printed[passed..]))
        }
        Some((first, rest)) => match printed.split_first() {
            Some((line, others)) => is_line(first, line) && are_lines(rest, others),
            None => false,
        },
    }
}

/// True if a line has the parts of a pattern in their order, with any text at the placeholders.
pub(super) fn is_line(pattern: &str, line: &str) -> bool {
    let (pattern, line) = (&timeless(pattern), &timeless(line));
    let Some((start, rest)) = pattern.split_once(ANY) else { return pattern == line };
    let Some(mut line) = line.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split(ANY).collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = line.find(part) else { return false };
        line = &line[at + part.len()..];
    }
    line.ends_with(end)
}

/// A text with every time as pages show it.
fn timeless(text: &str) -> String {
    Regex::new(TIME.0).expect("a pattern").replace_all(text, TIME.1).into_owned()
}
