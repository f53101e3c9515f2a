"""Training of a low-rank adapter for the queries of a domain, from logged interactions.

An adapter changes the vectors of queries; those of documents stay, so nothing is embedded again. It is trained here in
seconds, on the processor, and measured on queries that had no part in its training: one that does not help is refused.
What `train` writes is a collection with the documents of the training data, the adapter and the name of the model:
`lexivec.open(adapter_path, embedder=...)` searches it, and its queries use the adapter.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

from .. import _collection
from .._models import Embedder
from .cross_encoder_reranking import folder_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["EducationalTrainingDataset", "LoRAFinetuner", "LoRATrainingConfig"]

logger = logging.getLogger(__name__)

#: Quality above which an interaction is an example.
GOOD = 0.7
#: Negative documents of one interaction.
NEGATIVES = 3
#: Examples that a training needs.
MIN_EXAMPLES = 100
#: The one text of a document.
TEXT = "text"
#: Names of a domain: it is a part of a path.
DOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
#: Ending of the file with the figures of a training, next to the collection.
METADATA = "training_metadata.json"


@dataclass
class LoRATrainingConfig:
    """Settings of a training.

    Attributes:
        r: Rank of the adapter.
        lora_alpha: Strength of its change.
        target_modules: Not used: the adapter is behind the model, not within it.
        lora_dropout: Not used.
        use_qlora: Not used; nor are the next two.
        base_model: Folder or name of the model that embeds; see `cross_encoder_reranking` for names.
        output_dir: Where `train` writes.
        num_epochs: Passes over the examples.
        batch_size: Not used: a step has 16 examples.
        learning_rate: Length of a step.
        warmup_steps: Not used.
        domain_name: Name of the domain; the adapter is in `<output_dir>/<domain_name>_adapter`.
        task_type: Not used.

    >>> LoRATrainingConfig().target_modules
    ['q_proj', 'v_proj', 'k_proj', 'o_proj']
    """

    r: int = 8
    lora_alpha: int = 32
    target_modules: Optional[List[str]] = None
    lora_dropout: float = 0.1
    use_qlora: bool = False
    bnb_4bit_compute_dtype: str = "bfloat16"
    bnb_4bit_quant_type: str = "nf4"
    base_model: str = "sentence-transformers/all-mpnet-base-v2"
    output_dir: str = "/app/models/lora_adapters"
    num_epochs: int = 3
    batch_size: int = 16
    learning_rate: float = 2e-4
    warmup_steps: int = 100
    domain_name: str = "educational_rag"
    task_type: str = "feature_extraction"

    def __post_init__(self) -> None:
        if self.target_modules is None:
            self.target_modules = ["q_proj", "v_proj", "k_proj", "o_proj"]


class EducationalTrainingDataset:
    """Examples as the token ids of their texts, for trainers other than this one.

    Args:
        training_examples: What `LoRAFinetuner.prepare_training_data` gives.
        tokenizer: A tokenizer of the package transformers, or any callable of its parameters.
        max_length: Tokens of a text.

    >>> def words(text, max_length, padding, truncation):
    ...     return {"input_ids": text.split(), "attention_mask": [1]}
    >>> dataset = EducationalTrainingDataset([{"query": "a wing", "positive": "p", "negative": "n"}], words)
    >>> len(dataset), dataset[0]["query_input_ids"]
    (1, ['a', 'wing'])
    """

    def __init__(
        self, training_examples: Sequence[Mapping[str, Any]], tokenizer: Callable[..., Any], max_length: int = 512
    ) -> None:
        self.examples = training_examples
        self.tokenizer = tokenizer
        self.max_length = max_length

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, idx: int) -> Dict[str, Any]:
        item: Dict[str, Any] = {}
        for part in ("query", "positive", "negative"):
            text = self.examples[idx][part]
            encoded = self.tokenizer(text, max_length=self.max_length, padding="max_length", truncation=True)
            item[f"{part}_input_ids"] = encoded["input_ids"]
            item[f"{part}_attention_mask"] = encoded["attention_mask"]
        return item


class LoRAFinetuner:
    """Makes training data of interactions, and trains an adapter on it.

    Args:
        config: The settings.

    Attributes:
        model: The model that embeds; None until `setup_lora_model`.
        adapters: The collections that `load_adapter` opened, by path.

    >>> finetuner = LoRAFinetuner(LoRATrainingConfig())
    >>> interaction = {"success": True, "quality_score": 0.9, "query": "q", "retrieved_document": "p",
    ...                "other_documents": ["n1", "n2"]}
    >>> [example["negative"] for example in finetuner.prepare_training_data([interaction])]
    ['n1', 'n2']
    """

    def __init__(self, config: LoRATrainingConfig) -> None:
        self.config = config
        self.device = "cpu"
        self.model: Optional[Embedder] = None
        self.tokenizer: Optional[Callable[..., Any]] = None
        self.adapters: Dict[str, _collection.Collection] = {}

    def prepare_training_data(self, rag_interactions: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
        """Gives an example for each of the first three other documents of an interaction that succeeded.

        Its quality is above 0.7, and it has a query, the document that was retrieved, and others.

        Args:
            rag_interactions: Dictionaries with `success`, `quality_score`, `query`, `retrieved_document`,
                `other_documents`, and `domain` and `timestamp` if they have them.
        """
        examples = []
        for interaction in rag_interactions:
            quality = interaction.get("quality_score", 0)
            query, positive = interaction.get("query", ""), interaction.get("retrieved_document", "")
            others = interaction.get("other_documents") or []
            if not (interaction.get("success", False) and quality > GOOD and query and positive):
                continue
            metadata = {
                "domain": interaction.get("domain", "unknown"),
                "quality_score": quality,
                "timestamp": interaction.get("timestamp") or datetime.now(timezone.utc).isoformat(),
            }
            examples += [
                {"query": query, "positive": positive, "negative": negative, "metadata": dict(metadata)}
                for negative in others[:NEGATIVES]
            ]
        return examples

    def setup_lora_model(self) -> None:
        """Opens the model that embeds.

        Raises:
            FileNotFoundError: The model is not on this machine; nothing is downloaded.
        """
        name = self.config.base_model
        folder = folder_of(name)
        if folder is None:
            raise FileNotFoundError(
                f"base_model: {name} is not on this machine; give a folder, or add the model with `lexivec model add`"
            )
        self.model = Embedder.open(folder)

    async def train(self, training_data: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
        """Trains an adapter, measures it, and keeps it if it helps.

        Returns:
            `adapter_path`, `metrics`, and `success`: true if the adapter is kept and active.

        Raises:
            ValueError: There are fewer than 100 examples, or the name of the domain cannot be a part of a path.
            FileNotFoundError: The model is not on this machine.
        """
        if len(training_data) < MIN_EXAMPLES:
            raise ValueError(
                f"Insufficient training data. Need at least {MIN_EXAMPLES} examples, got {len(training_data)}"
            )
        if not DOMAIN.fullmatch(self.config.domain_name):
            raise ValueError(f"domain_name: {self.config.domain_name!r} is refused; use letters, digits, '_' and '-'")
        return await asyncio.to_thread(self._train, training_data)

    def _train(self, training_data: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
        if self.model is None:
            self.setup_lora_model()
        config = self.config
        path = Path(config.output_dir) / f"{config.domain_name}_adapter"
        path.parent.mkdir(parents=True, exist_ok=True)
        with _collection.create(path, embedder=self.model, text=[TEXT], exist_ok=True) as collection:
            collection.upsert(_documents(training_data))
            collection.add_feedback(_feedback(training_data))
            report = collection.train_adapter(
                rank=config.r,
                alpha=float(config.lora_alpha),
                rate=config.learning_rate,
                epochs=config.num_epochs,
            )
            version = report.get("version")
            if version is not None:
                collection.activate_adapter(version)
        metrics = {
            "domain": config.domain_name,
            "base_model": config.base_model,
            "lora_r": config.r,
            "lora_alpha": config.lora_alpha,
            "use_qlora": config.use_qlora,
            "num_examples": len(training_data),
            "num_epochs": config.num_epochs,
            "timestamp": datetime.now(timezone.utc).isoformat(),
            **report,
        }
        figures = path.with_name(f"{path.name}.{METADATA}")
        figures.write_text(json.dumps(metrics, indent=2), encoding="utf-8")
        return {"adapter_path": str(path), "metrics": metrics, "success": version is not None}

    def load_adapter(self, adapter_path: Union[str, "os.PathLike[str]"]) -> bool:
        """Opens what `train` wrote, under its path in `adapters`; False, and a log entry, if that fails.

        >>> LoRAFinetuner(LoRATrainingConfig(base_model="/nowhere")).load_adapter("/nowhere")
        False
        """
        path = os.fspath(adapter_path)
        try:
            if self.model is None:
                self.setup_lora_model()
            self.adapters[path] = _collection.open_read_only(path, embedder=self.model)
        except Exception as error:
            logger.error("the adapter in %s cannot be opened: %s", path, error)
            return False
        return True

    def _get_adapter_size(self, adapter_path: Union[str, "os.PathLike[str]"]) -> float:
        """Gives the size of all files in a folder, in MiB."""
        files = (path for path in Path(adapter_path).rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files) / (1024 * 1024)

    async def generate_embedding(self, text: str) -> "npt.NDArray[np.float32]":
        """Gives the model's vector of a text; adapters change the vectors of queries within a search.

        Raises:
            ValueError: The model is not set up, or the text has no word that it knows.
        """
        import numpy as np

        if self.model is None:
            raise ValueError("Model not initialized. Call setup_lora_model() first.")
        vector = (await asyncio.to_thread(self.model.embed, [text]))[0]
        if vector is None:
            raise ValueError("the text has no word that the model knows")
        return np.asarray(vector, dtype=np.float32)


def _id(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _documents(examples: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    texts = dict.fromkeys(example[part] for example in examples for part in ("positive", "negative"))
    return [{"id": _id(text), "text": text} for text in texts]


def _feedback(examples: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """A query with its relevant documents and those that were shown with them."""
    queries: Dict[str, Dict[str, Dict[str, None]]] = {}
    for example in examples:
        query = queries.setdefault(example["query"], {"relevant": {}, "shown": {}})
        query["relevant"][_id(example["positive"])] = None
        query["shown"][_id(example["positive"])] = None
        query["shown"][_id(example["negative"])] = None
    return [
        {"text": text, "relevant": list(query["relevant"]), "shown": list(query["shown"])}
        for text, query in queries.items()
    ]
