//! Data of charts: curves, heat maps, funnels.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::source::Source;

/// Hours of a day.
const HOURS: u32 = 24;
/// Most days of a heat map: more than 2,700 years.
const MAX_DAYS: u32 = 1_000_000;
/// Stages of a funnel, and the share of the first one that reaches each.
const STAGES: [(&str, f64); 5] = [
    ("Enrolled", 1.0),
    ("Started", 0.85),
    ("Halfway", 0.65),
    ("Completed", 0.45),
    ("Certified", 0.4),
];

/// A chart.
#[derive(Clone, Debug, Serialize)]
pub struct Chart {
    /// `line` for the progress of students, else `bar`.
    pub chart_type: &'static str,
    /// Curves.
    pub data: ChartData,
    /// Means.
    pub metrics: ChartMetrics,
    /// Additional members for guests.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestChart>,
}

/// Curves of a chart; a chart without data has none of the members.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChartData {
    /// `Week 1` to `Week 4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<[&'static str; 4]>,
    /// Curves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasets: Option<[Curve; 2]>,
}

/// A curve.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Curve {
    /// Name.
    pub label: &'static str,
    /// A value for each label.
    pub data: [u32; 4],
}

/// Means of a chart; a chart without data has none.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ChartMetrics {
    /// Percent, 70 to 95.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_completion_rate: Option<u32>,
    /// Percent, 75 to 90.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_quiz_score: Option<u32>,
    /// Percent, 80 to 95.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engagement_rate: Option<u32>,
}

/// Members of a chart for guests.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GuestChart {
    /// `sample`.
    pub data_type: &'static str,
    /// Always false.
    pub is_real_data: bool,
    /// A note.
    pub demo_watermark: &'static str,
}

const GUEST: GuestChart = GuestChart {
    data_type: "sample",
    is_real_data: false,
    demo_watermark: "Sample data for demonstration purposes",
};

/// The chart of a kind, as `student_progress`, for a course. `custom_filters` says that filters were asked for.
///
/// # Errors
/// [`Error::Guest`] if a guest asks for filters.
pub fn chart(
    kind: &str,
    course: &str,
    guest: bool,
    custom_filters: bool,
    source: Source,
) -> Result<Chart> {
    if guest && custom_filters {
        return Err(Error::Guest(
            "Register to create custom analytics with your own filters and dates",
        ));
    }
    let guest = guest.then_some(GUEST);
    if kind != "student_progress" {
        let (data, metrics) = Default::default();
        return Ok(Chart { chart_type: "bar", data, metrics, guest });
    }
    let mut draw = source.within(Some(course)).draw("chart", 0);
    let mut rising = |steps: [(u32, u32); 4]| steps.map(|(low, high)| draw.between(low, high));
    let completion = rising([(15, 25), (40, 50), (60, 70), (80, 90)]);
    let scores = rising([(60, 66), (67, 73), (74, 80), (81, 87)]);
    Ok(Chart {
        chart_type: "line",
        data: ChartData {
            labels: Some(["Week 1", "Week 2", "Week 3", "Week 4"]),
            datasets: Some([
                Curve { label: "Completion", data: completion },
                Curve { label: "Quiz Scores", data: scores },
            ]),
        },
        metrics: ChartMetrics {
            average_completion_rate: Some(draw.between(70, 95)),
            average_quiz_score: Some(draw.between(75, 90)),
            engagement_rate: Some(draw.between(80, 95)),
        },
        guest,
    })
}

/// A heat map of activity.
#[derive(Clone, Debug, Serialize)]
pub struct HeatMap {
    /// For each day 24 values from 0 to 100.
    pub heatmap_data: Vec<[u32; HOURS as usize]>,
    /// Days.
    pub days: u32,
    /// 24.
    pub hours: u32,
}

/// The heat map of a kind over days.
///
/// # Errors
/// [`Error::TooMany`] for more than 1,000,000 days.
pub fn heat_map(kind: &str, days: u32, source: Source) -> Result<HeatMap> {
    if days > MAX_DAYS {
        return Err(Error::TooMany { what: "days", given: days, most: MAX_DAYS });
    }
    let source = source.within(Some(kind));
    let day = |day: u32| {
        let mut draw = source.draw("heat map", u64::from(day));
        std::array::from_fn(|_| draw.between(0, 100))
    };
    Ok(HeatMap { heatmap_data: (0..days).map(day).collect(), days, hours: HOURS })
}

/// A funnel.
#[derive(Clone, Debug, Serialize)]
pub struct Funnel {
    /// Five stages; none has more learners than the one before.
    pub stages: Vec<Stage>,
}

/// A stage of a funnel.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stage {
    /// Name.
    pub name: &'static str,
    /// Learners: 500 to 1,000 in the first stage, then 85, 65, 45 and 40 percent of them.
    pub count: u32,
}

/// The funnel of a kind.
#[must_use]
pub fn funnel(kind: &str, source: Source) -> Funnel {
    let first = source.within(Some(kind)).draw("funnel", 0).between(500, 1_000);
    let reached = |share: f64| (f64::from(first) * share) as u32;
    let stage = |(name, share)| Stage { name, count: reached(share) };
    Funnel { stages: STAGES.into_iter().map(stage).collect() }
}
