//! Kinds of labs, and the technologies of their development environments.

/// A kind of lab.
pub(crate) struct LabKind {
    pub(crate) name: &'static str,
    pub(crate) ide: Ide,
    pub(crate) difficulty: &'static str,
}

/// A development environment of labs.
#[derive(Clone, Copy)]
pub(crate) enum Ide {
    Jupyter,
    Vscode,
    MysqlWorkbench,
    Postman,
}

impl Ide {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jupyter => "jupyter",
            Self::Vscode => "vscode",
            Self::MysqlWorkbench => "mysql-workbench",
            Self::Postman => "postman",
        }
    }

    pub(crate) fn technologies(self) -> &'static [&'static str] {
        match self {
            Self::Jupyter => &["Python", "NumPy", "pandas", "Matplotlib", "scikit-learn", "Git"],
            Self::Vscode => &["TypeScript", "Rust", "Go", "HTML", "CSS", "Docker", "Git"],
            Self::MysqlWorkbench => &["SQL", "MySQL", "Python", "Docker", "CSV"],
            Self::Postman => &["HTTP", "JSON", "OpenAPI", "OAuth 2.0", "JavaScript", "Docker"],
        }
    }
}

const fn lab(name: &'static str, ide: Ide, difficulty: &'static str) -> LabKind {
    LabKind { name, ide, difficulty }
}

/// All kinds.
pub(crate) static LAB_KINDS: [LabKind; 24] = [
    lab("Loops and Functions", Ide::Jupyter, "Beginner"),
    lab("Reading CSV Files", Ide::Jupyter, "Beginner"),
    lab("Plotting Measurements", Ide::Jupyter, "Beginner"),
    lab("Linear Models", Ide::Jupyter, "Intermediate"),
    lab("Clustering Customers", Ide::Jupyter, "Intermediate"),
    lab("Training a Small Network", Ide::Jupyter, "Advanced"),
    lab("Forecasting Demand", Ide::Jupyter, "Advanced"),
    lab("A Page from Scratch", Ide::Vscode, "Beginner"),
    lab("A Command Line Tool", Ide::Vscode, "Beginner"),
    lab("Testing a Calculator", Ide::Vscode, "Intermediate"),
    lab("A Reusable Form", Ide::Vscode, "Intermediate"),
    lab("A Chat Server", Ide::Vscode, "Advanced"),
    lab("A Tiny Interpreter", Ide::Vscode, "Advanced"),
    lab("First Queries", Ide::MysqlWorkbench, "Beginner"),
    lab("A Library Catalogue", Ide::MysqlWorkbench, "Beginner"),
    lab("Joins and Groups", Ide::MysqlWorkbench, "Intermediate"),
    lab("Normal Forms", Ide::MysqlWorkbench, "Intermediate"),
    lab("Indexes and Plans", Ide::MysqlWorkbench, "Advanced"),
    lab("Transactions in Conflict", Ide::MysqlWorkbench, "Advanced"),
    lab("First Requests", Ide::Postman, "Beginner"),
    lab("Reading Error Answers", Ide::Postman, "Beginner"),
    lab("Pages of Results", Ide::Postman, "Intermediate"),
    lab("Signing In", Ide::Postman, "Intermediate"),
    lab("Contract Tests", Ide::Postman, "Advanced"),
];
