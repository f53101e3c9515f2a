//! `tune`: settings chosen by judgments, what the choice is worth, and the profile kept of it.

use std::process::ExitCode;

use lexivec::query::request::Mode;
use lexivec::schema::check_name;
use lexivec::{Collection, OpenOptions, TuneOptions, TuneReport};
use serde::Serialize;

use super::evaluate::difference;
use super::open_for_reading;
use crate::args::Tune;
use crate::exit::{Failure, Outcome};
use crate::output;

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    report: &'a TuneReport,
    /// The profile it was saved as.
    saved: Option<&'a str>,
}

pub(super) fn run(args: &Tune, open: OpenOptions) -> Outcome<ExitCode> {
    if let Some(name) = &args.save {
        // Before the work, not after it.
        check_name("profile name", name)?;
    }
    let qrels = args.judged.qrels()?;
    let mut queries = args.judged.asked.read()?;
    queries.keep_judged(&qrels)?;
    let judged = queries.judged(Mode::Auto, &qrels)?;
    let collection = open_for_reading(&args.dir, &args.models, queries.vectors.is_none())?;
    let mut options = TuneOptions::default();
    (options.metric, options.folds, options.seed) = (args.metric, args.folds, args.seed);
    let report = collection.tune(&judged, &options)?;
    drop(collection);
    let saved = args.save.as_deref().filter(|_| report.validation.significant || args.save_anyway);
    if let Some(name) = saved {
        Collection::open_with(&args.dir, open)?.set_profile(name, report.profile.clone())?;
    }
    if args.json {
        output::json(&Told { report: &report, saved })?;
    } else {
        print(&report)?;
        match (saved, &args.save) {
            (Some(name), _) => output::note(&format!("saved as {name}")),
            (None, Some(_)) => output::note("not saved; --save-anyway saves it all the same"),
            (None, None) => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &TuneReport) -> Outcome<()> {
    let found = &report.validation;
    output::line(&format!(
        "{} of {} queries in {} parts, {} settings",
        report.metric,
        report.queries,
        found.folds.len(),
        report.settings
    ))?;
    output::line(&format!("default            {:.4}", found.default))?;
    output::line(&format!("tuned, held out    {:.4}", found.tuned))?;
    output::line(&format!("difference         {}", difference(&found.test)))?;
    let profile = serde_json::to_string(&report.profile)
        .map_err(|e| Failure::new(format!("the profile cannot be written as JSON: {e}")))?;
    output::line(&format!("chosen by all      {:.4} by {profile}", found.chosen_mean))?;
    output::line(if found.significant { "significant gain" } else { "no significant gain" })
}
