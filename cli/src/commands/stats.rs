//! `stats`: counts and sizes.

use std::process::ExitCode;

use lexivec::Collection;
use lexivec::schema::{ANALYZER_VERSION, Analyzer, TextField};

use crate::exit::Outcome;
use crate::output;
use crate::target::Target;

pub(super) fn run(target: &Target) -> Outcome<ExitCode> {
    let stats = Collection::open_read_only(&target.dir)?.stats()?;
    if target.json {
        output::json(&stats)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!("collection  {} (generation {})", stats.name, stats.generation))?;
    output::line(&format!(
        "documents   {} ({})",
        stats.documents,
        output::count(stats.dead_rows, "dead row")
    ))?;
    output::line(&format!(
        "writes      {} ({} only in the log)",
        stats.seq,
        output::count(stats.recent_rows, "row")
    ))?;
    output::line(&format!("tokens      {}", stats.tokens))?;
    output::line(&format!("bytes       {}", stats.bytes))?;
    for fields in stats.schema.text.chunk_by(|a, b| a.analyzer == b.analyzer) {
        let weight = |weight: f64| format!(" (weight {weight})");
        let name = |f: &TextField| f.name.clone() + &f.weight.map(weight).unwrap_or_default();
        let names: Vec<String> = fields.iter().map(name).collect();
        let analyzer = fields.first().map(|field| analysis(&field.analyzer)).unwrap_or_default();
        output::line(&format!("text        {}: {analyzer}", names.join(", ")))?;
    }
    for field in &stats.schema.vectors {
        let metric = format!("{:?}", field.metric).to_lowercase();
        output::line(&format!("vectors     {}: {} components, {metric}", field.name, field.dim))?;
    }
    for field in &stats.schema.tokens {
        let (name, dim) = (&field.name, field.dim);
        output::line(&format!("vectors     {name}: {dim} components, late interaction"))?;
    }
    if let Some(model) = &stats.schema.embedder {
        output::line(&format!("model       {} ({})", model.name, model.hash))?;
    }
    if let Some(damage) = &stats.damage {
        output::line(&format!("damage      {damage}"))?;
    }
    for segment in &stats.segments {
        output::line(&format!(
            "segment     {}: {}, {} live, {} bytes, graphs {:?}",
            segment.file,
            output::count(segment.rows, "row"),
            segment.live,
            segment.bytes,
            segment.graphs
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings of an analyzer in words.
fn analysis(analyzer: &Analyzer) -> String {
    let version = match analyzer.version {
        ANALYZER_VERSION => String::new(),
        old => format!(
            ", analysis {old} (a new collection has {ANALYZER_VERSION}; `lexivec reindex` builds the index again)"
        ),
    };
    let stop_words = if analyzer.stop_words { "" } else { ", with stop words" };
    let stems = if analyzer.stemming { "" } else { ", no stems" };
    let accents = if analyzer.fold_accents { ", no accents" } else { "" };
    format!("{}{stop_words}{stems}{accents}{version}", analyzer.language)
}
