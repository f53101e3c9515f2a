//! Markdown: paragraphs, items, code and rows as blocks under their headings.

use lexivec::chunk::{Block, SourceLocation};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{Content, Headings, heading, html};

/// Reads a Markdown text. Its title is that of its front matter, or its first heading.
pub(super) fn read(text: &str) -> Content {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader::default();
    for event in Parser::new_ext(text, options) {
        reader.take(event);
    }
    reader.close();
    Content { title: reader.title, blocks: reader.blocks, ..Content::default() }
}

#[derive(Default)]
struct Reader {
    title: Option<String>,
    headings: Headings,
    blocks: Vec<Block>,
    open: String,
    /// HTML between the Markdown, which is read as such at its end.
    markup: String,
    front_matter: bool,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) | Event::Code(text) => self.open.push_str(&text),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.open.push_str(&text),
            Event::SoftBreak => self.open.push(' '),
            Event::HardBreak => self.open.push('\n'),
            Event::Html(markup) => self.markup.push_str(&markup),
            Event::InlineHtml(markup) if is_break(&markup) => self.open.push('\n'),
            Event::Start(Tag::MetadataBlock(_)) => self.front_matter = true,
            Event::End(TagEnd::MetadataBlock(_)) => {
                let text = std::mem::take(&mut self.open);
                let title = text.lines().find_map(|line| line.strip_prefix("title:"));
                let title = title.map(|t| heading(t.trim().trim_matches(['"', '\''])));
                self.title = title.filter(|t| !t.is_empty());
                self.front_matter = false;
            }
            Event::End(TagEnd::Heading(level)) => {
                let text = std::mem::take(&mut self.open);
                self.headings.enter(level as u8, &text);
                if self.title.is_none() {
                    self.title = Some(heading(&text)).filter(|t| !t.is_empty());
                }
                self.open = text;
                self.close();
            }
            Event::End(TagEnd::TableCell) => self.open.push_str(" | "),
            Event::Start(tag) if is_block(&tag.to_end()) => self.close(),
            Event::End(tag) if is_block(&tag) => self.close(),
            // Marks of tasks and footnotes, inline tags, rules.
            _ => {}
        }
    }

    /// Ends the block that is open.
    fn close(&mut self) {
        if self.front_matter {
            return;
        }
        let markup = std::mem::take(&mut self.markup);
        let open = std::mem::take(&mut self.open);
        let text = open.trim_end_matches([' ', '|', '\n']).trim_start_matches('\n');
        if !text.trim().is_empty() {
            self.push(text.to_owned());
        }
        if !markup.trim().is_empty() {
            html::read(&markup).blocks.into_iter().for_each(|block| self.push(block.text));
        }
    }

    fn push(&mut self, text: String) {
        self.blocks.push(Block {
            text,
            heading: self.headings.path(),
            location: SourceLocation::Nowhere,
        });
    }
}

/// True for an HTML tag at which a browser breaks the line: every one that does not stand in a line of text.
fn is_break(markup: &str) -> bool {
    let name = markup.trim_start_matches(['<', '/']);
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    !name.is_empty() && !html::is_inline(&name.to_ascii_lowercase())
}

fn is_block(tag: &TagEnd) -> bool {
    !matches!(
        tag,
        TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link
            | TagEnd::Image
            | TagEnd::TableCell
    )
}
