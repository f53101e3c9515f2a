//! Custom models: an embedder that turns texts into vectors, and a reranker that scores the best hits again.
#![allow(clippy::print_stdout)] // an example prints its results

use std::sync::Arc;

use lexivec::prelude::*;

/// A toy embedder: letters, counted. A real one calls a model.
struct Letters;

impl Embedder for Letters {
    fn name(&self) -> &str {
        "letters"
    }

    // The hash names everything that decides the vectors; a collection accepts no other model.
    fn hash(&self) -> &str {
        "00000000000000000000000000000001"
    }

    fn dim(&self) -> usize {
        26
    }

    fn embed(&self, texts: &[&str]) -> lexivec::Result<Vec<Option<Vec<f32>>>> {
        let embed = |text: &&str| {
            let mut vector = vec![0.0; self.dim()];
            for letter in text.bytes().map(|b| b.to_ascii_lowercase()) {
                let index = usize::from(letter.wrapping_sub(b'a'));
                if let Some(count) = vector.get_mut(index) {
                    *count += 1.0;
                }
            }
            // `None` for a text without letters: it has no direction.
            vector.iter().any(|x| *x > 0.0).then_some(vector)
        };
        Ok(texts.iter().map(embed).collect())
    }
}

/// A toy reranker that prefers short texts.
struct Shortest;

impl Reranker for Shortest {
    fn name(&self) -> &str {
        "shortest"
    }

    fn rerank(&self, _: &RerankQuery, candidates: &[Candidate]) -> lexivec::Result<Vec<f64>> {
        let length =
            |candidate: &Candidate| candidate.text.values().map(String::len).sum::<usize>();
        Ok(candidates.iter().map(|candidate| -(length(candidate) as f64)).collect())
    }
}

fn main() -> lexivec::Result<()> {
    // The embedder brings its vector field; documents need no vectors then, and neither do requests.
    let options = Options::new().embedder(Arc::new(Letters));
    let notes = Collection::in_memory(options)?.with_reranker(Arc::new(Shortest));
    notes.upsert([
        Document::new("long").text("a note on wings, written at great length"),
        Document::new("short").text("a note on wings"),
        Document::new("other").text("bread, butter"),
    ])?;

    let request = SearchRequest::text("note wing").limit(3);
    for hit in notes.search(&request)?.hits {
        println!("fused    {:8.4}  {}", hit.score, hit.id);
    }
    let answer = notes.search(&request.rerank(Rerank::model()))?;
    for hit in &answer.hits {
        println!("reranked {:8.4}  {}", hit.score, hit.id);
    }
    // A slow or failing reranker never fails a search: the report says if it was applied.
    println!("applied: {}", answer.rerank.is_some_and(|report| report.applied));
    Ok(())
}
