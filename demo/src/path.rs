//! A learning path for a student.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::id::Id;
use crate::source::{Draw, Source};
use crate::words::phrases::MODULE_STARTS;
use crate::words::subjects::SUBJECTS;

/// Fewest and most steps.
const STEPS: (u32, u32) = (5, 8);
/// Steps from the first on whose prerequisites are always met.
const OPEN: u32 = 2;
/// Later steps in a hundred whose prerequisites are met.
const MET: u64 = 70;

/// A learning path.
#[derive(Clone, Debug, Serialize)]
pub struct LearningPath {
    /// Identifier.
    pub path_id: Id,
    /// The student's level.
    pub student_level: String,
    /// The student's goal.
    pub goal: String,
    /// Steps, 5 to 8.
    pub steps: Vec<Step>,
    /// Sum of the steps' hours.
    pub estimated_duration_hours: u32,
    /// Chance that the student finishes, 0.70 to 0.95.
    pub completion_rate_prediction: f64,
    /// Name of the generator.
    pub generated_by: &'static str,
    /// Always true.
    pub is_demo: bool,
}

/// A step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Number from 1.
    pub step_number: u32,
    /// Concept to learn; none is repeated.
    pub concept: &'static str,
    /// Reason, which names the goal.
    pub reason: String,
    /// `beginner`, `intermediate` or `advanced`.
    pub difficulty: &'static str,
    /// Hours, 3 to 12.
    pub estimated_hours: u32,
    /// Materials, 2 to 4.
    pub resources: Vec<Resource>,
    /// True if the student knows what the step needs; always so for the first two.
    pub prerequisites_met: bool,
}

/// A material.
#[derive(Clone, Debug, Serialize)]
pub struct Resource {
    /// `video`, `article`, `tutorial` or `project`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Title.
    pub title: String,
    /// Minutes: 15, 30, 45 or 60.
    pub duration_minutes: u32,
}

/// A learning path for a student with a level and a goal.
///
/// # Errors
/// [`Error::Guest`] for guests, of whom no progress is known.
pub fn learning_path(level: &str, goal: &str, guest: bool, source: Source) -> Result<LearningPath> {
    if guest {
        return Err(Error::Guest(
            "Register to create personalized learning paths for your level and goal",
        ));
    }
    let mut draw = source.draw("learning path", 0);
    let subject = draw.choose(&SUBJECTS);
    let count = draw.between(STEPS.0, STEPS.1);
    let concepts = draw.sample(&subject.concepts, count);
    let steps: Vec<Step> =
        (1..).zip(concepts).map(|(n, concept)| step(n, concept, goal, &mut draw)).collect();
    Ok(LearningPath {
        path_id: draw.id(),
        student_level: level.to_owned(),
        goal: goal.to_owned(),
        estimated_duration_hours: steps.iter().map(|step| step.estimated_hours).sum(),
        steps,
        completion_rate_prediction: draw.hundredths(70, 95),
        generated_by: "lexivec demo learning paths",
        is_demo: true,
    })
}

fn step(step_number: u32, concept: &'static str, goal: &str, draw: &mut Draw) -> Step {
    let resource = |draw: &mut Draw| Resource {
        kind: draw.pick(&["video", "article", "tutorial", "project"]),
        title: format!("{} {concept}", draw.pick(&MODULE_STARTS)),
        duration_minutes: draw.pick(&[15, 30, 45, 60]),
    };
    let resources = draw.between(2, 4);
    Step {
        step_number,
        concept,
        reason: format!("A step towards the goal: {goal}"),
        difficulty: draw.pick(&["beginner", "intermediate", "advanced"]),
        estimated_hours: draw.between(3, 12),
        resources: (0..resources).map(|_| resource(draw)).collect(),
        prerequisites_met: step_number <= OPEN || draw.percent(MET),
    }
}
