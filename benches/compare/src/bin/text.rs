//! tantivy's own search compared with our text leg: `text DATA`. The same texts, the same tokens (tantivy's words, lower
//! case, English stop words and stems are all but ours), any of the words, the ten best with their ids; one
//! thread, rounds in turn, queries per second of processor time, medians.

use std::path::PathBuf;

use lexivec::query::request::Mode;
use lexivec::{Collection, Document, Options, SearchRequest};
use lexivec_benches::{DataSet, cpu_seconds};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{
    Language, LowerCaser, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer,
};
use tantivy::{Index, TantivyDocument, Term};

const K: usize = 10;
const ROUNDS: usize = 5;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err("usage: text DATA".into());
    };
    let data = DataSet::read(&folder)?;
    let ours = Collection::in_memory(Options::new())?;
    let texts = data.texts.iter().enumerate();
    ours.upsert(texts.map(|(i, text)| Document::new(i.to_string()).text(text)))?;
    ours.flush()?;

    let (index, mut analyzer, text) = tantivy_index(&data)?;
    let searcher = index.reader()?.searcher();

    let mut theirs = |words: &str| -> Result<Vec<u64>, Failure> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        let mut tokens = analyzer.token_stream(words);
        while let Some(token) = tokens.next() {
            let term = Term::from_field_text(text, &token.text);
            clauses.push((
                Occur::Should,
                Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)),
            ));
        }
        let query = BooleanQuery::new(clauses);
        let found = searcher.search(&query, &TopDocs::with_limit(K).order_by_score())?;
        let mut ids = Vec::with_capacity(K);
        for (_, address) in found {
            let column = searcher.segment_reader(address.segment_ord).fast_fields().u64("id")?;
            ids.extend(column.first(address.doc_id));
        }
        Ok(ids)
    };
    let own = |words: &str| -> Result<Vec<u64>, Failure> {
        let mut request = SearchRequest::text(words).mode(Mode::Text).limit(K);
        request.with_payload = false;
        let hits = ours.search(&request)?.hits;
        Ok(hits.iter().filter_map(|hit| hit.id.parse().ok()).collect())
    };
    let (mut speeds, mut shared) = ([Vec::new(), Vec::new()], 0.0);
    for _ in 0..ROUNDS {
        let start = cpu_seconds();
        let a = data.query_texts.iter().map(|q| own(q)).collect::<Result<Vec<_>, _>>()?;
        let middle = cpu_seconds();
        let b = data.query_texts.iter().map(|q| theirs(q)).collect::<Result<Vec<_>, _>>()?;
        let end = cpu_seconds();
        let count = data.query_texts.len() as f64;
        speeds[0].push(count / (middle - start));
        speeds[1].push(count / (end - middle));
        let same = |(a, b): (&Vec<u64>, &Vec<u64>)| a.iter().filter(|id| b.contains(id)).count();
        shared = a.iter().zip(&b).map(same).sum::<usize>() as f64 / (count * K as f64);
    }
    println!("segments of tantivy: {}", searcher.segment_readers().len());
    println!("| engine | q/s per CPU-second |\n|---|---|");
    for (name, speeds) in ["lexivec", "tantivy"].iter().zip(&mut speeds) {
        speeds.sort_by(f64::total_cmp);
        println!("| {name} | {:.0} |", speeds[ROUNDS / 2]);
    }
    println!("of ten hits {:.2} are the same", 10.0 * shared);
    Ok(())
}

/// The texts in an index of tantivy, with the analyzer of its queries and its text field.
fn tantivy_index(data: &DataSet) -> Result<(Index, TextAnalyzer, Field), Failure> {
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("english")
        .set_index_option(IndexRecordOption::WithFreqs);
    let text = schema.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
    let id = schema.add_u64_field("id", FAST);
    let index = Index::create_in_ram(schema.build());
    let stop = StopWordFilter::new(Language::English).ok_or("no stop words")?;
    let mut analyzer = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(LowerCaser)
        .filter(stop)
        .filter(Stemmer::new(Language::English))
        .build();
    index.tokenizers().register("english", analyzer.clone());
    let mut writer = index.writer_with_num_threads::<TantivyDocument>(1, 512 << 20)?;
    for (i, words) in (0u64..).zip(&data.texts) {
        let mut document = TantivyDocument::new();
        document.add_text(text, words);
        document.add_u64(id, i);
        writer.add_document(document)?;
    }
    writer.commit()?;
    Ok((index, analyzer, text))
}
