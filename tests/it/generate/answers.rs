//! Ranges and invariants of single answers: quizzes, syllabi, slides, exercises, graphs, paths, environments, charts,
//! workflows.

use std::collections::BTreeSet;

use lexivec_demo::{Error, Moment, Source};
use serde_json::{Value, json};

use super::records::{assert_ranges, list, text, value};
use super::schema::assert_shape;

/// Sources that each property is checked with.
const SEEDS: u64 = 40;

fn source(seed: u64) -> Source {
    Source::new(seed, Moment::from_unix(0))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn assert_questions(quiz: &Value, topics: &[&str]) {
    for (index, question) in list(&quiz["questions"]).iter().enumerate() {
        let (points, options) = match text(&question["type"]) {
            "multiple_choice" => (10, 4),
            "true_false" => (5, 2),
            "fill_in_blank" => (8, 1),
            other => panic!("{other}"),
        };
        assert_eq!(question["points"], points);
        assert_eq!(question["question_number"], index + 1);
        let offered = list(&question["options"]);
        assert_eq!(offered.iter().map(text).collect::<BTreeSet<_>>().len(), options);
        let right = question["correct_answer"].as_u64().expect("an index") as usize;
        let right = text(&offered[right]);
        let explained = text(&question["explanation"]);
        assert!(options == 2 || explained.contains(right), "{question}");
        assert!(text(&question["question_text"]).contains(topics[index % topics.len()]));
    }
}

#[test]
fn quizzes_are_consistent_and_their_right_answers_vary() {
    let shape = json!({
        "quiz_id": "uuid4", "title": "str",
        "questions": [{
            "question_number": "int", "type": "str", "question_text": "str", "options": "list[str]",
            "correct_answer": "int", "explanation": "str", "points": "int", "difficulty": "str",
        }],
        "total_points": "int", "time_limit_minutes": "int", "generated_by": "str", "is_demo": "bool",
    });
    let topics = ["recursion", "sorting networks"];
    let mut right = BTreeSet::new();
    for seed in 0..SEEDS {
        let quiz = value(&lexivec_demo::quiz(&owned(&topics), 12, source(seed)).expect("a quiz"));
        assert_shape(&quiz, &shape);
        assert_questions(&quiz, &topics);
        let questions = list(&quiz["questions"]);
        assert_eq!((questions.len(), &quiz["time_limit_minutes"]), (12, &24.into()));
        let points =
            questions.iter().filter_map(|question| question["points"].as_u64()).sum::<u64>();
        assert_eq!(quiz["total_points"], points);
        assert_eq!(quiz["title"], "Assessment: recursion, sorting networks");
        let choices = questions.iter().filter(|question| question["type"] == "multiple_choice");
        let choices: Vec<_> = choices.filter_map(|q| q["correct_answer"].as_u64()).collect();
        assert_eq!(choices.len(), 4);
        right.extend(choices);
    }
    assert_eq!(right, BTreeSet::from([0, 1, 2, 3]));
    for quiz in lexivec_demo::quizzes(100, source(1)) {
        let quiz = value(&quiz);
        assert_shape(&quiz, &shape);
        assert_eq!(list(&quiz["questions"]).len(), 10);
    }
    let many = lexivec_demo::quiz(&owned(&topics), u32::MAX, source(1)).expect_err("too many");
    assert!(matches!(many, Error::TooMany { what: "questions", .. }));
    let empty = lexivec_demo::quiz(&[], 10, source(1)).expect_err("no topics");
    assert_eq!(empty.to_string(), "the list of topics is empty; give at least one");
}

#[test]
fn syllabi_follow_their_objectives() {
    let objectives = owned(&["know leaves", "Roots: how they grow", "know seeds"]);
    let syllabus =
        |guest, seed| lexivec_demo::syllabus("Botany", &objectives, guest, false, source(seed));
    for seed in 0..SEEDS {
        let made = value(&syllabus(false, seed).expect("a syllabus"));
        assert_shape(
            &made,
            &json!({
                "course_title": "str",
                "modules": [{
                    "module_number": "int", "title": "str", "duration_weeks": "int", "learning_objectives": "list[str]",
                    "lessons": [
                        {"lesson_number": "int", "title": "str", "duration_minutes": "int", "content_type": "str"},
                    ],
                    "assessment": {"type": "str", "weight_percent": "int"},
                }],
                "duration_weeks": "int", "difficulty_level": "str", "prerequisites": "list[str]", "generated_by": "str",
                "is_demo": "bool",
            }),
        );
        let modules = list(&made["modules"]);
        let titles: Vec<&str> =
            modules.iter().take(2).map(|module| text(&module["title"])).collect();
        assert_eq!(titles, ["Module 1: Core Concepts 1", "Module 2: Roots"]);
        assert_eq!((modules.len(), list(&made["prerequisites"]).len()), (5, 2));
        let weeks: u64 = modules.iter().filter_map(|m| m["duration_weeks"].as_u64()).sum();
        assert_eq!(made["duration_weeks"], weeks);
        assert!(modules.iter().all(|module| (3..=5).contains(&list(&module["lessons"]).len())));
        assert!(made.get("generation_type").is_none());
    }
    let guest = value(&syllabus(true, 1).expect("a syllabus"));
    assert_eq!(
        (&guest["generation_type"], &guest["is_ai_generated"]),
        (&"sample".into(), &false.into())
    );
    let seven = owned(&["a", "b", "c", "d", "e", "f", "g"]);
    let many = lexivec_demo::syllabus("T", &seven, false, false, source(1)).expect("a syllabus");
    assert_eq!(many.modules.len(), 6);
    let refused = lexivec_demo::syllabus("T", &seven, true, true, source(1)).expect_err("a guest");
    assert!(refused.to_string().contains("register to generate"), "{refused}");
    let empty = lexivec_demo::syllabus("T", &[], false, false, source(1)).expect_err("empty");
    assert!(matches!(empty, Error::Empty(_)));
}

#[test]
fn slides_begin_with_a_title_and_end_with_a_summary() {
    let (objectives, concepts) = (owned(&["a", "b"]), owned(&["for", "while"]));
    let mut counts = BTreeSet::new();
    for seed in 0..SEEDS {
        let made = lexivec_demo::slides("Loops", Some(&objectives), Some(&concepts), source(seed));
        let made = value(&made.expect("slides"));
        let slides = list(&made["slides"]);
        assert_ranges(&made, &[("slide_count", 12.0, 20.0)]);
        assert_eq!(made["slide_count"], slides.len());
        counts.insert(slides.len());
        for (index, slide) in slides.iter().enumerate() {
            let kind = text(&slide["slide_type"]);
            let expected: &[&str] = match index {
                0 => &["title"],
                _ if index + 1 == slides.len() => &["summary"],
                _ => &["content", "example", "diagram"],
            };
            assert!(expected.contains(&kind), "{kind} at {index}");
            assert_eq!(slide["slide_number"], index + 1);
            assert!(slide["content"].is_string() && slide["speaker_notes"].is_string());
            assert_eq!(slide.get("code_example").is_some(), expected.len() == 3);
        }
        assert_eq!((&slides[0]["title"], &made["format"]), (&"Loops".into(), &"reveal.js".into()));
        assert_eq!(slides[slides.len() - 1]["title"], "Summary & Next Steps");
        assert_eq!([&slides[1]["title"], &slides[2]["title"]], ["for", "while"]);
    }
    assert!(counts.len() > 4, "{counts:?}");
    assert!(lexivec_demo::slides("T", None, None, source(1)).is_ok());
    assert!(matches!(lexivec_demo::slides("T", None, Some(&[]), source(1)), Err(Error::Empty(_))));
}

#[test]
fn exercises_name_their_functions_after_the_topic() {
    let topics = owned(&["binary search", "trees"]);
    let made = value(&lexivec_demo::exercise(&topics, "advanced", source(3)).expect("one"));
    assert_shape(
        &made,
        &json!({
            "lab_id": "uuid4", "title": "str", "description": "str", "difficulty": "str",
            "estimated_time_minutes": "int", "starter_code": "str",
            "test_cases": [{"test_name": "str", "expected_output": "str", "points": "int"}],
            "solution_code": "str", "docker_config": "dict", "learning_objectives": "list[str]",
        }),
    );
    assert_eq!(
        (&made["title"], &made["difficulty"]),
        (&"Hands-On Lab: binary search".into(), &"advanced".into())
    );
    assert!(text(&made["starter_code"]).contains("def binary_search(data):"));
    assert_ne!(made["starter_code"], made["solution_code"]);
    let points: u64 = list(&made["test_cases"]).iter().filter_map(|t| t["points"].as_u64()).sum();
    assert_eq!((points, &made["docker_config"]["image"]), (50, &"python:3.11-slim".into()));
    let odd = lexivec_demo::exercise(&owned(&["3D \"C++\""]), "", source(3)).expect("one");
    assert!(odd.starter_code.contains("def lab_3d__c___(data):"), "{}", odd.starter_code);
    assert!(matches!(lexivec_demo::exercise(&[], "", source(1)), Err(Error::Empty(_))));
}

#[test]
fn graphs_connect_modules_with_their_concepts() {
    let modules = owned(&["Loops", "Lists", "Trees", "Graphs"]);
    for seed in 0..SEEDS {
        let graph = lexivec_demo::knowledge_graph("Algorithms", &modules, source(seed));
        assert!(graph.nodes.len() >= 20);
        let numbers: Vec<u32> = graph.nodes.iter().map(|node| node.id).collect();
        assert_eq!(numbers, (1..=graph.nodes.len() as u32).collect::<Vec<_>>());
        let contained = graph.edges.iter().filter(|edge| edge.relationship_type == "contains");
        assert_eq!(contained.count(), graph.nodes.len() - modules.len());
        assert!(
            graph.edges.iter().all(|e| numbers.contains(&e.to_node) && e.from_node < e.to_node)
        );
        let answer = value(&lexivec_demo::query_knowledge_graph(
            "Trees",
            "prerequisites",
            false,
            source(seed),
        ));
        let before = list(&answer["prerequisites"]);
        assert!((2..=4).contains(&before.len()));
        assert!(before.iter().all(|one| text(&one["reason"]).contains("Trees")));
        assert!(answer.get("access_level").is_none());
    }
    let query =
        |kind, guest| value(&lexivec_demo::query_knowledge_graph("Trees", kind, guest, source(1)));
    assert_eq!(query("paths", false)["results"], json!([]));
    let guest = query("paths", true);
    assert_eq!(
        (&guest["query_type"], &guest["access_level"]),
        (&"prerequisites".into(), &"limited".into())
    );
}

#[test]
fn paths_add_up_and_guests_have_none() {
    for seed in 0..SEEDS {
        let path = lexivec_demo::learning_path("beginner", "data work", false, source(seed))
            .expect("a path");
        assert!((5..=8).contains(&path.steps.len()));
        let hours: u32 = path.steps.iter().map(|step| step.estimated_hours).sum();
        assert_eq!(path.estimated_duration_hours, hours);
        assert!(path.steps.iter().take(2).all(|step| step.prerequisites_met));
        assert!(path.steps.iter().all(|step| (2..=4).contains(&step.resources.len())));
        assert!((0.7..=0.95).contains(&path.completion_rate_prediction));
    }
    let refused =
        lexivec_demo::learning_path("beginner", "x", true, source(1)).expect_err("a guest");
    assert!(refused.to_string().starts_with("Register to create personalized learning path"));
}

#[test]
fn environments_are_described_and_code_is_not_run() {
    let environment =
        |ide, guest| value(&lexivec_demo::lab_environment(ide, "python", guest, source(1)));
    let plain = environment("vscode", false);
    assert_eq!(
        (&plain["status"], &plain["files"][0]["name"]),
        (&"running".into(), &"main.py".into())
    );
    assert!(plain.get("cells").is_none() && plain.get("can_execute").is_none());
    let id = text(&plain["container_id"]).strip_prefix("lab-").expect("a prefix");
    assert!(id.len() == 12 && id.chars().all(|c| c.is_ascii_hexdigit()));
    let notebook = environment("jupyter", true);
    assert_eq!((list(&notebook["cells"]).len(), &notebook["can_execute"]), (3, &false.into()));
    assert!(text(&notebook["notebook_url"]).starts_with(text(&notebook["ide_url"])));
    let run = |code, guest| lexivec_demo::simulate_execution(code, guest, source(1));
    let printed = run("x = 1\nprint(\"Hello, World!\")\nprint('b')", false).expect("a result");
    assert_eq!((printed.output.as_str(), printed.status), ("Hello, World!\nb", "success"));
    assert!(!run("x = 1", false).expect("a result").output.is_empty());
    assert!(run("x", true).expect_err("a guest").to_string().contains("Authentication required"));
}

#[test]
fn charts_heat_maps_and_funnels_have_their_shape() {
    for seed in 0..SEEDS {
        let chart = lexivec_demo::chart("student_progress", "c-1", false, false, source(seed));
        let chart = value(&chart.expect("a chart"));
        assert_shape(
            &chart,
            &json!({
                "chart_type": "str",
                "data": {"labels": "list[str]", "datasets": [{"label": "str", "data": "list[int]"}]},
                "metrics": {"average_completion_rate": "int", "average_quiz_score": "int", "engagement_rate": "int"},
            }),
        );
        assert_eq!(chart["chart_type"], "line");
        assert_eq!(chart["data"]["labels"], json!(["Week 1", "Week 2", "Week 3", "Week 4"]));
        let funnel = lexivec_demo::funnel("enrollment", source(seed));
        let counts: Vec<u32> = funnel.stages.iter().map(|stage| stage.count).collect();
        assert!((500..=1000).contains(&counts[0]));
        let expected = [0.85, 0.65, 0.45, 0.40].map(|share| (f64::from(counts[0]) * share) as u32);
        assert_eq!(counts[1..], expected);
        let names: Vec<&str> = funnel.stages.iter().map(|stage| stage.name).collect();
        assert_eq!(names, ["Enrolled", "Started", "Halfway", "Completed", "Certified"]);
        let map = lexivec_demo::heat_map("activity", 7, source(seed)).expect("a heat map");
        assert_eq!((map.heatmap_data.len(), map.days, map.hours), (7, 7, 24));
        assert!(map.heatmap_data.iter().flatten().all(|value| *value <= 100));
    }
    let other =
        value(&lexivec_demo::chart("sales", "c-1", true, false, source(1)).expect("a chart"));
    assert_eq!((&other["chart_type"], &other["data"]), (&"bar".into(), &json!({})));
    assert_eq!((&other["metrics"], &other["is_real_data"]), (&json!({}), &false.into()));
    let many = lexivec_demo::heat_map("activity", u32::MAX, source(1)).expect_err("too many");
    let said = "4294967295 days are too many for one answer; ask for 1000000 at most";
    assert_eq!(many.to_string(), said);
    let refused = lexivec_demo::chart("sales", "c-1", true, true, source(1)).expect_err("a guest");
    assert!(refused.to_string().starts_with("Register to create custom analytics"));
}

#[test]
fn workflows_depend_on_the_role_and_sessions_remember_theirs() {
    let kinds = |role| {
        let workflow = lexivec_demo::workflow(role, None).expect("a workflow");
        assert_eq!(workflow.access_level, "full");
        assert!(workflow.steps.iter().all(|step| step.executable));
        workflow.steps.iter().map(|step| step.kind).collect::<Vec<_>>()
    };
    let instructor = [
        "create_course",
        "generate_syllabus",
        "generate_slides",
        "create_quiz",
        "create_lab",
        "view_analytics",
        "manage_students",
    ];
    assert_eq!(kinds("instructor"), instructor);
    assert_eq!(kinds("student").len(), 6);
    assert_eq!(kinds("admin"), [""; 0]);
    let guest = lexivec_demo::workflow("instructor", Some(&[])).expect("a workflow");
    assert!(guest.access_level == "view_only" && guest.register_to_execute.is_some());
    assert!(guest.steps.iter().all(|step| !step.executable));
    let viewed = owned(&["instructor_workflow"]);
    assert!(lexivec_demo::workflow("instructor", Some(&viewed)).is_ok());
    let refused = lexivec_demo::workflow("student", Some(&viewed)).expect_err("another role");
    assert!(refused.to_string().starts_with("Register to explore multiple roles"));
    let mut session = lexivec_demo::Session::new("instructor", source(1));
    let id = session.session_id;
    session.switch_role("student");
    assert_eq!((session.session_id, session.user_type.as_str()), (id, "student"));
    assert_eq!(session.metadata.role_history, ["instructor"]);
}
