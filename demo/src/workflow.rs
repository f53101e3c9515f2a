//! The steps that a role can try, and sessions that change their role.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::id::Id;
use crate::source::Source;

const INSTRUCTOR: [(&str, &str); 7] = [
    ("create_course", "Create a course"),
    ("generate_syllabus", "Generate its syllabus"),
    ("generate_slides", "Generate slides"),
    ("create_quiz", "Create a quiz"),
    ("create_lab", "Create a lab"),
    ("view_analytics", "See how the students do"),
    ("manage_students", "Manage students"),
];
const STUDENT: [(&str, &str); 6] = [
    ("browse_courses", "Look through the courses"),
    ("enroll_course", "Enrol in a course"),
    ("view_lesson", "View a lesson"),
    ("complete_quiz", "Complete a quiz"),
    ("submit_lab", "Submit a lab"),
    ("view_progress", "See your progress"),
];

/// The workflow of a role.
#[derive(Clone, Debug, Serialize)]
pub struct Workflow {
    /// The role.
    pub role: String,
    /// Its steps; a role that is neither `instructor` nor `student` has none.
    pub steps: Vec<WorkflowStep>,
    /// `full`, or `view_only` for guests.
    pub access_level: &'static str,
    /// An invitation to register, for guests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register_to_execute: Option<&'static str>,
    /// A second invitation, in other words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register_to_try: Option<&'static str>,
}

/// A step.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct WorkflowStep {
    /// Name.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Title.
    pub title: &'static str,
    /// True for everyone but guests.
    pub executable: bool,
}

/// The workflow of a role. A guest sees one role; `viewed` lists the features a guest has viewed, as
/// `instructor_workflow`, and is `None` for everyone else.
///
/// # Errors
/// [`Error::Guest`] if a guest has viewed the workflow of an instructor and asks for a student's, or the reverse.
pub fn workflow(role: &str, viewed: Option<&[String]>) -> Result<Workflow> {
    let other = match role {
        "student" => "instructor_workflow",
        "instructor" => "student_workflow",
        _ => "",
    };
    if viewed.is_some_and(|viewed| viewed.iter().any(|feature| feature == other)) {
        return Err(Error::Guest("Register to explore multiple roles with a free account"));
    }
    let steps: &[_] = match role {
        "instructor" => &INSTRUCTOR,
        "student" => &STUDENT,
        _ => &[],
    };
    let guest = viewed.is_some();
    let step = |&(kind, title): &_| WorkflowStep { kind, title, executable: !guest };
    Ok(Workflow {
        role: role.to_owned(),
        steps: steps.iter().map(step).collect(),
        access_level: if guest { "view_only" } else { "full" },
        register_to_execute: guest.then_some("Register to execute these steps"),
        register_to_try: guest.then_some("Register to try these features"),
    })
}

/// A demo session.
#[derive(Clone, Debug, Serialize)]
pub struct Session {
    /// Identifier.
    pub session_id: Id,
    /// The present role.
    pub user_type: String,
    /// The roles before it.
    pub metadata: SessionMetadata,
}

/// The memory of a session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionMetadata {
    /// Earlier roles, oldest first.
    pub role_history: Vec<String>,
}

impl Session {
    /// A session of a role.
    #[must_use]
    pub fn new(role: &str, source: Source) -> Self {
        Self {
            session_id: source.draw("session", 0).id(),
            user_type: role.to_owned(),
            metadata: SessionMetadata::default(),
        }
    }

    /// Changes the role, and remembers the one before.
    pub fn switch_role(&mut self, role: &str) {
        let before = std::mem::replace(&mut self.user_type, role.to_owned());
        self.metadata.role_history.push(before);
    }
}
