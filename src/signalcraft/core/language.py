"""The language of what people read in an answer: Korean where the request prefers it, else English."""

from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Header, Response

# RFC 9110 sets no length; nobody has so many languages.
_MOST_CHARACTERS = 200
_DESCRIPTION = "`ko` for Korean sentences; else they are English."
# For routes whose parameters the framework does not read itself.
LANGUAGE_PARAMETER = {
    "name": "accept-language",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": _DESCRIPTION,
    "example": "ko",
}


class Language(StrEnum):
    """What SignalCraft speaks."""

    ENGLISH = "en"
    KOREAN = "ko"


def preferred(header: str | None) -> Language:
    """The best language for an Accept-Language header (RFC 9110, 12.5.4); English where it names none of ours."""
    best, best_weight = Language.ENGLISH, 0.0
    for part in (header or "")[:_MOST_CHARACTERS].split(","):
        tag, _, weight = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in set(Language) and (found := _weight(weight)) > best_weight:
            best, best_weight = Language(language), found
    return best


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0


def in_language(language: Language) -> dict[str, str]:
    """The headers of an answer in that language; caches must not hand it to a reader of another one."""
    return {"Content-Language": language.value, "Vary": "Accept-Language"}


async def _language_of(
    response: Response,
    accept_language: Annotated[str | None, Header(description=_DESCRIPTION, examples=["ko"])] = None,
) -> Language:
    language = preferred(accept_language)
    response.headers.update(in_language(language))
    return language


AnswerLanguage = Annotated[Language, Depends(_language_of)]
