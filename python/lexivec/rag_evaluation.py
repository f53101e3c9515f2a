"""The names of `lexivec.platform.rag_evaluation`, in a shorter place."""

from .platform.rag_evaluation import *
