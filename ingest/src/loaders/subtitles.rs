//! Subtitles, SRT and WebVTT: each cue a block with its time.

use lexivec::chunk::{Block, SourceLocation};

use super::Content;

/// Sign between the two times of a cue.
const ARROW: &str = "-->";

/// Reads the cues of a file. Notes, styles and regions have no times and are passed over.
///
/// In WebVTT an empty line ends a cue. In SRT it does not, as players show it: a cue ends before the number and the time
/// of the next.
pub(super) fn read(text: &str) -> Result<Content, String> {
    let is_webvtt = text.starts_with("WEBVTT");
    let mut content = Content::default();
    let mut open: Option<(SourceLocation, Vec<String>)> = None;
    for (number, line) in text.lines().enumerate() {
        if line.contains(ARROW) {
            let fault = || format!("line {}: {:?} is no time of a cue", number + 1, cut(line));
            let location = times(line).ok_or_else(fault)?;
            if let Some((_, lines)) = open.as_mut().filter(|_| !is_webvtt) {
                // The line before this one is the number of the new cue.
                lines.pop_if(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
            }
            close(&mut open, &mut content.blocks);
            open = Some((location, Vec::new()));
        } else if line.trim().is_empty() {
            if is_webvtt {
                close(&mut open, &mut content.blocks);
            }
        } else if let Some((_, lines)) = &mut open {
            lines.push(plain(line));
        }
    }
    close(&mut open, &mut content.blocks);
    Ok(content)
}

fn close(open: &mut Option<(SourceLocation, Vec<String>)>, blocks: &mut Vec<Block>) {
    let Some((location, lines)) = open.take() else { return };
    let text = lines.join(" ").trim().to_owned();
    if !text.is_empty() {
        blocks.push(Block { text, heading: Vec::new(), location });
    }
}

fn cut(line: &str) -> &str {
    &line[..line.floor_char_boundary(80)]
}

/// The times of a cue: `00:01:02,500 --> 00:01:04,000`, in WebVTT with a dot, without hours if there are
/// none, and with settings after it.
fn times(line: &str) -> Option<SourceLocation> {
    let (start, end) = line.split_once(ARROW)?;
    let (start, end) = (time(start.trim())?, time(end.split_whitespace().next()?)?);
    (start <= end).then_some(SourceLocation::Time { start, end })
}

/// Milliseconds of a time.
fn time(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once([',', '.'])?;
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse::<u64>().ok() } else { None }
    };
    let millis = number(fraction).filter(|_| fraction.len() == 3)?;
    let parts: Vec<&str> = whole.split(':').collect();
    let (hours, minutes, seconds) = match *parts.as_slice() {
        [h, m, s] => (number(h)?, number(m)?, number(s)?),
        [m, s] => (0, number(m)?, number(s)?),
        _ => return None,
    };
    if minutes > 59 || seconds > 59 {
        return None;
    }
    hours.checked_mul(3_600_000)?.checked_add(minutes * 60_000 + seconds * 1_000 + millis)
}

/// True if this text, which begins with `<`, begins with a tag: `<i>`, `</i>`, `<v Name>`, or a time as `<00:01.000>`.
fn is_tag(text: &str) -> bool {
    let mut inner = text.chars().skip(1).take_while(|c| *c != '>').peekable();
    match inner.peek() {
        Some(first) if first.is_ascii_digit() => {
            inner.all(|c| c.is_ascii_digit() || c == ':' || c == '.')
        }
        first => first.is_some_and(|c| c.is_alphabetic() || *c == '/'),
    }
}

/// A line without tags, and with the signs that stand for others.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.trim();
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        plain.push_str(before);
        if !is_tag(tag) {
            plain.push('<');
            rest = &tag[1..];
            continue;
        }
        let Some(end) = tag.find('>') else {
            plain.push_str(tag);
            return plain;
        };
        rest = &tag[end + 1..];
    }
    plain.push_str(rest);
    for (name, sign) in [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&amp;", "&")] {
        if plain.contains(name) {
            plain = plain.replace(name, sign);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_keep_their_words() {
        let cues = |text: &str| -> Vec<String> {
            read(text).expect("read").blocks.into_iter().map(|block| block.text).collect()
        };
        let (first, second) =
            ("1\n00:00:01,000 --> 00:00:02,000\n", "2\n00:00:03,000 --> 00:00:04,000\n");
        for (text, expected) in [
            (
                format!("{first}one\n\ntwo\n \nthree\n\n{second}four\n"),
                vec!["one two three", "four"],
            ),
            (format!("{first}\none\n{second}\n\n"), vec!["one"]),
            (format!("{first}chapter\n7\n\n{second}x\n"), vec!["chapter 7", "x"]),
            (
                format!("{first}if 5 < 6 and 7 > 2 <i>then</i> a<b\n"),
                vec!["if 5 < 6 and 7 > 2 then a<b"],
            ),
            (format!("{first}<00:01.500>up <3 down\n"), vec!["up <3 down"]),
            (
                "WEBVTT\n\n00:01.000 --> 00:02.000\none\n\nNOTE x\n\n00:03.000 --> 00:04.000\ntwo"
                    .to_owned(),
                vec!["one", "two"],
            ),
        ] {
            assert_eq!(cues(&text), expected, "{text:?}");
        }
    }
}
