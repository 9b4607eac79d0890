"""Plays a Qdrant server: as much of its REST interface as our store speaks, before qdrant-client's local mode.

    python qdrant_rest.py --config-path config.yaml

It lets the server size be run where no image of Qdrant is to be had: what only Qdrant does (its engine, its
indexes, its answer to what it does not take) is not shown by it. It needs what our own image has, and nothing else
of ours.
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from qdrant_client import QdrantClient
from qdrant_client import models as q
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_PORT = 6333


def create_app(client: QdrantClient, key: str) -> FastAPI:  # noqa: C901  one small function a call
    """The calls. All run on one thread: the local mode loses writes where two of them use it."""

    async def keyed(api_key: str = Header(default="")) -> None:
        if api_key != key:
            raise HTTPException(401)

    app = FastAPI()
    calls = FastAPI(dependencies=[Depends(keyed)])

    @app.get("/readyz")
    async def ready() -> str:
        return "all shards are ready"

    @calls.get("/collections")
    async def collections() -> Response:
        return _result(client.get_collections())

    @calls.get("/collections/{name}/exists")
    async def exists(name: str) -> Response:
        return _result({"exists": client.collection_exists(name)})

    @calls.get("/collections/{name}")
    async def collection(name: str) -> Response:
        return _result(client.get_collection(name))

    @calls.put("/collections/{name}")
    async def create(name: str, body: q.CreateCollection) -> Response:
        made = client.create_collection(
            name,
            vectors_config=body.vectors,
            sparse_vectors_config=body.sparse_vectors,
            metadata=body.metadata,
        )
        return _result(made)

    @calls.delete("/collections/{name}")
    async def delete(name: str) -> Response:
        return _result(client.delete_collection(name))

    @calls.put("/collections/{name}/index")
    async def index(name: str, _body: q.CreateFieldIndex) -> Response:
        # The local mode has none: it looks at every point.
        client.get_collection(name)
        return _result({"operation_id": 0, "status": "completed"})

    @calls.get("/aliases")
    async def aliases() -> Response:
        return _result(client.get_aliases())

    @calls.post("/collections/aliases")
    async def alias(body: q.ChangeAliasesOperation) -> Response:
        return _result(client.update_collection_aliases(body.actions))

    @calls.put("/collections/{name}/points")
    async def upsert(name: str, body: q.PointsList) -> Response:
        return _result(client.upsert(name, body.points))

    @calls.post("/collections/{name}/points/delete")
    async def delete_points(name: str, body: q.PointIdsList) -> Response:
        return _result(client.delete(name, body))

    @calls.post("/collections/{name}/points")
    async def points(name: str, body: q.PointRequest) -> Response:
        payload = True if body.with_payload is None else body.with_payload
        return _result(client.retrieve(name, body.ids, payload, body.with_vector or False))

    @calls.post("/collections/{name}/points/scroll")
    async def scroll(name: str, body: q.ScrollRequest) -> Response:
        found, following = client.scroll(
            name, body.filter, limit=body.limit or 10, order_by=body.order_by, offset=body.offset
        )
        return _result(q.ScrollResult(points=found, next_page_offset=following))

    @calls.post("/collections/{name}/points/count")
    async def count(name: str, body: q.CountRequest) -> Response:
        return _result(client.count(name, body.filter))

    @calls.post("/collections/{name}/points/query/batch")
    async def query(name: str, body: q.QueryRequestBatch) -> Response:
        return _result(client.query_batch_points(name, body.searches))

    @calls.exception_handler(ValueError)
    async def refused(_request: Request, exc: Exception) -> Response:
        return JSONResponse({"status": {"error": str(exc)}, "time": 0.0}, 404)

    app.mount("/", calls)
    return app


def _result(value: Any) -> Response:  # noqa: ANN401  whatever Qdrant answers with
    models = value if isinstance(value, list) else [value]
    plain = [each.model_dump(mode="json") if hasattr(each, "model_dump") else each for each in models]
    result = plain if isinstance(value, list) else plain[0]
    return JSONResponse({"result": result, "status": "ok", "time": 0.0})


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-path", type=Path, required=True)
    config = json.loads(parser.parse_args().config_path.read_text())
    client = QdrantClient(path=config["storage"]["storage_path"])
    app = create_app(client, config["service"]["api_key"])
    server = uvicorn.Server(uvicorn.Config(app, host="0.0.0.0", port=_PORT, log_level="warning"))  # noqa: S104
    asyncio.run(server.serve())
    client.close()


if __name__ == "__main__":
    main()
