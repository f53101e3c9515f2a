//! Demo data of an education platform: courses, students, quizzes, labs, feedback and analytics, and single answers
//! such as a syllabus, slides or a knowledge graph. All of it is made up, and all of it is seeded.
//!
//! A record is a pure function of its kind, the seed and its index. So the same seed gives the same records, whatever
//! threads, batches and machines make them. Dates are counted from a moment that the caller gives; nothing else depends
//! on it.
//!
//! ```
//! use lexivec_demo::{Moment, Source, Viewer, courses};
//!
//! let source = Source::new(7, Moment::from_unix(1_764_547_200));
//! let viewer = Viewer::new("instructor", Some("Dr. Sarah Johnson"))?;
//! let made: Vec<_> = courses(&viewer, 3, source).collect();
//! assert_eq!(made[0].instructor.name, "Dr. Sarah Johnson");
//! assert!((15..=150).contains(&made[0].enrollment_count));
//! # Ok::<(), lexivec_demo::Error>(())
//! ```
//!
//! [`write()`] streams any number of records to a file, as JSON lines, CSV or Parquet:
//!
//! ```
//! use lexivec_demo::{Format, Kind, Moment, Source, write};
//!
//! let source = Source::new(7, Moment::from_unix(1_764_547_200));
//! let mut text = Vec::new();
//! write(&Kind::Students(None), 1_000, source, Format::JsonLines, &mut text)?;
//! assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1_000);
//! # Ok::<(), lexivec_demo::Error>(())
//! ```
//!
//! Every record and answer implements [`serde::Serialize`], with its members in a fixed order. Members that are not
//! plain are lists, nested records, [`Id`] and [`Moment`]; the last two are strings.
//!
//! | the Python module's function | here |
//! |---|---|
//! | `generate_demo_courses(user_type, user_data, count)` | [`Viewer::new`], [`courses()`] |
//! | `generate_demo_students(course_id)` | [`class`] |
//! | `generate_demo_labs(user_type, course_id)` | [`lab_set`] |
//! | `generate_demo_feedback(course_id)` | [`reviews`] |
//! | `generate_demo_analytics(user_type, user_data, timeframe)` | [`Timeframe::parse`], [`report`] with index 0 |
//! | `generate_demo_analytics(analytics_type, course_id)` | [`chart`] |
//! | `generate_demo_quiz`, `_lab`, `_syllabus`, `_slides` | [`quiz()`], [`exercise()`], [`syllabus()`], [`slides()`] |
//! | `generate_demo_knowledge_graph`, `query_demo_knowledge_graph` | [`knowledge_graph`], [`query_knowledge_graph`] |
//! | `generate_demo_learning_path` | [`learning_path`] |
//! | `generate_demo_lab_environment`, `simulate_demo_code_execution` | [`lab_environment`], [`simulate_execution`] |
//! | `generate_demo_heatmap`, `_funnel`, `_workflow` | [`heat_map`], [`funnel()`], [`workflow()`] |
//! | `DemoSession`, `switch_demo_role` | [`Session`], [`Session::switch_role`] |
//! | `COURSE_TOPICS`, `SAMPLE_STUDENTS` | [`SUBJECTS`], [`sample_students`] |
#![forbid(unsafe_code)]

pub mod analytics;
pub mod charts;
pub mod courses;
pub mod environment;
mod error;
pub mod exercise;
pub mod feedback;
pub mod graph;
mod id;
pub mod labs;
mod moment;
pub mod path;
mod people;
pub mod quiz;
mod row;
pub mod slides;
mod source;
pub mod students;
pub mod syllabus;
mod viewer;
mod words;
pub mod workflow;
mod write;

pub use analytics::{Report, Timeframe, analytics, report};
pub use charts::{Chart, Funnel, HeatMap, chart, funnel, heat_map};
pub use courses::{Course, Instructor, Module, course, courses};
pub use environment::{Execution, LabEnvironment, lab_environment, simulate_execution};
pub use error::{Error, Result};
pub use exercise::{Exercise, exercise};
pub use feedback::{Review, feedback, review, reviews};
pub use graph::{GraphAnswer, KnowledgeGraph, knowledge_graph, query_knowledge_graph};
pub use id::Id;
pub use labs::{Lab, lab, lab_set, labs};
pub use moment::Moment;
pub use path::{LearningPath, learning_path};
pub use quiz::{Question, Quiz, quiz, quiz_of_a_course, quizzes};
pub use slides::{Slides, slides};
pub use source::Source;
pub use students::{SampleStudent, Student, class, sample_students, student, students};
pub use syllabus::{Syllabus, syllabus};
pub use viewer::Viewer;
pub use words::subjects::{SUBJECTS, Subject};
pub use workflow::{Session, Workflow, workflow};
pub use write::{Format, Kind, write};
