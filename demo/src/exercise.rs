//! A lab exercise from topics: starter code, tests and solution.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::id::Id;
use crate::source::Source;

/// An exercise.
#[derive(Clone, Debug, Serialize)]
pub struct Exercise {
    /// Identifier.
    pub lab_id: Id,
    /// `Hands-On Lab: ` and the first topic.
    pub title: String,
    /// Description.
    pub description: String,
    /// The level that was asked for.
    pub difficulty: String,
    /// Minutes: 30, 45, 60 or 90.
    pub estimated_time_minutes: u32,
    /// A Python program with two functions to write.
    pub starter_code: String,
    /// Two tests, of 30 and 20 points.
    pub test_cases: Vec<TestCase>,
    /// The program with both functions written.
    pub solution_code: String,
    /// The container in which it would run.
    pub docker_config: DockerConfig,
    /// The first three topics.
    pub learning_objectives: Vec<String>,
    /// Name of the generator.
    pub generated_by: &'static str,
    /// Always true.
    pub is_demo: bool,
}

/// A test of an exercise.
#[derive(Clone, Debug, Serialize)]
pub struct TestCase {
    /// Name.
    pub test_name: String,
    /// Argument.
    pub input: Vec<i64>,
    /// Result, as Python writes it.
    pub expected_output: &'static str,
    /// Points.
    pub points: u32,
}

/// A container.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DockerConfig {
    /// Image.
    pub image: &'static str,
    /// Variables.
    pub environment: Environment,
    /// `vscode`, `jupyter` or `theia`.
    pub ide_type: &'static str,
    /// Limits.
    pub resources: Resources,
}

/// Variables of a container.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Environment {
    /// Folder of modules.
    #[serde(rename = "PYTHONPATH")]
    pub python_path: &'static str,
    /// Mode of the lab.
    #[serde(rename = "LAB_MODE")]
    pub lab_mode: &'static str,
}

/// Limits of a container.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Resources {
    /// Processors.
    pub cpu_limit: &'static str,
    /// Memory.
    pub memory_limit: &'static str,
}

/// An exercise about topics, at a level.
///
/// # Errors
/// [`Error::Empty`] if there are no topics.
pub fn exercise(topics: &[String], difficulty: &str, source: Source) -> Result<Exercise> {
    let topic = topics.first().ok_or(Error::Empty("the list of topics"))?;
    let mut draw = source.draw("exercise", 0);
    let title = format!("Hands-On Lab: {topic}");
    let name = function_name(topic);
    let test = |suffix: &str, input: Vec<i64>, expected_output, points| TestCase {
        test_name: format!("test_{name}_{suffix}"),
        input,
        expected_output,
        points,
    };
    Ok(Exercise {
        lab_id: draw.id(),
        description: format!("An exercise in Python about {topic}"),
        difficulty: difficulty.to_owned(),
        estimated_time_minutes: draw.pick(&[30, 45, 60, 90]),
        starter_code: program(&title, topic, &name, ("pass", "pass")),
        test_cases: vec![
            test("basic", vec![3, 1, 2], "[3, 1, 2]", 30),
            test("edge_case", Vec::new(), "[]", 20),
        ],
        solution_code: program(&title, topic, &name, ("return list(data)", "return True")),
        title,
        docker_config: DockerConfig {
            image: "python:3.11-slim",
            environment: Environment { python_path: "/workspace", lab_mode: "practice" },
            ide_type: draw.pick(&["vscode", "jupyter", "theia"]),
            resources: Resources { cpu_limit: "1.0", memory_limit: "512Mi" },
        },
        learning_objectives: topics.iter().take(3).cloned().collect(),
        generated_by: "lexivec demo exercises",
        is_demo: true,
    })
}

/// A topic as the name of a Python function.
fn function_name(topic: &str) -> String {
    let sign = |c: char| if c.is_alphanumeric() { c } else { '_' };
    let name: String = topic.to_lowercase().chars().map(sign).collect();
    match name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        true => name,
        false => format!("lab_{name}"),
    }
}

fn program(title: &str, topic: &str, name: &str, (work, check): (&str, &str)) -> String {
    let topic = topic.replace(['"', '\\', '\n'], " ");
    let title = title.replace('\n', " ");
    format!(
        r#"# {title}

def {name}(data):
    """Apply {topic} to a list of numbers and return a list."""
    {work}


def validate_{name}(result):
    """Return True if the result is as the task asks."""
    {check}


if __name__ == "__main__":
    print({name}([3, 1, 2]))
"#
    )
}
