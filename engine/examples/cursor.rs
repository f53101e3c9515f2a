//! Paging with a cursor: one ranked list, read page by page, while others write.
#![allow(clippy::print_stdout)] // an example prints its results

use lexivec::prelude::*;

fn main() -> lexivec::Result<()> {
    let notes = Collection::in_memory(Options::new())?;
    notes.upsert((1..=7).map(|i| Document::new(format!("note-{i}")).text("a note on wings")))?;

    // The cursor ranks up to 100 hits once, on the rows of this moment.
    let mut cursor = notes.cursor(&SearchRequest::text("wings"), 100)?;
    println!("{} hits are ranked", cursor.rows());
    loop {
        let page = cursor.next(3)?;
        if page.hits.is_empty() {
            break;
        }
        let ids: Vec<&str> = page.hits.iter().map(|hit| hit.id.as_str()).collect();
        println!("page: {}", ids.join(" "));
        // Writes between two pages neither repeat nor hide a hit of this list.
        notes.upsert(Document::new("late").text("wings, wings, wings"))?;
    }
    println!("a new search finds {}", notes.search(&SearchRequest::text("wings"))?.matching);
    Ok(())
}
