//! PDF: the paragraphs of each page. Read in a reader process only, see `isolated`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use lexivec::chunk::SourceLocation;
use pdf_extract::{Document, PlainTextOutput, decode_text_string, output_doc_page};

use super::line_ends::KnownWords;
use super::{Part, heading, pdf_fonts, text};

/// Gives the parts of a file one after the other. A page that cannot be read is a fault, and the others
/// are read all the same.
pub(crate) fn read(path: &Path, give: &mut dyn FnMut(Part)) -> Result<(), String> {
    let mut document =
        Document::load(path).map_err(|e| format!("not a PDF that can be read: {e}"))?;
    if document.is_encrypted() && document.decrypt("").is_err() {
        return Err("it is encrypted, and opens with a password only".to_owned());
    }
    let pages = document.get_pages();
    if pages.is_empty() {
        return Err("it has no pages".to_owned());
    }
    if let Some(title) = title(&document) {
        give(Part::Title(title));
    }
    pdf_fonts::make_known(&mut document);
    let mut words = KnownWords::default();
    for number in pages.into_keys() {
        // The library panics on fonts and streams that it does not expect.
        let page = catch_unwind(AssertUnwindSafe(|| page(&document, number)))
            .unwrap_or_else(|_| Err("its reader gave up".to_owned()));
        match page {
            Ok(page) => {
                let page = words.joined(&page.replace('\0', ""));
                let blocks = text::paragraphs(&page, SourceLocation::Page(number));
                blocks.into_iter().for_each(|block| give(Part::Block(block)));
            }
            Err(detail) => give(Part::Fault(format!("page {number}: {detail}"))),
        }
    }
    Ok(())
}

fn page(document: &Document, number: u32) -> Result<String, String> {
    let mut page = String::new();
    let mut out = PlainTextOutput::new(&mut page);
    output_doc_page(document, &mut out, number).map_err(|e| e.to_string())?;
    Ok(page)
}

/// The title that the document says it has.
fn title(document: &Document) -> Option<String> {
    let info = document.trailer.get(b"Info").ok()?;
    let info = document.dereference(info).ok()?.1.as_dict().ok()?;
    let title = document.dereference(info.get(b"Title").ok()?).ok()?.1;
    Some(heading(&decode_text_string(title).ok()?)).filter(|title| !title.is_empty())
}
