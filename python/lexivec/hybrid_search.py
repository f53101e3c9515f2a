"""The names of `lexivec.platform.hybrid_search`, in a shorter place."""

from .platform.hybrid_search import *
