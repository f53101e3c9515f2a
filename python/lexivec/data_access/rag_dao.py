"""The names of `lexivec.platform.data_access.rag_dao`, in a shorter place."""

from ..platform.data_access.rag_dao import *
