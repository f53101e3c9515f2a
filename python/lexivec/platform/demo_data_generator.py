"""Demo data of an education platform: courses, students, labs, feedback, analytics, and single answers.

All of it is made up. With `seed` and `now` a call gives the same data in every process: `now` is the moment that dates
are counted from, a date, a time, or a text such as `2026-01-31T12:00:00Z`; without it that is the present moment.
Without `seed` each call gives other data. The chatbot of the platform's module is left out.

A `guest_session` that is not None is a guest, to whom some calls are closed: a `PermissionError` says what to do. If it
has `record_feature_view`, that is called with what the guest saw.
"""

from __future__ import annotations

import datetime
import random
import uuid
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from .. import _lexivec as _native

#: A moment that dates are counted from.
Now = Union[str, datetime.date]

__all__ = [
    "COURSE_TOPICS",
    "SAMPLE_STUDENTS",
    "DemoSession",
    "DemoUser",
    "generate_demo_analytics",
    "generate_demo_courses",
    "generate_demo_feedback",
    "generate_demo_funnel",
    "generate_demo_heatmap",
    "generate_demo_knowledge_graph",
    "generate_demo_lab",
    "generate_demo_lab_environment",
    "generate_demo_labs",
    "generate_demo_learning_path",
    "generate_demo_quiz",
    "generate_demo_slides",
    "generate_demo_students",
    "generate_demo_syllabus",
    "generate_demo_workflow",
    "query_demo_knowledge_graph",
    "simulate_demo_code_execution",
    "switch_demo_role",
]


def _made(what: str, seed: Optional[int], now: Optional[Now] = None, **arguments: Any) -> Any:
    """Data of a kind; by chance without a seed."""
    moment = now.isoformat() if isinstance(now, datetime.date) else now
    return _native.demo_data(what, {**arguments, "now": moment}, random.getrandbits(63) if seed is None else seed)


#: Topics of courses by subject.
COURSE_TOPICS: Dict[str, List[str]] = _native.demo_topics()
#: Ten students with their performance and engagement.
SAMPLE_STUDENTS: List[Dict[str, str]] = _made("sample students", 0)


@dataclass
class DemoUser:
    """A user of the demo.

    >>> DemoUser("1", "Alex Chen", "alex@example.com", "student", "Demo University").is_demo
    True
    """

    id: str
    name: str
    email: str
    role: str
    organization: str
    is_demo: bool = True


class DemoSession:
    """A session that remembers its earlier roles.

    >>> session = switch_demo_role(DemoSession("student"), "instructor")
    >>> session.user_type, session.metadata
    ('instructor', {'role_history': ['student']})
    """

    def __init__(self, user_type: str) -> None:
        self.session_id = str(uuid.uuid4())
        self.user_type = user_type
        self.metadata: Dict[str, Any] = {"role_history": []}


def switch_demo_role(session: DemoSession, new_role: str) -> DemoSession:
    """Gives a session another role; the one of before is kept in its `role_history`.

    >>> switch_demo_role(DemoSession("student"), "admin").user_type
    'admin'
    """
    session.metadata["role_history"].append(session.user_type)
    session.user_type = new_role
    return session


