//! Analytics: a report for the role of the viewer.

mod instructor;
mod platform;
mod student;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::row::{Cell, Row};
use crate::source::Source;
use crate::viewer::Viewer;

pub use instructor::{CoursePerformance, DayOfProgress, Engagement, InstructorReport, Overview};
pub use platform::{Content, MonthOfGrowth, PlatformOverview, PlatformReport};
pub use student::{LearningProgress, Skill, StudentReport, Week};

const NOTE: &str = "Made-up figures with common patterns";

/// The time that a report covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeframe {
    /// `7d`.
    Week,
    /// `30d`.
    Month,
    /// `90d`.
    Quarter,
    /// `1y`.
    Year,
}

impl Timeframe {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The timeframe of a name.
    ///
    /// # Errors
    /// [`Error::Unknown`] if it is none of `7d`, `30d`, `90d` and `1y`.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|timeframe| timeframe.name() == text);
        found.ok_or_else(|| Error::Unknown {
            what: "timeframe",
            given: text.to_owned(),
            known: "7d, 30d, 90d, 1y",
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
            Self::Year => "1y",
        }
    }

    fn days(self) -> u32 {
        match self {
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
            Self::Year => 365,
        }
    }

    /// Weeks of activity that sums are multiplied by.
    fn weeks(self) -> u32 {
        match self {
            Self::Week => 1,
            Self::Month => 4,
            Self::Quarter => 12,
            Self::Year => 48,
        }
    }
}

/// A report.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// An instructor's.
    Instructor(InstructorReport),
    /// A student's.
    Student(StudentReport),
    /// An administrator's.
    Platform(PlatformReport),
}

impl Row for Report {
    fn cells<'a>(&'a self, give: &mut dyn FnMut(&'static str, Cell<'a>)) -> Result<()> {
        match self {
            Self::Instructor(report) => report.cells(give),
            Self::Student(report) => report.cells(give),
            Self::Platform(report) => report.cells(give),
        }
    }
}

/// The first `count` reports for a viewer.
pub fn analytics(
    viewer: &Viewer,
    timeframe: Timeframe,
    count: u64,
    source: Source,
) -> impl Iterator<Item = Report> {
    (0..count).map(move |index| report(viewer, timeframe, source, index))
}

/// The report for a viewer with an index.
#[must_use]
pub fn report(viewer: &Viewer, timeframe: Timeframe, source: Source, index: u64) -> Report {
    let mut draw = source.draw("report", index);
    match viewer {
        Viewer::Instructor(_) => {
            Report::Instructor(instructor::report(timeframe, &source, index, &mut draw))
        }
        Viewer::Student => Report::Student(student::report(timeframe, &source, &mut draw)),
        Viewer::Administrator => Report::Platform(platform::report(timeframe, &source, &mut draw)),
    }
}
