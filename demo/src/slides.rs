//! Slides for a module.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::source::{Draw, Source};
use crate::words::phrases::{SLIDE_LINES, SPEAKER_NOTES};

/// Fewest and most slides.
const SLIDES: (u32, u32) = (12, 20);
/// Slides in a hundred that show code.
const WITH_CODE: u64 = 30;
/// Lines of a slide.
const LINES: u32 = 3;

/// Slides of a module.
#[derive(Clone, Debug, Serialize)]
pub struct Slides {
    /// Number of slides, 12 to 20.
    pub slide_count: u32,
    /// The slides: a title, slides of content, a summary.
    pub slides: Vec<Slide>,
    /// `reveal.js`.
    pub format: &'static str,
    /// A theme of that format.
    pub theme: &'static str,
    /// Name of the generator.
    pub generated_by: &'static str,
    /// Always true.
    pub is_demo: bool,
}

/// A slide.
#[derive(Clone, Debug, Serialize)]
pub struct Slide {
    /// Number from 1.
    pub slide_number: u32,
    /// Title.
    pub title: String,
    /// Lines of text.
    pub content: String,
    /// `title`, `content`, `example`, `diagram` or `summary`.
    pub slide_type: &'static str,
    /// Notes for the speaker.
    pub speaker_notes: String,
    /// A line of code; slides of content have the member and some of them a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_example: Option<Option<String>>,
}

/// Slides for a module with a title, objectives and concepts; lists that are absent have one general element.
///
/// # Errors
/// [`Error::Empty`] if the list of concepts is there and empty.
pub fn slides(
    title: &str,
    objectives: Option<&[String]>,
    concepts: Option<&[String]>,
    source: Source,
) -> Result<Slides> {
    let general = ["Concept".to_owned()];
    let concepts = concepts.unwrap_or(&general);
    if concepts.is_empty() {
        return Err(Error::Empty("the list of key concepts"));
    }
    let mut draw = source.draw("slides", 0);
    let slide_count = draw.between(SLIDES.0, SLIDES.1);
    let lines = |absent: &str, most: usize, mark: &str| match objectives {
        None => format!("{mark}{absent}"),
        Some(objectives) => {
            let line = |objective: &String| format!("{mark}{objective}");
            objectives.iter().take(most).map(line).collect::<Vec<_>>().join("\n")
        }
    };
    let first = Slide {
        slide_number: 1,
        title: title.to_owned(),
        content: lines("Overview of the main concepts", usize::MAX, ""),
        slide_type: "title",
        speaker_notes: "Introduce the objectives of the module".to_owned(),
        code_example: None,
    };
    let last = Slide {
        slide_number: slide_count,
        title: "Summary & Next Steps".to_owned(),
        content: format!("Key Takeaways:\n{}", lines("The main concepts", 3, "• ")),
        slide_type: "summary",
        speaker_notes: "Repeat the objectives and announce the next module".to_owned(),
        code_example: None,
    };
    let between = (2..slide_count).zip(concepts.iter().cycle());
    let between = between.map(|(number, concept)| content(number, concept, &mut draw));
    let slides = std::iter::once(first).chain(between).chain([last]).collect();
    Ok(Slides {
        slide_count,
        slides,
        format: "reveal.js",
        theme: draw.pick(&["default", "sky", "beige", "simple", "serif"]),
        generated_by: "lexivec demo slides",
        is_demo: true,
    })
}

fn content(slide_number: u32, concept: &str, draw: &mut Draw) -> Slide {
    let line = |text: &str| format!("• {}", text.replace("{}", concept));
    let lines: Vec<String> = draw.sample(&SLIDE_LINES, LINES).into_iter().map(line).collect();
    let code = draw.percent(WITH_CODE).then(|| {
        let name: String = concept.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        format!("# {concept}\nprint({:?})", name.to_ascii_lowercase())
    });
    Slide {
        slide_number,
        title: concept.to_owned(),
        content: lines.join("\n"),
        slide_type: draw.pick(&["content", "example", "diagram"]),
        speaker_notes: draw.pick(&SPEAKER_NOTES).replace("{}", concept),
        code_example: Some(code),
    }
}
