//! Any text as a query, analyzed by the rules of every language.

use std::sync::OnceLock;

use lexivec::query::limits::MAX_GIVEN_QUERY_BYTES;
use lexivec::schema::{Analyzer, Language, TextField};
use lexivec::{Collection, Document, Error, Options, SearchRequest};

/// A few words of each language, among them some that its stemmer shortens.
const WORDS: [(Language, &str, &str); 13] = [
    (Language::Danish, "danish", "bølgerne løber mod undersøgelsernes kyst"),
    (Language::Dutch, "dutch", "de lichamelijke vleugels dreven mogelijkheden"),
    (Language::English, "english", "the wing's running flows generalizations skies dying"),
    (Language::Finnish, "finnish", "lentokoneiden siivistä kauniimpien taloissaan"),
    (Language::French, "french", "l'écoulement continuellement aiguë majestueusement"),
    (Language::German, "german", "die Häuser aufeinanderfolgenden Strömungen Straße"),
    (Language::Hungarian, "hungarian", "repülőgépeinkkel a házaikban legszebbeknél"),
    (Language::Italian, "italian", "l'abbandonandoci velocemente pronunciarle"),
    (Language::Norwegian, "norwegian", "havnedistriktene vekstens oppgavene"),
    (Language::Portuguese, "portuguese", "quilométricas boiávamos asas irrealizável"),
    (Language::Russian, "russian", "крыльями важнейшего неописуемостью ёлки"),
    (Language::Spanish, "spanish", "cheques chicharrones rápidamente vuélvase"),
    (Language::Swedish, "swedish", "vingarnas klokaste jaktkarlarne löst"),
];

/// Answers the text: every ledger adds up, and a short answer is the start of a long one.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    if cfg!(feature = "planted") && text.len() > 8 {
        // Trusts that a character is a byte.
        assert!(!text[..8].is_empty(), "planted");
    }
    let collection = collection();
    let request = SearchRequest::text(text.clone());
    // All rows are candidates, so nothing is pruned.
    let all = match collection.search(&request.clone().limit(8).candidates(100).explain()) {
        Ok(all) => all,
        Err(Error::Request(_)) if text.len() > MAX_GIVEN_QUERY_BYTES => return,
        Err(error) => panic!("{text:?}: {error}"),
    };
    assert!(all.hits.iter().all(|hit| hit.ledger.adds_up()), "{text:?}");
    // Fewer let the scorer prune; what it keeps must be the same.
    let few = collection.search(&request.limit(2)).expect("it was answered before");
    let bits_of = |hits: &[lexivec::Hit]| -> Vec<(String, u64)> {
        hits.iter().take(2).map(|hit| (hit.id.clone(), hit.score.to_bits())).collect()
    };
    assert_eq!(bits_of(&few.hits), bits_of(&all.hits), "{text:?}");
}

/// A field for each language, two segments, dead rows.
fn collection() -> &'static Collection {
    static COLLECTION: OnceLock<Collection> = OnceLock::new();
    COLLECTION.get_or_init(|| {
        let field = |&(language, name, _): &(Language, &str, &str)| {
            TextField::new(name).analyzer(Analyzer { language, ..Analyzer::default() })
        };
        let options =
            Options::new().text_fields(WORDS.iter().map(field).collect()).join_text(false);
        let collection = Collection::in_memory(options).expect("created");
        let document = |i: usize| {
            let mut document = Document::new(format!("d{i}"));
            for (index, (_, name, words)) in WORDS.iter().enumerate() {
                let words: Vec<&str> = words.split(' ').collect();
                let some = (0..=(i + index) % 4).map(|n| words[(i * n + index) % words.len()]);
                document = document.text_in(*name, some.collect::<Vec<_>>().join(" "));
            }
            document
        };
        // The first has more than twice the rows of the second, so it is not taken in.
        collection.upsert((0..24).map(document)).expect("written");
        collection.flush().expect("flushed");
        collection.upsert((20..28).map(document)).expect("written");
        assert_eq!(collection.stats().expect("counted").segments.len(), 2);
        collection
    })
}

/// The words of each language, and text that is none.
pub fn seeds() -> Vec<Vec<u8>> {
    let words = WORDS.iter().map(|(_, _, words)| words.as_bytes().to_vec());
    let others = ["", "don\u{2019}t 2.5 a_b wing-body", "\u{0}\u{1f600}\u{200d}é\u{301}\u{fb01}İß"];
    words.chain(others.map(|text| text.as_bytes().to_vec())).collect()
}
