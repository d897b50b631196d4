"""How to train: every parameter of the loop."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from p5rec.core.config import Config


class TrainConfig(Config):
    """Settings of training, the same for every model and task."""

    epochs: int = Field(30, ge=1, description="passes over the training rows of the first task")
    steps: int | None = Field(None, ge=1, description="stop after so many steps, whatever the passes")
    seconds: float | None = Field(None, gt=0, description="stop after so many seconds")
    patience: int = Field(5, ge=0, description="stop after so many validations without a better score; 0 never")
    keep: Literal["best", "last"] = Field(
        "best", description="weights kept: of the best validation, or the last, where one metric is not all that counts"
    )
    validate_every: float = Field(1.0, gt=0, description="passes from one validation to the next")
    rate: float = Field(1e-3, gt=0, description="highest learning rate")
    warmup: int = Field(100, ge=0, description="steps in which the rate rises from 0")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "cosine", description="how the rate falls to 0 by the last pass"
    )
    decay: float = Field(0.01, ge=0, description="decoupled weight decay of matrices; vectors and norms have none")
    table_decay: float = Field(0.0, ge=0, description="decoupled weight decay of embedding tables")
    momentum: float = Field(0.9, ge=0, lt=1, description="first beta of AdamW")
    memory: float = Field(0.98, ge=0, lt=1, description="second beta of AdamW")
    clip: float = Field(1.0, ge=0, description="largest norm of the gradient; 0 leaves it")
    average: float = Field(
        0.0, ge=0, lt=1, description="moving average of the weights, its share of old a step; 0 none (e.g. 0.999)"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of matrix products; auto: bfloat16 where the processor multiplies it faster"
    )
    turns: Literal["all", "each"] = Field(
        "all", description="a step trains all tasks, or each in turn, drawn in proportion to its weight"
    )
    save_every: float = Field(20.0, ge=0, description="seconds between two states to resume from")
