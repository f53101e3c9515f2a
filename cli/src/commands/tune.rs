//! `tune`: the best settings for judged queries, their gain, and the profile saved from them.

use std::process::ExitCode;

use lexivec::eval::metric;
use lexivec::eval::tune::DEFAULT_FOLDS;
use lexivec::query::request::Mode;
use lexivec::schema::check_name;
use lexivec::{OpenOptions, TuneOptions, TuneReport};
use serde::Serialize;

use super::evaluate::difference;
use super::open_for_reading;
use crate::exit::{Failure, Outcome};
use crate::model::Models;
use crate::output;
use crate::queries::{Judged, note_cut};
use crate::target::Target;

#[derive(Serialize)]
struct Saved<'a> {
    #[serde(flatten)]
    report: &'a TuneReport,
    /// The profile it was saved as.
    saved: Option<&'a str>,
}

#[derive(clap::Args)]
pub(crate) struct Tune {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    judged: Judged,
    /// Metric to raise: ndcg@K, recall@K, precision@K, hit_rate@K, map@K or mrr@K.
    #[arg(long, default_value = "ndcg@10")]
    metric: metric::Metric,
    /// Parts that the queries are split into; each part is scored with the settings that the others choose.
    #[arg(long, default_value_t = DEFAULT_FOLDS)]
    folds: usize,
    /// Seed of the split and of the significance test.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Save the best settings as this profile, if the gain is significant.
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// Save them even if the gain is not significant.
    #[arg(long, requires = "save")]
    save_anyway: bool,
    #[command(flatten)]
    models: Models,
}

pub(super) fn run(args: &Tune, open: OpenOptions) -> Outcome<ExitCode> {
    if let Some(name) = &args.save {
        // A bad name is reported before the work begins.
        check_name("profile name", name)?;
    }
    let qrels = args.judged.qrels()?;
    let mut queries = args.judged.asked.read()?;
    queries.keep_judged(&qrels)?;
    let judged = queries.judged(Mode::Auto, &qrels)?;
    let collection = open_for_reading(&args.target.dir, &args.models, queries.vectors.is_none())?;
    let mut options = TuneOptions::default();
    (options.metric, options.folds, options.seed) = (args.metric, args.folds, args.seed);
    let report = collection.searcher()?.tune(&judged, &options)?;
    drop(collection);
    note_cut(report.cut_queries);
    let saved = args.save.as_deref().filter(|_| report.validation.significant || args.save_anyway);
    if let Some(name) = saved {
        open.open(&args.target.dir)?.set_profile(name, report.profile.clone())?;
    }
    if args.target.json {
        output::json(&Saved { report: &report, saved })?;
    } else {
        print(&report)?;
        match (saved, &args.save) {
            (Some(name), _) => output::note(&format!("saved as {name}")),
            (None, Some(_)) => {
                output::note("not saved; --save-anyway saves it without a significant gain")
            }
            (None, None) => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &TuneReport) -> Outcome<()> {
    let found = &report.validation;
    output::line(&format!(
        "{} of {} in {}, {}",
        report.metric,
        output::count(report.queries, "query"),
        output::count(found.folds.len(), "part"),
        output::count(report.settings, "setting")
    ))?;
    output::line(&format!("default            {:.4}", found.default))?;
    output::line(&format!("tuned, held out    {:.4}", found.tuned))?;
    output::line(&format!("difference         {}", difference(&found.test)))?;
    let profile = serde_json::to_string(&report.profile)
        .map_err(|e| Failure::new(format!("the profile cannot be written as JSON: {e}")))?;
    output::line(&format!("chosen by all      {:.4} by {profile}", found.chosen_mean))?;
    output::line(if found.significant { "significant gain" } else { "no significant gain" })
}
