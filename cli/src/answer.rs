//! An answer as people read it: title, passage with the query's words marked, id; with an explanation the ledger.

use anstyle::{Effects, Style};
use lexivec::query::explain::{FieldWeight, Ledger};
use lexivec::query::facets::FacetCounts;
use lexivec::query::fusion::Completed;
use lexivec::query::plan::SegmentPlan;
use lexivec::query::request::TextCut;
use lexivec::{Groups, Hit, Passage, SearchResponse};

use crate::exit::Outcome;
use crate::output::{self, Paper, in_line, printable};

/// Characters of the beginning of a text, which stands in for a passage if none of its words was searched for.
const BEGINNING_CHARS: usize = 200;
/// Most characters before or after a passage that are shown instead of an ellipsis.
const ELLIPSIS_CHARS: usize = 20;
/// Columns before the lines of a hit, below its number.
const INDENT: &str = "     ";

const TITLE: Style = Style::new().effects(Effects::BOLD);
const FAINT: Style = Style::new().effects(Effects::DIMMED);
const FOUND: Style = Style::new()
    .effects(Effects::BOLD)
    .fg_color(Some(anstyle::Color::Ansi(anstyle::AnsiColor::Yellow)));

/// Prints an answer that skipped `offset` hits; with `explain` also the contributions to each score, and the plan.
pub(crate) fn print(response: &SearchResponse, offset: usize, explain: bool) -> Outcome<()> {
    let paper = Paper::new();
    print_hits(&paper, &response.hits, offset + 1, explain)?;
    response.groups.iter().try_for_each(|groups| print_groups(&paper, groups, explain))?;
    if response.hits.is_empty() && response.groups.as_ref().is_none_or(|g| g.list.is_empty()) {
        output::note("no hits");
    }
    response.notices.iter().for_each(|notice| output::note(notice));
    if let Some(cut) = &response.text_cut {
        note_cut(cut);
    }
    if let Some(text) = &response.did_you_mean {
        output::note(&format!("did you mean: {}", in_line(text)));
    }
    response.facets.iter().try_for_each(print_facet)?;
    if response.confident == Some(false) {
        output::note("no confident answer: the best score is below the floor of the profile");
    }
    if let Some(reason) = response.rerank.as_ref().and_then(|r| r.reason.as_ref()) {
        output::note(&format!("not reranked, so that the order is that of the fusion: {reason}"));
    }
    response.plan.iter().flatten().try_for_each(print_plan)
}

/// Prints a note that only the beginning of a query text was searched for.
pub(crate) fn note_cut(cut: &TextCut) {
    let TextCut { given_bytes, used_bytes } = cut;
    output::note(&format!(
        "the query has {given_bytes} bytes; the first {used_bytes} were searched for"
    ));
}

fn print_groups(paper: &Paper, groups: &Groups, explain: bool) -> Outcome<()> {
    for group in &groups.list {
        output::line(&in_line(&group.value.value().to_string()))?;
        print_hits(paper, &group.hits, 1, explain)?;
    }
    if !groups.complete {
        let examined = groups.looked_at;
        output::note(&format!("groups may lack hits: only the best {examined} were grouped"));
    }
    Ok(())
}

fn print_facet(facet: &FacetCounts) -> Outcome<()> {
    output::line(&format!("{}: {}", facet.field, output::count(facet.distinct, "value")))?;
    facet.values.iter().try_for_each(|v| {
        output::line(&format!("{:>9}  {}", v.count, in_line(&v.value.value().to_string())))
    })
}

/// Prints hits, numbered from `first`.
fn print_hits(paper: &Paper, hits: &[Hit], first: usize, explain: bool) -> Outcome<()> {
    for (number, hit) in (first..).zip(hits) {
        let mut lead = format!("{number:>3}. ");
        let mut print = |text: &str| {
            let lead = std::mem::replace(&mut lead, INDENT.to_owned());
            paper.line(text, &lead, INDENT)
        };
        print(&heading(paper, hit))?;
        for passage in passages(paper, hit) {
            print(&passage)?;
        }
        print(&paper.styled(FAINT, &format!("{:.6}  {}", hit.score, hit.id)))?;
        if explain {
            print_ledger(&hit.ledger)?;
        }
    }
    Ok(())
}

/// The first line of a hit: its title with its heading, else its path or its id.
fn heading(paper: &Paper, hit: &Hit) -> String {
    let payload = |key: &str| hit.payload.as_ref()?.get(key)?.as_str();
    let stored = hit.text.as_ref().and_then(|texts| texts.get("title")).map(String::as_str);
    // The text of a chunk's title has its headings, too.
    let title = payload("title").or(stored).filter(|title| !title.trim().is_empty());
    let title = line(title.or_else(|| payload("path")).unwrap_or(&hit.id));
    // The first heading of a file is often its title.
    let heading = payload("heading").map(line);
    let heading = heading.filter(|path| *path != title).map(|path| {
        let below = path.strip_prefix(&title).and_then(|rest| rest.strip_prefix(" > "));
        below.map(str::to_owned).unwrap_or(path)
    });
    let heading = heading.map(|heading| format!("  {heading}")).unwrap_or_default();
    format!("{}{}", paper.styled(TITLE, &title), paper.styled(FAINT, &heading))
}

