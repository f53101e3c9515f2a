//! The report for an administrator.

use serde::Serialize;

use super::{NOTE, Timeframe};
use crate::id::Id;
use crate::moment::Moment;
use crate::row::{nested, row};
use crate::source::{Draw, Source};

/// Months of a report.
const MONTHS: i64 = 12;

/// A report about the platform, for an administrator.
#[derive(Clone, Debug, Serialize)]
pub struct PlatformReport {
    /// Identifier, different for every report.
    pub id: Id,
    /// Sums.
    pub platform_overview: PlatformOverview,
    /// Twelve months, oldest first, the last one that of the reference moment.
    pub growth_metrics: Vec<MonthOfGrowth>,
    /// Content.
    pub content_statistics: Content,
    /// Name of the timeframe.
    pub timeframe: &'static str,
    /// The reference moment.
    pub generated_at: Moment,
    /// Note that the figures are made up.
    pub demo_note: &'static str,
}

/// Sums of an administrator's report.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PlatformOverview {
    /// Users, 500 to 5,000.
    pub total_users: u32,
    /// Instructors, 50 to 300.
    pub active_instructors: u32,
    /// Courses, 200 to 1,000.
    pub total_courses: u32,
    /// Revenue, 50,000 to 500,000.
    pub platform_revenue: u32,
    /// Satisfaction, 4.2 to 4.7, in tenths.
    pub user_satisfaction: f64,
    /// Percent of the time, 99.5 to 99.9, in hundredths.
    pub system_uptime: f64,
}

/// A month of an administrator's report.
#[derive(Clone, Debug, Serialize)]
pub struct MonthOfGrowth {
    /// Month and year, as `November 2026`.
    pub month: String,
    /// New users, 100 to 500.
    pub new_users: u32,
    /// Courses finished, 200 to 800.
    pub course_completions: u32,
    /// Revenue, 10,000 to 50,000.
    pub revenue: u32,
}

/// Content of the platform.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Content {
    /// Courses that a model wrote, 100 to 400.
    pub ai_generated_courses: u32,
    /// Courses that people wrote, 200 to 600.
    pub human_created_courses: u32,
    /// Hours of video, 2,000 to 10,000.
    pub total_video_hours: u32,
    /// Labs, 150 to 500.
    pub interactive_labs: u32,
    /// Questions, 5,000 to 20,000.
    pub assessment_questions: u32,
}

nested!(PlatformOverview, Content);
row!(PlatformReport: id, platform_overview, growth_metrics, content_statistics, timeframe, generated_at, demo_note);

/// A report, by the choices of its stream.
pub(super) fn report(timeframe: Timeframe, source: &Source, draw: &mut Draw) -> PlatformReport {
    let month = |months_ago: i64, draw: &mut Draw| MonthOfGrowth {
        month: source.now().month_before(months_ago),
        new_users: draw.between(100, 500),
        course_completions: draw.between(200, 800),
        revenue: draw.between(10_000, 50_000),
    };
    PlatformReport {
        id: draw.id(),
        platform_overview: PlatformOverview {
            total_users: draw.between(500, 5_000),
            active_instructors: draw.between(50, 300),
            total_courses: draw.between(200, 1_000),
            platform_revenue: draw.between(50_000, 500_000),
            user_satisfaction: draw.tenths(42, 47),
            system_uptime: draw.hundredths(9_950, 9_990),
        },
        growth_metrics: (0..MONTHS).rev().map(|months_ago| month(months_ago, draw)).collect(),
        content_statistics: Content {
            ai_generated_courses: draw.between(100, 400),
            human_created_courses: draw.between(200, 600),
            total_video_hours: draw.between(2_000, 10_000),
            interactive_labs: draw.between(150, 500),
            assessment_questions: draw.between(5_000, 20_000),
        },
        timeframe: timeframe.name(),
        generated_at: source.now(),
        demo_note: NOTE,
    }
}
