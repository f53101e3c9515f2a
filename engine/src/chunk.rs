//! Cutting long texts into passages that a model reads whole: by tokens, with overlap, never inside a word.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result};
use crate::model::Embedder;

/// Default number of tokens of a chunk: small models read 256 and lose the rest, and a passage of this
/// length is about one thing.
pub const DEFAULT_CHUNK_TOKENS: usize = 200;
/// Default number of tokens that a chunk repeats of the one before it: two sentences.
pub const DEFAULT_CHUNK_OVERLAP: usize = 40;
/// Fewest tokens of a chunk: a sentence, and room for the tokens of any one character.
pub const MIN_CHUNK_TOKENS: usize = 16;
/// Most tokens of a chunk: what the longest models read.
pub const MAX_CHUNK_TOKENS: usize = 8_192;
/// Most bytes of a chunk for each token it may have. A counter of words counts almost nothing in rules,
/// digits and encoded data, which would otherwise make a chunk without end.
pub const MAX_TOKEN_BYTES: usize = 64;
/// Bytes of a line that are searched together for the ends of its sentences.
const SENTENCE_WINDOW_BYTES: usize = 4 << 10;

/// Location of a text in its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceLocation {
    /// The source has no pages and no times.
    #[default]
    Nowhere,
    /// A page, from 1.
    Page(u32),
    /// A span of time, in milliseconds from the beginning.
    Time {
        /// First moment.
        start: u64,
        /// Last moment.
        end: u64,
    },
}

/// A paragraph, a list item, a subtitle: text that belongs together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Its text.
    pub text: String,
    /// The headings it stands under, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heading: Vec<String>,
    /// Its location in the source.
    #[serde(default)]
    pub location: SourceLocation,
}

/// A passage of a source.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Chunk {
    /// Its number, from 0.
    pub position: usize,
    /// Its text, [`range`](Self::range) of [`joined`].
    pub text: String,
    /// Bytes of the joined text.
    pub range: Range<usize>,
    /// The headings it stands under: those of all its blocks.
    pub heading: Vec<String>,
    /// The page it begins on, or the time from its first block to its last.
    pub location: SourceLocation,
}

/// Size of chunks, in tokens of the caller's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkOptions {
    /// Most tokens of a chunk.
    pub tokens: usize,
    /// Most tokens at its end that the next chunk repeats; only whole words are repeated.
    pub overlap: usize,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self { tokens: DEFAULT_CHUNK_TOKENS, overlap: DEFAULT_CHUNK_OVERLAP }
    }
}

impl ChunkOptions {
    /// Chunks of at most `tokens` tokens, of which the next chunk repeats at most `overlap`.
    ///
    /// # Errors
    /// When there are fewer than [`MIN_CHUNK_TOKENS`] or more than [`MAX_CHUNK_TOKENS`], or when more than
    /// half of them are repeated.
    pub fn new(tokens: usize, overlap: usize) -> Result<Self> {
        if !(MIN_CHUNK_TOKENS..=MAX_CHUNK_TOKENS).contains(&tokens) {
            let detail = format!("{tokens} is not within {MIN_CHUNK_TOKENS}..={MAX_CHUNK_TOKENS}");
            return Err(Error::invalid("tokens of a chunk", detail));
        }
        if overlap > tokens / 2 {
            let detail = format!("{overlap} is over {}, half of a chunk's tokens", tokens / 2);
            return Err(Error::invalid("overlap of chunks", detail));
        }
        Ok(Self { tokens, overlap })
    }
}

/// A function that counts the tokens of a text. Its counts of two words add up to about its count of
/// both together.
pub type Counter<'a> = dyn Fn(&str) -> Result<usize> + 'a;

/// Counts words as Unicode Standard Annex #29 has them.
pub fn words(text: &str) -> Result<usize> {
    Ok(text.unicode_words().count())
}

/// Counts the tokens that a model reads, without the special ones that it adds to every text; counts
/// words if the model does not count tokens. A model that adds special tokens may also cut a text, so
/// it counts word by word.
pub fn tokens_of(model: &dyn Embedder) -> Result<Box<Counter<'_>>> {
    let Some(around) = model.count_tokens(&[""])? else { return Ok(Box::new(words)) };
    let count = move |text: &str| {
        let count = model.count_tokens(&[text])?;
        Ok(count.unwrap_or_default().saturating_sub(around))
    };
    if around == 0 {
        return Ok(Box::new(count));
    }
    let each = move |text: &str| words_of(text, 0..text.len()).map(|w| count(&text[w])).sum();
    Ok(Box::new(each))
}

