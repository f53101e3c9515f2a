//! The report for an instructor.

use serde::Serialize;

use super::{NOTE, Timeframe};
use crate::courses::subject_and_title;
use crate::id::Id;
use crate::moment::{DAY, Moment};
use crate::row::{nested, row};
use crate::source::{Draw, Source};

/// Points of the curve over the days of a report, about.
const POINTS: u32 = 20;
/// Courses of a report.
const COURSES: u64 = 5;

/// A report about the courses of an instructor.
#[derive(Clone, Debug, Serialize)]
pub struct InstructorReport {
    /// Identifier, different for every report.
    pub id: Id,
    /// Sums over all courses.
    pub overview: Overview,
    /// Days of the timeframe, oldest first: all of 7 and 30, every fourth of 90, every 18th of 365.
    pub student_progress: Vec<DayOfProgress>,
    /// Five courses with different titles.
    pub course_performance: Vec<CoursePerformance>,
    /// Activity of the learners.
    pub engagement_metrics: Engagement,
    /// Name of the timeframe.
    pub timeframe: &'static str,
    /// The reference moment.
    pub generated_at: Moment,
    /// Note that the figures are made up.
    pub demo_note: &'static str,
}

/// Sums of an instructor's report; those of learners, money and activity grow with the timeframe.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Overview {
    /// Learners, 50 to 300 a week.
    pub total_students: u32,
    /// Courses, 3 to 12.
    pub active_courses: u32,
    /// Percent of the learners that finish, 68 to 85, in tenths.
    pub completion_rate: f64,
    /// Mean of the reviews, 4.1 to 4.8, in tenths.
    pub average_rating: f64,
    /// Revenue, 2,000 to 15,000 a week.
    pub total_revenue: u32,
    /// Engagement, 75 to 92, in tenths.
    pub engagement_score: f64,
}

/// A day of an instructor's report.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DayOfProgress {
    /// The day, at the time of the reference moment.
    pub date: Moment,
    /// New learners, 2 to 15.
    pub new_enrollments: u32,
    /// Courses finished, 1 to 8.
    pub completions: u32,
    /// Active learners, 20 to 80.
    pub active_students: u32,
}

/// A course of an instructor's report.
#[derive(Clone, Debug, Serialize)]
pub struct CoursePerformance {
    /// Title.
    pub course_name: String,
    /// Learners, 25 to 100.
    pub students: u32,
    /// Percent of them that finish, 65 to 95.
    pub completion_rate: u32,
    /// Mean of the reviews, 3.8 to 4.9, in tenths.
    pub rating: f64,
    /// Revenue, 500 to 3,000.
    pub revenue: u32,
}

/// Activity of an instructor's learners, each number for every week of the timeframe.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Engagement {
    /// Posts, 50 to 200 a week.
    pub discussion_posts: u32,
    /// Labs, 30 to 150 a week.
    pub lab_submissions: u32,
    /// Quizzes, 100 to 500 a week.
    pub quiz_attempts: u32,
    /// Hours of video, 200 to 1,000 a week.
    pub video_watch_time: u32,
}

nested!(Overview, Engagement);
row!(InstructorReport: id, overview, student_progress, course_performance, engagement_metrics, timeframe, generated_at,
    demo_note);

/// The report with an index.
pub(super) fn report(
    timeframe: Timeframe,
    source: &Source,
    index: u64,
    draw: &mut Draw,
) -> InstructorReport {
    let weeks = timeframe.weeks();
    let step = (timeframe.days() / POINTS).max(1);
    let days = (0..timeframe.days()).step_by(step as usize).collect::<Vec<_>>();
    let first_course = index.wrapping_mul(COURSES);
    InstructorReport {
        id: draw.id(),
        overview: Overview {
            total_students: draw.between(50, 300) * weeks,
            active_courses: draw.between(3, 12),
            completion_rate: draw.tenths(680, 850),
            average_rating: draw.tenths(41, 48),
            total_revenue: draw.between(2_000, 15_000) * weeks,
            engagement_score: draw.tenths(750, 920),
        },
        student_progress: days.into_iter().rev().map(|day| progress(day, source, draw)).collect(),
        course_performance: (first_course..first_course.saturating_add(COURSES))
            .map(|course| performance(subject_and_title(source, course).1, draw))
            .collect(),
        engagement_metrics: Engagement {
            discussion_posts: draw.between(50, 200) * weeks,
            lab_submissions: draw.between(30, 150) * weeks,
            quiz_attempts: draw.between(100, 500) * weeks,
            video_watch_time: draw.between(200, 1_000) * weeks,
        },
        timeframe: timeframe.name(),
        generated_at: source.now(),
        demo_note: NOTE,
    }
}

fn progress(days_ago: u32, source: &Source, draw: &mut Draw) -> DayOfProgress {
    DayOfProgress {
        date: source.now().plus(-i64::from(days_ago) * DAY),
        new_enrollments: draw.between(2, 15),
        completions: draw.between(1, 8),
        active_students: draw.between(20, 80),
    }
}

fn performance(course_name: String, draw: &mut Draw) -> CoursePerformance {
    CoursePerformance {
        course_name,
        students: draw.between(25, 100),
        completion_rate: draw.between(65, 95),
        rating: draw.tenths(38, 49),
        revenue: draw.between(500, 3_000),
    }
}
