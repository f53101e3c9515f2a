//! The report for a student.

use serde::Serialize;

use super::{NOTE, Timeframe};
use crate::courses::LEVELS;
use crate::id::Id;
use crate::moment::Moment;
use crate::row::{nested, row};
use crate::source::{Draw, Source};

/// Most weeks of a report.
const WEEKS: u32 = 12;
/// Skills of a report.
const SKILLS: [&str; 5] =
    ["Python", "Data Analysis", "Web Development", "Machine Learning", "Project Management"];

/// A report about the learning of a student.
#[derive(Clone, Debug, Serialize)]
pub struct StudentReport {
    /// Identifier, different for every report.
    pub id: Id,
    /// Sums over all courses.
    pub learning_progress: LearningProgress,
    /// Weeks of the timeframe, 12 at most.
    pub weekly_activity: Vec<Week>,
    /// Five skills, always the same.
    pub skill_development: Vec<Skill>,
    /// Name of the timeframe.
    pub timeframe: &'static str,
    /// The reference moment.
    pub generated_at: Moment,
    /// Note that the figures are made up.
    pub demo_note: &'static str,
}

/// Sums of a student's report.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LearningProgress {
    /// Courses, 3 to 8.
    pub courses_enrolled: u32,
    /// Finished ones, 1 to 5, and not more than there are.
    pub courses_completed: u32,
    /// Hours, 50 to 200.
    pub total_study_time: u32,
    /// Certificates, 1 to 4, and not more than finished courses.
    pub certificates_earned: u32,
    /// Days in a row, 1 to 30.
    pub current_streak: u32,
    /// Points, 500 to 2,000.
    pub skill_points: u32,
}

/// A week of a student's report.
#[derive(Clone, Debug, Serialize)]
pub struct Week {
    /// `Week 1` and so on.
    pub week: String,
    /// Hours, 2 to 15, in tenths.
    pub study_hours: f64,
    /// Lessons, 1 to 8.
    pub lessons_completed: u32,
    /// Quizzes, 0 to 3.
    pub quizzes_taken: u32,
}

/// A skill of a student's report.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Skill {
    /// Name.
    pub skill: &'static str,
    /// `Beginner`, `Intermediate` or `Advanced`.
    pub level: &'static str,
    /// Percent, 20 to 100.
    pub progress: u32,
    /// Finished courses, 1 to 3.
    pub courses_completed: u32,
}

nested!(LearningProgress);
row!(StudentReport: id, learning_progress, weekly_activity, skill_development, timeframe, generated_at, demo_note);

/// A report, by the choices of its stream.
pub(super) fn report(timeframe: Timeframe, source: &Source, draw: &mut Draw) -> StudentReport {
    let courses_enrolled = draw.between(3, 8);
    let courses_completed = draw.between(1, courses_enrolled.min(5));
    let week = |number: u32, draw: &mut Draw| Week {
        week: format!("Week {number}"),
        study_hours: draw.tenths(20, 150),
        lessons_completed: draw.between(1, 8),
        quizzes_taken: draw.between(0, 3),
    };
    let skill = |skill: &'static str, draw: &mut Draw| Skill {
        skill,
        level: draw.pick(&LEVELS),
        progress: draw.between(20, 100),
        courses_completed: draw.between(1, 3),
    };
    StudentReport {
        id: draw.id(),
        learning_progress: LearningProgress {
            courses_enrolled,
            courses_completed,
            total_study_time: draw.between(50, 200),
            certificates_earned: draw.between(1, courses_completed.min(4)),
            current_streak: draw.between(1, 30),
            skill_points: draw.between(500, 2_000),
        },
        weekly_activity: (1..=WEEKS.min(timeframe.days() / 7)).map(|n| week(n, draw)).collect(),
        skill_development: SKILLS.into_iter().map(|name| skill(name, draw)).collect(),
        timeframe: timeframe.name(),
        generated_at: source.now(),
        demo_note: NOTE,
    }
}
