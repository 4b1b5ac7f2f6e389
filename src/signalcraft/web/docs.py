"""The API's documentation as pages that work offline: their scripts are shipped, not fetched from a CDN."""

from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

VENDOR_PATH = "/static/vendor"


def install_docs(app: FastAPI) -> None:
    """Serve `/docs` and `/redoc` and the files that they load."""
    app.mount(VENDOR_PATH, StaticFiles(directory=str(files("signalcraft.web") / "vendor")), name="vendor")

    @app.get("/", include_in_schema=False)
    async def first_page() -> RedirectResponse:
        return RedirectResponse("/docs")

    @app.get("/docs", include_in_schema=False)
    async def swagger_ui() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="SignalCraft API",
            swagger_js_url=f"{VENDOR_PATH}/swagger-ui/swagger-ui-bundle.js",
            swagger_css_url=f"{VENDOR_PATH}/swagger-ui/swagger-ui.css",
            swagger_favicon_url=f"{VENDOR_PATH}/swagger-ui/favicon-32x32.png",
        )

    @app.get("/redoc", include_in_schema=False)
    async def redoc() -> HTMLResponse:
        return get_redoc_html(
            openapi_url="/openapi.json",
            title="SignalCraft API",
            redoc_js_url=f"{VENDOR_PATH}/redoc/redoc.standalone.js",
            redoc_favicon_url=f"{VENDOR_PATH}/swagger-ui/favicon-32x32.png",
            with_google_fonts=False,
        )
