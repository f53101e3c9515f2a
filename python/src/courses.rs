//! Courses of demo data as dictionaries, many at once.
//!
//! Other records pass through serde, which makes a new Python string for each key of each record. Of a list of ten
//! thousand courses these are half a million, so courses have a struct whose keys are made once.

use lexivec_demo::{Course, Instructor, Module};
use pyo3::prelude::*;
use pyo3::types::PyList;

#[derive(IntoPyObject)]
struct CourseDict {
    id: String,
    title: String,
    description: String,
    subject: &'static str,
    difficulty: &'static str,
    duration: String,
    enrollment_count: u32,
    completion_rate: u32,
    rating: f64,
    review_count: u32,
    created_at: String,
    last_updated: String,
    instructor: InstructorDict,
    modules: Vec<ModuleDict>,
    skills_taught: Vec<&'static str>,
    prerequisites: Vec<&'static str>,
    has_labs: bool,
    has_certificates: bool,
    price: Option<u32>,
    ai_generated_content: u32,
    demo_note: &'static str,
}

#[derive(IntoPyObject)]
struct InstructorDict {
    name: String,
    title: &'static str,
    rating: f64,
}

#[derive(IntoPyObject)]
struct ModuleDict {
    id: String,
    title: String,
    lessons: u32,
    duration: String,
    completed: Option<bool>,
}

impl From<Course> for CourseDict {
    fn from(course: Course) -> Self {
        let Course {
            id,
            title,
            description,
            subject,
            difficulty,
            duration,
            enrollment_count,
            completion_rate,
            rating,
            review_count,
            created_at,
            last_updated,
            instructor,
            modules,
            skills_taught,
            prerequisites,
            has_labs,
            has_certificates,
            price,
            ai_generated_content,
            demo_note,
        } = course;
        Self {
            id: id.to_string(),
            title,
            description,
            subject,
            difficulty,
            duration,
            enrollment_count,
            completion_rate,
            rating,
            review_count,
            created_at: created_at.to_string(),
            last_updated: last_updated.to_string(),
            instructor: instructor.into(),
            modules: modules.into_iter().map(ModuleDict::from).collect(),
            skills_taught,
            prerequisites,
            has_labs,
            has_certificates,
            price,
            ai_generated_content,
            demo_note,
        }
    }
}

impl From<Instructor> for InstructorDict {
    fn from(instructor: Instructor) -> Self {
        let Instructor { name, title, rating } = instructor;
        Self { name, title, rating }
    }
}

impl From<Module> for ModuleDict {
    fn from(module: Module) -> Self {
        let Module { id, title, lessons, duration, completed } = module;
        Self { id: id.to_string(), title, lessons, duration, completed }
    }
}

/// Courses as a list of dictionaries. Python's search for cycles of garbage rests until then: it would go through the
/// new dictionaries again and again, and all of them are in use.
pub(crate) fn list(
    py: Python<'_>,
    courses: impl Iterator<Item = Course> + Send,
) -> PyResult<Bound<'_, PyList>> {
    let courses: Vec<CourseDict> = py.detach(|| courses.map(CourseDict::from).collect());
    let collector = py.import("gc")?;
    let collects: bool = collector.call_method0("isenabled")?.extract()?;
    collector.call_method0("disable")?;
    let list = PyList::new(py, courses);
    if collects {
        collector.call_method0("enable")?;
    }
    list
}
