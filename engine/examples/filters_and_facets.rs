//! Filters, facets and groups over the payload, which needs no schema.
#![allow(clippy::print_stdout)] // an example prints its results

use lexivec::prelude::*;
use serde_json::json;

fn main() -> lexivec::Result<()> {
    let books = Collection::in_memory(Options::new())?;
    let book = |id: &str, genre: &str, year: i64, tags: &[&str]| {
        let text = format!("a novel about the sea, {id}");
        let document = Document::new(id).text(text).payload("genre", genre).payload("year", year);
        document.payload("tags", tags.to_vec())
    };
    books.upsert([
        book("whale", "adventure", 1851, &["classic", "ship"]),
        book("island", "adventure", 1883, &["classic", "pirates"]),
        book("planet", "science fiction", 1961, &["classic"]),
        book("tide", "crime", 2012, &["new"]),
    ])?;

    // One filter, written in three ways.
    let built = field("year").gte(1850) & field("tags").is("classic") & !field("genre").is("crime");
    println!("as text: {}", built.to_text());
    println!("built  : {}", books.count(&built)?);
    let text = "year >= 1850 AND tags = 'classic' AND genre != 'crime'";
    let by_text = books.search(&SearchRequest::text("sea").filter(text))?;
    println!("text   : {}", by_text.matching);
    let json = json!({"year": {"$gte": 1850}, "tags": "classic", "genre": {"$ne": "crime"}});
    let by_json = books.search(&SearchRequest::text("sea").filter(json))?;
    println!("JSON   : {}", by_json.matching);

    // A mistake in a text is an error of the search, with its place.
    if let Err(error) = books.search(&SearchRequest::text("sea").filter("year >")) {
        println!("refused: {error}");
    }

    // Counts of values over all matching rows, and the best hit of each genre.
    let answer = books.search(&SearchRequest::text("sea").facet("genre", 10))?;
    for count in answer.facets.iter().flat_map(|facet| &facet.values) {
        println!("{:3} in {}", count.count, count.value.value());
    }
    let grouped = books.search(&SearchRequest::text("sea").group_by("genre", 1))?;
    for group in grouped.groups.iter().flat_map(|groups| &groups.list) {
        let ids: Vec<&str> = group.hits.iter().map(|hit| hit.id.as_str()).collect();
        println!("best of {}: {}", group.value.value(), ids.join(", "));
    }
    Ok(())
}
