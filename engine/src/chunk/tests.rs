//! Chunks of any text: all of it, none too large, overlapping as asked, the same each time.

use proptest::prelude::*;

use super::*;

/// Each sign but spaces is a token, so that words can be longer than a chunk.
fn signs(text: &str) -> Result<usize> {
    Ok(text.chars().filter(|c| !c.is_whitespace()).count())
}

fn block(text: &str, heading: &str) -> Block {
    Block {
        text: text.to_owned(),
        heading: vec![heading.to_owned()],
        location: SourceLocation::Nowhere,
    }
}

fn numbered(words: Range<usize>) -> String {
    words.map(|i| format!("W{i}")).collect::<Vec<_>>().join(" ")
}

/// Faults of chunks of blocks, found by one walk over the joined text.
fn fault(
    blocks: &[Block],
    options: ChunkOptions,
    count: &Counter<'_>,
    chunks: &[Chunk],
) -> Option<String> {
    let text = joined(blocks);
    let mut covered = vec![false; text.len()];
    for (i, chunk) in chunks.iter().enumerate() {
        if chunk.position != i || text.get(chunk.range.clone()) != Some(&chunk.text) {
            return Some(format!("chunk {i} is not the text at its range"));
        }
        let tokens = count(&chunk.text).unwrap_or(usize::MAX);
        if tokens > options.tokens || chunk.text.len() > options.tokens * MAX_TOKEN_BYTES {
            return Some(format!("chunk {i} has {tokens} tokens, {} bytes", chunk.text.len()));
        }
        for edge in [chunk.range.start, chunk.range.end] {
            let long = |word: &str| {
                count(word).unwrap_or(0) > options.tokens - options.overlap
                    || word.len() > (options.tokens - options.overlap) * MAX_TOKEN_BYTES
            };
            let inside = text
                .split_word_bound_indices()
                .find(|(at, word)| *at < edge && edge < at + word.len());
            // Signs alone are no word.
            let is_word = |word: &str| word.contains(char::is_alphanumeric);
            if inside.is_some_and(|(_, word)| is_word(word) && !long(word)) {
                return Some(format!("chunk {i} is cut inside of a word, at {edge}"));
            }
        }
        covered[chunk.range.clone()].fill(true);
    }
    let missing = text.char_indices().find(|(at, c)| !c.is_whitespace() && !covered[*at]);
    missing.map(|(at, c)| format!("{c:?} at {at} is in no chunk"))
}

/// Faults of the overlap of chunks, with one token a word.
fn overlap_fault(options: ChunkOptions, chunks: &[Chunk]) -> Option<String> {
    chunks.windows(2).enumerate().find_map(|(i, pair)| {
        let (a, b) = (&pair[0], &pair[1]);
        if b.range.start <= a.range.start || b.range.end <= a.range.end {
            return Some(format!("chunk {} does not go on", i + 1));
        }
        let shared = &a.text[(b.range.start.min(a.range.end) - a.range.start)..];
        let tokens = words(shared).unwrap_or(usize::MAX);
        let wanted = if a.heading == b.heading { options.overlap } else { 0 };
        (tokens != wanted).then(|| format!("chunks {i} and {} share {tokens} words", i + 1))
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,9}( [a-z]{1,9}){0,60}[.!?]?",
        "([A-Z][a-z]{0,5}( [a-z]{1,4}){0,12}[.] ){0,9}",
        "\\PC{0,200}",
        "[a-zé-]{0,300}",
        "[ \n\t=.\u{301}\u{200d}]{0,300}",
        "([a-z]\n){0,40}",
    ]
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let one = (text(), 0..3u32).prop_map(|(text, h)| block(&text, &h.to_string()));
    proptest::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn all_of_any_text_is_in_chunks_that_are_small_enough(
        blocks in blocks(), tokens in MIN_CHUNK_TOKENS..60, share in 0..=50usize,
    ) {
        let options = ChunkOptions::new(tokens, tokens * share / 100).expect("within");
        for count in [&words as &Counter<'_>, &signs] {
            let chunks = chunk(&blocks, options, count).expect("counted");
            prop_assert_eq!(fault(&blocks, options, count, &chunks), None);
            prop_assert_eq!(chunk(&blocks, options, count).expect("counted"), chunks);
        }
    }

    #[test]
    fn chunks_share_as_many_words_as_asked(
        list in proptest::collection::vec((1..120usize, 0..3u32), 1..9),
        tokens in MIN_CHUNK_TOKENS..60, share in 0..=50usize,
    ) {
        let options = ChunkOptions::new(tokens, tokens * share / 100).expect("within");
        let blocks: Vec<Block> =
            list.iter().map(|(n, h)| block(&numbered(0..*n), &h.to_string())).collect();
        let chunks = chunk(&blocks, options, &words).expect("counted");
        prop_assert_eq!(overlap_fault(options, &chunks), None);
    }
}