/// The text that chunks are parts of: the blocks, separated by an empty line, and subtitles by a line
/// break.
pub fn joined(blocks: &[Block]) -> String {
    lay(blocks).0
}

/// Cuts blocks into chunks. All signs but spaces are in some chunk. No chunk has blocks of two headings,
/// and of two that follow each other under one the second begins with the end of the first. Edges are
/// those of blocks if that leaves no chunk less than half full, otherwise of sentences; a sentence that is
/// too long is cut between words, and a word that is too long between characters.
///
/// # Errors
/// Those of the counter.
pub fn chunk(blocks: &[Block], options: ChunkOptions, count: &Counter<'_>) -> Result<Vec<Chunk>> {
    let (text, ranges) = lay(blocks);
    let cutter = Cutter { text: &text, count, options };
    let mut chunks = Vec::new();
    let mut open: Option<Open> = None;
    let mut close = |open: &Open| {
        let (first, last) = (&blocks[open.blocks.start], &blocks[open.blocks.end]);
        let location = match (first.location, last.location) {
            (SourceLocation::Time { start, .. }, SourceLocation::Time { end, .. }) => {
                SourceLocation::Time { start, end }
            }
            (first, _) => first,
        };
        let (range, heading) = (open.range.clone(), first.heading.clone());
        let position = chunks.len();
        chunks.push(Chunk {
            position,
            text: text[range.clone()].to_owned(),
            range,
            heading,
            location,
        });
    };
    for (number, (block, range)) in blocks.iter().zip(&ranges).enumerate() {
        let pieces = cutter.pieces(range.clone())?;
        let mut whole =
            Piece { range: range.clone(), tokens: pieces.iter().map(|p| p.tokens).sum() };
        for piece in pieces {
            if let Some(current) = open.take_if(|c| blocks[c.blocks.end].heading != block.heading) {
                close(&current);
            }
            // Only at its beginning can a block be kept in one chunk.
            let keep = !whole.range.is_empty() && cutter.fits(&whole, cutter.room());
            let full = |current: &mut Open| {
                !cutter.fits(&current.with(&piece, number).piece(), options.tokens)
                    || keep
                        && !cutter.fits(&current.with(&whole, number).piece(), options.tokens)
                        && !cutter.fits(&current.piece(), options.tokens / 2)
            };
            if let Some(current) = open.take_if(full) {
                close(&current);
                open = cutter.overlap(&current, &ranges)?;
                // Spaces before the piece may be long, too.
                open.take_if(|o| !cutter.fits(&o.with(&piece, number).piece(), options.tokens));
            }
            open = Some(match open {
                None => Open { range: piece.range, tokens: piece.tokens, blocks: number..number },
                Some(current) => current.with(&piece, number),
            });
            whole.range = 0..0;
        }
    }
    if let Some(last) = &open {
        close(last);
    }
    Ok(chunks)
}

/// The joined text, and the range of each block in it.
fn lay(blocks: &[Block]) -> (String, Vec<Range<usize>>) {
    let (mut text, mut ranges) = (String::new(), Vec::with_capacity(blocks.len()));
    let timed = |block: &Block| matches!(block.location, SourceLocation::Time { .. });
    for (i, block) in blocks.iter().enumerate() {
        if i > 0 {
            let lines = timed(block) && blocks.get(i - 1).is_some_and(timed);
            text.push_str(if lines { "\n" } else { "\n\n" });
        }
        let start = text.len();
        text.push_str(&block.text);
        ranges.push(start..text.len());
    }
    (text, ranges)
}

/// A part of the joined text that is not cut any more.
struct Piece {
    range: Range<usize>,
    tokens: usize,
}

/// A chunk that may still grow.
struct Open {
    range: Range<usize>,
    tokens: usize,
    /// Its first block and its last.
    blocks: Range<usize>,
}

impl Open {
    /// With a piece of a block at its end.
    fn with(&self, piece: &Piece, block: usize) -> Self {
        Self {
            range: self.range.start..piece.range.end,
            tokens: self.tokens + piece.tokens,
            blocks: self.blocks.start..block,
        }
    }

    fn piece(&self) -> Piece {
        Piece { range: self.range.clone(), tokens: self.tokens }
    }
}

struct Cutter<'a> {
    text: &'a str,
    count: &'a Counter<'a>,
    options: ChunkOptions,
}

