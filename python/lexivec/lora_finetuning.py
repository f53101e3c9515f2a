"""The names of `lexivec.platform.lora_finetuning`, in a shorter place."""

from .platform.lora_finetuning import *
