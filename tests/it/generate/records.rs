//! Ranges and invariants of records, over many seeds.

use std::collections::BTreeSet;

use lexivec_demo::{Moment, Source, Timeframe, Viewer};
use serde::Serialize;
use serde_json::{Value, json};

use super::schema::assert_shape;

/// The moment that dates are counted from, in seconds since 1970 and as text.
const NOW: (i64, &str) = (1_764_547_200, "2025-12-01T00:00:00");
/// Sources that each property is checked with.
const SEEDS: u64 = 40;

fn source(seed: u64) -> Source {
    Source::new(seed, Moment::from_unix(NOW.0))
}

pub(super) fn value(record: &impl Serialize) -> Value {
    serde_json::to_value(record).expect("JSON")
}

fn values<T: Serialize>(records: impl IntoIterator<Item = T>) -> Vec<Value> {
    records.into_iter().map(|record| value(&record)).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// Asserts that members are within ranges, both ends included.
pub(super) fn assert_ranges(value: &Value, ranges: &[(&str, f64, f64)]) {
    for (name, low, high) in ranges {
        let found = number(&value[*name]);
        assert!((*low..=*high).contains(&found), "{name} {found} is not in {low} to {high}");
    }
}

/// Asserts that a number has no more decimals than one.
fn assert_tenths(value: &Value) {
    let tenths = number(value) * 10.0;
    assert!((tenths - tenths.round()).abs() < 1e-9, "{value}");
}

fn are_different(values: &[Value]) -> bool {
    values.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len() == values.len()
}

/// Asserts that a date is between two others, as texts.
fn assert_dates(value: &Value, names: &[&str], first: &str, last: &str) {
    for name in names {
        let date = text(&value[*name]);
        assert!(date.len() == 19 && (first..=last).contains(&date), "{name} {date}");
    }
}

fn course_shape() -> Value {
    json!({
        "id": "uuid4", "title": "str", "description": "str", "subject": "str", "difficulty": "str", "duration": "str",
        "enrollment_count": "int", "completion_rate": "int", "rating": "float", "review_count": "int",
        "created_at": "str", "last_updated": "str",
        "instructor": {"name": "str", "title": "str", "rating": "float"},
        "modules": [{"id": "uuid4", "title": "str", "lessons": "int", "duration": "str", "completed": "bool|null"}],
        "skills_taught": "list[str]", "prerequisites": "list[str]", "has_labs": "bool", "has_certificates": "bool",
        "price": "int|null", "ai_generated_content": "int", "demo_note": "str",
    })
}

/// Asserts all that is true of a course for every role.
fn assert_course(course: &Value) {
    assert_shape(course, &course_shape());
    assert_ranges(course, &[("ai_generated_content", 20.0, 80.0), ("review_count", 10.0, 200.0)]);
    assert!(number(&course["review_count"]) <= number(&course["enrollment_count"]));
    assert_ranges(&course["instructor"], &[("rating", 4.2, 4.9)]);
    assert_tenths(&course["rating"]);
    assert_dates(course, &["created_at"], "2024-12-01", "2025-11-30T00:00:00");
    assert_dates(course, &["last_updated"], "2025-11-01", "2025-11-30T00:00:00");
    assert!(text(&course["created_at"]) <= text(&course["last_updated"]));
    assert_eq!(course["has_certificates"], true);
    let title = text(&course["title"]).to_lowercase();
    assert!(text(&course["description"]).starts_with(&format!("Comprehensive {title} ")));
    assert!(["Beginner", "Intermediate", "Advanced"].contains(&text(&course["difficulty"])));
    let hours = text(&course["duration"]).strip_suffix(" hours").expect("hours");
    assert!((4..=20).contains(&hours.parse::<u32>().expect("a number")));
    let skills = list(&course["skills_taught"]);
    let needed = list(&course["prerequisites"]);
    assert!((3..=6).contains(&skills.len()) && needed.len() <= 3);
    assert!(are_different(&[skills, needed].concat()));
    let modules = list(&course["modules"]);
    assert!((4..=8).contains(&modules.len()));
    for (index, module) in modules.iter().enumerate() {
        assert_ranges(module, &[("lessons", 3.0, 8.0)]);
        assert!(text(&module["title"]).starts_with(&format!("Module {}: ", index + 1)));
        let minutes = text(&module["duration"]).strip_suffix(" minutes").expect("minutes");
        assert!((30..=120).contains(&minutes.parse::<u32>().expect("a number")));
    }
}

#[test]
fn courses_are_in_their_ranges_for_each_role() {
    let name = "Dr. Sarah Johnson";
    let prices = [0, 29, 49, 99, 149].map(Value::from);
    for (role, enrollment, completion, rating) in [
        ("instructor", (15.0, 150.0), (65.0, 95.0), (3.8, 4.9)),
        ("student", (50.0, 500.0), (70.0, 90.0), (4.0, 4.8)),
        ("admin", (100.0, 1000.0), (60.0, 85.0), (3.5, 4.7)),
        ("visitor", (100.0, 1000.0), (60.0, 85.0), (3.5, 4.7)),
    ] {
        let viewer = Viewer::new(role, Some(name)).expect("a viewer");
        let courses: Vec<Value> = (0..SEEDS)
            .flat_map(|s| values(lexivec_demo::courses(&viewer, 25, source(s))))
            .collect();
        for course in &courses {
            assert_course(course);
            assert_ranges(
                course,
                &[
                    ("enrollment_count", enrollment.0, enrollment.1),
                    ("completion_rate", completion.0, completion.1),
                    ("rating", rating.0, rating.1),
                ],
            );
            assert_eq!(course["instructor"]["name"] == name, role == "instructor");
            assert_eq!(course["price"].is_null(), role == "instructor");
            assert!(role == "instructor" || prices.contains(&course["price"]));
            for module in list(&course["modules"]) {
                assert_eq!(module["completed"].is_boolean(), role == "student");
            }
        }
        let member =
            |name: &str| courses.iter().map(|c| c[name].to_string()).collect::<BTreeSet<_>>();
        assert_eq!(member("subject").len(), lexivec_demo::SUBJECTS.len());
        assert_eq!(member("difficulty").len(), 3);
        assert_eq!(member("id").len(), courses.len());
    }
    let missing = Viewer::new("instructor", None).expect_err("no name");
    assert!(matches!(missing, lexivec_demo::Error::Missing("name")));
}

#[test]
fn titles_and_names_are_not_repeated() {
    let titles: BTreeSet<String> =
        lexivec_demo::courses(&Viewer::Student, 12_000, source(1)).map(|c| c.title).collect();
    assert_eq!(titles.len(), 12_000);
    let names: BTreeSet<String> =
        lexivec_demo::students(None, 70_000, source(1)).map(|s| s.name).collect();
    assert_eq!(names.len(), 70_000);
}

fn assert_student(student: &Value) {
    assert_shape(
        student,
        &json!({
            "id": "uuid4", "name": "str", "email": "str", "avatar": "str", "progress": "int", "grade": "int|null",
            "engagement_level": "str", "time_spent": "int", "last_active": "str", "completed_lessons": "int",
            "quiz_scores": "list[int]", "lab_completions": "int", "discussion_posts": "int",
            "achievements": [{"title": "str", "earned": "bool"}], "enrollment_date": "str",
            "completion_date": "str|null", "demo_note": "str",
        }),
    );
    let ranges = [
        ("progress", 10.0, 100.0),
        ("time_spent", 5.0, 200.0),
        ("completed_lessons", 0.0, 25.0),
        ("lab_completions", 0.0, 5.0),
        ("discussion_posts", 0.0, 15.0),
    ];
    assert_ranges(student, &ranges);
    let progress = number(&student["progress"]);
    assert_eq!(student["grade"].is_null(), progress <= 50.0);
    assert_eq!(student["completion_date"].is_null(), progress <= 80.0);
    if progress > 50.0 {
        assert_ranges(student, &[("grade", 50.0, 100.0)]);
    }
    if progress > 80.0 {
        assert_dates(student, &["completion_date"], "2025-12-02T00:00:00", "2026-01-30T00:00:00");
    }
    assert_dates(student, &["last_active"], "2025-11-17T00:00:00", NOW.1);
    assert_dates(student, &["enrollment_date"], "2025-06-04T00:00:00", "2025-11-01T00:00:00");
    assert!(["high", "medium", "low"].contains(&text(&student["engagement_level"])));
    let scores = list(&student["quiz_scores"]);
    assert!((2..=8).contains(&scores.len()));
    assert!(scores.iter().all(|score| (60.0..=100.0).contains(&number(score))));
    let name = text(&student["name"]);
    let address = name.to_lowercase().replace(' ', ".") + ".demo@student.edu";
    assert_eq!(student["email"], address);
    assert!(address.is_ascii());
    let earned = |index: usize| &student["achievements"][index]["earned"];
    let titles: Vec<&str> =
        list(&student["achievements"]).iter().map(|a| text(&a["title"])).collect();
    assert_eq!(titles, ["Fast Learner", "Lab Master", "Discussion Leader"]);
    assert_eq!(*earned(0), true);
    assert_eq!(*earned(1), number(&student["lab_completions"]) >= 4.0);
    assert_eq!(*earned(2), number(&student["discussion_posts"]) >= 10.0);
}

#[test]
fn students_are_in_their_ranges_and_belong_to_their_course() {
    let mut sizes = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for seed in 0..SEEDS {
        let class = values(lexivec_demo::class(None, source(seed)));
        sizes.insert(class.len());
        let names: Vec<Value> = class.iter().map(|student| student["name"].clone()).collect();
        assert!(are_different(&names));
        for student in &class {
            assert_student(student);
            assert!(student.get("course_id").is_none());
            seen.insert(student["engagement_level"].to_string());
        }
        let of = |course| values(lexivec_demo::class(Some(course), source(seed)));
        let first = of("c-1");
        assert!(first.iter().all(|student| student["course_id"] == "c-1"));
        assert_eq!(first, of("c-1"));
        assert_ne!(first[0]["id"], of("c-2")[0]["id"]);
        assert_ne!(first[0]["id"], class[0]["id"]);
    }
    assert_eq!(sizes, BTreeSet::from([8, 9, 10]));
    assert_eq!(seen.len(), 3);
    for sample in values(lexivec_demo::sample_students()) {
        let performances = ["excellent", "good", "average", "poor"];
        assert!(performances.contains(&text(&sample["performance"])));
        assert!(["high", "medium", "low"].contains(&text(&sample["engagement"])));
    }
}

#[test]
fn labs_are_in_their_ranges_and_of_different_kinds() {
    let shape = json!({
        "id": "uuid4", "title": "str", "description": "str", "ide_type": "str", "difficulty": "str",
        "estimated_time": "int", "completion_rate": "int", "student_rating": "float", "technologies": "list[str]",
        "learning_objectives": "list[str]", "starter_code_available": "bool", "solution_provided": "bool",
        "auto_grading": "bool",
        "container_resources": {"cpu": "str", "memory": "str", "storage": "str", "network": "str"},
        "last_updated": "str", "demo_note": "str",
    });
    let resources =
        json!({"cpu": "2 cores", "memory": "4GB", "storage": "10GB", "network": "Enabled"});
    let mut sizes = BTreeSet::new();
    for seed in 0..SEEDS {
        let labs = values(lexivec_demo::lab_set(Some("c-1"), source(seed)));
        sizes.insert(labs.len());
        let mut kinds = BTreeSet::new();
        for (index, lab) in labs.iter().enumerate() {
            assert_shape(lab, &shape);
            let ranges = [
                ("estimated_time", 30.0, 120.0),
                ("completion_rate", 60.0, 95.0),
                ("student_rating", 3.8, 4.9),
            ];
            assert_ranges(lab, &ranges);
            assert_tenths(&lab["student_rating"]);
            assert_dates(lab, &["last_updated"], "2025-10-02T00:00:00", "2025-11-30T00:00:00");
            let title = text(&lab["title"]).split(": ").collect::<Vec<_>>();
            assert_eq!((title.len(), title[0]), (2, format!("Lab {}", index + 1).as_str()));
            kinds.insert(title[1].to_owned());
            let technologies = list(&lab["technologies"]);
            assert!((2..=4).contains(&technologies.len()) && are_different(technologies));
            assert_eq!(list(&lab["learning_objectives"]).len(), 3);
            assert_eq!(lab["container_resources"], resources);
            let ides = ["jupyter", "vscode", "mysql-workbench", "postman"];
            assert!(ides.contains(&text(&lab["ide_type"])));
            assert_eq!(lab["course_id"], "c-1");
        }
        assert_eq!(kinds.len(), labs.len());
    }
    assert_eq!(sizes, BTreeSet::from([3, 4, 5]));
}

#[test]
fn feedback_is_in_its_ranges_newest_first_and_three_quarters_positive() {
    let shape = json!({
        "id": "uuid4", "student_name": "str", "student_avatar": "str", "rating": "int", "comment": "str",
        "date": "str", "course_progress": "int", "verified_completion": "bool", "helpful_votes": "int",
        "sentiment": "str", "topics_mentioned": "list[str]", "demo_note": "str",
    });
    let topics = ["content", "instructor", "labs", "difficulty", "pace"];
    let (mut all, mut positive) = (0, 0);
    for seed in 0..SEEDS * 2 {
        let reviews = values(lexivec_demo::reviews(None, source(seed)));
        assert!((8..=20).contains(&reviews.len()));
        let dates: Vec<&str> = reviews.iter().map(|review| text(&review["date"])).collect();
        assert!(dates.is_sorted_by(|a, b| a >= b), "{dates:?}");
        for review in &reviews {
            assert_shape(review, &shape);
            assert_ranges(
                review,
                &[("course_progress", 50.0, 100.0), ("helpful_votes", 0.0, 25.0)],
            );
            assert_dates(review, &["date"], "2025-06-04T00:00:00", "2025-11-30T00:00:00");
            let is_positive = review["sentiment"] == "positive";
            assert!(is_positive || review["sentiment"] == "constructive");
            let stars = if is_positive { (4.0, 5.0) } else { (2.0, 4.0) };
            assert_ranges(review, &[("rating", stars.0, stars.1)]);
            let mentioned = list(&review["topics_mentioned"]);
            assert!((1..=3).contains(&mentioned.len()) && are_different(mentioned));
            assert!(mentioned.iter().all(|topic| topics.contains(&text(topic))));
            assert!(!text(&review["comment"]).is_empty());
            positive += usize::from(is_positive);
            all += 1;
        }
    }
    let share = positive as f64 / f64::from(all);
    assert!((0.70..0.80).contains(&share), "{share}");
}

#[test]
fn analytics_are_in_their_ranges_for_each_role_and_timeframe() {
    for (timeframe, days, weeks) in [("7d", 7, 1), ("30d", 30, 4), ("90d", 23, 12), ("1y", 21, 12)]
    {
        let parsed = Timeframe::parse(timeframe).expect("a timeframe");
        for seed in 0..SEEDS / 4 {
            let of =
                |viewer: &Viewer| value(&lexivec_demo::report(viewer, parsed, source(seed), 0));
            let reports = [
                of(&Viewer::Instructor("A".to_owned())),
                of(&Viewer::Student),
                of(&Viewer::Administrator),
            ];
            for report in &reports {
                assert_eq!(
                    (&report["timeframe"], &report["generated_at"]),
                    (&timeframe.into(), &NOW.1.into())
                );
                assert!(report["demo_note"].is_string() && report["id"].is_string());
            }
            let [instructor, student, platform] = &reports;
            assert_instructor_report(instructor, days);
            assert_student_report(student, weeks);
            assert_platform_report(platform);
        }
    }
    let unknown = Timeframe::parse("14d").expect_err("unknown").to_string();
    assert_eq!(unknown, "timeframe \"14d\" is not known; give one of 7d, 30d, 90d, 1y");
}

fn assert_instructor_report(report: &Value, days: usize) {
    assert_shape(
        report,
        &json!({
            "overview": {
                "total_students": "int", "active_courses": "int", "completion_rate": "float",
                "average_rating": "float", "total_revenue": "int", "engagement_score": "float",
            },
            "student_progress": [
                {"date": "str", "new_enrollments": "int", "completions": "int", "active_students": "int"},
            ],
            "course_performance": [
                {"course_name": "str", "students": "int", "completion_rate": "int", "rating": "float", "revenue": "int"},
            ],
            "engagement_metrics": {
                "discussion_posts": "int", "lab_submissions": "int", "quiz_attempts": "int", "video_watch_time": "int",
            },
        }),
    );
    let ranges = [("average_rating", 4.1, 4.8), ("completion_rate", 68.0, 85.0)];
    assert_ranges(&report["overview"], &ranges);
    let courses = list(&report["course_performance"]);
    let names: Vec<Value> = courses.iter().map(|course| course["course_name"].clone()).collect();
    assert!(courses.len() == 5 && are_different(&names));
    let dates: Vec<&str> =
        list(&report["student_progress"]).iter().map(|day| text(&day["date"])).collect();
    assert!(dates.is_sorted(), "{dates:?}");
    assert_eq!((dates.len(), dates.last()), (days, Some(&NOW.1)));
}

fn assert_student_report(report: &Value, weeks: usize) {
    assert_shape(
        report,
        &json!({
            "learning_progress": {
                "courses_enrolled": "int", "courses_completed": "int", "total_study_time": "int",
                "certificates_earned": "int", "current_streak": "int", "skill_points": "int",
            },
            "weekly_activity": [
                {"week": "str", "study_hours": "float", "lessons_completed": "int", "quizzes_taken": "int"},
            ],
            "skill_development": [
                {"skill": "str", "level": "str", "progress": "int", "courses_completed": "int"},
            ],
        }),
    );
    assert_eq!(list(&report["weekly_activity"]).len(), weeks);
    let skills: Vec<&str> =
        list(&report["skill_development"]).iter().map(|skill| text(&skill["skill"])).collect();
    let expected =
        ["Python", "Data Analysis", "Web Development", "Machine Learning", "Project Management"];
    assert_eq!(skills, expected);
    let progress = &report["learning_progress"];
    let [enrolled, completed, certificates] =
        ["courses_enrolled", "courses_completed", "certificates_earned"]
            .map(|n| number(&progress[n]));
    assert!(enrolled >= completed && completed >= certificates);
}

fn assert_platform_report(report: &Value) {
    assert_shape(
        report,
        &json!({
            "platform_overview": {
                "total_users": "int", "active_instructors": "int", "total_courses": "int", "platform_revenue": "int",
                "user_satisfaction": "float", "system_uptime": "float",
            },
            "growth_metrics": [
                {"month": "str", "new_users": "int", "course_completions": "int", "revenue": "int"},
            ],
            "content_statistics": "dict",
        }),
    );
    assert_ranges(&report["platform_overview"], &[("system_uptime", 99.5, 99.9)]);
    let months: Vec<&str> =
        list(&report["growth_metrics"]).iter().map(|month| text(&month["month"])).collect();
    assert_eq!((months.len(), months[0], months[11]), (12, "January 2025", "December 2025"));
}
