//! Labs: exercises with a development environment.

use serde::Serialize;

use crate::id::Id;
use crate::moment::Moment;
use crate::row::{nested, row};
use crate::source::Source;
use crate::words::labs::LAB_KINDS;
use crate::words::subjects::{DATA, PROGRAMMING};

/// Fewest and most labs of a course.
const SET: (u32, u32) = (3, 5);
const KINDS: u64 = LAB_KINDS.len() as u64;
const NOTE: &str = "A made-up lab: no environment runs behind it";

/// A lab.
#[derive(Clone, Debug, Serialize)]
pub struct Lab {
    /// Identifier, different for every lab.
    pub id: Id,
    /// `Lab 1: ` and its kind; 24 labs after another have different kinds.
    pub title: String,
    /// Description.
    pub description: String,
    /// `jupyter`, `vscode`, `mysql-workbench` or `postman`.
    pub ide_type: &'static str,
    /// `Beginner`, `Intermediate` or `Advanced`.
    pub difficulty: &'static str,
    /// Minutes, 30 to 120.
    pub estimated_time: u32,
    /// Percent of the students that finish, 60 to 95.
    pub completion_rate: u32,
    /// Mean of the reviews, 3.8 to 4.9, in tenths.
    pub student_rating: f64,
    /// Technologies of the environment, 2 to 4, each once.
    pub technologies: Vec<&'static str>,
    /// Three objectives.
    pub learning_objectives: Vec<String>,
    /// Always true.
    pub starter_code_available: bool,
    /// True if there is a solution.
    pub solution_provided: bool,
    /// Always true.
    pub auto_grading: bool,
    /// Resources of the container, always the same.
    pub container_resources: ContainerResources,
    /// Last change, 1 to 60 days ago.
    pub last_updated: Moment,
    /// Note that the lab is made up.
    pub demo_note: &'static str,
    /// The course that the labs were asked for, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course_id: Option<String>,
}

/// Resources of a container.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ContainerResources {
    /// Processors.
    pub cpu: &'static str,
    /// Memory.
    pub memory: &'static str,
    /// Disk.
    pub storage: &'static str,
    /// Network.
    pub network: &'static str,
}

const RESOURCES: ContainerResources =
    ContainerResources { cpu: "2 cores", memory: "4GB", storage: "10GB", network: "Enabled" };

nested!(ContainerResources);
row!(Lab: id, title, description, ide_type, difficulty, estimated_time, completion_rate, student_rating, technologies,
    learning_objectives, starter_code_available, solution_provided, auto_grading, container_resources, last_updated,
    demo_note, course_id);

/// The first `count` labs, of a course if one is named; another course has other labs.
pub fn labs(course: Option<&str>, count: u64, source: Source) -> impl Iterator<Item = Lab> {
    (0..count).map(move |index| lab(course, source, index))
}

/// The 3 to 5 labs of a course, of different kinds.
#[must_use]
pub fn lab_set(course: Option<&str>, source: Source) -> Vec<Lab> {
    let count = source.within(course).draw("lab set", 0).between(SET.0, SET.1);
    labs(course, u64::from(count), source).collect()
}

/// The lab with an index, of a course if one is named.
#[must_use]
pub fn lab(course: Option<&str>, source: Source, index: u64) -> Lab {
    let source = source.within(course);
    let kind = &LAB_KINDS[source.place("lab kinds", index % KINDS, KINDS) as usize];
    let mut draw = source.draw("lab", index);
    let concepts = draw.sample(&PROGRAMMING.concepts, 2);
    let technologies = draw.between(2, 4);
    Lab {
        id: draw.id(),
        title: format!("Lab {}: {}", index + 1, kind.name),
        description: format!(
            "Practice for {}: a small task, a larger one, and one to choose freely",
            kind.name.to_ascii_lowercase()
        ),
        ide_type: kind.ide.name(),
        difficulty: kind.difficulty,
        estimated_time: draw.between(30, 120),
        completion_rate: draw.between(60, 95),
        student_rating: draw.tenths(38, 49),
        technologies: draw.sample(kind.ide.technologies(), technologies),
        learning_objectives: vec![
            format!("Explain {}", concepts[0]),
            format!("Build a working example of {}", concepts[1]),
            format!("Find and mend a mistake with {}", draw.pick(&DATA.concepts)),
        ],
        starter_code_available: true,
        solution_provided: draw.percent(50),
        auto_grading: true,
        container_resources: RESOURCES,
        last_updated: draw.days_ago(1, 60),
        demo_note: NOTE,
        course_id: course.map(str::to_owned),
    }
}
