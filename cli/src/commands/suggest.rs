//! `suggest`: completions and a correction of a text.

use std::process::ExitCode;

use lexivec::query::limits::DEFAULT_SUGGESTIONS;
use lexivec::{Collection, Filter, SuggestRequest};

use crate::exit::Outcome;
use crate::output;
use crate::target::Target;

#[derive(clap::Args)]
pub(crate) struct Suggest {
    #[command(flatten)]
    target: Target,
    /// Text that is being typed: its last word is completed, unless a space follows it.
    text: String,
    /// Number of completions.
    #[arg(long, short = 'k', default_value_t = DEFAULT_SUGGESTIONS)]
    limit: usize,
    /// Filter of the documents whose words are suggested: "lang = 'en'", or as JSON {"lang": "en"}.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
}

pub(super) fn run(args: &Suggest) -> Outcome<ExitCode> {
    let mut request = SuggestRequest::new(&args.text).limit(args.limit);
    if let Some(filter) = &args.filter {
        request = request.filter(Filter::parse(filter)?);
    }
    let found = Collection::open_read_only(&args.target.dir)?.suggest(&request)?;
    if args.target.json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    for completion in &found.completions {
        let documents = output::count(completion.documents, "document");
        output::line(&format!("{}\t{documents}", output::in_line(&completion.text)))?;
    }
    if let Some(correction) = &found.did_you_mean {
        output::line(&format!("did you mean: {}", output::in_line(&correction.text)))?;
    }
    Ok(ExitCode::SUCCESS)
}
