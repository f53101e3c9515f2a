//! Subtitles, SRT and WebVTT: each cue a block with its time.

use lexivec::chunk::{Block, SourceLocation};

use super::Content;

/// Sign between the two times of a cue.
const ARROW: &str = "-->";

/// Reads the cues of a file. Notes, styles and regions have no times and are passed over.
pub(super) fn read(text: &str) -> Result<Content, String> {
    let mut content = Content::default();
    let mut open: Option<(SourceLocation, Vec<String>)> = None;
    for (number, line) in text.lines().chain([""]).enumerate() {
        if line.contains(ARROW) {
            let fault = || format!("line {}: {:?} is no time of a cue", number + 1, cut(line));
            let location = times(line).ok_or_else(fault)?;
            close(&mut open, &mut content.blocks);
            open = Some((location, Vec::new()));
        } else if line.trim().is_empty() {
            close(&mut open, &mut content.blocks);
        } else if let Some((_, lines)) = &mut open {
            lines.push(plain(line));
        }
    }
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

/// A line without tags, as `<i>` or `<v Name>`, and with the signs that stand for others.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.trim();
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        plain.push_str(before);
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
