//! Phrases that titles, modules, questions and slides are built of.

/// Second halves of course titles.
pub(crate) static TITLE_FORMS: [&str; 30] = [
    "A Guided Tour",
    "A Project in Parts",
    "A Reading Circle",
    "A Second Look",
    "A Short Path",
    "A Workshop",
    "Case by Case",
    "Concepts and Exercises",
    "Essential Skills",
    "From First Principles",
    "From Idea to Result",
    "From Question to Answer",
    "Habits of Experts",
    "In Depth",
    "In Everyday Work",
    "In Ten Projects",
    "Learning by Doing",
    "Methods and Tools",
    "Problems and Solutions",
    "Questions That Matter",
    "Step by Step",
    "Studio Work",
    "The Big Picture",
    "The Complete Path",
    "Theory and Practice",
    "Tools of the Trade",
    "Weekend Edition",
    "With Examples",
    "With Peer Review",
    "With Real Data",
];

/// Ends of course descriptions.
pub(crate) static DESCRIPTION_ENDS: [&str; 10] = [
    "course in small steps, with exercises after each of them.",
    "course that builds one project from the first module to the last.",
    "course for learners with little time: short lessons, clear summaries, regular reviews.",
    "course with worked examples, quizzes and a final project.",
    "course that starts with questions from practice and ends with answers.",
    "course with weekly assignments that peers review.",
    "course in which every lesson ends with something that works.",
    "course with recorded lessons, readings and open office hours.",
    "course that compares several methods on the same problems.",
    "course for teams and single learners, with material to keep.",
];

/// Beginnings of module titles, before a concept.
pub(crate) static MODULE_STARTS: [&str; 12] = [
    "Exploring",
    "Working with",
    "Practising",
    "Foundations of",
    "Understanding",
    "Experiments with",
    "A Closer Look at",
    "Everyday",
    "Case Studies on",
    "Mistakes around",
    "A Project on",
    "Review of",
];

/// Titles of instructors.
pub(crate) static TEACHER_TITLES: [&str; 8] = [
    "Senior Instructor",
    "Lecturer",
    "Course Author",
    "Teaching Fellow",
    "Associate Professor",
    "Guest Lecturer",
    "Lead Instructor",
    "Mentor",
];

/// Purposes that a multiple choice question offers.
pub(crate) static PURPOSES: [&str; 24] = [
    "To avoid repeated work",
    "To break a problem into smaller ones",
    "To compare alternatives fairly",
    "To detect mistakes early",
    "To describe a system precisely",
    "To explain an observation",
    "To find a value quickly",
    "To give results a clear order",
    "To guide a decision",
    "To keep parts independent",
    "To limit what can go wrong",
    "To make a process repeatable",
    "To make communication easier",
    "To measure progress",
    "To predict a result",
    "To protect what matters",
    "To reduce cost",
    "To reveal a hidden pattern",
    "To save memory",
    "To save time",
    "To share work among several parts",
    "To simplify a calculation",
    "To summarise many observations",
    "To test an assumption",
];

/// Sentences on slides; `{}` stands for the concept.
pub(crate) static SLIDE_LINES: [&str; 20] = [
    "{} answers a question that comes up in every project.",
    "A first example shows {} at its smallest.",
    "Two terms are needed before {} makes sense.",
    "Most mistakes with {} come from a hidden assumption.",
    "A drawing makes {} easier to remember.",
    "Compare {} with the method of the last lesson.",
    "Try to explain {} in one sentence.",
    "Start with a small case of {} and let it grow.",
    "Check the result of {} by a second way.",
    "A rule of thumb helps to choose when to use {}.",
    "The cost of {} is time, and sometimes clarity.",
    "An exercise on {} follows at the end.",
    "{} has limits, and the next slide names them.",
    "Two learners may solve {} in different ways.",
    "Keep the notes on {} for the final project.",
    "The history of {} explains its name.",
    "Measure before and after you apply {}.",
    "A counterexample shows where {} fails.",
    "Practice turns {} into a habit.",
    "Summarise {} before you go on.",
];

/// Notes for the speaker; `{}` stands for the concept.
pub(crate) static SPEAKER_NOTES: [&str; 8] = [
    "Ask for examples of {} from the group before you show the slide.",
    "Give two minutes to think about {}, then collect answers.",
    "Draw {} on the board while you speak.",
    "Point out how {} returns in the project.",
    "Repeat the definition of {} slowly; many hear it for the first time.",
    "Show the mistake first, then {}.",
    "Leave time for questions about {}.",
    "Refer to the reading list for more on {}.",
];
