//! First steps: a collection is created, documents are written and searched, and a score is taken apart.
#![allow(clippy::print_stdout)] // an example prints its results

use lexivec::prelude::*;

fn main() -> lexivec::Result<()> {
    // This collection lives in memory; `Collection::create("papers", …)` keeps one in a directory.
    let papers = Collection::in_memory(Options::new().name("papers"))?;

    // `text` is the default field; other fields are named. The payload is free JSON.
    papers.upsert([
        Document::new("wing")
            .text_in("title", "Wings in a slipstream")
            .text("lift of a wing behind a propeller")
            .payload("year", 1958),
        Document::new("heat")
            .text_in("title", "Heat transfer")
            .text("heat in a laminar boundary layer over a wing")
            .payload("year", 1962),
    ])?;
    // One document is a batch as well; the same id replaces the row.
    papers.upsert(Document::new("cone").text("pressure on a cone").payload("year", 1965))?;

    let answer = papers.search(&SearchRequest::text("wing slipstream").limit(5).explain())?;
    println!("{} of {} rows found", answer.hits.len(), papers.count(&Filter::All)?);
    for hit in &answer.hits {
        println!("{:.4}  {}", hit.score, hit.id);
        // The ledger says which words the score comes from.
        for term in &hit.ledger.terms {
            println!("        {:.4}  {}", term.contribution, term.term);
        }
    }
    Ok(())
}
