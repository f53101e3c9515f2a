"""The names of `lexivec.platform.cross_encoder_reranking`, in a shorter place."""

from .platform.cross_encoder_reranking import *
