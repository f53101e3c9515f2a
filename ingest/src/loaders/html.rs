//! HTML: the title and the visible text, as blocks under their headings. The parser's tokens are enough for that:
//! without a tree, no document is too deep.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use lexivec::chunk::{Block, SourceLocation};

use super::{Content, Headings, heading};

/// Elements whose text is not the page's own: programs, and ways to other pages.
const LEFT_OUT: [&str; 9] =
    ["script", "style", "nav", "template", "noscript", "iframe", "svg", "select", "textarea"];
/// Elements that stand in a line of text; all others begin and end a block.
const INLINE: [&str; 36] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "button", "cite", "code", "data", "del",
    "dfn", "em", "font", "i", "img", "ins", "kbd", "label", "mark", "q", "s", "samp", "small",
    "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "input",
];

/// Elements without content, which no end tag ends.
const VOID: [&str; 13] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
];
/// Elements that end an `svg` they stand in, as the HTML standard has it ("The rules for parsing tokens in foreign
/// content").
const ENDS_SVG: [&str; 30] = [
    "blockquote",
    "body",
    "center",
    "code",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "ruby",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tt",
    "ul",
    "var",
];
/// Open elements that are remembered; browsers nest no deeper.
const MAX_OPEN: usize = 512;

/// True if the text of a line goes on at this element, without a break.
pub(super) fn is_inline(name: &str) -> bool {
    INLINE.contains(&name)
}

/// Reads an HTML text.
pub(super) fn read(text: &str) -> Content {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(text));
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    // The tokenizer stops at the end of each script, so that a browser could run it.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    let mut reader = tokenizer.sink.0.into_inner();
    reader.close();
    Content { title: reader.title, blocks: reader.blocks, ..Content::default() }
}

#[derive(Default)]
struct Sink(RefCell<Reader>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut reader = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => reader.text(&text),
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                reader.start(&tag);
                return match &*tag.name {
                    _ if tag.self_closing => TokenSinkResult::Continue,
                    "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
                    "style" | "iframe" | "noembed" | "noframes" | "xmp" => {
                        TokenSinkResult::RawData(RawKind::Rawtext)
                    }
                    "script" => TokenSinkResult::RawData(RawKind::ScriptData),
                    _ => TokenSinkResult::Continue,
                };
            }
            Token::TagToken(tag) => reader.end(&tag.name),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[derive(Default)]
struct Reader {
    title: Option<String>,
    headings: Headings,
    blocks: Vec<Block>,
    open: String,
    /// The elements that are open, apart from those inside an element that is left out.
    elements: Vec<String>,
    /// The element that is left out, and how many of its name are open.
    left_out: Option<(String, usize)>,
    in_title: bool,
    preformatted: usize,
}

impl Reader {
    fn text(&mut self, text: &str) {
        if self.left_out.is_some() {
            return;
        }
        if self.preformatted > 0 {
            self.open.push_str(text);
            return;
        }
        let ends_with_space = |open: &str| open.chars().next_back().is_none_or(char::is_whitespace);
        let mut words = text.split_ascii_whitespace().peekable();
        let spaced = |c: Option<char>| c.is_some_and(|c| c.is_ascii_whitespace());
        if (spaced(text.chars().next()) || words.peek().is_none()) && !ends_with_space(&self.open) {
            self.open.push(' ');
        }
        while let Some(word) = words.next() {
            self.open.push_str(word);
            if words.peek().is_some() || spaced(text.chars().next_back()) {
                self.open.push(' ');
            }
        }
    }

    fn start(&mut self, tag: &Tag) {
        let name = &*tag.name;
        match &mut self.left_out {
            Some((left_out, _)) if left_out == "svg" && ENDS_SVG.contains(&name) => {
                self.left_out = None;
            }
            Some((left_out, open)) => {
                *open += usize::from(left_out == name && !tag.self_closing);
                return;
            }
            None => {}
        }
        let value = |attribute: &str| {
            tag.attrs.iter().find(|a| &*a.name.local == attribute).map(|a| &*a.value)
        };
        // Sphinx and others add a link with a sign to each heading.
        let permalink = value("role") == Some("navigation") || value("class") == Some("headerlink");
        if (LEFT_OUT.contains(&name) || permalink) && !tag.self_closing {
            self.left_out = Some((name.to_owned(), 1));
            return;
        }
        if !tag.self_closing && !VOID.contains(&name) && self.elements.len() < MAX_OPEN {
            self.elements.push(name.to_owned());
        }
        if name == "br" {
            self.open.push('\n');
        } else if name == "td" || name == "th" {
            self.open.push_str(if self.open.is_empty() { "" } else { " | " });
        } else if !INLINE.contains(&name) {
            self.close();
        }
        self.in_title |= name == "title" && !tag.self_closing;
        self.preformatted += usize::from(name == "pre");
    }

    fn end(&mut self, name: &str) {
        let parent = self.elements.iter().rposition(|element| element == name);
        if let Some((left_out, open)) = &mut self.left_out {
            let is_own = left_out == name;
            *open -= usize::from(is_own);
            // An element that is never closed ends with the one it stands in, as in a browser.
            let with_parent = !is_own && parent.is_some();
            if *open == 0 || with_parent {
                self.left_out = None;
            }
            if !with_parent {
                return;
            }
        }
        if let Some(parent) = parent {
            self.elements.truncate(parent);
        }
        if name == "title" && self.in_title {
            let title = heading(&std::mem::take(&mut self.open));
            self.in_title = false;
            if self.title.is_none() && !title.is_empty() {
                self.title = Some(title);
            }
            return;
        }
        if let Some(level) = level_of(name) {
            self.headings.enter(level, &self.open);
        }
        if !INLINE.contains(&name) && name != "td" && name != "th" && name != "br" {
            self.close();
        }
        self.preformatted = self.preformatted.saturating_sub(usize::from(name == "pre"));
    }

    /// Ends the block that is open.
    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        let text = open.trim_end().trim_start_matches('\n');
        if !text.is_empty() {
            let (text, heading) = (text.to_owned(), self.headings.path());
            self.blocks.push(Block { text, heading, location: SourceLocation::Nowhere });
        }
    }
}

/// The level of a heading's element.
fn level_of(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}