impl Cutter<'_> {
    fn piece(&self, range: Range<usize>) -> Result<Piece> {
        let tokens = (self.count)(self.text.get(range.clone()).unwrap_or_default())?;
        Ok(Piece { range, tokens })
    }

    fn fits(&self, piece: &Piece, tokens: usize) -> bool {
        piece.tokens <= tokens && piece.range.len() <= tokens.saturating_mul(MAX_TOKEN_BYTES)
    }

    /// Tokens of the largest piece: it fits in a chunk after an overlap.
    fn room(&self) -> usize {
        self.options.tokens - self.options.overlap
    }

    /// A block in pieces, each small enough to fit in a chunk after an overlap.
    fn pieces(&self, block: Range<usize>) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        for sentence in sentences(self.text, block) {
            let sentence = self.piece(sentence)?;
            if self.fits(&sentence, self.room()) {
                pieces.push(sentence);
                continue;
            }
            for word in words_of(self.text, sentence.range) {
                self.cut(word, &mut pieces)?;
            }
        }
        Ok(pieces)
    }

    /// A word, halved until each part fits.
    fn cut(&self, word: Range<usize>, pieces: &mut Vec<Piece>) -> Result<()> {
        let mut left = vec![word];
        while let Some(range) = left.pop() {
            let middle = self.text.ceil_char_boundary(range.start + range.len() / 2);
            let piece = self.piece(range.clone())?;
            if self.fits(&piece, self.room()) || middle >= range.end || middle == range.start {
                pieces.push(piece);
            } else {
                left.push(middle..range.end);
                left.push(range.start..middle);
            }
        }
        Ok(())
    }

    /// The words at the end of a chunk with which the next one begins.
    fn overlap(&self, before: &Open, ranges: &[Range<usize>]) -> Result<Option<Open>> {
        let mut taken: Option<Open> = None;
        for number in (before.blocks.start..=before.blocks.end).rev() {
            let Some(block) = ranges.get(number) else { continue };
            let part = block.start.max(before.range.start)..block.end.min(before.range.end);
            let words: Vec<Range<usize>> = words_of(self.text, part).collect();
            for word in words.into_iter().rev() {
                let word = self.piece(word)?;
                let longer = match &taken {
                    None => Open { range: word.range, tokens: word.tokens, blocks: number..number },
                    Some(taken) => Open {
                        range: word.range.start..taken.range.end,
                        tokens: word.tokens + taken.tokens,
                        blocks: number..taken.blocks.end,
                    },
                };
                let fits = self.fits(&longer.piece(), self.options.overlap);
                if !fits || longer.range.start <= before.range.start {
                    return Ok(taken);
                }
                taken = Some(longer);
            }
        }
        Ok(taken)
    }
}

/// Words of a part of a text, and the signs between them except spaces.
fn words_of(text: &str, part: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let start = part.start;
    text.get(part)
        .unwrap_or_default()
        .split_word_bound_indices()
        .filter(|(_, word)| !word.trim().is_empty())
        .map(move |(at, word)| start + at..start + at + word.len())
}

/// Sentences of a block without the spaces around them; each ends where a word does.
fn sentences(text: &str, block: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = block.start;
    // A line break ends a sentence. The rule for the other ends looks ahead, so it gets one window of
    // text at a time.
    for line in text.get(block).unwrap_or_default().split_inclusive('\n') {
        let mut window = start;
        let mut ends = Vec::new();
        for (at, word) in line.split_word_bound_indices() {
            let end = start + at + word.len();
            ends.push(end);
            if end - window >= SENTENCE_WINDOW_BYTES {
                cut_sentences(text, window, &ends, &mut found);
                (window, ends) = (end, Vec::new());
            }
        }
        cut_sentences(text, window, &ends, &mut found);
        start += line.len();
    }
    found
}

/// Sentences of a window; `ends` are the ends of its words.
fn cut_sentences(text: &str, window: usize, ends: &[usize], found: &mut Vec<Range<usize>>) {
    let Some(&end) = ends.last() else { return };
    let mut start = window;
    let part = text.get(window..end).unwrap_or_default();
    let bounds = part.split_sentence_bound_indices().map(|(at, s)| window + at + s.len());
    for bound in bounds.filter(|bound| ends.binary_search(bound).is_ok()) {
        let sentence = text.get(start..bound).unwrap_or_default();
        // A space with a combining mark is one sign, and no space before the sentence.
        let lead: usize = sentence
            .split_word_bounds()
            .take_while(|word| word.trim().is_empty())
            .map(str::len)
            .sum();
        let range = start + lead..start + sentence.trim_end().len();
        if range.start < range.end {
            found.push(range);
        }
        start = bound;
    }
}

#[cfg(test)]
mod tests;
