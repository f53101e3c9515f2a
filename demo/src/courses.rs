//! Courses.

use serde::Serialize;

use crate::id::Id;
use crate::moment::Moment;
use crate::people;
use crate::row::{nested, row};
use crate::source::{Draw, Source};
use crate::viewer::Viewer;
use crate::words::phrases::{DESCRIPTION_ENDS, MODULE_STARTS, TEACHER_TITLES, TITLE_FORMS};
use crate::words::subjects::{SUBJECTS, Subject};

/// Levels of courses.
pub(crate) const LEVELS: [&str; 3] = ["Beginner", "Intermediate", "Advanced"];
/// Prices that students and administrators see.
const PRICES: [u32; 5] = [0, 29, 49, 99, 149];
/// Topics of a subject.
const TOPICS: u64 = SUBJECTS[0].topics.len() as u64;
/// Titles of courses; those after them say which edition they are.
const TITLES: u64 = SUBJECTS.len() as u64 * TOPICS * TITLE_FORMS.len() as u64;
const NOTE: &str = "A made-up course: its people and figures are not real";

/// A course.
#[derive(Clone, Debug, Serialize)]
pub struct Course {
    /// Identifier, different for every course.
    pub id: Id,
    /// Title. The first 5,760 of a source are different; later ones end in the number of their edition.
    pub title: String,
    /// Description, which begins with `Comprehensive` and the title in small letters.
    pub description: String,
    /// Name of the subject, one of [`SUBJECTS`].
    pub subject: &'static str,
    /// `Beginner`, `Intermediate` or `Advanced`.
    pub difficulty: &'static str,
    /// Length, `4 hours` to `20 hours`.
    pub duration: String,
    /// Learners: 15 to 150 for an instructor, 50 to 500 for a student, 100 to 1,000 for an administrator.
    pub enrollment_count: u32,
    /// Percent of them that finish: 65 to 95, 70 to 90, 60 to 85.
    pub completion_rate: u32,
    /// Mean of the reviews, in tenths: 3.8 to 4.9, 4.0 to 4.8, 3.5 to 4.7.
    pub rating: f64,
    /// Reviews, 10 to 200, and not more than learners.
    pub review_count: u32,
    /// Creation, 1 to 365 days ago.
    pub created_at: Moment,
    /// Last change, 1 to 30 days ago, and not before the creation.
    pub last_updated: Moment,
    /// The instructor.
    pub instructor: Instructor,
    /// Parts, 4 to 8.
    pub modules: Vec<Module>,
    /// Concepts that are taught, 3 to 6, each once.
    pub skills_taught: Vec<&'static str>,
    /// Concepts that are needed, 0 to 3, other ones than are taught.
    pub prerequisites: Vec<&'static str>,
    /// True if the course has labs.
    pub has_labs: bool,
    /// Always true.
    pub has_certificates: bool,
    /// Price: 0, 29, 49, 99 or 149; an instructor sees none.
    pub price: Option<u32>,
    /// Percent of the content that a model wrote, 20 to 80.
    pub ai_generated_content: u32,
    /// Note that the course is made up.
    pub demo_note: &'static str,
}

/// The instructor of a course.
#[derive(Clone, Debug, Serialize)]
pub struct Instructor {
    /// Name.
    pub name: String,
    /// Position.
    pub title: &'static str,
    /// Mean of the reviews, 4.2 to 4.9, in tenths.
    pub rating: f64,
}

/// A module of a course.
#[derive(Clone, Debug, Serialize)]
pub struct Module {
    /// Identifier.
    pub id: Id,
    /// `Module 1: ` and a title.
    pub title: String,
    /// Lessons, 3 to 8.
    pub lessons: u32,
    /// Length, `30 minutes` to `120 minutes`.
    pub duration: String,
    /// True if the student has finished it; `None` for other viewers.
    pub completed: Option<bool>,
}

nested!(Instructor);
row!(Course: id, title, description, subject, difficulty, duration, enrollment_count, completion_rate, rating,
    review_count, created_at, last_updated, instructor, modules, skills_taught, prerequisites, has_labs,
    has_certificates, price, ai_generated_content, demo_note);

