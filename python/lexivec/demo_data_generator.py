"""The names of `lexivec.platform.demo_data_generator`, in a shorter place."""

from .platform.demo_data_generator import *
