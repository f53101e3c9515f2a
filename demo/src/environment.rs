//! A lab environment and the execution of code in it, both made up: no container is started and no code is run.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::source::Source;

/// A lab environment.
#[derive(Clone, Debug, Serialize)]
pub struct LabEnvironment {
    /// `lab-` and twelve hexadecimal digits.
    pub container_id: String,
    /// `running`.
    pub status: &'static str,
    /// An address under example.com.
    pub ide_url: String,
    /// Always true.
    pub terminal_available: bool,
    /// Files of the lab.
    pub files: Vec<LabFile>,
    /// The language that was asked for.
    pub language: String,
    /// The development environment that was asked for.
    pub ide_type: String,
    /// Additional members for notebooks.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub notebook: Option<Notebook>,
    /// Additional members for guests.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestEnvironment>,
}

/// A file.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LabFile {
    /// Name.
    pub name: &'static str,
    /// Bytes.
    pub size: u32,
}

/// Members of a lab environment with notebooks.
#[derive(Clone, Debug, Serialize)]
pub struct Notebook {
    /// Address.
    pub notebook_url: String,
    /// `ready`.
    pub kernel_status: &'static str,
    /// Three cells.
    pub cells: [NotebookCell; 3],
}

/// A cell of a notebook.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NotebookCell {
    /// `markdown` or `code`.
    pub cell_type: &'static str,
    /// Text.
    pub content: &'static str,
}

/// Members of a lab environment for guests.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GuestEnvironment {
    /// `view_only`.
    pub access_level: &'static str,
    /// Always false.
    pub can_execute: bool,
    /// An output as an execution could have.
    pub sample_output: &'static str,
    /// An invitation to register.
    pub register_to_execute: &'static str,
}

const CELLS: [NotebookCell; 3] = [
    NotebookCell { cell_type: "markdown", content: "# Exercise" },
    NotebookCell { cell_type: "code", content: "import math" },
    NotebookCell { cell_type: "code", content: "# Write your solution here" },
];
const GUEST: GuestEnvironment = GuestEnvironment {
    access_level: "view_only",
    can_execute: false,
    sample_output: "Hello, World!\n5 of 5 tests passed",
    register_to_execute: "Register to run code in live lab environments",
};

/// A lab environment of a kind, as `vscode` or `jupyter`, for a language.
#[must_use]
pub fn lab_environment(ide: &str, language: &str, guest: bool, source: Source) -> LabEnvironment {
    let mut draw = source.draw("lab environment", 0);
    let [program, tests] = match language {
        "python" => ["main.py", "tests.py"],
        _ => ["index.js", "test.js"],
    };
    let ide_url = format!("https://labs.example.com/{}", draw.hex(8));
    LabEnvironment {
        container_id: format!("lab-{}", draw.hex(12)),
        status: "running",
        terminal_available: true,
        files: vec![
            LabFile { name: program, size: draw.between(100, 500) },
            LabFile { name: "README.md", size: draw.between(50, 200) },
            LabFile { name: tests, size: draw.between(80, 300) },
        ],
        language: language.to_owned(),
        ide_type: ide.to_owned(),
        notebook: (ide == "jupyter").then(|| Notebook {
            notebook_url: format!("{ide_url}/notebook"),
            kernel_status: "ready",
            cells: CELLS,
        }),
        ide_url,
        guest: guest.then_some(GUEST),
    }
}

/// The result of an execution that did not take place.
#[derive(Clone, Debug, Serialize)]
pub struct Execution {
    /// The arguments of the lines with `print`, taken for plain texts, or a message.
    pub output: String,
    /// Milliseconds, 10 to 500.
    pub execution_time_ms: u32,
    /// `success`.
    pub status: &'static str,
    /// Megabytes, 10 to 100.
    pub memory_used_mb: u32,
}

/// The made-up result of running code. The code is read for `print` and is not run.
///
/// # Errors
/// [`Error::Guest`] for guests.
pub fn simulate_execution(code: &str, guest: bool, source: Source) -> Result<Execution> {
    if guest {
        return Err(Error::Guest(
            "Authentication required: register to run code in live lab environments",
        ));
    }
    let mut draw = source.draw("execution", 0);
    let printed = |line: &str| {
        let argument = line.split("print").nth(1)?;
        Some(argument.trim_matches(['(', ')', '\'', '"']).to_owned())
    };
    let lines: Vec<String> = code.split('\n').filter_map(printed).collect();
    Ok(Execution {
        output: match lines.is_empty() {
            true => "The code ran without output".to_owned(),
            false => lines.join("\n"),
        },
        execution_time_ms: draw.between(10, 500),
        status: "success",
        memory_used_mb: draw.between(10, 100),
    })
}
