//! Hybrid search with given vectors: words and vectors each rank the rows, and fusion makes one list.
#![allow(clippy::print_stdout)] // an example prints its results

use lexivec::prelude::*;

fn main() -> lexivec::Result<()> {
    // Vectors of three components; a real model has hundreds.
    let animals = Collection::in_memory(Options::new().vector(3, Metric::Cosine))?;
    animals.upsert([
        Document::new("cat").text("a small cat that purrs").vector([0.9, 0.1, 0.0]),
        Document::new("lion").text("a big cat of the savanna").vector([0.8, 0.3, 0.1]),
        Document::new("car").text("a fast car with four wheels").vector([0.0, 0.1, 0.9]),
    ])?;

    // By words, by vector, and by both.
    show(&animals, "text", &SearchRequest::text("big cat"))?;
    show(&animals, "vector", &SearchRequest::vector([1.0, 0.0, 0.0]))?;
    let hybrid = SearchRequest::hybrid("big cat", [1.0, 0.0, 0.0]);
    // Each leg scores what either found; the vectors have half of the score.
    show(&animals, "hybrid, by scores", &hybrid)?;

    // Ranks in place of scores, of what each leg found itself.
    show(&animals, "hybrid, by ranks (RRF)", &hybrid.fusion(Fusion::rrf(60.0)))
}

fn show(collection: &Collection, title: &str, request: &SearchRequest) -> lexivec::Result<()> {
    println!("{title}");
    for hit in collection.search(request)?.hits {
        // Each leg's contribution adds up to the score, exactly.
        let legs = hit.ledger.contributions.iter();
        let legs: Vec<String> = legs
            .map(|c| format!("{} with score {:.2} adds {:.4}", c.leg, c.score, c.contribution))
            .collect();
        println!("  {:.4}  {:5} {}", hit.score, hit.id, legs.join(", "));
    }
    Ok(())
}
