//! Structs in, structs out: a serde type becomes a document, and a hit's payload is read back into it.
#![allow(clippy::print_stdout)] // an example prints its results

use lexivec::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Recipe {
    title: String,
    steps: String,
    minutes: u32,
    tags: Vec<String>,
}

fn main() -> lexivec::Result<()> {
    let recipes = Collection::in_memory(Options::new())?;

    let soup = Recipe {
        title: "Tomato soup".to_owned(),
        steps: "Roast the tomatoes, add stock, blend.".to_owned(),
        minutes: 40,
        tags: vec!["vegan".to_owned(), "soup".to_owned()],
    };
    // The whole value becomes the payload. A document does not know the fields of its collection, so the keys
    // that are searched as text are named.
    let document =
        Document::from_serde("soup", &soup)?.text_in_from("title", "title")?.text_from("steps")?;
    recipes.upsert(document)?;

    // Every field of the struct can be filtered, with a text or with `field`.
    let quick = SearchRequest::text("roast tomatoes").filter(field("minutes").lte(45));
    for hit in recipes.search(&quick)?.hits {
        let found: Recipe = hit.payload()?;
        assert_eq!(found, soup);
        println!(
            "{}: {} ({} minutes, {})",
            hit.id,
            found.title,
            found.minutes,
            found.tags.join(", ")
        );
    }
    // A whole document reads back as well.
    if let Some(document) = recipes.get("soup")? {
        println!("steps: {}", document.payload_as::<Recipe>()?.steps);
    }
    Ok(())
}
