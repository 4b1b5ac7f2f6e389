"""The API's documentation as pages that work offline: their scripts are shipped, not fetched from a CDN."""

from importlib.resources import files
from typing import Final

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from signalcraft.core.security_headers import CACHE_CONTROL, CONTENT_SECURITY_POLICY

VENDOR_PATH: Final = "/static/vendor"
PAGES_PATH: Final = "/static/pages"
_WEB: Final = files("signalcraft.web")

# Only this service's own files, none of it inline, in no frame. Swagger UI's style sheet holds its icons as data: images.
_OWN_FILES: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Redoc makes <style> elements: empty ones, which it fills through the object model, and one with its scroll bars. Each
# is allowed by its SHA-256 alone; the browser's console tells the new one when Redoc is updated. Its search is a worker.
_REDOC_STYLES: Final = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
_REDOC: Final = (
    _OWN_FILES.replace("style-src 'self'", f"style-src 'self' {_REDOC_STYLES}") + "; worker-src blob:"
)


class _Files(StaticFiles):
    """Shipped files: a browser may keep them, and asks each time whether they are still the same."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 304."""
        response = await super().get_response(path, scope)
        response.headers[CACHE_CONTROL] = "no-cache"
        return response


def install_docs(app: FastAPI) -> None:
    """Serve `/docs` and `/redoc` and the files that they load."""
    app.mount(VENDOR_PATH, _Files(directory=str(_WEB / "vendor")), name="vendor")
    app.mount(PAGES_PATH, _Files(directory=str(_WEB / "pages")), name="pages")

    @app.get("/", include_in_schema=False)
    async def first_page() -> RedirectResponse:
        return RedirectResponse("/docs")

    @app.get("/docs", include_in_schema=False)
    async def swagger_ui() -> HTMLResponse:
        return _page("docs.html", _OWN_FILES)

    @app.get("/redoc", include_in_schema=False)
    async def redoc() -> HTMLResponse:
        return _page("redoc.html", _REDOC)


def _page(name: str, policy: str) -> HTMLResponse:
    content = (_WEB / "pages" / name).read_text(encoding="utf-8")
    return HTMLResponse(content, headers={CONTENT_SECURITY_POLICY: policy})