def generate_demo_courses(
    user_type: str,
    user_data: Mapping[str, Any],
    count: int = 10,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> List[Dict[str, Any]]:
    """Gives courses as a user sees them.

    Args:
        user_type: `instructor`, `student`, or any other role for an administrator.
        user_data: `name` of the user, which an instructor needs.
        count: How many; below 1 none.
        seed: The same one gives the same courses, with the same `now`.
        now: Moment that dates are counted from; the present one by default.

    Raises:
        KeyError: An instructor has no name.

    >>> [course["instructor"]["name"] for course in generate_demo_courses("instructor", {"name": "Dr. Chen"}, 1)]
    ['Dr. Chen']
    """
    made: List[Dict[str, Any]] = _made(
        "courses", seed, now, role=user_type, name=user_data.get("name"), count=max(0, count)
    )
    return made


def generate_demo_students(
    course_id: Optional[str] = None,
    instructor_context: Optional[Mapping[str, Any]] = None,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> List[Dict[str, Any]]:
    """Gives the eight to ten students of a class; other ones for another course. `instructor_context` is ignored.

    >>> 8 <= len(generate_demo_students()) <= 10
    True
    """
    made: List[Dict[str, Any]] = _made("students", seed, now, course=course_id)
    return made


def generate_demo_labs(
    user_type: str,
    course_id: Optional[str] = None,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> List[Dict[str, Any]]:
    """Gives three to five labs of different kinds. They are the same for every `user_type`.

    >>> 3 <= len(generate_demo_labs("student")) <= 5
    True
    """
    made: List[Dict[str, Any]] = _made("labs", seed, now, course=course_id)
    return made


def generate_demo_feedback(
    course_id: Optional[str] = None,
    instructor_context: Optional[Mapping[str, Any]] = None,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> List[Dict[str, Any]]:
    """Gives eight to twenty reviews, the newest first. `instructor_context` is ignored.

    >>> 8 <= len(generate_demo_feedback("c-1")) <= 20
    True
    """
    made: List[Dict[str, Any]] = _made("feedback", seed, now, course=course_id)
    return made


def generate_demo_analytics(
    user_type: str,
    user_data: Union[str, Mapping[str, Any]],
    timeframe: Any = "30d",
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
    **kwargs: Any,
) -> Dict[str, Any]:
    """Gives the analytics of a user, or a chart of a course.

    The platform has two functions of this name, which differ here in the second argument: with a dictionary it is the
    report of a role over `7d`, `30d`, `90d` or `1y`; with a text it is a chart (`analytics_type`, `course_id`,
    `guest_session`), and a guest may not give `custom_filters`, whose values are ignored. Other keywords are a
    `TypeError`.

    >>> "learning_progress" in generate_demo_analytics("student", {"name": "Alex"})
    True
    >>> generate_demo_analytics("student_progress", "c-1")["chart_type"]
    'line'
    """
    _refuse_others(kwargs, "guest_session", "custom_filters")
    if isinstance(user_data, Mapping):
        name = user_data.get("name", "")
        report: Dict[str, Any] = _made("report", seed, now, role=user_type, name=name, timeframe=timeframe)
        return report
    guest_session = kwargs.pop("guest_session", None if timeframe == "30d" else timeframe)
    guest, forced = guest_session is not None, "custom_filters" in kwargs
    chart: Dict[str, Any] = _made("chart", seed, now, kind=user_type, course=user_data, guest=guest, forced=forced)
    return chart


def generate_demo_syllabus(
    topic: str,
    learning_objectives: Sequence[str],
    guest_session: Optional[Any] = None,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
    **kwargs: Any,
) -> Dict[str, Any]:
    """Gives a syllabus with up to six modules. A guest may not ask for one of another topic by `force_generate=True`;
    other keywords are a `TypeError`.

    Raises:
        ValueError: There are no objectives.
        PermissionError: A guest asks for a syllabus of another topic.

    >>> len(generate_demo_syllabus("Botany", ["know leaves", "know roots"])["modules"]) <= 6
    True
    """
    _refuse_others(kwargs, "force_generate")
    made: Dict[str, Any] = _made(
        "syllabus",
        seed,
        now,
        topic=topic,
        objectives=list(learning_objectives),
        guest=guest_session is not None,
        forced=bool(kwargs.get("force_generate", False)),
    )
    return made


def generate_demo_slides(
    module_info: Mapping[str, Any],
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Gives twelve to twenty slides for a module: `title`, and `learning_objectives` and `key_concepts` if it has them.

    >>> 12 <= generate_demo_slides({"title": "Loops"})["slide_count"] <= 20
    True
    """
    made: Dict[str, Any] = _made(
        "slides",
        seed,
        now,
        title=module_info["title"],
        objectives=module_info.get("learning_objectives"),
        concepts=module_info.get("key_concepts"),
    )
    return made


def generate_demo_quiz(
    slide_topics: Sequence[str],
    question_count: int = 10,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Gives a quiz about topics, two minutes a question.

    Raises:
        ValueError: There are no topics.

    >>> generate_demo_quiz(["recursion"], 3)["time_limit_minutes"]
    6
    """
    made: Dict[str, Any] = _made("quiz", seed, now, topics=list(slide_topics), count=max(0, question_count))
    return made


def generate_demo_lab(
    quiz_topics: Sequence[str],
    difficulty: str = "beginner",
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Gives an exercise about the first topic, with starter code and tests.

    Raises:
        ValueError: There are no topics.

    >>> generate_demo_lab(["trees"])["title"]
    'Hands-On Lab: trees'
    """
    made: Dict[str, Any] = _made("exercise", seed, now, topics=list(quiz_topics), difficulty=difficulty)
    return made


def generate_demo_knowledge_graph(
    course_content: Mapping[str, Any],
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Gives concepts of a course and how they depend on each other: `title`, and `modules` by name.

    >>> generate_demo_knowledge_graph({"title": "Botany", "modules": ["Leaves"]})["course_title"]
    'Botany'
    """
    modules = [str(module) for module in course_content.get("modules", [])]
    made: Dict[str, Any] = _made("graph", seed, now, title=course_content["title"], modules=modules)
    return made


def query_demo_knowledge_graph(
    query: Mapping[str, Any],
    guest_session: Optional[Any] = None,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Answers a question about a concept: `concept`, and `query_type`, by default `prerequisites`.

    >>> "prerequisites" in query_demo_knowledge_graph({"concept": "recursion"})
    True
    """
    made: Dict[str, Any] = _made(
        "graph answer",
        seed,
        now,
        concept=query.get("concept", "Unknown"),
        kind=query.get("query_type", "prerequisites"),
        guest=guest_session is not None,
    )
    return made


def generate_demo_learning_path(
    student_profile: Mapping[str, Any],
    guest_session: Optional[Any] = None,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Gives the steps from a student's `current_level` to the `goal`.

    Raises:
        KeyError: The profile has no level or no goal.
        PermissionError: A guest asks.

    >>> path = generate_demo_learning_path({"current_level": "beginner", "goal": "web developer"})
    >>> isinstance(path, dict)
    True
    """
    if guest_session is not None:
        level, goal = student_profile.get("current_level", ""), student_profile.get("goal", "")
    else:
        level, goal = student_profile["current_level"], student_profile["goal"]
    made: Dict[str, Any] = _made("path", seed, now, level=level, goal=goal, guest=guest_session is not None)
    return made


def generate_demo_lab_environment(
    lab_config: Mapping[str, Any],
    guest_session: Optional[Any] = None,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Gives a lab environment for an `ide` and a `language`, by default Python.

    >>> generate_demo_lab_environment({"ide": "vscode"})["status"]
    'running'
    """
    made: Dict[str, Any] = _made(
        "environment",
        seed,
        now,
        ide=lab_config["ide"],
        language=lab_config.get("language", "python"),
        guest=guest_session is not None,
    )
    _seen(guest_session, "lab_environment")
    return made


def simulate_demo_code_execution(
    code: str,
    language: str = "python",
    guest_session: Optional[Any] = None,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Gives a made-up result of code, which is not run. `language` is ignored.

    Raises:
        PermissionError: A guest asks.

    >>> isinstance(simulate_demo_code_execution("print('hello')"), dict)
    True
    """
    made: Dict[str, Any] = _made("execution", seed, now, code=code, guest=guest_session is not None)
    return made


def generate_demo_heatmap(
    heatmap_type: str,
    days: int = 30,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Gives a number from 0 to 100 for each hour of some days.

    >>> len(generate_demo_heatmap("activity", 7)["heatmap_data"])
    7
    """
    made: Dict[str, Any] = _made("heat map", seed, now, kind=heatmap_type, days=max(0, days))
    return made


def generate_demo_funnel(
    funnel_type: str,
    *,
    seed: Optional[int] = None,
    now: Optional[Now] = None,
) -> Dict[str, Any]:
    """Gives how many learners reach each of five stages.

    >>> [stage["name"] for stage in generate_demo_funnel("enrollment")["stages"]][0]
    'Enrolled'
    """
    made: Dict[str, Any] = _made("funnel", seed, now, kind=funnel_type)
    return made


def generate_demo_workflow(role: str, guest_session: Optional[Any] = None) -> Dict[str, Any]:
    """Gives the steps that a role can try; a guest can look at those of one role, and do none.

    Raises:
        PermissionError: A guest that has seen one role asks for another.

    >>> generate_demo_workflow("student")["access_level"]
    'full'
    """
    viewed = None if guest_session is None else list(getattr(guest_session, "features_viewed", []))
    made: Dict[str, Any] = _made("workflow", 0, role=role, viewed=viewed)
    _seen(guest_session, f"{role}_workflow")
    return made


def _refuse_others(given: Mapping[str, Any], *known: str) -> None:
    """Refuses a keyword that is not known, as a misspelt one would be ignored."""
    for name in given:
        if name not in known:
            raise TypeError(f"the keyword {name!r} is not known; there are {', '.join(known)}")


def _seen(guest_session: Optional[Any], feature: str) -> None:
    record = getattr(guest_session, "record_feature_view", None)
    if record is not None:
        record(feature)
