//! A syllabus from a topic and its objectives.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::source::{Draw, Source};
use crate::words::phrases::MODULE_STARTS;
use crate::words::subjects::SUBJECTS;

/// Most modules; there are two more than objectives otherwise.
const MODULES: usize = 6;
/// Fewest and most lessons of a module.
const LESSONS: (u32, u32) = (3, 5);

/// A syllabus.
#[derive(Clone, Debug, Serialize)]
pub struct Syllabus {
    /// The topic.
    pub course_title: String,
    /// Modules: two more than objectives, six at most.
    pub modules: Vec<SyllabusModule>,
    /// Sum of the modules' weeks.
    pub duration_weeks: u32,
    /// `beginner`, `intermediate` or `advanced`.
    pub difficulty_level: &'static str,
    /// Two of the objectives, or the one there is.
    pub prerequisites: Vec<String>,
    /// Name of the generator.
    pub generated_by: &'static str,
    /// Always true.
    pub is_demo: bool,
    /// Additional members for guests.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestSyllabus>,
}

/// Members of a syllabus for guests.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GuestSyllabus {
    /// `sample`.
    pub generation_type: &'static str,
    /// Always false.
    pub is_ai_generated: bool,
    /// An invitation to register.
    pub register_for_custom_generation: &'static str,
}

/// A module of a syllabus.
#[derive(Clone, Debug, Serialize)]
pub struct SyllabusModule {
    /// Number from 1.
    pub module_number: u32,
    /// `Module 1: ` and the part of an objective before its colon, or `Core Concepts 1`.
    pub title: String,
    /// Weeks, 1 or 2.
    pub duration_weeks: u32,
    /// Three of the objectives, or all if there are fewer.
    pub learning_objectives: Vec<String>,
    /// Lessons, 3 to 5.
    pub lessons: Vec<Lesson>,
    /// The assessment at its end.
    pub assessment: Assessment,
}

/// A lesson of a syllabus.
#[derive(Clone, Debug, Serialize)]
pub struct Lesson {
    /// Number from 1.
    pub lesson_number: u32,
    /// `Lesson 1: ` and a title.
    pub title: String,
    /// Minutes: 30, 45, 60 or 90.
    pub duration_minutes: u32,
    /// `video`, `reading`, `interactive` or `lab`.
    pub content_type: &'static str,
}

/// An assessment of a syllabus.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Assessment {
    /// `quiz`, `project`, `lab` or `exam`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Percent of the grade: 10, 15, 20 or 25.
    pub weight_percent: u32,
}

/// A syllabus for a topic. A guest sees an example and may not ask for another (`force`).
///
/// # Errors
/// [`Error::Empty`] if there are no objectives, [`Error::Guest`] if a guest asks for another syllabus than the example.
pub fn syllabus(
    topic: &str,
    objectives: &[String],
    guest: bool,
    force: bool,
    source: Source,
) -> Result<Syllabus> {
    if guest && force {
        return Err(Error::Guest(
            "Instructor account required: register to generate a syllabus for your own topic",
        ));
    }
    if objectives.is_empty() {
        return Err(Error::Empty("the list of learning objectives"));
    }
    let mut draw = source.draw("syllabus", 0);
    let count = MODULES.min(objectives.len() + 2);
    let modules: Vec<SyllabusModule> = (1..)
        .zip(objectives.iter().cycle().take(count))
        .map(|(number, objective)| module(number, objective, objectives, &mut draw))
        .collect();
    Ok(Syllabus {
        course_title: topic.to_owned(),
        duration_weeks: modules.iter().map(|module| module.duration_weeks).sum(),
        modules,
        difficulty_level: draw.pick(&["beginner", "intermediate", "advanced"]),
        prerequisites: chosen(objectives, 2, &mut draw),
        generated_by: "lexivec demo syllabus",
        is_demo: true,
        guest: guest.then_some(GuestSyllabus {
            generation_type: "sample",
            is_ai_generated: false,
            register_for_custom_generation: "Register to generate a syllabus for your own topic",
        }),
    })
}

/// Different ones of some texts.
fn chosen(texts: &[String], count: u32, draw: &mut Draw) -> Vec<String> {
    let texts: Vec<&String> = texts.iter().collect();
    draw.sample(&texts, count).into_iter().cloned().collect()
}

fn module(number: u32, objective: &str, objectives: &[String], draw: &mut Draw) -> SyllabusModule {
    let title = match objective.split_once(':') {
        Some((title, _)) => format!("Module {number}: {title}"),
        None => format!("Module {number}: Core Concepts {number}"),
    };
    let subject = draw.choose(&SUBJECTS);
    let lessons = draw.between(LESSONS.0, LESSONS.1);
    let concepts = draw.sample(&subject.concepts, lessons);
    SyllabusModule {
        module_number: number,
        title,
        duration_weeks: draw.between(1, 2),
        learning_objectives: chosen(objectives, 3, draw),
        lessons: (1..).zip(concepts).map(|(n, concept)| lesson(n, concept, draw)).collect(),
        assessment: Assessment {
            kind: draw.pick(&["quiz", "project", "lab", "exam"]),
            weight_percent: draw.pick(&[10, 15, 20, 25]),
        },
    }
}

fn lesson(lesson_number: u32, concept: &str, draw: &mut Draw) -> Lesson {
    Lesson {
        lesson_number,
        title: format!("Lesson {lesson_number}: {} {concept}", draw.pick(&MODULE_STARTS)),
        duration_minutes: draw.pick(&[30, 45, 60, 90]),
        content_type: draw.pick(&["video", "reading", "interactive", "lab"]),
    }
}