#[test]
fn a_space_with_a_combining_mark_is_not_cut_off() {
    let options = ChunkOptions::new(16, 0).expect("within");
    for text in ["\u{2000}\u{b47}", "one.  \u{b47}two", " \u{301}"] {
        let blocks = [block(text, "a")];
        let chunks = chunk(&blocks, options, &words).expect("counted");
        assert_eq!(fault(&blocks, options, &words, &chunks), None, "{text:?}");
    }
}

#[test]
fn each_fault_is_seen() {
    let blocks = [block(&numbered(0..100), "a")];
    let options = ChunkOptions::new(20, 5).expect("within");
    let sound = chunk(&blocks, options, &words).expect("counted");
    assert_eq!(
        (fault(&blocks, options, &words, &sound), overlap_fault(options, &sound)),
        (None, None)
    );
    let broken = |change: &dyn Fn(&mut Vec<Chunk>)| {
        let mut chunks = sound.clone();
        change(&mut chunks);
        for (i, chunk) in chunks.iter_mut().enumerate() {
            chunk.position = i;
            chunk.text = joined(&blocks)[chunk.range.clone()].to_owned();
        }
        (fault(&blocks, options, &words, &chunks), overlap_fault(options, &chunks))
    };
    assert!(broken(&|c| drop(c.remove(2))).0.is_some_and(|f| f.contains("in no chunk")));
    assert!(broken(&|c| c[1].range.end += 40).0.is_some_and(|f| f.contains("tokens")));
    assert!(broken(&|c| c[1].range.end -= 1).0.is_some_and(|f| f.contains("inside")));
    assert!(broken(&|c| c[1].range.start -= 3).1.is_some_and(|f| f.contains("share 6")));
}

#[test]
fn edges_are_those_of_blocks_then_of_sentences() {
    let options = ChunkOptions::new(16, 0).expect("within");
    let texts = |blocks: &[Block]| -> Vec<String> {
        let chunks = chunk(blocks, options, &words).expect("counted");
        chunks.into_iter().map(|c| c.text).collect()
    };
    // The second block fits into one chunk, so that it is not cut.
    let (a, b) = (numbered(0..10), format!("{}. {}.", numbered(0..5), numbered(5..12)));
    assert_eq!(texts(&[block(&a, "h"), block(&b, "h")]), [a.clone(), b.clone()]);
    // After less than half a chunk it is, at the end of a sentence.
    let short = numbered(0..6);
    let halves = [format!("{short}\n\n{}.", numbered(0..5)), format!("{}.", numbered(5..12))];
    assert_eq!(texts(&[block(&short, "h"), block(&b, "h")]), halves);
    // Another heading, another chunk.
    assert_eq!(texts(&[block("one", "h"), block("two", "i")]), ["one", "two"]);
    assert_eq!(texts(&[block("one", "h"), block("two", "h")]), ["one\n\ntwo"]);
    assert_eq!(texts(&[block(" \n ", "h"), block("", "h")]), [""; 0]);
}

#[test]
fn locations_are_those_of_the_first_block_and_the_last() {
    let options = ChunkOptions::new(16, 4).expect("within");
    let at = |location, words: Range<usize>| Block { location, ..block(&numbered(words), "") };
    let cue = |i: u64| SourceLocation::Time { start: i * 1_000, end: i * 1_000 + 900 };
    let cues: Vec<Block> = (0..4).map(|i| at(cue(i), 0..6)).collect();
    let found = chunk(&cues, options, &words).expect("counted");
    let ranges: Vec<SourceLocation> = found.iter().map(|c| c.location).collect();
    let span = |first: u64, last: u64| SourceLocation::Time {
        start: first * 1_000,
        end: last * 1_000 + 900,
    };
    assert_eq!(ranges, [span(0, 1), span(1, 3)]);
    assert_eq!(found[1].text.lines().count(), 3);
    let pages = [at(SourceLocation::Page(1), 0..12), at(SourceLocation::Page(2), 0..12)];
    let found = chunk(&pages, options, &words).expect("counted");
    assert_eq!(
        found.iter().map(|c| c.location).collect::<Vec<_>>(),
        [SourceLocation::Page(1), SourceLocation::Page(1)]
    );
}

#[test]
fn options_out_of_bounds_are_refused() {
    for (tokens, overlap) in
        [(0, 0), (MIN_CHUNK_TOKENS - 1, 0), (MAX_CHUNK_TOKENS + 1, 0), (20, 11)]
    {
        ChunkOptions::new(tokens, overlap).expect_err("refused");
    }
}
