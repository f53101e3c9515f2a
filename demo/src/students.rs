//! Students and their progress.

use serde::Serialize;

use crate::id::Id;
use crate::moment::Moment;
use crate::people;
use crate::row::row;
use crate::source::Source;

/// Fewest and most students of a class.
const CLASS: (u32, u32) = (8, 10);
/// Completed labs that make a lab master, and posts that make a discussion leader.
const LABS_OF_A_MASTER: u32 = 4;
const POSTS_OF_A_LEADER: u32 = 10;
/// Progress above which there is a grade, and above which the end of the course is planned.
const GRADED: u32 = 50;
const ENDING: u32 = 80;
const NOTE: &str = "A made-up student: the progress follows common patterns of learning";

/// Performance and the range of its grades.
const PERFORMANCES: [(&str, (u32, u32)); 4] =
    [("excellent", (90, 100)), ("good", (80, 89)), ("average", (70, 79)), ("poor", (50, 69))];
/// Engagements of students, in the order of [`PERFORMANCES`]: three typical cases out of four and one other.
const ENGAGEMENTS: [[&str; 4]; 4] = [
    ["high", "high", "high", "medium"],
    ["medium", "medium", "high", "high"],
    ["medium", "medium", "low", "high"],
    ["low", "low", "low", "medium"],
];

/// A student of a course.
#[derive(Clone, Debug, Serialize)]
pub struct Student {
    /// Identifier, different for every student.
    pub id: Id,
    /// Name. The first 5,120,000 of a source are different.
    pub name: String,
    /// Address, made of the name.
    pub email: String,
    /// Address of a picture, made of the name.
    pub avatar: String,
    /// Percent of the course that is done, 10 to 100.
    pub progress: u32,
    /// Grade, 50 to 100; there is none up to half of the course.
    pub grade: Option<u32>,
    /// `high`, `medium` or `low`.
    pub engagement_level: &'static str,
    /// Hours, 5 to 200.
    pub time_spent: u32,
    /// Last visit, 0 to 14 days ago.
    pub last_active: Moment,
    /// Lessons, 0 to 25.
    pub completed_lessons: u32,
    /// Results of 2 to 8 quizzes, 60 to 100 each.
    pub quiz_scores: Vec<u32>,
    /// Labs, 0 to 5.
    pub lab_completions: u32,
    /// Posts, 0 to 15.
    pub discussion_posts: u32,
    /// `Fast Learner`, which everyone has, `Lab Master` and `Discussion Leader`.
    pub achievements: Vec<Achievement>,
    /// Enrolment, 30 to 180 days ago.
    pub enrollment_date: Moment,
    /// Planned end, 1 to 60 days ahead; there is none up to 80 % of the course.
    pub completion_date: Option<Moment>,
    /// Note that the student is made up.
    pub demo_note: &'static str,
    /// The course that the students were asked for, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course_id: Option<String>,
}

/// An achievement.
#[derive(Clone, Debug, Serialize)]
pub struct Achievement {
    /// Name.
    pub title: &'static str,
    /// True if the student has it.
    pub earned: bool,
}

row!(Student: id, name, email, avatar, progress, grade, engagement_level, time_spent, last_active, completed_lessons,
    quiz_scores, lab_completions, discussion_posts, achievements, enrollment_date, completion_date, demo_note,
    course_id);

/// The first `count` students, of a course if one is named; another course has other students.
pub fn students(course: Option<&str>, count: u64, source: Source) -> impl Iterator<Item = Student> {
    (0..count).map(move |index| student(course, source, index))
}

/// The 8 to 10 students of a class.
#[must_use]
pub fn class(course: Option<&str>, source: Source) -> Vec<Student> {
    let count = source.within(course).draw("class", 0).between(CLASS.0, CLASS.1);
    students(course, u64::from(count), source).collect()
}

/// The student with an index, of a course if one is named.
#[must_use]
pub fn student(course: Option<&str>, source: Source, index: u64) -> Student {
    let source = source.within(course);
    let name = people::person(&source, index);
    let mut draw = source.draw("student", index);
    let kind = draw.between(0, 3) as usize;
    let (_, grades) = PERFORMANCES[kind];
    let progress = draw.between(10, 100);
    let quizzes = draw.between(2, 8);
    let lab_completions = draw.between(0, 5);
    let discussion_posts = draw.between(0, 15);
    Student {
        id: draw.id(),
        email: format!("{}.demo@student.edu", name.to_ascii_lowercase().replace(' ', ".")),
        avatar: people::picture(&name),
        name,
        progress,
        grade: (progress > GRADED).then(|| draw.between(grades.0, grades.1)),
        engagement_level: draw.pick(&ENGAGEMENTS[kind]),
        time_spent: draw.between(5, 200),
        last_active: draw.days_ago(0, 14),
        completed_lessons: draw.between(0, 25),
        quiz_scores: (0..quizzes).map(|_| draw.between(60, 100)).collect(),
        lab_completions,
        discussion_posts,
        achievements: vec![
            Achievement { title: "Fast Learner", earned: true },
            Achievement { title: "Lab Master", earned: lab_completions >= LABS_OF_A_MASTER },
            Achievement {
                title: "Discussion Leader",
                earned: discussion_posts >= POSTS_OF_A_LEADER,
            },
        ],
        enrollment_date: draw.days_ago(30, 180),
        completion_date: (progress > ENDING).then(|| draw.days_ahead(1, 60)),
        demo_note: NOTE,
        course_id: course.map(str::to_owned),
    }
}

/// A profile of the list that the Python module shows as `SAMPLE_STUDENTS`.
#[derive(Clone, Debug, Serialize)]
pub struct SampleStudent {
    /// Name.
    pub name: String,
    /// `excellent`, `good`, `average` or `poor`.
    pub performance: &'static str,
    /// `high`, `medium` or `low`.
    pub engagement: &'static str,
}

/// Ten profiles, always the same.
#[must_use]
pub fn sample_students() -> Vec<SampleStudent> {
    let source = Source::new(0, Moment::from_unix(0));
    let sample = |index: u64| {
        let kind = index as usize % PERFORMANCES.len();
        SampleStudent {
            name: people::person(&source, index),
            performance: PERFORMANCES[kind].0,
            engagement: ENGAGEMENTS[kind][index as usize / PERFORMANCES.len()],
        }
    };
    (0..10).map(sample).collect()
}
