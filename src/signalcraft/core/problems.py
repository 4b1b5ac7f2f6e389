"""Errors as RFC 9457 problem details: the one place where an exception becomes an answer."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from signalcraft.core.body_limit import BodyTooLong
from signalcraft.core.errors import BodyTooLarge, Invalid, SignalCraftError, TryAgain
from signalcraft.core.logging import get_logger

MEDIA_TYPE = "application/problem+json"
logger = get_logger(__name__)


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Where it is, e.g. `vibration.x` or `query.limit`.")
    reason: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", description="Always `about:blank`; `code` tells the kind.")
    title: str
    status: int
    detail: str = Field(description="What happened and what to do about it.")
    code: str = Field(description="Stable; clients may act on it.")
    request_id: str | None = Field(None, description="The id under which the log speaks of this request.")
    errors: list[FieldProblem] | None = None


def problems(*errors: type[SignalCraftError]) -> dict[int | str, dict[str, Any]]:
    """The errors that a route answers, each with an example, for its OpenAPI `responses`."""
    described: dict[int | str, dict[str, Any]] = {}
    for error in dict.fromkeys(errors):
        entry = described.setdefault(
            error.status,
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema(), "examples": {}}},
            },
        )
        entry["description"] = " · ".join(filter(None, [entry["description"], f"`{error.code}`"]))
        entry["content"][MEDIA_TYPE]["examples"][error.code] = {"value": _example(error)}
        if issubclass(error, TryAgain):
            entry["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return described


# What stands in the sentences of examples where an error tells of one request.
_EXAMPLE_DETAILS: dict[str, Any] = {
    "job_id": "c7d1a2b3-0e4f-4a5b-9c6d-7e8f9a0b1c2d",
    "task_id": "0b9f1d3c-6a52-4c8e-8f0a-5d1e2c3b4a59",
    "tries": 3,
    "channels": 6,
    "clipped_percent": 71,
    "container": "WAV",
    "device_id": "test-device-1",
    "diagnosis_id": "5f0c1c52-2d1a-4f0e-9a43-0d9c8a3f6f11",
    "duration_s": 0.3,
    "found": "AIFF",
    "highest_hz": 96_000,
    "limit": 10_000,
    "limit_bytes": 8_388_608,
    "limit_days": 366,
    "limit_dbfs": -80,
    "limit_mb": 10,
    "limit_s": 60,
    "lowest_hz": 8_000,
    "names": "bucket",
    "peak_dbfs": 18.2,
    "reason": "unexpected end of data",
    "retry_after_s": 30,
    "right": "devices",
    "sample_rate_hz": 4_000,
    "site_id": "shop-2",
}


def _example(error: type[SignalCraftError]) -> dict[str, Any]:
    sentence = str(error(**_EXAMPLE_DETAILS))
    body = _body(error.status, error.code, sentence, request_id="9f8a7b6c5d4e3f21")
    if "`errors`" in sentence or error is Invalid:
        body["errors"] = [{"field": "temperature", "reason": "Input should be less than or equal to 200"}]
    return body


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error, ours and the framework's, as a problem; unexpected ones are `RequestLog`'s."""
    app.add_exception_handler(SignalCraftError, _answer_ours)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)


def problem_response(error: SignalCraftError, request_id: str | None) -> JSONResponse:
    """The answer for an error of ours."""
    headers = {}
    if isinstance(error, TryAgain):
        headers["Retry-After"] = str(error.details.get("retry_after_s", error.retry_after_s))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = _body(error.status, error.code, str(error), request_id)
    if "errors" in error.details:
        body["errors"] = error.details["errors"]
    return JSONResponse(body, status_code=error.status, headers=headers, media_type=MEDIA_TYPE)


async def _answer_ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SignalCraftError)
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("internal_error", exc_info=error)
    return problem_response(error, _request_id(request))


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return problem_response(Invalid(errors=field_problems(list(error.errors()))), _request_id(request))


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error, BodyTooLong):
        return problem_response(BodyTooLarge(limit_bytes=error.limit_bytes), _request_id(request))
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    detail = (
        error.detail if error.detail != phrase else _FRAMEWORK_SENTENCES.get(error.status_code, phrase + ".")
    )
    body = _body(error.status_code, code, detail, _request_id(request))
    return JSONResponse(body, status_code=error.status_code, headers=error.headers, media_type=MEDIA_TYPE)


_FRAMEWORK_SENTENCES = {
    404: "There is nothing at this address; /docs lists the API.",
    405: "This address does not know that method; /docs lists the API.",
}


def field_problems(errors: list[Any]) -> list[dict[str, str]]:
    """Pydantic's errors as field and reason; never the value, which may be a secret or not be JSON at all."""
    return [
        {
            "field": ".".join(str(part) for part in error["loc"] if part != "body") or "body",
            "reason": error["msg"].removeprefix("Value error, "),
        }
        for error in errors
    ]


def _body(status: int, code: str, detail: str, request_id: str | None = None) -> dict[str, Any]:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return body if request_id is None else body | {"request_id": request_id}


def _request_id(request: Request) -> str | None:
    request_id: str | None = request.scope.get("request_id")
    return request_id
