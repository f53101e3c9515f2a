//! `list` and `count`: the documents that a filter admits.

use std::process::ExitCode;

use lexivec::limits::MAX_SCROLL_ROWS;
use lexivec::{Collection, Document, Filter};
use serde_json::json;

use crate::exit::Outcome;
use crate::output::{self, in_line, shell_word};
use crate::target::Target;

#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    target: Target,
    /// List only the documents that match this filter, as in `search`.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Number of documents.
    #[arg(long, short = 'k', default_value_t = 100)]
    limit: usize,
    /// Begin after this id.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Count {
    #[command(flatten)]
    target: Target,
    /// Count only the documents that match this filter, as in `search`.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
}

/// Prints documents in the order of their ids: id and title, or as JSON whole documents, one a line.
pub(super) fn list(args: &List) -> Outcome<ExitCode> {
    let filter = filter(args.filter.as_deref())?;
    let collection = Collection::open_read_only(&args.target.dir)?;
    let (mut after, mut left) = (args.after.clone(), args.limit);
    while left > 0 {
        let page = collection.scroll(&filter, after.as_deref(), left.min(MAX_SCROLL_ROWS))?;
        left -= page.documents.len();
        for document in &page.documents {
            if args.target.json { output::json(document)? } else { print(document)? }
        }
        after = page.next;
        if after.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    if let Some(id) = after {
        output::note(&format!("there are more; go on with --after {}", shell_word(&id)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the number of documents.
pub(super) fn count(args: &Count) -> Outcome<ExitCode> {
    let filter = filter(args.filter.as_deref())?;
    let count = Collection::open_read_only(&args.target.dir)?.count(&filter)?;
    if args.target.json {
        output::json(&json!({ "count": count }))?;
    } else {
        output::line(&count.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn filter(text: Option<&str>) -> Outcome<Filter> {
    Ok(text.map(Filter::parse).transpose()?.unwrap_or_default())
}

fn print(document: &Document) -> Outcome<()> {
    let stored = document.text.get("title").map(String::as_str);
    let title = stored.or_else(|| document.payload.get("title")?.as_str()).unwrap_or_default();
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    output::line(format!("{}  {title}", in_line(&document.id)).trim_end())
}
