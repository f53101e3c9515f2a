//! Feedback: reviews of courses by students.

use serde::Serialize;

use crate::id::Id;
use crate::moment::Moment;
use crate::people;
use crate::row::row;
use crate::source::Source;
use crate::words::comments::COMMENTS;

/// Fewest and most reviews of a course.
const REVIEWS: (u32, u32) = (8, 20);
/// Reviews in a hundred that are positive.
const POSITIVE: u64 = 75;
const NOTE: &str = "A made-up review, with its sentiment";

/// A review.
#[derive(Clone, Debug, Serialize)]
pub struct Review {
    /// Identifier, different for every review.
    pub id: Id,
    /// Name of the student.
    pub student_name: String,
    /// Address of a picture, made of the name.
    pub student_avatar: String,
    /// Stars: 4 or 5 if positive, 2 to 4 if constructive.
    pub rating: u32,
    /// The text: a sentence for each of up to two topics.
    pub comment: String,
    /// Day of the review, 1 to 180 days ago.
    pub date: Moment,
    /// Percent of the course that the student has done, 50 to 100.
    pub course_progress: u32,
    /// True if it is known that the student finished the course.
    pub verified_completion: bool,
    /// Votes, 0 to 25.
    pub helpful_votes: u32,
    /// `positive`, in three of four cases, or `constructive`.
    pub sentiment: &'static str,
    /// Topics, 1 to 3, each once: `content`, `instructor`, `labs`, `difficulty` and `pace`.
    pub topics_mentioned: Vec<&'static str>,
    /// Note that the review is made up.
    pub demo_note: &'static str,
    /// The course that the reviews were asked for, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course_id: Option<String>,
}

row!(Review: id, student_name, student_avatar, rating, comment, date, course_progress, verified_completion,
    helpful_votes, sentiment, topics_mentioned, demo_note, course_id);

/// The first `count` reviews, in no order of time, of a course if one is named; another course has other reviews.
pub fn feedback(course: Option<&str>, count: u64, source: Source) -> impl Iterator<Item = Review> {
    (0..count).map(move |index| review(course, source, index))
}

/// The 8 to 20 reviews of a course, newest first.
#[must_use]
pub fn reviews(course: Option<&str>, source: Source) -> Vec<Review> {
    let count = source.within(course).draw("reviews", 0).between(REVIEWS.0, REVIEWS.1);
    let mut reviews: Vec<Review> = feedback(course, u64::from(count), source).collect();
    reviews.sort_by_key(|review| std::cmp::Reverse(review.date));
    reviews
}

/// The review with an index, of a course if one is named.
#[must_use]
pub fn review(course: Option<&str>, source: Source, index: u64) -> Review {
    let source = source.within(course);
    let mut draw = source.draw("review", index);
    let positive = draw.percent(POSITIVE);
    let topics = draw.between(1, 3);
    let topics = draw.sample(&std::array::from_fn::<usize, { COMMENTS.len() }, _>(|i| i), topics);
    let mut sentence = |topic: &usize| {
        let comments = &COMMENTS[*topic];
        draw.pick(if positive { &comments.positive } else { &comments.constructive })
    };
    let comment = topics.iter().take(2).map(&mut sentence).collect::<Vec<_>>().join(" ");
    let student_name = people::anyone(&mut draw);
    let course_progress = draw.between(50, 100);
    Review {
        id: draw.id(),
        student_avatar: people::picture(&student_name),
        student_name,
        rating: if positive { draw.between(4, 5) } else { draw.between(2, 4) },
        comment,
        date: draw.days_ago(1, 180),
        course_progress,
        verified_completion: course_progress == 100 || draw.percent(50),
        helpful_votes: draw.between(0, 25),
        sentiment: if positive { "positive" } else { "constructive" },
        topics_mentioned: topics.into_iter().map(|topic| COMMENTS[topic].topic).collect(),
        demo_note: NOTE,
        course_id: course.map(str::to_owned),
    }
}
