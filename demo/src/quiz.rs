//! Quizzes about topics.

use serde::Serialize;

use crate::courses;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::row::row;
use crate::source::{Draw, Source};
use crate::words::phrases::PURPOSES;
use crate::words::subjects::{SUBJECTS, Subject};

/// Kinds of questions; each three questions have one of each kind.
const KINDS: [Kind; 3] = [Kind::MultipleChoice, Kind::TrueFalse, Kind::FillInBlank];
/// Minutes for a question.
const MINUTES: u32 = 2;
/// Most questions of a quiz: about 300 MB of answer.
const MAX_QUESTIONS: u32 = 1_000_000;
/// Options of a multiple choice.
const OPTIONS: u32 = 4;
/// Questions of a quiz, unless another number is asked for.
pub(crate) const QUESTIONS: u32 = 10;

/// A quiz.
#[derive(Clone, Debug, Serialize)]
pub struct Quiz {
    /// Identifier, different for every quiz.
    pub quiz_id: Id,
    /// `Assessment: ` and the first two topics.
    pub title: String,
    /// Questions. Each is about one topic: the first, the second and so on in turn.
    pub questions: Vec<Question>,
    /// Sum of the questions' points.
    pub total_points: u32,
    /// Two minutes for each question.
    pub time_limit_minutes: u32,
    /// Name of the generator.
    pub generated_by: &'static str,
    /// Always true.
    pub is_demo: bool,
}

/// A question.
#[derive(Clone, Debug, Serialize)]
pub struct Question {
    /// Number from 1.
    pub question_number: u32,
    /// `multiple_choice`, `true_false` or `fill_in_blank`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Text, in which the topic occurs.
    pub question_text: String,
    /// Possible answers: 4, `True` and `False`, or the one word that fills the blank.
    pub options: Vec<String>,
    /// Index of the right answer in `options`.
    pub correct_answer: u32,
    /// Explanation, which names the right answer.
    pub explanation: String,
    /// Points: 10, 5 or 8.
    pub points: u32,
    /// `easy`, `medium` or `hard`.
    pub difficulty: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    MultipleChoice,
    TrueFalse,
    FillInBlank,
}

row!(Quiz: quiz_id, title, questions, total_points, time_limit_minutes, generated_by, is_demo);

/// A quiz about topics, with a number of questions.
///
/// # Errors
/// [`Error::Empty`] if there are no topics, [`Error::TooMany`] for more than 1,000,000 questions.
pub fn quiz(topics: &[String], questions: u32, source: Source) -> Result<Quiz> {
    if topics.is_empty() {
        return Err(Error::Empty("the list of topics"));
    }
    if questions > MAX_QUESTIONS {
        let most = MAX_QUESTIONS;
        return Err(Error::TooMany { what: "questions", given: questions, most });
    }
    Ok(about(topics, questions, &mut source.draw("quiz", 0)))
}

/// The first `count` quizzes of ten questions, each about three concepts of a course's subject.
pub fn quizzes(count: u64, source: Source) -> impl Iterator<Item = Quiz> {
    (0..count).map(move |index| quiz_of_a_course(source, index))
}

/// The quiz with an index: ten questions about three concepts of the subject of the course with this index.
#[must_use]
pub fn quiz_of_a_course(source: Source, index: u64) -> Quiz {
    let (subject, _) = courses::subject_and_title(&source, index);
    let mut draw = source.draw("course quiz", index);
    let topics: Vec<String> =
        draw.sample(&subject.concepts, 3).into_iter().map(str::to_owned).collect();
    about(&topics, QUESTIONS, &mut draw)
}

fn about(topics: &[String], count: u32, draw: &mut Draw) -> Quiz {
    let quiz_id = draw.id();
    let mut kinds = KINDS;
    let mut questions = Vec::with_capacity(count as usize);
    for (index, topic) in topics.iter().cycle().take(count as usize).enumerate() {
        if index % KINDS.len() == 0 {
            kinds = draw.shuffled(kinds);
        }
        let number = index as u32 + 1;
        questions.push(match kinds[index % KINDS.len()] {
            Kind::MultipleChoice => multiple_choice(number, topic, draw),
            Kind::TrueFalse => true_false(number, topic, draw),
            Kind::FillInBlank => fill_in_blank(number, topic),
        });
    }
    let named = topics.iter().take(2).map(String::as_str).collect::<Vec<_>>();
    Quiz {
        quiz_id,
        title: format!("Assessment: {}", named.join(", ")),
        total_points: questions.iter().map(|question| question.points).sum(),
        questions,
        time_limit_minutes: count.saturating_mul(MINUTES),
        generated_by: "lexivec demo quizzes",
        is_demo: true,
    }
}

fn multiple_choice(question_number: u32, topic: &str, draw: &mut Draw) -> Question {
    let options: Vec<String> =
        draw.sample(&PURPOSES, OPTIONS).into_iter().map(str::to_owned).collect();
    let correct_answer = draw.between(0, OPTIONS - 1);
    let right = &options[correct_answer as usize];
    Question {
        question_number,
        kind: "multiple_choice",
        question_text: format!("Which purpose does {topic} serve above all?"),
        explanation: format!("The right answer is {right:?}: this course uses {topic} for it."),
        options,
        correct_answer,
        points: 10,
        difficulty: draw.pick(&["easy", "medium", "hard"]),
    }
}

fn true_false(question_number: u32, topic: &str, draw: &mut Draw) -> Question {
    let Subject { concepts, .. } = draw.choose(&SUBJECTS);
    let concept = draw.pick(concepts);
    let correct_answer = draw.between(0, 1);
    let needed = if correct_answer == 0 { "needs" } else { "does not need" };
    Question {
        question_number,
        kind: "true_false",
        question_text: format!("In this course {topic} needs prior knowledge of {concept}."),
        options: vec!["True".to_owned(), "False".to_owned()],
        correct_answer,
        explanation: format!("In this course {topic} {needed} prior knowledge of {concept}."),
        points: 5,
        difficulty: "easy",
    }
}

fn fill_in_blank(question_number: u32, topic: &str) -> Question {
    let word = topic.split_whitespace().next().unwrap_or(topic);
    Question {
        question_number,
        kind: "fill_in_blank",
        question_text: format!("The first word of the name of {topic} is ________."),
        options: vec![word.to_owned()],
        correct_answer: 0,
        explanation: format!("The word is {word}."),
        points: 8,
        difficulty: "medium",
    }
}
