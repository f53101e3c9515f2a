//! `generate`: made-up records of an education platform, the same for the same seed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use lexivec_demo::{Format, Kind, Moment, Source, Timeframe, Viewer, write};

use crate::exit::{Failure, Outcome};
use crate::output::{self, Stdout};
use crate::values::one_of;

/// Seconds of a day.
const DAY: i64 = 86_400;

#[derive(clap::Args)]
pub(crate) struct Generate {
    /// Records to make.
    #[arg(value_parser = one_of(&What::ALL, What::name))]
    kind: What,
    /// Number of records; they are written while they are made, in little memory.
    #[arg(long, short = 'n', default_value_t = 10)]
    count: u64,
    /// Number that all choices follow from: the same seed gives the same records, on any machine.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Form of the output; without it, the one that the name of the file ends in, and jsonl for stdout and names without
    /// an ending. csv and parquet hold nested members as JSON texts.
    #[arg(long, value_parser = one_of(&Format::ALL, Format::name))]
    format: Option<Format>,
    /// File to write, which must not exist unless it is a pipe or a device; - is stdout, which only parquet is not written
    /// to by default.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Role of the person for whom courses and analytics are made; it decides on their ranges and members. By default
    /// admin.
    #[arg(long, value_parser = one_of(&Role::ALL, Role::name))]
    role: Option<Role>,
    /// Name of the instructor, for courses with --role instructor; by default the seed chooses one.
    #[arg(long)]
    name: Option<String>,
    /// Id of the course that students, labs or feedback belong to; another course has other records.
    #[arg(long, value_name = "ID")]
    course_id: Option<String>,
    /// Time that analytics cover: 7d, 30d, 90d or 1y; 30d by default.
    #[arg(long, value_parser = one_of(&Timeframe::ALL, Timeframe::name))]
    timeframe: Option<Timeframe>,
    /// Moment that dates are counted from, as 2026-01-31 or 2026-01-31T12:00:00Z; by default the beginning of the
    /// present day in UTC. With a fixed one the same seed gives the same bytes on other days, too.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    now: Option<Moment>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Courses,
    Students,
    Quizzes,
    Labs,
    Feedback,
    Analytics,
}

impl What {
    const ALL: [Self; 6] =
        [Self::Courses, Self::Students, Self::Quizzes, Self::Labs, Self::Feedback, Self::Analytics];

    fn name(self) -> &'static str {
        match self {
            Self::Courses => "courses",
            Self::Students => "students",
            Self::Quizzes => "quizzes",
            Self::Labs => "labs",
            Self::Feedback => "feedback",
            Self::Analytics => "analytics",
        }
    }

    /// The options that records of the kind depend on.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Courses => &["--role", "--name"],
            Self::Students | Self::Labs | Self::Feedback => &["--course-id"],
            Self::Quizzes => &[],
            Self::Analytics => &["--role", "--timeframe"],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Instructor,
    Student,
    Admin,
}

impl Role {
    const ALL: [Self; 3] = [Self::Instructor, Self::Student, Self::Admin];

    fn name(self) -> &'static str {
        match self {
            Self::Instructor => "instructor",
            Self::Student => "student",
            Self::Admin => "admin",
        }
    }
}

pub(super) fn run(args: &Generate) -> Outcome<ExitCode> {
    let now = args.now.unwrap_or_else(today);
    let source = Source::new(args.seed, now);
    let kind = kind(args, &source)?;
    let format = match (args.format, &args.output) {
        (Some(format), _) => format,
        (None, Some(path)) => of_file(path)?,
        (None, None) => Format::JsonLines,
    };
    match &args.output {
        None if format == Format::Parquet => {
            let detail = "a Parquet file is no text; name one with --output FILE, or write --output - for a pipe";
            return Err(Failure::usage(detail));
        }
        Some(path) if path != Path::new("-") => {
            output::new_file(path, |mut out| {
                Ok(write(&kind, args.count, source, format, &mut out)?)
            })?;
            let count = output::count(args.count, "record");
            output::note(&format!("wrote {count} to {}", path.display()));
        }
        _ => write(&kind, args.count, source, format, &mut Stdout)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The kind of records, if it depends on every option that was given.
fn kind(args: &Generate, source: &Source) -> Outcome<Kind> {
    let given = [
        ("--role", args.role.is_some()),
        ("--name", args.name.is_some()),
        ("--course-id", args.course_id.is_some()),
        ("--timeframe", args.timeframe.is_some()),
    ];
    let stray = given.iter().find(|(name, given)| *given && !args.kind.options().contains(name));
    if let Some((name, _)) = stray {
        let detail = format!("{} do not depend on {name}; leave it out", args.kind.name());
        return Err(Failure::usage(detail));
    }
    let role = args.role.unwrap_or(Role::Admin);
    if args.name.is_some() && role != Role::Instructor {
        return Err(Failure::usage("--name is the name of an instructor; add --role instructor"));
    }
    let viewer = match (role, &args.name) {
        (Role::Instructor, Some(name)) => Viewer::Instructor(name.clone()),
        (Role::Instructor, None) => Viewer::some_instructor(source),
        (Role::Student, _) => Viewer::Student,
        (Role::Admin, _) => Viewer::Administrator,
    };
    let course = args.course_id.clone();
    Ok(match args.kind {
        What::Courses => Kind::Courses(viewer),
        What::Students => Kind::Students(course),
        What::Quizzes => Kind::Quizzes,
        What::Labs => Kind::Labs(course),
        What::Feedback => Kind::Feedback(course),
        What::Analytics => Kind::Analytics(viewer, args.timeframe.unwrap_or(Timeframe::Month)),
    })
}

/// The format that the name of a file ends in, in upper or lower case; JSON lines for a name without an ending.
fn of_file(path: &Path) -> Outcome<Format> {
    let Some(end) = path.extension() else { return Ok(Format::JsonLines) };
    let known = Format::ALL.into_iter().find(|format| end.eq_ignore_ascii_case(format.name()));
    known.ok_or_else(|| {
        let names = Format::ALL.map(Format::name).join(", ");
        let path = path.display();
        Failure::usage(format!("{path} ends in none of {names}; name the form with --format"))
    })
}

/// The beginning of the present day in UTC.
fn today() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Moment::from_unix(seconds - seconds % DAY)
}

/// Parses a moment.
fn moment(text: &str) -> Result<Moment, String> {
    Moment::parse(text)
        .ok_or_else(|| "a date or a time is expected, as 2026-01-31 or 2026-01-31T12:00:00Z".into())
}