/// The first `count` courses that a viewer sees.
pub fn courses(viewer: &Viewer, count: u64, source: Source) -> impl Iterator<Item = Course> {
    (0..count).map(move |index| course(viewer, source, index))
}

/// The course with an index that a viewer sees.
#[must_use]
pub fn course(viewer: &Viewer, source: Source, index: u64) -> Course {
    let (subject, title) = subject_and_title(&source, index);
    let mut draw = source.draw("course", index);
    let (enrollment, completion, rating) = match viewer {
        Viewer::Instructor(_) => ((15, 150), (65, 95), (38, 49)),
        Viewer::Student => ((50, 500), (70, 90), (40, 48)),
        Viewer::Administrator => ((100, 1_000), (60, 85), (35, 47)),
    };
    let enrollment_count = draw.between(enrollment.0, enrollment.1);
    let created_at = draw.days_ago(1, 365);
    let modules = draw.between(4, 8);
    let concepts = draw.sample(&subject.concepts, modules);
    let skills = draw.between(3, 6);
    let needed = draw.between(0, 3);
    let mut skills_taught = draw.sample(&subject.concepts, skills + needed);
    let prerequisites = skills_taught.split_off(skills as usize);
    Course {
        id: draw.id(),
        description: description(&title, draw.pick(&DESCRIPTION_ENDS)),
        title,
        subject: subject.name,
        difficulty: draw.pick(&LEVELS),
        duration: amount(draw.between(4, 20), " hours"),
        enrollment_count,
        completion_rate: draw.between(completion.0, completion.1),
        rating: draw.tenths(rating.0, rating.1),
        review_count: draw.between(10, enrollment_count.min(200)),
        created_at,
        last_updated: draw.days_ago(1, 30).max(created_at),
        instructor: instructor(viewer, &mut draw),
        modules: (1..).zip(concepts).map(|(n, c)| module(viewer, n, c, &mut draw)).collect(),
        skills_taught,
        prerequisites,
        has_labs: draw.percent(50),
        has_certificates: true,
        price: (!matches!(viewer, Viewer::Instructor(_))).then(|| draw.pick(&PRICES)),
        ai_generated_content: draw.between(20, 80),
        demo_note: NOTE,
    }
}

/// Subject and title of the course with an index.
pub(crate) fn subject_and_title(source: &Source, index: u64) -> (&'static Subject, String) {
    let place = source.place("titles", index % TITLES, TITLES) as usize;
    let subject = &SUBJECTS[place % SUBJECTS.len()];
    let place = place / SUBJECTS.len();
    let topic = subject.topics[place % TOPICS as usize];
    let form = TITLE_FORMS[place / TOPICS as usize];
    let title = match index / TITLES {
        0 => [topic, ": ", form].concat(),
        edition => format!("{topic}: {form}, Edition {}", edition + 1),
    };
    (subject, title)
}

fn description(title: &str, end: &str) -> String {
    let mut text = String::with_capacity(title.len() + end.len() + 16);
    text.push_str("Comprehensive ");
    text.extend(title.chars().map(|c| c.to_ascii_lowercase()));
    text.push(' ');
    text.push_str(end);
    text
}

/// A number and its unit.
fn amount(number: u32, unit: &str) -> String {
    let mut text = number.to_string();
    text.push_str(unit);
    text
}

fn instructor(viewer: &Viewer, draw: &mut Draw) -> Instructor {
    let name = match viewer {
        Viewer::Instructor(name) => name.clone(),
        _ => people::anyone(draw),
    };
    Instructor { name, title: draw.pick(&TEACHER_TITLES), rating: draw.tenths(42, 49) }
}

fn module(viewer: &Viewer, number: u32, concept: &str, draw: &mut Draw) -> Module {
    let start = draw.pick(&MODULE_STARTS);
    Module {
        id: draw.id(),
        title: ["Module ", &number.to_string(), ": ", start, " ", concept].concat(),
        lessons: draw.between(3, 8),
        duration: amount(draw.between(30, 120), " minutes"),
        completed: (*viewer == Viewer::Student).then(|| draw.percent(50)),
    }
}