/// The passages of a hit's texts but its title; the beginning of its text if there are none.
fn passages(paper: &Paper, hit: &Hit) -> Vec<String> {
    let texts = hit.text.iter().flatten().filter(|(field, _)| *field != "title");
    let found = hit.highlight.as_ref();
    let passages: Vec<String> = texts
        .clone()
        .filter_map(|(field, text)| Some((text, found?.get(field)?)))
        .flat_map(|(text, parts)| {
            let snippets = parts.chunk_by(|a, b| a.snippet == b.snippet);
            snippets.map(|parts| passage(paper, text, parts))
        })
        .filter(|passage| !passage.is_empty())
        .collect();
    if !passages.is_empty() {
        return passages;
    }
    texts.take(1).map(|(_, text)| beginning(text)).filter(|text| !text.is_empty()).collect()
}

/// A passage on one line, its found words marked, with an ellipsis where the text goes on.
fn passage(paper: &Paper, text: &str, parts: &[Passage]) -> String {
    let plain: String = parts.iter().map(|part| part.text.as_str()).collect();
    if plain.is_empty() {
        return plain;
    }
    let shown = parts.iter().map(|part| match part.found {
        true => paper.marked(FOUND, &line(&part.text)),
        false => spaced(&part.text),
    });
    let shown: String = shown.collect();
    let (before, after) = text.split_once(plain.as_str()).unwrap_or_default();
    // An ellipsis stands for more than it takes.
    let short = |rest: &str| rest.chars().count() <= ELLIPSIS_CHARS;
    let before = if short(before.trim_start()) { spaced(before) } else { "… ".to_owned() };
    let after = if short(after.trim_end()) { spaced(after) } else { " …".to_owned() };
    format!("{before}{shown}{after}").trim().to_owned()
}

fn beginning(text: &str) -> String {
    let text = line(text);
    match text.char_indices().nth(BEGINNING_CHARS) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or(&text).trim_end()),
        None => text,
    }
}

/// A text as one line, without spaces at its ends.
fn line(text: &str) -> String {
    spaced(text).trim().to_owned()
}

/// A text with single spaces for its line breaks and control characters, at both ends too.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if c != ' ' || !spaced.ends_with(' ') {
            spaced.push(c);
        }
    }
    printable(&spaced).into_owned()
}

fn print_plan(plan: &SegmentPlan) -> Outcome<()> {
    let ways = plan.alternatives.iter().map(|(way, cost)| format!("{way:?} {cost:.0} us"));
    let dropped = plan.dropped.iter().map(|(way, reason)| format!("no {way:?} ({reason})"));
    let ways: Vec<String> = ways.chain(dropped).collect();
    output::line(&format!(
        "segment: {:?}{}, {} matching, {:.0} us estimated, {:.0} us by what was compared; instead of {}",
        plan.strategy,
        plan.tried.as_ref().map(|way| format!(" after {way:?}")).unwrap_or_default(),
        output::count(plan.matching, "row"),
        plan.cost,
        plan.actual,
        if ways.is_empty() { "nothing".to_owned() } else { ways.join(", ") }
    ))
}

fn print_ledger(ledger: &Ledger) -> Outcome<()> {
    for part in &ledger.contributions {
        let leg = format!("{:?}", part.leg).to_lowercase();
        let normalized = part.normalized.map(|n| format!(", normalized {n:.4}"));
        let rank = match (part.rank, part.completed) {
            (Some(rank), None) => format!(" rank {rank}"),
            (Some(rank), Some(_)) => format!(" rank {rank} (completed)"),
            (None, Some(Completed::Lowest)) => " has no score for it: the lowest".to_owned(),
            (None, _) => " does not match".to_owned(),
        };
        output::line(&format!(
            "       {:.6}  {leg}{rank}, score {:.4}{}",
            part.contribution,
            part.score,
            normalized.unwrap_or_default()
        ))?;
    }
    if let Some(rerank) = &ledger.rerank {
        let score = match rerank.score {
            Some(score) => format!("score {score:.6}"),
            None => "no score".to_owned(),
        };
        let (kind, from, to) = (rerank.kind, rerank.from_rank, rerank.to_rank);
        output::line(&format!(
            "       {:.6}  fused; {kind}: {score}, rank {from} -> {to}",
            rerank.fused
        ))?;
    }
    for term in &ledger.terms {
        let expansion = term.expansion.as_ref().map(|e| format!(" ({} of {})", e.kind, e.words));
        let weights = term.weights.iter().map(|part| {
            let FieldWeight { field, weight, tf, length } = part;
            format!("; {field} x{weight}: tf {tf}, length {length}")
        });
        output::line(&format!(
            "         {:.4}  {}:{}{}  tf {}, idf {:.3}, length {}{}",
            term.contribution,
            term.field,
            term.term,
            expansion.unwrap_or_default(),
            term.tf,
            term.idf,
            term.length,
            weights.collect::<String>()
        ))?;
    }
    Ok(())
}
